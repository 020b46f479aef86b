//! The programs that the end-to-end tests run, as `scripts/setup` leaves them.

use std::env;
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::files::workspace;
use crate::not_run::not_run;

/// Where the programs are.
#[derive(Debug, Clone)]
pub struct Tools {
    pub viceroy: PathBuf,
    /// The local flavour of the edge.
    pub edge: PathBuf,
    pub jackstaff: PathBuf,
}

impl AsRef<Path> for Tools {
    fn as_ref(&self) -> &Path {
        &self.jackstaff
    }
}

/// The programs. None if one is missing: then the test did not run.
#[track_caller]
pub fn tools() -> Option<Tools> {
    let named = |variable: &str, default: PathBuf| env::var_os(variable).map_or(default, PathBuf::from);
    let target = workspace().join("target");
    let tools = Tools {
        viceroy: named("JACKSTAFF_VICEROY", target.join("tools/viceroy")),
        edge: named("JACKSTAFF_EDGE", target.join("local-edge/wasm32-wasip1/release/edge.wasm")),
        jackstaff: named("JACKSTAFF_PROGRAM", target.join("release/jackstaff")),
    };
    let missing: Vec<String> = [&tools.viceroy, &tools.edge, &tools.jackstaff]
        .into_iter()
        .filter(|file| !file.is_file())
        .map(|file| file.display().to_string())
        .collect();
    if missing.is_empty() {
        return Some(tools);
    }
    lacks(&missing.join(", "));
    None
}

/// What else `scripts/setup` leaves under `target`. None if it is missing: then the test did not run.
#[track_caller]
pub fn installed(what: &str) -> Option<PathBuf> {
    let path = workspace().join("target").join(what);
    if path.exists() {
        return Some(path);
    }
    lacks(&path.display().to_string());
    None
}

/// Records that a test did not run because something is missing that `scripts/setup` installs. Fails where
/// `JACKSTAFF_TEST_ALL` says that setup has run.
#[track_caller]
pub fn lacks(missing: &str) {
    assert!(env::var_os("JACKSTAFF_TEST_ALL").is_none(), "missing, so run scripts/setup: {missing}");
    not_run(&format!("scripts/setup makes what is missing: {missing}"));
}

/// Whether this is `scripts/test --full`.
pub fn is_full() -> bool {
    env::var_os("JACKSTAFF_TEST_FULL").is_some()
}

/// Why a test that takes minutes did not run.
pub const ONLY_FULL: &str = "takes minutes: scripts/test --full runs it";

/// Prints something even if the test passes: the test harness hides what a passing test prints by `println!`.
pub fn say(what: &str) {
    std::io::stderr().write_all(format!("{what}\n").as_bytes()).unwrap();
}
