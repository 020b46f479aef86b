//! The programs that the end-to-end tests run, as `scripts/setup` leaves them.

use std::env;
use std::io::Write;
use std::path::PathBuf;

use crate::files::workspace;

/// Where the programs are.
#[derive(Debug, Clone)]
pub struct Tools {
    pub viceroy: PathBuf,
    /// The local flavour of the edge.
    pub edge: PathBuf,
    pub jackstaff: PathBuf,
}

/// The programs; none, said aloud, if they are not there, unless `JACKSTAFF_TEST_ALL` demands them.
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
    let missing = missing.join(", ");
    assert!(env::var_os("JACKSTAFF_TEST_ALL").is_none(), "missing, so run scripts/setup: {missing}");
    println!("not run: scripts/setup makes what is missing: {missing}");
    None
}

/// What else `scripts/setup` leaves under `target`; none, said aloud, if it is not there, unless all is demanded.
#[track_caller]
pub fn installed(what: &str) -> Option<PathBuf> {
    let path = workspace().join("target").join(what);
    if path.exists() {
        return Some(path);
    }
    let path = path.display();
    assert!(env::var_os("JACKSTAFF_TEST_ALL").is_none(), "missing, so run scripts/setup: {path}");
    say(&format!("NOT RUN: scripts/setup makes what is missing: {path}"));
    None
}

/// Says something even if all passes: what is merely printed, the test harness keeps to itself then.
pub fn say(what: &str) {
    std::io::stderr().write_all(format!("{what}\n").as_bytes()).unwrap();
}
