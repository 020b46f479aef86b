//! Random contexts and documents, evaluated by Jackstaff and by the published Python engine (`tests/differential`).

use std::process::Command;

use tests::machine::beside_others;
use tests::{folder, installed, is_full, tools};

/// `usual` of them, or `full` in a long run.
fn compare(what: &str, usual: u32, full: u32) {
    let Some(tools) = tools() else { return };
    let Some(python) = installed("sdk/python/bin/python") else { return };
    let (count, workers) = if is_full() { (full, 2) } else { (usual, 1) };
    let output = Command::new(&python)
        .arg(folder("differential/check.py"))
        .arg(what)
        .arg("--jackstaff")
        .arg(&tools.jackstaff)
        .args(["--count", &count.to_string(), "--workers", &workers.to_string()])
        .output()
        .unwrap_or_else(|error| panic!("{}: {error}", python.display()));
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    println!("{text}");
    assert!(output.status.success(), "{text}");
}

#[test]
fn contexts() {
    let _machine = beside_others();
    compare("contexts", 2_000, 100_000);
}

#[test]
fn documents() {
    let _machine = beside_others();
    compare("documents", 300, 5_000);
}
