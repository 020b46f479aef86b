//! Faults between an edge and its origin while clients listen. Each fault concerns another environment of one edge, all
//! at the same time.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;
use tests::machine::beside_others;
use tests::proxy::Mode;
use tests::stream::announce;

use super::world::{World, report, seconds};

const PART: u64 = 10;
const JOIN: u64 = 4;

/// A silent connection is closed after five seconds, and then the KV store is read every two.
const WITHIN: Duration = seconds(9);

type Situation = (&'static str, fn(&World, &str));

const SITUATIONS: [Situation; 12] = [
    ("cut", |world, key| is_heard_of(world, key, Mode::Pass, true)),
    ("stalled", |world, key| is_heard_of(world, key, Mode::Stall, false)),
    ("half-open", |world, key| is_heard_of(world, key, Mode::HalfOpen, false)),
    ("half-open-from-the-start", |world, key| is_heard_of(world, key, Mode::HalfOpen, true)),
    ("refused", |world, key| is_heard_of(world, key, Mode::Refuse, true)),
    ("slow", |world, key| {
        is_heard_of(world, key, Mode::Slow { bytes: 3, pause: Duration::from_millis(100) }, true);
    }),
    ("answered-500", |world, key| is_heard_of(world, key, Mode::Answer(500), true)),
    ("answered-503", |world, key| is_heard_of(world, key, Mode::Answer(503), true)),
    ("no-event-stream", |world, key| is_heard_of(world, key, Mode::Answer(200), true)),
    ("ended-at-once", ends_its_streams_at_once),
    ("lost-announcements", loses_announcements),
    ("announced-and-never-stored", announced_and_never_stored),
];

#[test]
fn clients_receive_changes_whatever_fails() {
    let _machine = beside_others();
    let settings = json!({ "stream_seconds": PART, "join_seconds": JOIN, "fault": { "tireless": true } });
    let Some(world) = World::new(&settings) else { return };
    thread::scope(|scope| {
        let world = &world;
        let runs = SITUATIONS.map(|(key, happens)| {
            scope.spawn(move || {
                world.change_of(key);
                happens(world, key);
            })
        });
        let failed: Vec<&str> = runs
            .into_iter()
            .zip(SITUATIONS)
            .filter_map(|(run, (key, _))| run.join().is_err().then_some(key))
            .collect();
        assert!(failed.is_empty(), "{failed:?}");
    });
    let parts = world.ended_parts();
    assert!(parts.iter().all(|requests| *requests <= 8), "{parts:?}");
}

fn is_heard_of(world: &World, key: &str, mode: Mode, cut: bool) {
    let clients = world.clients_of(key, 20);
    let mut changes = Vec::new();
    let mut change = || {
        let change = world.change_of(key);
        clients.wait_until_signalled(change.revision, WITHIN);
        changes.push(change);
    };
    change();
    world.proxy.set_for(key, mode);
    if cut {
        world.proxy.cut_for(key);
    }
    change();
    thread::sleep(seconds(3));
    change();
    world.proxy.set_for(key, Mode::Pass);
    change();
    let report = report(&clients, &changes, WITHIN);
    tests::say(&format!("{key}: {}", report.from_announcement));
    assert_eq!(report.faults(), Vec::<String>::new(), "{key}");
    world.assert_no_stream_was_cut_short(&clients, seconds(PART - JOIN));
}

/// Streams end cleanly, again and again. Neither the edge nor its clients may connect again at once because of it.
fn ends_its_streams_at_once(world: &World, key: &str) {
    world.proxy.set_for(key, Mode::EndEarly(Duration::from_millis(100)));
    let begun = Instant::now();
    let clients = world.clients_of(key, 20);
    let mut changes = Vec::new();
    while begun.elapsed() < seconds(2 * PART) {
        let change = world.change_of(key);
        clients.wait_until_signalled(change.revision, WITHIN);
        changes.push(change);
        thread::sleep(seconds(1));
    }
    let report = report(&clients, &changes, WITHIN);
    tests::say(&format!("{key}: {report}"));
    assert_eq!(report.faults(), Vec::<String>::new(), "{key}");
    assert!(report.most_reconnects <= 3, "{report}");
    world.assert_no_stream_was_cut_short(&clients, seconds(PART - JOIN));
}

fn loses_announcements(world: &World, key: &str) {
    let clients = world.clients_of(key, 20);
    world.proxy.set_for(key, Mode::DropEvents);
    clients.wait_until_signalled(world.change_of(key).revision, seconds(15));
    world.proxy.set_for(key, Mode::Pass);
    clients.wait_until_signalled(world.change_in_silence(key).revision, seconds(15));
    world.assert_no_stream_was_cut_short(&clients, seconds(PART - JOIN));
}

fn announced_and_never_stored(world: &World, key: &str) {
    let clients = world.clients_of(key, 20);
    let known = world.change_of(key).revision;
    clients.wait_until_signalled(known, WITHIN);
    // Later than the stored revision, and not later than now, since the origin refuses times in the future.
    thread::sleep(seconds(2));
    let never = known + 1;
    announce(&world.origin.as_ref().unwrap().url(), None, key, never);
    thread::sleep(seconds(4));
    for history in clients.histories() {
        assert!(history.heard().all(|heard| heard.revision <= known), "{never}: {history:#?}");
    }
    // The relay goes on.
    let change = world.change_of(key);
    assert!(change.revision > never);
    clients.wait_until_signalled(change.revision, seconds(4));
    world.assert_no_stream_was_cut_short(&clients, seconds(PART - JOIN));
}
