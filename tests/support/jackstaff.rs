//! Running the `jackstaff` program.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::fastly::ORIGIN_TOKEN;
use crate::program::Program;

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    pub code: i32,
    pub output: String,
    pub errors: String,
}

/// Runs `jackstaff`, the one of [`Tools`](crate::Tools) or another, to its end, with the token that local edges hold valid.
#[track_caller]
pub fn jackstaff(program: impl AsRef<Path>, arguments: &[&str], input: &str) -> Finished {
    let mut process = Command::new(program.as_ref())
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

/// Starts `jackstaff watch`, with the tokens of a local edge and of the stand-ins.
#[track_caller]
pub fn watch(program: impl AsRef<Path>, arguments: &[&str]) -> Program {
    let mut command = Command::new(program.as_ref());
    command
        .arg("watch")
        .args(arguments)
        .env("FASTLY_API_TOKEN", "local-publisher")
        .env("JACKSTAFF_ORIGIN_TOKEN", ORIGIN_TOKEN);
    crate::program("watch", &mut command)
}
