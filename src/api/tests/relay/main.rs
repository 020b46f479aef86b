//! The relay against a model of a POP, a KV store, an origin and time: situations, and thousands of random histories.

#![cfg(test)]

mod histories;
mod world;

use std::time::Duration;

use api::relay::{Company, Report, hold, lead};

use world::{Event, Frame, World};

const LENGTH: Duration = Duration::from_secs(40);

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn led(mut world: World) -> (World, Report) {
    let report = lead(&mut world, LENGTH, Company::Shared).unwrap();
    (world, report)
}

/// The events of one segment, with the milliseconds at which they were written.
fn events(world: World) -> Vec<(u128, u64)> {
    led(world).0.events().into_iter().map(|(time, revision)| (time.as_millis(), revision)).collect()
}

#[test]
fn the_first_event_is_the_revision_of_the_copy_and_waits_for_nobody() {
    assert_eq!(events(World::new(Some(7))), [(0, 7)]);
    assert_eq!(events(World::new(Some(7)).at(s(0), Event::OriginStalls)), [(0, 7)]);
    assert_eq!(events(World::new(None)), []);
}

#[test]
fn a_change_is_told_as_soon_as_it_is_announced() {
    let world = World::new(Some(7)).at(ms(5_000), Event::Written(8)).at(ms(5_010), Event::Announced(8));
    assert_eq!(events(world), [(0, 7), (5_011, 8)]);
}

#[test]
fn a_copy_that_somebody_else_renewed_is_told_when_the_leader_wakes() {
    let world = World::new(Some(7)).at(ms(5_000), Event::Written(8)).at(ms(5_010), Event::PutBack(8));
    assert_eq!(events(world), [(0, 7), (8_000, 8)]);
}

#[test]
fn nothing_is_told_before_the_store_shows_it() {
    for delay in [0, 60, 500, 3_000, 29_000] {
        let written = ms(5_000 + delay);
        let world = World::new(Some(7)).at(ms(5_000), Event::Announced(8)).at(written, Event::Written(8));
        let events = events(world);
        let late = events[1].0 - written.as_millis();
        // Pauses double, up to a second, and each look takes a millisecond here.
        assert!(late <= u128::from(delay.clamp(50, 1_000)) + 50, "a delay of {delay} ms: {events:?}");
        assert_eq!((events.len(), events[1].1), (2, 8));
    }
}

#[test]
fn what_the_store_never_shows_is_never_told_and_later_changes_are() {
    let world = World::new(Some(7)).at(s(1), Event::Announced(9));
    let (world, report) = led(world.at(s(20), Event::Written(8)).at(ms(20_010), Event::Announced(8)));
    let revisions: Vec<u64> = world.events().into_iter().map(|(_, revision)| revision).collect();
    assert_eq!(revisions, [7, 8]);
    // About one look a second while it is awaited.
    assert!((30..50).contains(&report.looks), "{report:?}");
}

#[test]
fn of_a_burst_the_last_one_is_told() {
    let mut world = World::new(Some(7));
    for n in 0..10 {
        world.plan(ms(5_000 + n), Event::Written(8 + n));
        world.plan(ms(5_000 + n), Event::Announced(8 + n));
    }
    let events = events(world);
    assert_eq!((events[0], events.last().unwrap().1), ((0, 7), 17));
    assert!(events.last().unwrap().0 < 5_200, "{events:?}");
}

#[test]
fn a_lost_announcement_costs_seconds() {
    for written in [1, 3, 9, 11, 17] {
        let events = events(World::new(Some(7)).at(s(written), Event::Written(8)));
        let delay = events[1].0 - u128::from(written) * 1_000;
        assert!(delay <= 12_100, "written at {written} s: {events:?}");
    }
}

#[test]
fn without_an_origin_changes_are_told_within_two_seconds_and_it_is_not_stormed() {
    let mut world = World::new(Some(7)).at(s(0), Event::OriginDies);
    for n in 0..10 {
        world.plan(s(3 + 3 * n), Event::Written(8 + n));
    }
    let (world, report) = led(world);
    for (n, (time, revision)) in (0..).zip(&world.events()[1..]) {
        assert_eq!(*revision, 8 + n);
        assert!(*time - s(3 + 3 * n) <= ms(2_100), "revision {revision} at {time:?}");
    }
    assert_eq!(world.events().len(), 11);
    assert!((5..=8).contains(&report.requests), "{report:?}");
}

#[test]
fn an_origin_that_is_back_is_listened_to_again() {
    let world = World::new(Some(7)).at(s(5), Event::OriginDies).at(s(12), Event::OriginIsBack);
    let world = world.at(s(25), Event::Written(8)).at(s(25), Event::Announced(8));
    let events = events(world);
    assert!(events[1].0 <= 25_010, "{events:?}");
}

#[test]
fn an_origin_that_ends_its_streams_again_and_again_is_asked_eight_times() {
    let mut world = World::new(Some(7));
    for n in 0..400 {
        world.plan(ms(100 * n), Event::OriginEndsStreams);
    }
    world.plan(s(30), Event::Written(8));
    let (world, report) = led(world);
    assert!((5..=8).contains(&report.requests), "{report:?}");
    assert!(world.events()[1].0 <= s(32) + ms(100), "{:?}", world.events());
}

#[test]
fn a_silent_origin_costs_seconds() {
    let world = World::new(Some(7)).at(s(5), Event::OriginStalls).at(s(6), Event::Written(8));
    let events = events(world);
    assert!(events[1].0 <= 12_100, "{events:?}");
}

#[test]
fn a_request_never_reads_less_than_was_told_though_an_older_copy_is_put_back() {
    let (world, _) = led(World::new(Some(7)).at(ms(5_000), Event::PutBack(6)).at(ms(5_000), Event::Read));
    assert_eq!(world.reads, [(ms(5_000), Some(7), Some(7))]);
}

#[test]
fn a_note_of_what_was_told_is_made_sure_of() {
    for note in [None, Some(6)] {
        let world = World::new(Some(7)).at(ms(5_000), Event::NoteIs(note));
        let (world, _) = led(world.at(ms(9_100), Event::PutBack(6)).at(ms(9_100), Event::Read));
        assert_eq!(world.reads, [(ms(9_100), Some(7), Some(7))], "{note:?}");
    }
}

#[test]
fn what_is_removed_is_not_told() {
    let world = World::new(Some(7)).at(s(5), Event::Removed(8)).at(s(5), Event::Announced(8));
    assert_eq!(events(world), [(0, 7)]);
}

#[test]
fn clients_are_kept_company() {
    let (world, _) = led(World::new(None));
    assert!(world.frames.len() >= 3, "{:?}", world.frames);
    let mut last = Duration::ZERO;
    for (time, frame) in &world.frames {
        assert_eq!(*frame, Frame::Ping);
        assert!(*time - last <= s(12), "{:?}", world.frames);
        last = *time;
    }
}

#[test]
fn a_segment_ends_in_time() {
    let (mut world, _) = led(World::new(Some(7)));
    assert!((LENGTH..=LENGTH + s(5)).contains(&world.now), "{:?}", world.now);
    // Also in the middle of waiting for the store.
    world = World::new(Some(7)).at(s(39), Event::Announced(8));
    let (world, _) = led(world);
    assert!((LENGTH..=LENGTH + ms(100)).contains(&world.now), "{:?}", world.now);
}

#[test]
fn a_leader_that_has_worked_enough_ends_early() {
    let mut world = World::new(Some(7));
    world.look_costs = ms(6);
    for n in 0..30 {
        world.plan(s(1 + n), Event::Written(8 + n));
        world.plan(s(1 + n), Event::Announced(8 + n));
    }
    let (world, report) = led(world);
    assert_eq!(report.looks, 5);
    assert!(world.now < s(6), "{:?}", world.now);
}

#[test]
fn a_leader_that_has_worked_enough_at_once_rests_before_it_ends() {
    let mut world = World::new(Some(7)).at(s(1), Event::Written(8)).at(s(1), Event::Announced(8));
    world.look_costs = ms(60);
    let (world, report) = led(world);
    assert_eq!((world.now, report.looks), (s(5), 1));
}

#[test]
fn who_is_served_alone_hears_of_changes_and_asks_no_origin() {
    let mut world = World::new(Some(7)).at(s(12), Event::Written(8));
    let report = lead(&mut world, LENGTH, Company::Alone).unwrap();
    assert_eq!((report.requests, report.looks), (0, 4));
    let events: Vec<(u64, u64)> =
        world.events().iter().map(|(time, revision)| (time.as_secs(), *revision)).collect();
    assert_eq!(events, [(0, 7), (20, 8)]);
}

#[test]
fn a_silent_segment_has_pings_and_nothing_else() {
    let mut world = World::new(Some(7));
    assert_eq!(hold(&mut world, LENGTH), Ok(Report::default()));
    let expected = [10, 20, 30, 40].map(|time| (s(time), Frame::Ping));
    assert_eq!((world.frames.as_slice(), world.requests, world.looks.len()), (expected.as_slice(), 0, 0));
}
