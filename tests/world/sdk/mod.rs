//! Real SDKs, unmodified, as clients of a running edge.

mod analytics;
pub(crate) mod connections;
mod listener;
pub(crate) mod matrix;
mod models;
mod openfeature;
pub(crate) mod pages;
mod ran;
pub(crate) mod realtime;
mod requests;
mod restart;
mod shape;
pub(crate) mod tap;

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use tests::clients::{Access, ran_client};
use tests::machine::beside_others;
use tests::{Edge, Tools, edge, edge_with_identity_key, fixture, folder, not_run, tools};

pub(crate) use ran::Sdk;

const NO_CHROMIUM: &str =
    "there is no Chromium (Debian's package chromium; JACKSTAFF_CHROMIUM names another)";
const NO_JAVA: &str = "scripts/setup installs the Java SDK where there are Java and Maven";
pub(crate) const CLIENT: &str = "sdk-environment-key";
pub(crate) const SERVER: &str = "ser.sdk-check";
/// The stream of its changes.
const STREAM: &str = "/sse/environments/sdk-environment-key/stream";
const OFREP_STREAM: &str = "/ofrep/v1/environments/sdk-environment-key/stream";
/// A feature whose value is plain text for everybody.
const FEATURE: &str = "welcome_text";

#[test]
fn python() {
    passes(Sdk::Python);
}

#[test]
fn node() {
    passes(Sdk::Node);
}

#[test]
fn rust() {
    passes(Sdk::Rust);
}

#[test]
fn web_in_jsdom() {
    passes(Sdk::Jsdom);
}

#[test]
fn web_in_real_chromium() {
    passes(Sdk::Chromium);
}

/// Local evaluation and remote flags of the Java SDK, where there is Java.
#[test]
fn java() {
    let _machine = beside_others();
    let Some(tools) = tools() else { return };
    let edge = edge(&tools, &json!({}));
    let document = fixture("sdk.json");
    let key = document["api_key"].as_str().unwrap();
    edge.publish(&document, &format!("ser.{key}"));
    match matrix::the_java_sdk_reads(&edge, &document) {
        Some(version) => ran_client("Java", &version, Access::Unmodified),
        None => not_run(NO_JAVA),
    }
}

#[track_caller]
fn passes(sdk: Sdk) {
    let _machine = beside_others();
    if let Some(ran) = sdk.ran() {
        ran.assert_passed();
    }
}

/// An edge that serves the environment of the checks.
pub(crate) fn checked_edge(tools: &Tools, settings: &Value) -> Edge {
    let edge = edge_with_identity_key(tools, settings);
    edge.publish_fixture("sdk.json", SERVER);
    edge
}

/// Publishes a copy of the environment with another client-side key, which is returned.
fn copy(edge: &Edge, key: &str, hides_disabled_flags: bool) -> String {
    let mut document = fixture("sdk.json");
    document["api_key"] = json!(key);
    document["hide_disabled_flags"] = json!(hides_disabled_flags);
    edge.publish(&document, &format!("ser.{key}"));
    key.to_owned()
}

fn addresses(edge: &Edge) -> [String; 4] {
    ["--edge".to_owned(), edge.url(""), "--client-key".to_owned(), CLIENT.to_owned()]
}

fn script(interpreter: &Path, file: &str) -> Command {
    let mut command = Command::new(interpreter);
    command.arg(folder(file));
    command
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
