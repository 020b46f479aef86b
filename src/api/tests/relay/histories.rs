//! Random histories over several segments: whatever happens when, nothing goes backwards, nobody reads what is older than
//! what was heard, and every change is heard in time.

use std::time::Duration;

use api::relay::{Company, lead};

use crate::world::{Event, World};
use crate::{LENGTH, ms};

const HISTORIES: u64 = 3_000;
const SEGMENTS: u32 = 3;

#[test]
fn random_histories() {
    let told: usize = (0..HISTORIES).map(history).sum();
    // They are about something.
    assert!(told > 30_000, "{told} events");
}

/// Plays a history, and gives the number of its events.
fn history(seed: u64) -> usize {
    let mut chance = fastrand::Rng::with_seed(seed);
    let mut world = World::new(chance.bool().then_some(1));
    let end = u64::try_from((LENGTH * SEGMENTS).as_millis()).unwrap();
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
            // A refresher read what was there before, and is slow.
            let held = ms(chance.u64(0..300));
            world.plan(last_write + held, Event::PutBack(revision - 1));
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
    for _ in 0..100 {
        world.plan(ms(chance.u64(0..end)), Event::Read);
    }

    for _ in 0..SEGMENTS {
        world.begin();
        let report = lead(&mut world, LENGTH, Company::Shared).unwrap();
        assert!(report.requests <= 8, "seed {seed}: {report:?}");
        let events = world.events();
        let of_segment: Vec<u64> =
            events[events.len() - report.events as usize..].iter().map(|e| e.1).collect();
        assert!(of_segment.is_sorted_by(|a, b| a < b), "seed {seed}: {of_segment:?}");
    }
    for (time, found, heard) in &world.reads {
        assert!(found >= heard, "seed {seed}: at {time:?} heard {heard:?}, read {found:?}");
    }
    world.events().len()
}
