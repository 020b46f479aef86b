//! What `scripts/compare-flagsmith` makes of two answers, and of what it knows of them: `tests/compare`, without a server.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what it expects by panicking")]

use std::env;
use std::process::Command;

use tests::folder;

#[test]
fn differences_are_found_and_told_apart() {
    let output = match Command::new("python3").arg(folder("compare/selftest.py")).output() {
        Ok(output) => output,
        Err(error) => {
            assert!(env::var_os("JACKSTAFF_TEST_ALL").is_none(), "python3: {error}");
            println!("not run: python3: {error}");
            return;
        }
    };
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    assert!(text.contains("\nOK\n"), "{text}");
}
