//! One running edge: what it serves, how it is published to, its package, the scripts.
//!
//! Also under attack: hostile bundles, stores that fail, delay and lose values, refreshers that lose a race, requests
//! of hostile shape. The same always holds: the last good copy is served and labelled; never default flags, never a
//! trap, never a byte of another section.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what it expects by panicking")]

mod analytics;
mod budget;
mod bundles;
mod edge_token;
mod explain;
mod forged;
mod package;
mod publish;
mod races;
mod readme;
mod scripts;
mod serving;
mod shapes;
mod signalled;
mod status;
mod stores;
mod traits;
mod watch;

use std::time::Duration;

use serde_json::Value;
use tests::{Answer, Edge, edge, tools};

const CLIENT: &str = "demo-environment-key";
const SERVER: &str = "ser.demo";
const NAME: &str = "environment/demo-environment-key";
const FLAGS: &str = "/api/v1/flags/";
const IDENTITIES: &str = "/api/v1/identities/";
const IDENTITY: &str = "/api/v1/identities/?identifier=user-7";
const DOCUMENT: &str = "/api/v1/environment-document/";

/// The name of a feature of the demo that client-side keys must never see.
const SECRET: &str = "fraud_rules";

/// Long enough for settings to reach every sandbox, and for a copy that failed to be looked at again.
const PATIENCE: Duration = Duration::from_secs(20);

/// An edge with the demo environment, if the programs are there.
fn demo_edge(settings: &Value) -> Option<Edge> {
    let edge = edge(&tools()?, settings);
    edge.publish_fixture("demo.json", SERVER);
    Some(edge)
}

/// An edge without any environment.
fn bare_edge(settings: &Value) -> Option<Edge> {
    Some(edge(&tools()?, settings))
}

fn source(answer: &Answer) -> (u16, &str) {
    (answer.status, answer.header("jackstaff-source"))
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

/// Checks that no guest trapped or panicked: Viceroy logs it. (Its own workers panic when a client hangs up, which does
/// not count.)
#[track_caller]
fn assert_sound(edge: &Edge) {
    let log = edge.log();
    let signs = ["trap", "panicked", "wasm backtrace"];
    let unsound =
        |line: &&str| signs.iter().any(|sign| line.contains(sign)) && !line.contains("tokio-rt-worker");
    assert_eq!(log.lines().find(unsound), None);
    assert_eq!(edge.get("/health", "").status, 200);
}
