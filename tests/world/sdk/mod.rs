//! Real SDKs, unmodified, as clients of a running edge.

mod analytics;
mod connections;
mod listener;
mod matrix;
mod models;
mod realtime;
mod tap;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use serde_json::{Value, json};
use tests::machine::beside_others;
use tests::{Edge, Tools, edge, fixture, folder, installed, not_run, say, tools};

const NO_CHROMIUM: &str =
    "there is no Chromium (Debian's package chromium; JACKSTAFF_CHROMIUM names another)";
const CLIENT: &str = "sdk-environment-key";
const SERVER: &str = "ser.sdk-check";
/// The stream of its changes.
const STREAM: &str = "/sse/environments/sdk-environment-key/stream";
/// A feature whose value is plain text for everybody.
const FEATURE: &str = "welcome_text";

#[test]
fn python() {
    let _machine = beside_others();
    let Some(tools) = tools() else { return };
    let Some(python) = installed("sdk/python/bin/python") else { return };
    let edge = checked_edge(&tools, &json!({}));
    let mut check = script(&python, "sdk/python/check.py");
    run("Python", check.args(addresses(&edge)).args(["--server-key", SERVER]));
}

#[test]
fn node() {
    let _machine = beside_others();
    let Some(tools) = tools() else { return };
    let Some(modules) = installed("sdk/node") else { return };
    let edge = checked_edge(&tools, &json!({}));
    let mut check = script(Path::new("node"), "sdk/node/check.mjs");
    run("Node", check.arg("--modules").arg(modules).args(addresses(&edge)).args(["--server-key", SERVER]));
}

#[test]
fn rust() {
    let _machine = beside_others();
    let Some(tools) = tools() else { return };
    let Some(program) = installed("sdk/rust/debug/sdk-check") else { return };
    let edge = checked_edge(&tools, &json!({}));
    let mut check = Command::new(program);
    check.args(addresses(&edge)).args(["--server-key", SERVER, "--hiding-key", &hiding(&edge)]);
    run("Rust", &mut check);
}

#[test]
fn web_in_jsdom() {
    let _machine = beside_others();
    check_browser("jsdom", Path::new("jsdom"));
}

/// Chromium is a package of the operating system, so `scripts/setup` does not install it.
#[test]
fn web_in_real_chromium() {
    let _machine = beside_others();
    match chromium() {
        Some(program) => check_browser("Chromium", &program),
        None => not_run(NO_CHROMIUM),
    }
}

fn check_browser(name: &str, browser: &Path) {
    let Some(tools) = tools() else { return };
    let Some(modules) = installed("sdk/browser") else { return };
    let edge = checked_edge(&tools, &json!({}));
    let restricted = checked_edge(&tools, &json!({ "allowed_origins": ["http://app.example"] }));
    let mut check = script(Path::new("node"), "sdk/browser/check.mjs");
    check.arg("--browser").arg(browser).arg("--modules").arg(modules).args(addresses(&edge));
    run(name, check.args(["--hiding-key", &hiding(&edge)]).args(["--restricted-edge", &restricted.url("")]));
}

/// An edge that serves the environment of the checks.
fn checked_edge(tools: &Tools, settings: &Value) -> Edge {
    let edge = edge(tools, settings);
    edge.publish_fixture("sdk.json", SERVER);
    edge
}

/// Publishes a copy of the environment that hides disabled flags, and returns its client-side key.
fn hiding(edge: &Edge) -> String {
    let mut document = fixture("sdk.json");
    document["api_key"] = json!("sdk-hiding-key");
    document["hide_disabled_flags"] = json!(true);
    edge.publish(&document, "ser.sdk-hiding");
    "sdk-hiding-key".to_owned()
}

fn addresses(edge: &Edge) -> [String; 4] {
    ["--edge".to_owned(), edge.url(""), "--client-key".to_owned(), CLIENT.to_owned()]
}

fn script(interpreter: &Path, file: &str) -> Command {
    let mut command = Command::new(interpreter);
    command.arg(folder(file));
    command
}

/// Runs a check, and prints how many of its comparisons passed. All failed ones are shown.
fn run(name: &str, check: &mut Command) {
    let start = Instant::now();
    // Some SDKs heed the environment's proxy, which knows nothing of this machine.
    let output =
        check.env("NO_PROXY", "127.0.0.1").output().unwrap_or_else(|error| panic!("{check:?}: {error}"));
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    let counts = text.lines().rfind(|line| line.ends_with(" failed")).unwrap_or("no counts");
    say(&format!("SDK, {name}: {counts}, in {:.1} s", start.elapsed().as_secs_f64()));
    println!("{text}");
    assert!(output.status.success(), "{name}: {}", output.status);
}

fn chromium() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("JACKSTAFF_CHROMIUM") {
        return Some(named.into());
    }
    let path = std::env::var_os("PATH")?;
    let names = ["chromium", "chromium-browser", "google-chrome"];
    std::env::split_paths(&path)
        .flat_map(|folder| names.map(|name| folder.join(name)))
        .find(|program| program.is_file())
}
