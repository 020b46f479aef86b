//! Random histories over several parts of a stream: whatever happens when, nothing goes backwards, and no client reads an
//! older revision than it heard of.

use std::time::Duration;

use crate::model::Event;
use crate::relay::{LENGTH, World, ms};

const HISTORIES: u64 = 3_000;
const PARTS: u32 = 3;

/// A leader looks for the record of the signalled revision every four seconds, and wakes at the origin's pings.
const UNTIL_RECORDED: Duration = Duration::from_secs(7);

#[test]
fn random_histories() {
    let events: usize = (0..HISTORIES).map(history).sum();
    // They are about something.
    assert!(events > 30_000, "{events} events");
}

/// Plays a history, and gives the number of its events.
fn history(seed: u64) -> usize {
    let mut chance = fastrand::Rng::with_seed(seed);
    let mut world = World::new(chance.bool().then_some(1));
    let end = u64::try_from((LENGTH * PARTS).as_millis()).unwrap();
    let mut revision = 1;
    let mut last_write = Duration::ZERO;
    let mut time = chance.u64(0..3_000);
    while time < end {
        revision += 1;
        let delay = if chance.u8(0..3) == 0 { chance.u64(0..5_000) } else { chance.u64(0..20) };
        // The order of writes stays that of the revisions.
        last_write = ms(time + delay).max(last_write);
        world.plan(last_write, Event::Written(revision));
        if chance.u8(0..10) > 0 {
            world.plan(ms(time + 10), Event::Announced(revision));
        }
        if chance.u8(0..3) == 0 {
            // A slow request inserts what was there before.
            let held = ms(chance.u64(0..300));
            world.plan(last_write + held, Event::Inserted(revision - 1));
            if chance.bool() {
                world.plan(last_write + held, Event::Read);
            }
        }
        time += chance.u64(1..15_000);
    }
    for _ in 0..chance.u64(0..4) {
        let at = chance.u64(0..end);
        let event = [Event::OriginDies, Event::OriginStalls, Event::OriginEndsStreams][chance.usize(0..3)];
        world.plan(ms(at), event);
        world.plan(ms(at + chance.u64(0..30_000)), Event::OriginIsBack);
    }
    if chance.u8(0..4) == 0 {
        world.plan(ms(chance.u64(0..end)), Event::Evicted);
    }
    if chance.u8(0..4) == 0 {
        world.plan(ms(chance.u64(0..end)), Event::RecordIs(None));
    }
    for _ in 0..100 {
        world.plan(ms(chance.u64(0..end)), Event::Read);
    }

    // An older copy may be inserted between the leader's refresh and its event.
    world.set(|state| state.ensures_record = false);
    for _ in 0..PARTS {
        let report = world.lead();
        assert!(report.requests <= 8, "seed {seed}: {report:?}");
        let events = world.events();
        let of_part: Vec<u64> = events[events.len() - report.events..].iter().map(|event| event.1).collect();
        assert!(of_part.is_sorted_by(|a, b| a < b), "seed {seed}: {of_part:?}");
    }
    for read in world.reads() {
        // A lost record is written again when the leader wakes.
        let recorded =
            world.record_lost().is_none_or(|lost| !(lost..lost + UNTIL_RECORDED).contains(&read.began.at));
        let sound = read.found >= read.began.heard || read.labelled_stale;
        assert!(sound || !recorded, "seed {seed}: {read:?}");
    }
    world.events().len()
}
