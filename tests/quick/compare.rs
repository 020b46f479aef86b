//! How `scripts/compare-flagsmith` compares two answers: `tests/compare`, without a server.

use std::process::Command;

use tests::{folder, lacks};

#[test]
fn differences_are_found_and_classified() {
    let output = match Command::new("python3").arg(folder("compare/selftest.py")).output() {
        Ok(output) => output,
        Err(error) => return lacks(&format!("python3: {error}")),
    };
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    assert!(text.contains("\nOK\n"), "{text}");
}
