//! The invariants of the README that the manifests and the tree can show.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use serde_json::Value;
use tests::workspace;

fn packages() -> Vec<Value> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version", "1", "--offline"])
        .current_dir(workspace())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    metadata["packages"].as_array().unwrap().clone()
}

/// What a package needs at run time.
fn dependencies(package: &str) -> BTreeSet<String> {
    let packages = packages();
    let package = packages.iter().find(|p| p["name"] == package).unwrap();
    let needed = package["dependencies"].as_array().unwrap().iter().filter(|d| d["kind"].is_null());
    needed.map(|dependency| dependency["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn crates_depend_downwards_only() {
    let own = ["engine", "api", "edge", "origin", "publisher", "cli", "tests", "invariants", "fuzz"];
    for (package, allowed) in [
        ("engine", vec![]),
        ("api", vec!["engine"]),
        ("edge", vec!["engine", "api"]),
        ("origin", vec!["api"]),
        ("publisher", vec!["engine", "api"]),
        ("cli", vec!["engine", "api", "origin", "publisher"]),
        ("tests", vec!["engine", "api", "origin", "publisher", "invariants"]),
        ("invariants", vec!["engine", "api"]),
        ("fuzz", vec!["invariants"]),
    ] {
        let used = dependencies(package);
        let used: Vec<&str> = own.into_iter().filter(|name| used.contains(*name)).collect();
        let beyond: Vec<&&str> = used.iter().filter(|name| !allowed.contains(*name)).collect();
        assert!(beyond.is_empty(), "{package} depends on {beyond:?}");
    }
}

#[test]
fn only_the_edge_names_fastly() {
    for package in packages() {
        let name = package["name"].as_str().unwrap().to_owned();
        assert_eq!(dependencies(&name).contains("fastly"), name == "edge", "{name}");
    }
}

/// Without `std` there is no input, output, clock or chance. Which crates it uses, its manifest says.
#[test]
fn the_engine_does_without_std() {
    let lib = fs::read_to_string(workspace().join("src/engine/lib.rs")).unwrap();
    assert!(lib.contains("#![no_std]"));
}

#[test]
fn the_top_level_holds_what_it_should() {
    let expected =
        ["Cargo.lock", "Cargo.toml", "LICENSE", "README.md", "fastly.toml", "scripts", "src", "tests", "vcl"];
    let output = Command::new("git").args(["ls-files"]).current_dir(workspace()).output().unwrap();
    let listed = String::from_utf8(output.stdout).unwrap();
    let top: BTreeSet<&str> = listed.lines().filter_map(|path| path.split('/').next()).collect();
    let top: Vec<&str> = top.into_iter().filter(|name| !name.starts_with('.')).collect();
    assert_eq!(top, expected);
}
