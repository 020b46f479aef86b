//! Temporary errors: calls are tried again, by a policy with an end.

use std::time::{Duration, Instant};

use publisher::{Client, PublishOptions, SystemClock, publish};
use tests::fastly::{Fault, Kind};

use super::world::{ITEM, NOW, World, document, outcome, source, target};

const MARCH: &str = "2026-03-01T00:00:00Z";

#[test]
fn temporary_errors_are_tried_again() {
    for kind in [Kind::Read, Kind::Write, Kind::Purge, Kind::Announce] {
        for fault in [Fault::Answer(429), Fault::Answer(500), Fault::Answer(503), Fault::Cut, Fault::BreakOff]
        {
            let world = World::new();
            let key = if kind == Kind::Announce { "a" } else { ITEM };
            world.api.fail(kind, key, [fault; 5]);
            let outcome = world.publish(&document("one", MARCH));
            let revision = world.header().revision;
            assert_eq!(outcome, format!("written {revision}"), "{kind:?} {fault:?}");
        }
    }
}

#[test]
fn writes_that_come_too_fast_wait_for_each_other() {
    let world = World::new();
    world.api.limit_writes(Duration::from_secs(1));
    let clock = SystemClock::start();
    let client = Client::new(target(&world.api), &clock);
    let started = Instant::now();
    for value in ["one", "two"] {
        let report = publish(&client, &source(&document(value, MARCH)), &[], &PublishOptions::default());
        assert!(outcome(&report).starts_with("written"), "{}", outcome(&report));
    }
    assert!(started.elapsed() >= Duration::from_secs(1));
    assert!(world.api.story().iter().any(|line| line.ends_with(" 429")));
}

#[test]
fn the_wait_of_retry_after_is_kept() {
    let world = World::new();
    world.api.fail(Kind::Write, ITEM, [Fault::AskToWait(429, 7), Fault::AskToWait(503, 30)]);
    assert_eq!(world.publish(&document("one", MARCH)), format!("written {NOW}"));
    assert_eq!(world.seconds(), 37);
}

#[test]
fn a_wait_beyond_the_time_limit_is_not_begun() {
    let world = World::new();
    world.api.fail(Kind::Read, ITEM, [Fault::AskToWait(429, 3_600)]);
    assert_eq!(
        world.publish(&document("one", MARCH)),
        "reading environment/a from the KV store: answered 429 Too Many Requests: \
         {\"title\":\"injected\",\"status\":429} (to be called again after 3600 s)"
    );
    assert_eq!(world.seconds(), 0);
}

#[test]
fn retries_end_after_three_minutes() {
    let world = World::new();
    world.api.fail(Kind::Read, ITEM, [Fault::AskToWait(503, 40); 100]);
    let outcome = world.publish(&document("one", MARCH));
    assert!(
        outcome.contains("answered 503") && outcome.ends_with("(to be called again after 40 s)"),
        "{outcome}"
    );
    assert_eq!(world.seconds(), 160, "four waits; a fifth would have gone beyond three minutes");
    world.api.fail_at_random(None);

    world.given(&document("one", MARCH));
    let before = world.seconds();
    let waits = [Fault::Overtaken, Fault::AskToWait(503, 50)].repeat(8);
    world.api.fail(Kind::Write, ITEM, waits);
    let outcome = world.publish(&document("two", MARCH));
    assert!(world.seconds() - before <= 180, "{} s: {outcome}", world.seconds() - before);
    assert!(!outcome.starts_with("written"), "{outcome}");
}
