//! Stores that fail, delay and lose values; environments and keys that are removed and published again.

use std::thread;
use std::time::Duration;

use serde_json::json;
use tests::{Edge, eventually};

use crate::forged::Forged;
use crate::{CLIENT, FLAGS, IDENTITY, NAME, PATIENCE, SERVER, assert_sound, bare_edge, demo_edge, source};

/// The revision of the demo that is stored.
fn stored_revision(edge: &Edge) -> u64 {
    edge.get(FLAGS, CLIENT).header("jackstaff-revision").parse().unwrap()
}

fn write(edge: &Edge, forged: &Forged) {
    edge.store(NAME, &forged.bytes, Some(&forged.metadata));
    edge.soft_purge(NAME);
}

#[test]
fn a_slow_kv_store_delays_one_request_and_no_other() {
    let Some(edge) = demo_edge(&json!({ "fresh": 1 })) else { return };
    let good = edge.get(FLAGS, CLIENT);
    edge.set(&json!({ "fresh": 3600, "fault": { "kv_delay_ms": 4_000 } }));
    thread::scope(|scope| {
        // Settings reach waiting sandboxes with their next request.
        edge.get("/health", "");
        edge.soft_purge(NAME);
        let held: Vec<_> = (0..8).map(|_| scope.spawn(|| edge.get(FLAGS, CLIENT))).collect();
        eventually("all but one are answered", Duration::from_secs(3), || {
            (held.iter().filter(|request| !request.is_finished()).count() == 1).then_some(())
        });
        for request in held {
            let answer = request.join().unwrap();
            assert_eq!((answer.status, &answer.body), (200, &good.body));
        }
    });
    assert_sound(&edge);
}

#[test]
fn without_a_copy_all_requests_wait_for_one_slow_read() {
    let Some(edge) = demo_edge(&json!({ "fault": { "kv_delay_ms": 500 } })) else { return };
    edge.hard_purge(NAME);
    thread::scope(|scope| {
        let requests: Vec<_> = (0..8).map(|_| scope.spawn(|| edge.get(IDENTITY, CLIENT))).collect();
        for request in requests {
            assert_eq!(request.join().unwrap().status, 200);
        }
    });
}

#[test]
fn without_a_copy_and_without_a_kv_store_no_flags_are_served() {
    let Some(edge) = demo_edge(&json!({ "fault": { "kv_error": true } })) else { return };
    edge.hard_purge(NAME);
    for path in [FLAGS, IDENTITY] {
        for key in [CLIENT, SERVER] {
            let answer = edge.get(path, key);
            assert_eq!((answer.status, answer.header("retry-after")), (503, "1"), "{path} {key}");
            assert!(answer.json()["detail"].is_string(), "{answer:?}");
        }
    }
    edge.set(&json!({}));
    eventually("flags are back", PATIENCE, || (edge.get(FLAGS, CLIENT).status == 200).then_some(()));
    assert_sound(&edge);
}

#[test]
fn no_client_loses_flags_if_the_kv_store_fails_at_random() {
    let fault = json!({ "kv_error": true, "kv_delay_ms": 5, "percent": 50 });
    let Some(edge) = demo_edge(&json!({ "fresh": 1 })) else { return };
    let good = edge.get(FLAGS, CLIENT);
    assert_eq!(edge.get(FLAGS, SERVER).status, 200);
    edge.set(&json!({ "fresh": 1, "fault": fault }));
    for _ in 0..200 {
        edge.soft_purge(NAME);
        let answer = edge.get(FLAGS, CLIENT);
        assert_eq!((answer.status, &answer.body), (200, &good.body));
        assert_eq!(edge.get(IDENTITY, SERVER).status, 200);
    }
    assert_sound(&edge);
}

/// Under Viceroy such a copy stays fresh, and every read of it fails.
#[test]
fn no_client_loses_flags_if_a_refresher_dies_during_its_insertion() {
    let Some(edge) = demo_edge(&json!({ "fresh": 3600, "fault": { "dies": true } })) else { return };
    for path in [IDENTITY, FLAGS, "/api/v1/environment-document/"] {
        edge.hard_purge(NAME);
        for _ in 0..3 {
            let answer = edge.get(path, SERVER);
            assert_eq!(answer.status, 200, "{path}: {answer:?}");
            assert!(answer.json().to_string().contains("welcome_message"), "{path}");
        }
    }
    assert_sound(&edge);
}

#[test]
fn a_tombstone_closes_an_environment_and_a_later_revision_opens_it_again() {
    let Some(edge) = demo_edge(&json!({})) else { return };
    let revision = stored_revision(&edge);

    write(&edge, &Forged::tombstone(revision - 1));
    assert_eq!(edge.get(FLAGS, CLIENT).status, 200, "a tombstone that is older closes nothing");

    write(&edge, &Forged::tombstone(revision + 1));
    for (path, key) in [(FLAGS, CLIENT), (IDENTITY, CLIENT), (FLAGS, SERVER), (IDENTITY, SERVER)] {
        let answer = edge.get(path, key);
        assert_eq!(answer.status, 403, "{path} {key}");
        assert_eq!(answer.json(), json!({ "detail": "Invalid or missing Environment Key" }));
    }

    write(&edge, &Forged::of_revision(revision));
    assert_eq!(
        edge.get(FLAGS, CLIENT).status,
        403,
        "what was removed stays so, whatever an older bundle says"
    );
    edge.set(&json!({ "fault": { "kv_error": true } }));
    edge.soft_purge(NAME);
    assert_eq!(edge.get(FLAGS, CLIENT).status, 403, "a store that fails does not open it");
    edge.set(&json!({}));

    write(&edge, &Forged::of_revision(revision + 2));
    eventually("it is open again", PATIENCE, || (edge.get(FLAGS, CLIENT).status == 200).then_some(()));
    assert_eq!(edge.get(FLAGS, SERVER).status, 200);
    assert_sound(&edge);
}

#[test]
fn an_environment_that_vanishes_from_the_kv_store_is_served_as_long_as_a_copy_exists() {
    let Some(edge) = demo_edge(&json!({})) else { return };
    let good = edge.get(FLAGS, CLIENT);
    edge.remove(NAME);
    edge.soft_purge(NAME);
    for _ in 0..3 {
        let answer = edge.get(FLAGS, CLIENT);
        assert_eq!((answer.status, &answer.body), (200, &good.body));
    }
    assert_eq!(source(&edge.get(FLAGS, CLIENT)), (200, "stale"));
    edge.hard_purge(NAME);
    assert_eq!(edge.get(FLAGS, CLIENT).status, 403);
}

#[test]
fn a_new_environment_is_found_without_a_purge() {
    let Some(edge) = bare_edge(&json!({})) else { return };
    assert_eq!(edge.get(FLAGS, CLIENT).status, 403);
    let Forged { bytes, metadata } = Forged::of_revision(1);
    edge.store(NAME, &bytes, Some(&metadata));
    eventually("it is noticed", Duration::from_secs(8), || {
        (edge.get(FLAGS, CLIENT).status == 200).then_some(())
    });
}

#[test]
fn a_broken_record_of_a_server_side_key_leaves_the_last_good_one() {
    let Some(edge) = demo_edge(&json!({ "fresh": 1 })) else { return };
    assert_eq!(edge.get(FLAGS, SERVER).status, 200);
    let name = api::ServerKeyHash::of(SERVER).unwrap().store_key();
    for broken in ["", "{", "null", "[]", r#"{"environment": 7, "active": true}"#, "\u{0}\u{1}"] {
        edge.store(&name, broken.as_bytes(), None);
        edge.soft_purge(&name);
        for _ in 0..2 {
            assert_eq!(edge.get(FLAGS, SERVER).status, 200, "{broken:?}");
        }
    }
    for (what, record) in [
        ("expired", json!({ "environment": CLIENT, "active": true, "expires_at": "2020-01-01T00:00:00Z" })),
        ("expires some day", json!({ "environment": CLIENT, "active": true, "expires_at": "some day" })),
        ("of nobody", json!({ "environment": "", "active": true, "expires_at": null })),
        ("of a key that is no key", json!({ "environment": "../x", "active": true, "expires_at": null })),
        (
            "of an unknown environment",
            json!({ "environment": "unknown", "active": true, "expires_at": null }),
        ),
    ] {
        edge.store(&name, record.to_string().as_bytes(), None);
        edge.soft_purge(&name);
        assert_eq!(edge.get(FLAGS, SERVER).status, 403, "{what}");
    }
    edge.remove(&name);
    edge.soft_purge(&name);
    assert_eq!(edge.get(FLAGS, SERVER).status, 403, "a record that was taken away");
    assert_sound(&edge);
}
