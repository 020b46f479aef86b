//! Slow refreshers and fast writers.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::json;
use tests::{Answer, Edge, eventually};

use crate::forged::Forged;
use crate::{CLIENT, FLAGS, NAME, PATIENCE, SERVER, assert_sound, bare_edge, demo_edge};

/// Less than the minute for which a copy is fresh, and than the two seconds for which a purged copy is renewed.
const SOON: Duration = Duration::from_millis(1_500);

/// The revision that an answer is labelled with; its body must be of the same.
#[track_caller]
fn revision(answer: &Answer) -> u64 {
    assert_eq!(answer.status, 200, "{answer:?}");
    let label = answer.header("jackstaff-revision").parse().unwrap();
    let flags = json!([{ "feature": { "name": "client" }, "enabled": true, "feature_state_value": label }]);
    assert_eq!(answer.json(), flags, "the body is of revision {label}");
    label
}

fn write(edge: &Edge, revision: u64) {
    let Forged { bytes, metadata } = Forged::of_revision(revision);
    edge.store(NAME, &bytes, Some(&metadata));
    edge.soft_purge(NAME);
}

/// Reads until the end, and panics at any answer that is older than the one before.
fn read_in_order(edge: &Edge, end: &AtomicBool) -> u64 {
    let (mut last, mut count) = (0, 0);
    while !end.load(Ordering::Relaxed) {
        let seen = revision(&edge.get(FLAGS, CLIENT));
        assert!(seen >= last, "revision {seen} after {last}");
        (last, count) = (seen, count + 1);
        thread::sleep(Duration::from_millis(1));
    }
    count
}

/// Writes one revision after the other while others read. No revision may be lost, and no older one may be served
/// again.
fn rounds(edge: &Edge, rounds: u64, soon: Duration) {
    // Twice: then a store that shows the value before the last write has the environment too.
    write(edge, 1);
    write(edge, 1);
    eventually("the first revision is there", PATIENCE, || {
        (edge.get(FLAGS, CLIENT).status == 200).then_some(())
    });
    let end = AtomicBool::new(false);
    thread::scope(|scope| {
        let readers = [(); 3].map(|()| scope.spawn(|| read_in_order(edge, &end)));
        let writer = scope.spawn(|| {
            for round in 2..=rounds {
                // Starts a refresher with the value that is replaced next.
                edge.soft_purge(NAME);
                thread::sleep(Duration::from_millis(round % 6));
                write(edge, round);
                eventually(&format!("revision {round} is served"), soon, || {
                    (revision(&edge.get(FLAGS, CLIENT)) == round).then_some(())
                });
            }
        });
        while !writer.is_finished() && !readers.iter().any(thread::ScopedJoinHandle::is_finished) {
            thread::sleep(Duration::from_millis(10));
        }
        end.store(true, Ordering::Relaxed);
        let read: u64 = readers.map(|reader| reader.join().unwrap()).iter().sum();
        println!("{rounds} rounds, {read} reads beside them");
    });
}

/// A refresher reads, the environment is written and purged, the refresher inserts what it read: that would be fresh
/// for a minute.
#[test]
fn the_newer_copy_is_served_after_a_thousand_races_of_slow_refreshers_and_writers() {
    let fault = json!({ "kv_delay_ms": 4, "hold_ms": 4, "percent": 30 });
    let Some(edge) = bare_edge(&json!({ "fresh": 60, "fault": fault })) else { return };
    rounds(&edge, 1_000, SOON);
    assert_sound(&edge);
}

/// A KV store that is eventually consistent gives an older value now and then, even after it gave a newer one.
#[test]
fn an_older_value_of_the_kv_store_never_replaces_a_newer_copy() {
    let fault = json!({ "kv_older": true, "kv_delay_ms": 2, "hold_ms": 2, "percent": 50 });
    let Some(edge) = bare_edge(&json!({ "fresh": 1, "fault": fault })) else { return };
    // After a read of the older value, the next read is two seconds later.
    rounds(&edge, 12, Duration::from_secs(40));
    assert_sound(&edge);
}

#[test]
fn a_revoked_server_side_key_is_refused_despite_slow_refreshers() {
    let fault = json!({ "kv_delay_ms": 4, "hold_ms": 4, "percent": 50 });
    let Some(edge) = demo_edge(&json!({ "fresh": 60, "fault": fault })) else { return };
    let name = api::ServerKeyHash::of(SERVER).unwrap().store_key();
    let end = AtomicBool::new(false);
    thread::scope(|scope| {
        let readers = [(); 2].map(|()| {
            scope.spawn(|| {
                while !end.load(Ordering::Relaxed) {
                    let status = edge.get(FLAGS, SERVER).status;
                    assert!([200, 403].contains(&status), "{status}");
                }
            })
        });
        for round in 0..200 {
            let active = round % 2 == 1;
            let record = json!({ "environment": CLIENT, "active": active, "expires_at": null });
            edge.store(&name, record.to_string().as_bytes(), None);
            edge.soft_purge(&name);
            eventually(&format!("round {round}: active is {active}"), SOON, || {
                ((edge.get(FLAGS, SERVER).status == 200) == active).then_some(())
            });
        }
        end.store(true, Ordering::Relaxed);
        for reader in readers {
            reader.join().unwrap();
        }
    });
    assert_sound(&edge);
}
