//! The invariants of the README that the manifests and the tree can show.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what it expects by panicking")]

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
    let own = ["engine", "api", "edge", "origin", "publisher", "cli", "tests", "laws", "fuzz"];
    for (package, allowed) in [
        ("engine", vec![]),
        ("api", vec!["engine"]),
        ("edge", vec!["engine", "api"]),
        ("origin", vec!["api"]),
        ("publisher", vec!["engine", "api"]),
        ("cli", vec!["engine", "api", "origin", "publisher"]),
        ("tests", vec!["engine", "api", "origin", "publisher", "laws"]),
        ("laws", vec!["engine", "api"]),
        ("fuzz", vec!["laws"]),
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

#[test]
fn the_engine_knows_no_input_output_clock_or_chance() {
    let allowed = [
        "indexmap",
        "md-5",
        "regex",
        "regex-automata",
        "regex-syntax",
        "rkyv",
        "serde",
        "serde_json",
        "serde_path_to_error",
        "thiserror",
    ];
    let used = dependencies("engine");
    let beyond: Vec<&String> = used.iter().filter(|name| !allowed.contains(&name.as_str())).collect();
    assert!(beyond.is_empty(), "{beyond:?}");
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

/// The rooms of the engine, floor by floor, the lowest first. A room imports from lower floors alone.
const ENGINE_FLOORS: [&[&str]; 4] = [
    &["python", "options", "error", "limits"],
    &["wire", "pattern"],
    &["compiled"],
    &["compile", "evaluate"],
];

#[test]
fn rooms_of_the_engine_import_downwards_only() {
    let folder = workspace().join("src/engine");
    let floor = |room: &str| ENGINE_FLOORS.iter().position(|rooms| rooms.contains(&room));
    let mut upward = Vec::new();
    for file in files_under("src/engine", &["rs"]) {
        let path = file.strip_prefix(&folder).unwrap().to_str().unwrap().to_owned();
        let room = path.split(['/', '.']).next().unwrap().to_owned();
        if room == "lib" || room == "tests" {
            continue;
        }
        let own = floor(&room).unwrap_or_else(|| panic!("{path} is in no room"));
        let text = fs::read_to_string(&file).unwrap();
        let text = text.split("#[cfg(test)]\nmod tests").next().unwrap();
        for line in text.lines().filter(|line| !line.trim_start().starts_with("//")) {
            for imported in line.split("crate::").skip(1) {
                let imported = imported.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap();
                let is_below = floor(imported).is_some_and(|floor| floor < own);
                if imported != room && !is_below {
                    upward.push(format!("{path}: {}", line.trim()));
                }
            }
        }
    }
    assert!(upward.is_empty(), "imports from the same floor or above:\n{}", upward.join("\n"));
}

#[test]
fn cited_sections_of_the_semantics_exist() {
    let semantics = fs::read_to_string(workspace().join("src/engine/SEMANTICS.md")).unwrap();
    let sections: BTreeSet<&str> = semantics
        .lines()
        .filter_map(|line| line.trim_start_matches('#').strip_prefix(' ').filter(|_| line.starts_with("##")))
        .filter_map(|heading| heading.split_whitespace().next())
        .map(|number| number.trim_end_matches('.'))
        .collect();
    let mut cited = 0;
    let mut unknown = Vec::new();
    for file in ["src", "tests"].iter().flat_map(|folder| files_under(folder, &["rs", "py"])) {
        let text = fs::read_to_string(&file).unwrap().replace("\n/// ", " ").replace("\n//! ", " ");
        let text = text.replace("\n    /// ", " ").replace("\n        // ", " ");
        for after in text.split("SEMANTICS.md, ").skip(1) {
            let number = after.split(|c: char| !c.is_ascii_digit() && c != '.').next().unwrap();
            let number = number.trim_end_matches('.');
            if number.is_empty() {
                continue;
            }
            cited += 1;
            if !sections.contains(number) {
                unknown.push(format!("{}: {number}", file.display()));
            }
        }
    }
    assert!(cited > 10, "only {cited} citations found");
    assert!(unknown.is_empty(), "sections that do not exist:\n{}", unknown.join("\n"));
}

/// The files of these kinds in a folder and the folders in it.
fn files_under(folder: &str, kinds: &[&str]) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![workspace().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|kind| kinds.iter().any(|wanted| kind == *wanted)) {
                found.push(path);
            }
        }
    }
    found
}
