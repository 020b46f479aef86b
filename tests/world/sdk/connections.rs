//! How often the Python SDK connects if it cannot be served. It connects again at once whenever an answer ends,
//! whatever the status, so an answer that ends brings hundreds of connections a second.

use std::time::{Duration, Instant};

use serde_json::json;
use tests::{Edge, edge, eventually, installed, say, tools};

use super::listener::start;
use super::tap::{Request, Tap};
use super::{CLIENT, SERVER, checked_edge, script};

const MINUTE: Duration = Duration::from_secs(60);

/// Time in addition to the minute, for the start and for a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);

/// The second half of check 23. Parts have their default length.
#[track_caller]
pub(crate) fn an_sdk_that_cannot_be_served_connects_less_than_five_times_a_minute() {
    let Some(tools) = tools() else { return };
    let Some(python) = installed("sdk/python/bin/python") else { return };
    let without_origin = checked_edge(&tools, &json!({}));
    let overloaded = checked_edge(&tools, &json!({ "fault": { "part_error": true } }));
    let without_store = edge(&tools, &json!({ "fault": { "kv_error": true } }));
    let unknown = "no-such-environment";
    let whole = ["--server-key", SERVER, "--feature", super::FEATURE];

    let situations = [
        ("an unknown key", &without_origin, unknown, "silent leader", vec!["--stream-of", unknown]),
        ("no origin", &without_origin, CLIENT, "leader", whole.to_vec()),
        ("overload", &overloaded, CLIENT, "alone", whole.to_vec()),
        ("neither KV store nor copy", &without_store, CLIENT, "leader", vec!["--stream-of", CLIENT]),
    ];
    let running = situations.map(|(situation, edge, key, role, arguments)| {
        let joined = role_of_first(edge, key);
        assert!(joined.starts_with(role), "{situation}: {joined:?}");
        let tap = Tap::before(edge.address);
        let mut command = script(&python, "sdk/python/listen.py");
        let sdk = start(command.args(["--edge", &tap.url()]).args(arguments));
        (situation, sdk, tap, format!("GET /sse/environments/{key}/stream"))
    });

    let mut faults = Vec::new();
    for (situation, (_, seen), tap, stream) in &running {
        let connections = eventually(&format!("a minute of {situation}"), MINUTE + PATIENCE, || {
            let connections = tap.requests(stream);
            (connections.first()?.at.elapsed() >= MINUTE).then_some(connections)
        });
        let count = in_a_minute(&connections);
        say(&format!("SDK, Python, {situation}: {count} connections in a minute"));
        // A single connection would never have ended, and prove nothing about the next one.
        let notes = seen.notes();
        if !(2..5).contains(&count) || !notes.complaints.is_empty() {
            faults.push(format!("{situation}: {count} connections, {notes:?}"));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// How a client of this key is joined, if it is the first.
fn role_of_first(edge: &Edge, key: &str) -> String {
    let response = ureq::get(edge.url(&format!("/sse/environments/{key}/stream"))).call().unwrap();
    let role = response.headers().get("jackstaff-stream");
    role.and_then(|role| role.to_str().ok()).unwrap_or_default().to_owned()
}

fn in_a_minute(connections: &[Request]) -> usize {
    let first: Option<Instant> = connections.first().map(|request| request.at);
    connections.iter().filter(|request| first.is_some_and(|first| request.at < first + MINUTE)).count()
}
