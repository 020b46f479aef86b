//! Running the `jackstaff` program.

use std::io::Write;
use std::process::{Command, Stdio};

use crate::tools::Tools;

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    pub code: i32,
    pub output: String,
    pub errors: String,
}

/// Runs `jackstaff` to its end, with the token that local edges hold valid.
#[track_caller]
pub fn jackstaff(tools: &Tools, arguments: &[&str], input: &str) -> Finished {
    let mut process = Command::new(&tools.jackstaff)
        .args(arguments)
        .env("FASTLY_API_TOKEN", "local-publisher")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A program that refuses its arguments reads nothing.
    let _ = process.stdin.take().unwrap().write_all(input.as_bytes());
    let output = process.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Finished {
        code: output.status.code().unwrap_or(-1),
        output: text(output.stdout),
        errors: text(output.stderr),
    }
}
