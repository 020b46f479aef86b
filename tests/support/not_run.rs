//! What did not run, and why. It is written to a file, since the test harness hides what a passing test prints, and
//! `scripts/not-run` counts and names it at the end of a run.
//!
//! Uses the standard library alone: the conformance test, which belongs to another package, includes this file.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::process::parent_id;
use std::panic::Location;
use std::path::{Path, PathBuf};
use std::{env, thread};

/// Records that the current test did not run, or not completely, and says so on the terminal.
#[track_caller]
pub fn not_run(reason: &str) {
    not_run_part("", reason);
}

/// Records that a part of the current test did not run.
#[track_caller]
pub fn not_run_part(part: &str, reason: &str) {
    let mut name = current_test();
    if !part.is_empty() {
        name = format!("{name} ({part})");
    }
    let reason = reason.replace(['\n', '\t'], " ");
    let record = record();
    fs::create_dir_all(record.parent().unwrap()).unwrap();
    // One write a line: tests run in parallel.
    let mut file = File::options().create(true).append(true).open(record).unwrap();
    file.write_all(format!("{name}\t{reason}\n").as_bytes()).unwrap();
    // The harness does not capture what is written directly.
    std::io::stderr().write_all(format!("NOT RUN: {name}: {reason}\n").as_bytes()).unwrap();
}

/// The file that all programs of one run write to: a script names it, else it is named after the `cargo` that runs them.
pub fn record() -> PathBuf {
    let of_cargo = || folder().join(format!("cargo-{}", parent_id()));
    env::var_os("JACKSTAFF_NOT_RUN").map_or_else(of_cargo, PathBuf::from)
}

/// Where these files are kept.
pub fn folder() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let workspace = package.ancestors().find(|folder| folder.join("Cargo.lock").is_file());
    workspace.unwrap().join("target/not-run")
}

/// Such as `bus::garbage_in_redis_is_passed_over_and_said_once`.
#[track_caller]
fn current_test() -> String {
    let program = env::current_exe().unwrap();
    let program = program.file_stem().unwrap().to_string_lossy().into_owned();
    // Cargo appends a hash.
    let program = program.rsplit_once('-').map_or(program.as_str(), |(name, _)| name);
    match thread::current().name() {
        Some(test) if test != "main" => format!("{program}::{test}"),
        // The harness names threads after tests, unless it uses one thread only.
        _ => format!("{program}, {}", Location::caller()),
    }
}
