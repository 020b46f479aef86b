//! Copies that are older than the signalled revision.

use std::time::Duration;

use serde_json::json;
use tests::stream::{Listening, clients, publish, variant};
use tests::{eventually, fixture};

use crate::{CLIENT, FLAGS, NAME, PATIENCE, assert_sound, demo_edge, source};

/// The KV store shows the older bundle again after the newer one was signalled, and the copy is gone: an eviction, and
/// a replica that lags. The older one is inserted again, and would be served as fresh for an hour.
#[test]
fn a_copy_behind_the_signalled_revision_is_refreshed_or_labelled_stale() {
    // The leader ends soon, so only requests can refresh the copy.
    let dying = json!({ "leader_dies_ms": 1_000 });
    let Some(edge) = demo_edge(&json!({ "fresh": 3600, "fault": dying })) else { return };
    let older: u64 = edge.get(FLAGS, CLIENT).header("jackstaff-revision").parse().unwrap();
    let newer = publish(&edge.url(""), None, &variant(&fixture("demo.json"), 1)).revision;
    let listening = clients(&Listening::to(edge.url(""), CLIENT, 1));
    listening.wait_until_signalled(newer, PATIENCE);
    drop(listening);
    eventually("the leader is gone", PATIENCE, || {
        edge.log().contains("jackstaff: a leader dies on demand").then_some(())
    });

    edge.set(&json!({ "fresh": 3600, "fault": { "kv_older": true } }));
    edge.get("/health", "");
    edge.hard_purge(NAME);
    let answer = edge.get(FLAGS, CLIENT);
    assert_eq!(source(&answer), (200, "stale"));
    assert_eq!(answer.header("jackstaff-revision"), older.to_string());

    edge.set(&json!({ "fresh": 3600 }));
    edge.get("/health", "");
    let answer = eventually("the newer one is served", Duration::from_secs(5), || {
        let answer = edge.get(FLAGS, CLIENT);
        (answer.header("jackstaff-revision") == newer.to_string()).then_some(answer)
    });
    assert_eq!(source(&answer), (200, "kv"));
    assert_sound(&edge);
}
