//! The last lines of `cargo test`: what did not run.
//!
//! Cargo runs packages, and the test programs of each, in the order of their names, so this one must be the last.
#![allow(clippy::unwrap_used, reason = "a test says what it expects by panicking")]

use std::process::Command;
use std::time::{Duration, SystemTime};
use std::{env, fs};

use tests::not_run::{folder, record};
use tests::workspace;

/// After this, a record belongs to a run that was ended before it came here.
const OLD: Duration = Duration::from_secs(24 * 3_600);

fn main() {
    // A script that runs the tests prints this at its own end.
    if env::var_os("JACKSTAFF_NOT_RUN").is_some() || env::args().any(|argument| argument == "--list") {
        return;
    }
    let status = Command::new(workspace().join("scripts/not-run")).arg(record()).status().unwrap();
    assert!(status.success(), "{status}");
    let _ = fs::remove_file(record());
    for entry in fs::read_dir(folder()).into_iter().flatten().flatten() {
        let written = entry.metadata().and_then(|metadata| metadata.modified());
        let now = SystemTime::now();
        if written.is_ok_and(|written| now.duration_since(written).is_ok_and(|age| age > OLD)) {
            let _ = fs::remove_file(entry.path());
        }
    }
}
