//! The relay: what clients hear, in situations that are planned to the millisecond.

use std::time::Duration;

use api::relay::{Channel, Protocol, Subscription, head, serve};

use crate::model::{Alone, Driver as _, Event, Frame, Read, State, by_flagsmith, by_ofrep, sandbox};

pub(crate) const LENGTH: Duration = Duration::from_secs(40);

pub(crate) fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

pub(crate) fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A POP with one leader.
pub(crate) struct World {
    driver: Alone,
    /// The number of the next sandbox.
    next: u32,
}

/// What a leader did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Report {
    pub(crate) events: usize,
    /// Looks at the KV store.
    pub(crate) looks: usize,
    /// Requests to the origin.
    pub(crate) requests: u32,
}

impl World {
    /// The KV store and the POP have this revision.
    pub(crate) fn new(revision: Option<u64>) -> World {
        World { driver: Alone::new(State::new(revision)), next: 0 }
    }

    fn at(mut self, time: Duration, event: Event) -> World {
        self.plan(time, event);
        self
    }

    pub(crate) fn plan(&mut self, time: Duration, event: Event) {
        self.driver.step(|state| state.plan(time, event));
    }

    /// Changes the platform before anything happens.
    pub(crate) fn set(&self, set: impl FnOnce(&mut State)) {
        self.driver.step(set);
    }

    /// Serves one client of the environment, which leads a part to its end.
    pub(crate) fn lead(&mut self) -> Report {
        self.serve(&by_flagsmith())
    }

    fn serve(&mut self, subscription: &Subscription) -> Report {
        let before = self.driver.step(|state| {
            state.vcpu = Duration::ZERO;
            (state.events().len(), state.kv_reads.len(), state.origin.requests)
        });
        serve(head(), subscription, &mut sandbox(&self.driver, self.next));
        self.next += 1;
        self.driver.step(|state| Report {
            events: state.events().len() - before.0,
            looks: state.kv_reads.len() - before.1,
            requests: state.origin.requests - before.2,
        })
    }

    pub(crate) fn now(&self) -> Duration {
        self.driver.step(|state| state.now)
    }

    pub(crate) fn events(&self) -> Vec<(Duration, u64)> {
        self.driver.step(|state| state.events())
    }

    fn frames(&self) -> Vec<(Duration, Frame)> {
        self.driver.step(|state| state.frames.clone())
    }

    /// What sandboxes wrote to the log, without the time and their number.
    pub(crate) fn log(&self) -> Vec<String> {
        let text = |line: &String| line.split_once(": ").unwrap().1.to_owned();
        self.driver.step(|state| state.log.iter().map(text).collect())
    }

    /// Requests for streams that the origin refused.
    pub(crate) fn refused(&self) -> u32 {
        self.driver.step(|state| state.origin.refused)
    }

    pub(crate) fn record_lost(&self) -> Option<Duration> {
        self.driver.step(|state| state.record_lost)
    }

    pub(crate) fn reads(&self) -> Vec<Read> {
        self.driver.step(|state| state.reads.clone())
    }
}

fn led(mut world: World) -> (World, Report) {
    let report = world.lead();
    (world, report)
}

/// What requests were answered from, with the greatest revision that clients had heard of when they began.
fn read(world: &World) -> Vec<(Option<u64>, Option<u64>)> {
    world.reads().iter().map(|read| (read.found, read.began.heard)).collect()
}

/// The events of one part, with the milliseconds at which they were written.
fn events(world: World) -> Vec<(u128, u64)> {
    led(world).0.events().into_iter().map(|(time, revision)| (time.as_millis(), revision)).collect()
}

#[test]
fn the_first_event_is_the_revision_of_the_copy_and_does_not_wait_for_the_origin() {
    assert_eq!(events(World::new(Some(7))), [(0, 7)]);
    assert_eq!(events(World::new(Some(7)).at(s(0), Event::OriginStalls)), [(0, 7)]);
    assert_eq!(events(World::new(None)), []);
}

#[test]
fn a_change_is_signalled_as_soon_as_it_is_announced() {
    let world = World::new(Some(7)).at(ms(5_000), Event::Written(8)).at(ms(5_010), Event::Announced(8));
    assert_eq!(events(world), [(0, 7), (5_011, 8)]);
}

#[test]
fn a_copy_that_another_request_refreshed_is_signalled_when_the_leader_wakes() {
    let world = World::new(Some(7)).at(ms(5_000), Event::Written(8)).at(ms(5_010), Event::Inserted(8));
    assert_eq!(events(world), [(0, 7), (8_000, 8)]);
}

#[test]
fn nothing_is_signalled_before_the_store_shows_it() {
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
fn a_revision_that_the_store_never_shows_is_never_signalled_and_later_ones_are() {
    let world = World::new(Some(7)).at(s(1), Event::Announced(9));
    let (world, report) = led(world.at(s(20), Event::Written(8)).at(ms(20_010), Event::Announced(8)));
    let revisions: Vec<u64> = world.events().into_iter().map(|(_, revision)| revision).collect();
    assert_eq!(revisions, [7, 8]);
    // About one look a second while it is awaited.
    assert!((30..50).contains(&report.looks), "{report:?}");
}

#[test]
fn of_a_burst_the_last_revision_is_signalled() {
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
fn without_an_origin_changes_are_signalled_within_two_seconds_and_it_gets_few_requests() {
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
fn a_request_never_reads_less_than_was_signalled_though_an_older_copy_is_inserted() {
    let (world, _) = led(World::new(Some(7)).at(ms(5_000), Event::Inserted(6)).at(ms(5_000), Event::Read));
    assert_eq!(read(&world), [(Some(7), Some(7))]);
}

#[test]
fn a_lost_record_of_the_signalled_revision_is_written_again() {
    for record in [None, Some(6)] {
        let world = World::new(Some(7)).at(ms(5_000), Event::RecordIs(record));
        let (world, _) = led(world.at(ms(9_100), Event::Inserted(6)).at(ms(9_100), Event::Read));
        assert_eq!(read(&world), [(Some(7), Some(7))], "{record:?}");
    }
}

/// A leader that awaits a revision looks at the KV store each time it wakes.
#[test]
fn a_lost_record_is_written_again_while_a_revision_is_awaited() {
    let world = World::new(Some(7)).at(ms(0), Event::Announced(9)).at(ms(5_000), Event::RecordIs(None));
    let (world, _) = led(world.at(ms(15_000), Event::Inserted(6)).at(ms(15_000), Event::Read));
    assert_eq!(read(&world), [(Some(7), Some(7))]);
}

#[test]
fn a_removal_is_not_signalled() {
    let world = World::new(Some(7)).at(s(5), Event::Removed(8)).at(s(5), Event::Announced(8));
    assert_eq!(events(world), [(0, 7)]);
}

#[test]
fn clients_get_pings() {
    let (world, _) = led(World::new(None));
    assert!(world.frames().len() >= 3, "{:?}", world.frames());
    let mut last = Duration::ZERO;
    for (time, frame) in world.frames() {
        assert_eq!(frame, Frame::Ping);
        assert!(time - last <= s(12), "{:?}", world.frames());
        last = time;
    }
}

#[test]
fn a_part_ends_in_time() {
    let (mut world, _) = led(World::new(Some(7)));
    assert!((LENGTH..=LENGTH + s(5)).contains(&world.now()), "{:?}", world.now());
    // Also in the middle of waiting for the store.
    world = World::new(Some(7)).at(s(39), Event::Announced(8));
    let (world, _) = led(world);
    assert!((LENGTH..=LENGTH + ms(100)).contains(&world.now()), "{:?}", world.now());
}

#[test]
fn a_leader_that_has_worked_enough_ends_early() {
    let mut world = World::new(Some(7));
    world.set(|state| state.kv_read_costs = ms(6));
    for n in 0..30 {
        world.plan(s(1 + n), Event::Written(8 + n));
        world.plan(s(1 + n), Event::Announced(8 + n));
    }
    let (world, report) = led(world);
    assert_eq!(report.looks, 5);
    assert!(world.now() < s(6), "{:?}", world.now());
}

#[test]
fn a_leader_that_has_worked_enough_at_once_rests_before_it_ends() {
    let world = World::new(Some(7)).at(s(1), Event::Written(8)).at(s(1), Event::Announced(8));
    world.set(|state| state.kv_read_costs = ms(60));
    let (world, report) = led(world);
    assert_eq!((world.now(), report.looks), (s(5), 1));
}

#[test]
fn a_client_that_is_served_alone_hears_of_changes_and_makes_no_request_to_the_origin() {
    let mut world = World::new(Some(7)).at(s(12), Event::Written(8));
    world.set(|state| state.parts.fail = true);
    let report = world.lead();
    assert_eq!((report.requests, report.looks), (0, 4));
    let events: Vec<(u64, u64)> =
        world.events().iter().map(|(time, revision)| (time.as_secs(), *revision)).collect();
    assert_eq!(events, [(0, 7), (20, 8)]);
}

#[test]
fn a_silent_part_has_pings_and_nothing_else() {
    let mut world = World::new(Some(7));
    for (n, protocol) in [(0, Protocol::Flagsmith), (1, Protocol::Ofrep)] {
        let silent = Subscription { channel: Channel::Silent, protocol, heard: None };
        assert_eq!(world.serve(&silent), Report { events: 0, looks: 0, requests: 0 });
        let pings = [10, 20, 30, 40].map(|time| (s(40 * n + time), Frame::Ping));
        assert_eq!(world.frames()[4 * usize::try_from(n).unwrap()..], pings);
    }
}

#[test]
fn a_revision_ahead_of_the_origins_clock_is_looked_for_as_any_other() {
    // The store lags by 1.5 s behind the announcement.
    let world = World::new(Some(7)).at(s(5), Event::AnnouncedAhead(6)).at(ms(6_500), Event::Written(1_000));
    let events = events(world);
    assert_eq!(events[1].1, 1_000);
    assert!(events[1].0 <= 7_500, "{events:?}");
}

#[test]
fn while_the_store_has_not_shown_the_environment_no_leader_connects_to_the_origin() {
    let (world, report) = led(World::new(None).at(s(0), Event::StoreFails(true)));
    assert_eq!((report.requests, world.events().len()), (0, 0));
    // As soon as it has, changes are heard of as ever.
    let world = World::new(None).at(s(0), Event::StoreFails(true)).at(s(9), Event::Written(7));
    let world = world.at(s(10), Event::StoreFails(false)).at(s(20), Event::Written(8));
    let events = events(world.at(s(20), Event::Announced(8)));
    assert!(events[0].1 == 7 && events[0].0 <= 12_100, "{events:?}");
    assert!(events[1].1 == 8 && events[1].0 <= 20_100, "{events:?}");
}

#[test]
fn the_record_of_a_revision_that_the_store_no_longer_has_ends() {
    // The store was set back, and the copy is gone: only the record shows what clients had heard.
    let mut world = World::new(Some(5));
    world.set(|state| state.happen(Event::RecordIs(Some(9))));
    for _ in 0..4 {
        world.lead();
    }
    assert_eq!(world.events().len(), 4);
    assert_eq!(world.driver.step(|state| state.recorded()), Some(5));
}

/// What clients of OFREP were told of, in the order in which they connected: before their parts, and in them.
fn told(world: &World) -> Vec<(Vec<u64>, Vec<u64>)> {
    world.driver.step(|state| {
        let joined = state.joined.iter();
        joined.map(|joined| state.told(joined)).collect()
    })
}

/// A revision costs each client of OFREP one request for its flags, whenever it connects.
#[test]
fn clients_of_ofrep_are_told_of_each_revision_once() {
    let connects = |world: World, time, heard| world.at(ms(time), Event::Connects(heard));
    let change = |world: World, time, revision| {
        world.at(ms(time), Event::Written(revision)).at(ms(time), Event::Announced(revision))
    };
    let mut world = connects(World::new(Some(7)), 1_000, None);
    world = connects(world, 1_000, Some(6));
    world = connects(world, 1_000, Some(7));
    // It comes from a POP that is ahead.
    world = connects(world, 1_000, Some(8));
    world = change(world, 5_000, 8);
    world = connects(world, 6_000, None);
    world = connects(world, 6_000, Some(7));
    world = connects(world, 6_000, Some(8));
    world = change(world, 20_000, 9);
    let expected = [
        (vec![7], vec![8, 9]),
        (vec![7], vec![8, 9]),
        (vec![], vec![8, 9]),
        (vec![], vec![8, 9]),
        (vec![8], vec![9]),
        (vec![8], vec![9]),
        (vec![], vec![9]),
    ];
    let (mut world, report) = led(world);
    assert_eq!((report.events, report.requests), (3, 1));
    assert_eq!(told(&world)[1..], expected);
    // It is the same behind a leader whose client is one of them.
    world.serve(&by_ofrep(Some(8)));
    assert_eq!(told(&world).last().unwrap(), &(vec![9], vec![]));
    world.serve(&by_ofrep(Some(9)));
    assert_eq!(told(&world).last().unwrap(), &(vec![], vec![]));
    assert!(world.events().ends_with(&[(world.now() - LENGTH, 9)]), "{:?}", world.events());
}

#[test]
fn a_client_of_ofrep_that_is_served_alone_is_told_of_each_revision_once() {
    for (heard, before) in [(None, vec![7]), (Some(7), vec![])] {
        let mut world = World::new(Some(7)).at(s(12), Event::Written(8));
        world.set(|state| state.parts.fail = true);
        world.serve(&by_ofrep(heard));
        assert_eq!(told(&world), [(before, vec![8])]);
    }
}

/// Each renewal is one more object to write, so there are eight at most in a part.
#[test]
fn of_many_changes_while_clients_join_some_are_told_twice() {
    let mut world = World::new(Some(0));
    for n in 1..=12 {
        world.plan(s(n), Event::Written(n));
        world.plan(s(n), Event::Announced(n));
    }
    world.plan(ms(12_500), Event::Connects(Some(12)));
    let (world, _) = led(world);
    assert_eq!(told(&world)[1], (vec![], vec![9, 10, 11, 12]));
}

#[test]
fn a_client_of_ofrep_is_told_of_nothing_that_cannot_be_read() {
    let removed = World::new(Some(7)).at(s(1), Event::Removed(8)).at(s(1), Event::Announced(8));
    for world in [removed, World::new(Some(7)).at(s(1), Event::Evicted)] {
        let world = world.at(ms(1_100), Event::Connects(None));
        world.set(|state| state.ensures_record = false);
        assert_eq!(told(&led(world).0)[1].0, Vec::<u64>::new());
    }
    // A slow request inserted an older copy: other clients heard of a later revision.
    let world = World::new(Some(7)).at(s(1), Event::Inserted(6)).at(ms(1_010), Event::Connects(Some(6)));
    world.set(|state| state.ensures_record = false);
    assert_eq!(told(&led(world).0)[1].0, [7]);
}

#[test]
fn an_object_that_breaks_off_costs_the_clients_of_its_protocol_alone() {
    let world = |broken| {
        let world =
            World::new(Some(7)).at(s(1), Event::Connects(Some(7))).at(s(2), Event::ObjectBreaks(broken));
        led(world.at(s(3), Event::Written(8)).at(s(3), Event::Announced(8))).0
    };
    let of_flagsmith = |world: &World| -> Vec<u64> { world.events().iter().map(|event| event.1).collect() };
    let without_flagsmith = world(true);
    assert_eq!(of_flagsmith(&without_flagsmith), [7]);
    assert_eq!(told(&without_flagsmith)[1], (vec![], vec![8]));
    let without_ofrep = world(false);
    assert_eq!(of_flagsmith(&without_ofrep), [7, 8]);
    assert_eq!(told(&without_ofrep)[1], (vec![], vec![]));
    for world in [without_flagsmith, without_ofrep] {
        assert!(world.now() >= LENGTH, "the part goes on");
        assert!(world.log().iter().any(|line| line.contains("broke off")), "{:?}", world.log());
    }
}
