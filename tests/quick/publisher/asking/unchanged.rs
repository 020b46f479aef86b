//! Polls without a change, or with a change that does not count; and two hundred edits without a signal.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::json;

use super::{Asking, POLL, document};

const ENVIRONMENTS: usize = 9;

/// Flagsmith generates a new UUID for each override in each answer: every environment was published at every poll.
#[test]
fn without_a_change_nothing_is_written_purged_or_announced() {
    let mut asking = Asking::new(ENVIRONMENTS);
    asking.another(Duration::from_millis(200), 0);
    asking.pass_seconds(20);
    let (stir, calls) = (asking.stir(), asking.world.api.events().len());
    asking.pass_seconds(300);
    assert_eq!(asking.stir(), stir);
    // One environment is read from the store every half minute.
    assert!(asking.world.api.events().len() <= calls + 11);
    assert_eq!((0..ENVIRONMENTS).map(|n| asking.stored(n).len()).collect::<Vec<_>>(), [1; ENVIRONMENTS]);
    assert!(asking.publishers[0].progress(&asking.world).iter().all(|one| one.behind.is_none()));
}

#[test]
fn a_new_time_alone_is_not_a_change() {
    let mut asking = Asking::new(1);
    asking.another(Duration::ZERO, 0);
    asking.pass_seconds(10);
    let stir = asking.stir();
    for n in 0..10 {
        let mut edited = document(0, 0);
        edited["feature_states"][0]["feature"]["description"] = json!(format!("description {n}"));
        asking.set(0, 0, edited);
        asking.signal(0);
        asking.pass_seconds(3);
    }
    assert_eq!(asking.stir(), stir);
}

/// Times go back by up to 2.3 seconds, as where a task processor takes audit records in any order.
#[test]
fn each_edit_is_published_once_and_within_the_time_of_a_poll() {
    let mut asking = Asking::new(ENVIRONMENTS);
    asking.another(Duration::from_millis(100), 0);
    asking.pass_seconds(10);
    let mut rng = fastrand::Rng::with_seed(7);
    // By environment: edits, and when they were made.
    let mut edits: Vec<Vec<(u64, Duration)>> = vec![Vec::new(); ENVIRONMENTS];
    let mut late: Vec<String> = Vec::new();
    for n in 1..=200 {
        let environment = rng.usize(..ENVIRONMENTS);
        let ago = if rng.u8(..3) == 0 { rng.i64(0..2_300) } else { 0 };
        asking.set(environment, ago, document(environment, n));
        edits[environment].push((n, asking.elapsed()));
        asking.pass(Duration::from_millis(rng.u64(..2_000)));
        for (environment, edits) in edits.iter().enumerate() {
            let last = asking.last(environment);
            // A poll, a second until a document with an earlier time is trusted, and a second between two writes.
            let deadline = POLL + Duration::from_millis(2_500);
            let overdue = |(n, at): &&(u64, Duration)| *n > last && *at + deadline < asking.elapsed();
            late.extend(edits.iter().find(overdue).map(|(n, _)| format!("edit {n} of {environment}")));
        }
    }
    asking.pass_seconds(10);
    assert_eq!(late, Vec::<String>::new());
    for (environment, edits) in edits.iter().enumerate() {
        let stored = asking.stored(environment);
        assert_eq!(asking.last(environment), edits.last().map_or(0, |(n, _)| *n));
        assert!(stored.is_sorted_by_key(|(value, _)| *value), "{environment}: {stored:?}");
        let hashes: BTreeSet<&String> = stored.iter().map(|(_, hash)| hash).collect();
        assert_eq!(hashes.len(), stored.len(), "published twice: {stored:?}");
    }
    let said = &asking.publishers[0].said;
    assert!(!said.iter().any(|line| line.contains("stays served")), "{said:?}");
}

/// `updated_at` stays the same when an identity is deleted with its override, or when the value of an option changes.
#[test]
fn a_change_that_leaves_the_time_is_published() {
    let mut asking = Asking::new(1);
    asking.another(Duration::ZERO, 0);
    asking.edit(0, 1);
    asking.pass_seconds(10);
    let dated = asking.flagsmith.documents["e0"].last().unwrap().1.clone();
    let mut edited = dated.clone();
    edited["identity_overrides"].as_array_mut().unwrap().pop();
    let now = asking.elapsed();
    asking.flagsmith.documents.get_mut("e0").unwrap().push((now, edited));
    asking.pass(POLL + Duration::from_secs(1));
    assert_eq!(asking.stored(0).len(), 2);
    let stored = asking.world.api.stored("environment/e0").unwrap();
    assert!(!String::from_utf8_lossy(&stored.value).contains("bert"));
}

/// The time since when a document is refused does not start again with each answer.
#[test]
fn how_long_a_change_is_held_back_is_counted_from_the_first() {
    let mut asking = Asking::new(1);
    asking.another(Duration::ZERO, 0);
    asking.pass_seconds(10);
    let held = |n: u64| {
        let mut edited = document(0, n);
        let condition = json!({ "operator": "RESEMBLES", "property_": "plan", "value": "gold" });
        edited["project"]["segments"] =
            json!([{ "id": 1, "name": "odd", "rules": [{ "type": "ALL", "conditions": [condition] }] }]);
        edited
    };
    for n in 1..=12 {
        asking.set(0, 0, held(n));
        asking.pass(POLL);
    }
    let progress = &asking.publishers[0].progress(&asking.world)[0];
    assert!(progress.behind.unwrap() >= Duration::from_secs(50), "{progress:?}");
    assert!(progress.why.as_ref().unwrap().contains("RESEMBLES"), "{progress:?}");
    asking.edit(0, 100);
    asking.pass_seconds(10);
    assert_eq!((asking.last(0), asking.publishers[0].progress(&asking.world)[0].behind), (100, None));
}
