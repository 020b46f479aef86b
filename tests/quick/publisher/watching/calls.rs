//! The calls of a change, and changes that need no call.

use std::time::Duration;

use publisher::watch::PlaceState;
use publisher::{Clock, Quota};
use tests::fastly::Event;

use super::{MARCH, STEP, Watching};
use crate::publisher::world::{NOW, document};

#[test]
fn a_burst_is_written_once_a_second_and_its_last_change_stays() {
    let mut watching = Watching::new();
    for number in 0..50 {
        watching.put("a.json", &document(&number.to_string(), MARCH));
        watching.pass(STEP);
    }
    watching.pass_seconds(5);
    let writes = watching.writes();
    assert_eq!(writes.first().map(String::as_str), Some("0"));
    assert_eq!(writes.last().map(String::as_str), Some("49"));
    assert!((5..=7).contains(&writes.len()), "one a second: {writes:?}");
    for pair in watching.writings.windows(2) {
        assert!(pair[1].0 >= pair[0].1 + Duration::from_secs(1), "{:?}", watching.writings);
    }
    assert!(watching.watch.unsettled().is_empty());
    let revision = watching.world.header().revision.0;
    assert!(revision <= NOW + watching.world.seconds(), "revisions do not run ahead of the clock");
}

#[test]
fn an_unchanged_environment_is_announced_at_the_start_and_not_written() {
    let mut watching = Watching::new();
    watching.world.given(&document("one", MARCH));
    watching.put("a.json", &document("one", MARCH));
    watching.pass_seconds(60);
    assert_eq!(watching.story(), ["softly purged environment/a", &format!("announced a {NOW}")]);
    assert_eq!(watching.said(), [format!("a.json: unchanged: environment `a` is stored as revision {NOW}")]);
}

#[test]
fn a_bundle_that_was_stored_hours_ago_is_not_purged_again() {
    let mut watching = Watching::new();
    watching.world.given(&document("one", MARCH));
    watching.world.clock.advance(Duration::from_secs(3 * 3_600));
    watching.put("a.json", &document("one", MARCH));
    watching.pass_seconds(60);
    assert_eq!(watching.story(), [format!("announced a {NOW}")]);
    assert!(watching.watch.unsettled().is_empty());
}

fn calls_of_the_api(watching: &Watching) -> usize {
    let events = watching.world.api.events();
    events
        .iter()
        .filter(|event| matches!(event, Event::Called { target, .. } if !target.contains("/sse/")))
        .count()
}

#[test]
fn a_change_costs_a_write_a_read_and_a_purge() {
    let mut watching = Watching::new();
    watching.put("a.json", &document("0", MARCH));
    watching.pass_seconds(2);
    let before = calls_of_the_api(&watching);
    for number in 1..=5 {
        watching.put("a.json", &document(&number.to_string(), MARCH));
        watching.pass_seconds(2);
    }
    assert_eq!(watching.writes(), ["0", "1", "2", "3", "4", "5"]);
    assert_eq!(calls_of_the_api(&watching) - before, 15);
}

#[test]
fn a_document_of_the_stored_content_costs_no_call() {
    let mut watching = Watching::new();
    watching.put("a.json", &document("one", MARCH));
    watching.pass_seconds(2);
    watching.story();
    // In other words, and back again before it was written.
    watching.observe("a.json", PlaceState::Content(document("one", MARCH).to_string() + "\n"));
    watching.pass_seconds(2);
    watching.put("a.json", &document("two", MARCH));
    watching.put("a.json", &document("one", MARCH));
    watching.pass_seconds(2);
    assert_eq!(watching.story(), Vec::<String>::new());
    assert!(watching.watch.unsettled().is_empty());
}

#[test]
fn a_bundle_of_another_publisher_is_found_and_replaced() {
    let mut watching = Watching::new();
    watching.put("a.json", &document("one", MARCH));
    watching.pass_seconds(2);
    watching.world.given(&document("two", MARCH));
    watching.pass_seconds(60);
    assert_eq!(watching.writes(), ["one"], "after what the other wrote");
}

#[test]
fn a_remembered_generation_that_is_gone_is_read_again() {
    let mut watching = Watching::new();
    watching.put("a.json", &document("one", MARCH));
    watching.pass_seconds(2);
    // The other watch was quicker.
    watching.world.given(&document("two", MARCH));
    let before = watching.writes().len();
    watching.put("a.json", &document("two", MARCH));
    watching.pass_seconds(2);
    assert_eq!(watching.writes().len(), before, "the store has it already");
    watching.put("a.json", &document("three", MARCH));
    watching.pass_seconds(2);
    assert_eq!(watching.writes().last().map(String::as_str), Some("three"));
}

#[test]
fn when_few_calls_are_left_only_the_last_of_several_changes_is_written() {
    let mut watching = Watching::new();
    watching.put("a.json", &document("0", MARCH));
    watching.pass_seconds(2);
    // Ten changes in five minutes.
    let quota = Quota::new(30, NOW + 302);
    for number in 1..=100 {
        let lines = watching.watch.set_quota(quota, watching.world.clock.now());
        watching.say(lines.into_iter().collect());
        watching.put("a.json", &document(&number.to_string(), MARCH));
        watching.pass_seconds(1);
    }
    assert_eq!(
        watching.said()[1],
        "the API takes few more calls, so changes are written every 30.0 s until it takes more"
    );
    assert!((4..=6).contains(&watching.writes().len()), "{:?}", watching.writes());
    let lines = watching.watch.set_quota(Quota::new(1_000, NOW + 3_902), watching.world.clock.now());
    assert_eq!(lines.unwrap().line, "the API takes enough calls again");
    watching.pass_seconds(1);
    assert_eq!(watching.writes().last().map(String::as_str), Some("100"));
    assert!(watching.watch.unsettled().is_empty());
}
