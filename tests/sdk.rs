//! Real SDKs, unmodified, as clients of a running edge.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what it expects by panicking")]

use std::path::Path;
use std::process::Command;

use serde_json::json;
use tests::{Edge, edge, folder, tools, workspace};

fn check(program: &Path, arguments: &[String]) {
    let Some(tools) = tools() else { return };
    if !program.is_absolute() || program.is_file() {
        let edge = edge(&tools, &json!({}));
        edge.publish_fixture("sdk.json", "ser.sdk-check");
        run(program, arguments, &edge);
        return;
    }
    let program = program.display();
    assert!(std::env::var_os("JACKSTAFF_TEST_ALL").is_none(), "missing, so run scripts/setup: {program}");
    println!("not run: scripts/setup makes what is missing: {program}");
}

fn run(program: &Path, arguments: &[String], edge: &Edge) {
    let output = Command::new(program)
        .args(arguments)
        .args([
            "--edge",
            &edge.url(""),
            "--client-key",
            "sdk-environment-key",
            "--server-key",
            "ser.sdk-check",
        ])
        .output()
        .unwrap_or_else(|error| panic!("{}: {error}", program.display()));
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    println!("{text}");
    assert!(output.status.success(), "{text}");
}

#[test]
fn python() {
    let script = folder("sdk/python/check.py").display().to_string();
    check(&workspace().join("target/sdk/python/bin/python"), &[script]);
}

#[test]
fn node() {
    let script = folder("sdk/node/check.mjs").display().to_string();
    let modules = workspace().join("target/sdk/node").display().to_string();
    check(Path::new("node"), &[script, "--modules".to_owned(), modules]);
}
