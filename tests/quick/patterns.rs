//! A hundred regular expressions in wide use on a thousand texts of many scripts, and every character: the results are those
//! of Python's `re` (`tests/patterns`).

use std::process::Command;

use tests::folder;

use crate::JACKSTAFF;

/// Patterns for names and addresses were refused as too large, and `\w` did not match what it matches in Python.
#[test]
fn usual_patterns_match_as_in_python() {
    let output = Command::new("python3")
        .arg(folder("patterns/check.py"))
        .args(["--jackstaff", JACKSTAFF])
        .output()
        .unwrap_or_else(|error| panic!("python3: {error}"));
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    println!("{text}");
    assert!(output.status.success(), "{text}");
}
