//! OpenFeature's OFREP providers, unmodified, as clients of a running edge (`tests/sdk/README.md`).

use std::path::Path;
use std::process::Command;

use serde_json::json;
use tests::machine::beside_others;
use tests::{installed, not_run, tools};

use super::ran::{Ran, pinned};
use super::{NO_CHROMIUM, SERVER, addresses, checked_edge, chromium, copy, script};

/// The client-side key of a copy of the environment, which is removed.
const REMOVED: &str = "sdk-removed-key";

#[test]
fn python() {
    let Some(python) = installed("sdk/python/bin/python") else { return };
    let version = pinned("python/requirements.txt", "openfeature-provider-ofrep==");
    passes("OpenFeature for Python", &version, script(&python, "sdk/python/ofrep.py"));
}

#[test]
fn node() {
    let Some(modules) = installed("sdk/openfeature") else { return };
    let mut check = script(Path::new("node"), "sdk/openfeature/server.mjs");
    check.arg("--modules").arg(modules);
    let version = pinned("openfeature/package.json", "\"@openfeature/ofrep-provider\": \"");
    passes("OpenFeature for Node", &version, check);
}

#[test]
fn rust() {
    let Some(program) = installed("sdk/rust/debug/sdk-check") else { return };
    let mut check = Command::new(program);
    check.arg("--ofrep");
    passes("OpenFeature for Rust", &pinned("rust/Cargo.toml", "open-feature-ofrep = \"="), check);
}

#[test]
fn web_in_jsdom() {
    web("OpenFeature web, jsdom", Path::new("jsdom"));
}

#[test]
fn web_in_real_chromium() {
    match chromium() {
        Some(program) => web("OpenFeature web, Chromium", &program),
        None => not_run(NO_CHROMIUM),
    }
}

#[track_caller]
fn web(client: &str, browser: &Path) {
    let (Some(modules), Some(browsers)) = (installed("sdk/openfeature"), installed("sdk/browser")) else {
        return;
    };
    let mut check = script(Path::new("node"), "sdk/openfeature/web.mjs");
    check.arg("--browser").arg(browser).arg("--modules").arg(modules).arg("--browser-modules").arg(browsers);
    let version = pinned("openfeature/package.json", "\"@openfeature/ofrep-web-provider\": \"");
    passes(client, &version, check);
}

#[track_caller]
fn passes(client: &str, version: &str, mut check: Command) {
    let _machine = beside_others();
    let Some(tools) = tools() else { return };
    let edge = checked_edge(&tools, &json!({}));
    copy(&edge, REMOVED, false);
    let finished = edge.run_unpublish(&[REMOVED]);
    assert_eq!(finished.code, 0, "{finished:?}");
    check.args(addresses(&edge)).args(["--server-key", SERVER, "--removed-key", REMOVED]);
    Ran::of(&mut check, client, version).assert_passed();
}
