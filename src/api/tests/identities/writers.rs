//! Many requests that change one identity at once, by a route that answers when the change is stored.

use std::thread;

use api::identity::IdentityRecord;
use serde_json::json;

use crate::drivers::{Driver as _, Threads};
use crate::requests::{Traits, identities, merge, name, of_record, send, with_environment};
use crate::state::{Faults, State};

const WRITERS: usize = 1_000;
const POPS: usize = 20;
const KEYS: usize = 10;

/// The ten traits that a request sets. A hundred groups of keys, so that later requests set those of earlier ones anew.
fn set_by(writer: usize) -> Traits {
    (0..KEYS).map(|key| (format!("key{}", writer % 90 * KEYS + key), json!(writer))).collect()
}

/// What was acknowledged is a version of its own, made of the one before it; so it is in the store, unless a later
/// request set the same traits.
#[test]
fn no_acknowledged_update_is_lost() {
    let mut state = with_environment(State::new(POPS, 7));
    state.faults = Faults { read: 2, lag: 30, conflict: 5, too_many: 10, failed: 5, lost: 10 };
    let world = Threads::new(state);
    let answers: Vec<_> = thread::scope(|scope| {
        let one = |writer: usize| {
            let world = world.clone();
            scope.spawn(move || {
                let body = identities("hot", &set_by(writer));
                send(&world, writer % POPS, writer, "PUT", "/api/v1/bulk-identities/", &body).status
            })
        };
        let threads: Vec<_> = (0..WRITERS).map(one).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let versions = world.step(|state| state.items[name("hot").as_str()].clone());
    let mut writes = vec![0; WRITERS];
    let mut traits = Traits::new();
    let mut counter = 0;
    for version in &versions {
        let record = IdentityRecord::read(&version.body).unwrap();
        merge(&mut traits, &set_by(version.request));
        assert_eq!(of_record(&record), traits, "the write of request {}", version.request);
        assert!(record.counter > counter, "the counter goes back");
        counter = record.counter;
        writes[version.request] += 1;
    }
    let count = |status: u16| answers.iter().filter(|answer| **answer == status).count();
    let (stored, too_many, failed) = (count(202), count(429), count(503));
    println!(
        "{stored} of {WRITERS} acknowledged, {too_many} refused, {failed} failed, {} versions",
        versions.len()
    );
    assert_eq!(stored + too_many + failed, WRITERS);
    for (writer, status) in answers.iter().enumerate() {
        let expected = match status {
            // After a lost answer a request writes again what another one has set meanwhile. It has no answer until then.
            202 => 1..=3,
            429 => 0..=0,
            _ => 0..=3,
        };
        assert!(expected.contains(&writes[writer]), "request {writer}: {status}, {} writes", writes[writer]);
    }
    // The test is about something.
    assert!(stored >= 20 && failed > 0 && too_many > 0, "{stored} {failed} {too_many}");
}
