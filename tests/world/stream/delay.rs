//! How long a change takes to arrive. `scripts/bench` measures it; this test has a bound for slow machines only.

use std::thread;
use std::time::Instant;

use serde_json::json;
use tests::machine::alone;
use tests::stream::{Listening, Report};

use super::world::{KEY, SOON, World, report, seconds};

const CHANGES: usize = 10;

#[test]
fn a_change_arrives_at_once() {
    let _alone = alone();
    let Some(world) = World::new(&json!({ "fault": { "tireless": true } })) else { return };
    let through = world.clients(200);
    let straight = world.listening(&Listening::to(world.origin.as_ref().unwrap().url(), KEY, 20));
    let mut changes = Vec::new();
    for _ in 0..CHANGES {
        let next = Instant::now() + seconds(1);
        changes.push(world.change());
        thread::sleep(next.saturating_duration_since(Instant::now()));
    }
    through.wait_until_signalled(changes[CHANGES - 1].revision, SOON);

    let through = report(&through, &changes, seconds(5));
    let straight = Report::new(&straight.histories(), &changes, seconds(5), Instant::now());
    let (there, here) = (straight.from_announcement, through.from_announcement);
    tests::say(&format!("through the edge: {here}\nstraight: {there}"));
    assert_eq!(through.faults(), Vec::<String>::new());
    assert_eq!((here.count, there.count), (200 * CHANGES, 20 * CHANGES));
    assert!(here.p99 < 1_000.0, "{through}");
    assert!(here.p50 - there.p50 < 150.0, "{here} through the edge, {there} straight");
}
