//! An origin that stops, and starts again without the revisions that it knew.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;
use tests::machine::beside_others;
use tests::{eventually, origin, tools};

use super::world::{KEY, SOON, World, report, seconds};

/// The shortest connection: the rest of a part for the client that joins it last.
const SHORTEST: Duration = seconds(6);

#[test]
fn an_origin_is_killed_and_comes_back_empty() {
    let _machine = beside_others();
    let settings = json!({ "stream_seconds": 10, "join_seconds": 4, "fault": { "tireless": true } });
    let Some(mut world) = World::new(&settings) else { return };
    let clients = world.clients(40);
    let mut changes = vec![world.change()];
    world.origin = None;
    let gone = Instant::now();
    while gone.elapsed() < seconds(20) {
        let change = world.change();
        // While the origin is stopped.
        clients.wait_until_signalled(change.revision, seconds(6));
        changes.push(change);
        thread::sleep(seconds(2));
    }
    assert!(changes.len() >= 4, "{}", changes.len());
    world.assert_no_stream_was_cut_short(&clients, SHORTEST);

    // A revision that the origin does not know.
    let unheard = world.change_in_silence(KEY);
    let back = origin(tools().unwrap());
    world.proxy.forward_to(&back.url());
    clients.wait_until_signalled(unheard.revision, seconds(15));
    let connected = || back.metrics().contains("jackstaff_origin_open_streams 1");
    eventually("the relay has found the origin", SOON, || connected().then_some(()));
    world.origin = Some(back);
    let announced = world.change();
    clients.wait_until_signalled(announced.revision, seconds(3));
    changes.extend([unheard, announced]);

    world.assert_no_stream_was_cut_short(&clients, SHORTEST);
    let report = report(&clients, &changes, seconds(15));
    tests::say(&format!("origin away: {report}{:?}", world.proxy.counts()));
    assert_eq!(report.faults(), Vec::<String>::new());
}
