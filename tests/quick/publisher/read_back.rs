//! Reading a value back after a write.

use std::thread;
use std::time::Duration;

use tests::eventually;
use tests::fastly::{Fault, Kind};

use super::world::{ITEM, NOW, World, bundle_of, document};

const MARCH: &str = "2026-03-01T00:00:00Z";

/// The read that decides goes through; those that follow it do not.
fn after_the_first_read(world: &World, faults: &[Fault]) {
    world.api.fail(Kind::Read, ITEM, [Fault::Delay(0)]);
    world.api.fail(Kind::Read, ITEM, faults.iter().copied());
}

#[test]
fn an_older_value_is_read_again_until_the_new_one_shows() {
    let world = World::new();
    world.given(&document("one", MARCH));
    after_the_first_read(&world, &[Fault::Stale; 10]);
    assert_eq!(world.publish(&document("two", MARCH)), format!("written {}", NOW + 1));
    assert_eq!(world.api.story().last().unwrap(), "POST /sse/environments/a/queue-change 200");
}

#[test]
fn a_missing_value_is_read_again_until_it_shows() {
    let world = World::new();
    after_the_first_read(&world, &[Fault::Stale; 10]);
    assert_eq!(world.publish(&document("one", MARCH)), format!("written {NOW}"));
}

#[test]
fn bodies_that_break_off_are_read_again() {
    let world = World::new();
    after_the_first_read(
        &world,
        &[Fault::BreakOff, Fault::BreakOff, Fault::Cut, Fault::Stale, Fault::BreakOff],
    );
    assert_eq!(world.publish(&document("one", MARCH)), format!("written {NOW}"));
}

#[test]
fn a_write_that_never_shows_is_not_announced() {
    let world = World::new();
    world.given(&document("one", MARCH));
    after_the_first_read(&world, &[Fault::Stale; 14]);
    assert_eq!(
        world.publish(&document("two", MARCH)),
        "environment/a was written, and the store does not show it: it shows something older"
    );
    assert!(!world.api.story().iter().any(|line| line.starts_with("POST")), "nothing is announced");
    let again = world.publish(&document("two", MARCH));
    assert_eq!(again, format!("unchanged {}", NOW + 1), "and the next publication announces it");
    assert!(world.api.story().contains(&format!("announced a {}", NOW + 1)));
}

#[test]
fn a_write_that_cannot_be_read_back_is_not_announced() {
    let world = World::new();
    after_the_first_read(&world, &[Fault::Answer(503); 6]);
    assert_eq!(
        world.publish(&document("one", MARCH)),
        "environment/a was written, and the store does not show it: reading environment/a from the KV store: \
         answered 503 Service Unavailable: {\"title\":\"injected\",\"status\":503}"
    );
    assert!(!world.api.story().iter().any(|line| line.starts_with("POST")), "nothing is announced");
}

#[test]
fn a_later_write_of_another_publisher_counts_as_read_back() {
    let world = World::new();
    world.given(&document("one", MARCH));
    // Another publisher writes between our write and the read after it.
    let (value, metadata) = bundle_of(NOW + 5, None);
    world.api.fail(Kind::Read, ITEM, [Fault::Delay(0), Fault::Delay(300)]);
    let outcome = thread::scope(|scope| {
        let publication = scope.spawn(|| world.publish(&document("two", MARCH)));
        eventually("it is written", Duration::from_secs(10), || {
            (world.header().revision.0 == NOW + 1).then_some(())
        });
        world.api.write(ITEM, &value, Some(&metadata));
        publication.join().unwrap()
    });
    assert_eq!(outcome, format!("written {}", NOW + 1));
    assert_eq!(world.header().revision.0, NOW + 5);
}
