//! Writes that seem to fail, and may have taken place.

use std::thread;
use std::time::Duration;

use tests::eventually;
use tests::fastly::{Event, Fault, Kind};

use super::world::{ITEM, NOW, World, bundle_of, document};

const MARCH: &str = "2026-03-01T00:00:00Z";

/// The faults after which the publisher does not know that the write took place.
const DONE: [Fault; 4] =
    [Fault::DoneButAnswer(500), Fault::DoneButAnswer(503), Fault::DoneButCut, Fault::BreakOff];

fn stored(world: &World) -> usize {
    world.api.events().iter().filter(|event| matches!(event, Event::Stored(_))).count()
}

#[test]
fn a_first_write_that_was_done_is_published_once() {
    for fault in DONE {
        let world = World::new();
        world.api.fail(Kind::Write, ITEM, [fault]);
        assert_eq!(world.publish(&document("one", MARCH)), format!("written {NOW}"), "{fault:?}");
        assert_eq!(stored(&world), 1, "{fault:?}");
        let story = world.api.story();
        assert!(story.contains(&format!("announced a {NOW}")), "{fault:?}: {story:?}");
        assert!(story.contains(&"softly purged environment/a".to_owned()), "{fault:?}: {story:?}");
    }
}

#[test]
fn a_later_write_that_was_done_is_published_once() {
    for fault in DONE {
        let world = World::new();
        world.given(&document("one", MARCH));
        world.api.fail(Kind::Write, ITEM, [fault]);
        assert_eq!(world.publish(&document("two", MARCH)), format!("written {}", NOW + 1), "{fault:?}");
        assert_eq!(stored(&world), 1, "{fault:?}");
    }
}

#[test]
fn a_write_that_was_done_is_recognised_behind_reads_that_are_out_of_date() {
    let world = World::new();
    world.given(&document("one", MARCH));
    world.api.fail(Kind::Write, ITEM, [Fault::DoneButCut]);
    // The first read decides; the store has nothing older then.
    world.api.fail(Kind::Read, ITEM, [Fault::Delay(0), Fault::Stale, Fault::Stale]);
    assert_eq!(world.publish(&document("two", MARCH)), format!("written {}", NOW + 1));
    assert_eq!(stored(&world), 1);
}

#[test]
fn a_write_whose_every_answer_was_lost_is_found_in_the_store() {
    let world = World::new();
    world.given(&document("one", MARCH));
    let mut faults = [Fault::Cut; 6];
    faults[2] = Fault::DoneButCut;
    world.api.fail(Kind::Write, ITEM, faults);
    assert_eq!(world.publish(&document("two", MARCH)), format!("written {}", NOW + 1));
    assert_eq!(stored(&world), 1);
}

#[test]
fn a_write_of_unknown_outcome_is_reported_and_not_announced() {
    let world = World::new();
    world.given(&document("one", MARCH));
    world.api.fail(Kind::Write, ITEM, [Fault::Answer(503); 6]);
    assert_eq!(
        world.publish(&document("two", MARCH)),
        "writing environment/a to the KV store: answered 503 Service Unavailable: {\"title\":\"injected\",\"status\":503}; \
         whether it was written is not known, and publishing again settles it"
    );
    assert!(!world.api.story().iter().any(|line| line.starts_with("POST")));
    let again = world.publish(&document("two", MARCH));
    assert_eq!(again, format!("written {}", world.header().revision));
}

#[test]
fn a_late_write_never_replaces_a_later_one() {
    let world = World::new();
    world.given(&document("one", MARCH));
    // The first try arrives long after the second was done, and finds another generation.
    let late = Fault::DoneLate(50);
    world.api.fail(Kind::Write, ITEM, [late]);
    assert_eq!(world.publish(&document("two", MARCH)), format!("written {}", NOW + 1));
    assert_eq!(world.publish(&document("three", MARCH)), format!("written {}", NOW + 2));
    eventually("the late write is refused", Duration::from_secs(10), || {
        let late = |event: &Event| matches!(event, Event::Called { status: Some(412), fault: Some(fault), .. } if *fault == late);
        world.api.events().iter().any(late).then_some(())
    });
    assert_eq!(world.header().revision.0, NOW + 2);
    assert_eq!(stored(&world), 2);
}

#[test]
fn a_retry_decides_again_after_another_publisher_wrote() {
    let world = World::new();
    world.given(&document("one", MARCH));
    // Written with its answer lost, and replaced by another publisher with a later document before it is tried again.
    world.api.fail(Kind::Write, ITEM, [Fault::DoneButCut, Fault::Delay(500)]);
    let outcome = thread::scope(|scope| {
        let publication = scope.spawn(|| world.publish(&document("two", MARCH)));
        eventually("it is written", Duration::from_secs(10), || {
            (world.header().revision.0 == NOW + 1).then_some(())
        });
        let (value, metadata) = bundle_of(NOW + 9, Some("2026-03-02T00:00:00Z"));
        world.api.write(ITEM, &value, Some(&metadata));
        publication.join().unwrap()
    });
    assert!(
        outcome.starts_with("updated_at: 2026-03-01T00:00:00Z is earlier than 2026-03-02T00:00:00Z"),
        "{outcome}"
    );
    assert_eq!(world.header().revision.0, NOW + 9);
}
