//! Environments that are removed, and come back.

use publisher::PublishOptions;
use tests::fastly::{Fault, Kind};

use super::world::{ITEM, NOW, World, document, document_of};

const MARCH: &str = "2026-03-01T00:00:00Z";
const FEBRUARY: &str = "2026-02-01T00:00:00Z";

#[test]
fn a_removal_is_a_publication() {
    let world = World::new();
    world.given(&document("one", MARCH));
    let before = world.header();
    assert_eq!(world.unpublish("a", false), format!("written {}", NOW + 1));
    let header = world.header();
    assert!(header.tombstone && header.switches.stop_serving_flags);
    assert_eq!(header.revision.0, NOW + 1);
    assert_eq!(
        (header.source_updated_at, header.source_hash, header.settings),
        (before.source_updated_at, before.source_hash, before.settings),
        "the header keeps the data that later decisions need"
    );
    let story = world.api.story();
    assert_eq!(
        story[4..],
        [
            "softly purged environment/a".to_owned(),
            "POST /service/service-1/purge/environment%2Fa 200".into(),
            format!("announced a {}", NOW + 1),
            "POST /sse/environments/a/queue-change 200".into(),
        ]
    );
}

#[test]
fn a_second_removal_is_announced_again() {
    let world = World::new();
    world.given(&document("one", MARCH));
    world.unpublish("a", false);
    world.api.story();
    assert_eq!(world.unpublish("a", false), format!("unchanged {}", NOW + 1));
    let story = world.api.story();
    assert!(story.contains(&format!("announced a {}", NOW + 1)), "{story:?}");
    assert!(!story.iter().any(|line| line.starts_with("PUT")), "{story:?}");
}

#[test]
fn an_unknown_environment_cannot_be_removed() {
    let world = World::new();
    assert_eq!(world.unpublish("a", false), "environment `a` is not in the store");
    assert_eq!(world.api.stored(ITEM), None);
}

#[test]
fn a_dry_run_removes_nothing() {
    let world = World::new();
    world.given(&document("one", MARCH));
    assert_eq!(world.unpublish("a", true), format!("planned {}", NOW + 1));
    assert_eq!(world.api.story().len(), 1);
    assert!(!world.header().tombstone);
}

#[test]
fn a_removed_environment_can_be_published_again() {
    let world = World::new();
    world.given(&document("one", MARCH));
    world.unpublish("a", false);
    assert_eq!(world.publish(&document("one", MARCH)), format!("written {}", NOW + 2), "the same document");
    world.unpublish("a", false);
    let without_time = world.publish(&document_of("a", "two", None));
    assert_eq!(without_time, format!("written {}", NOW + 4));
}

#[test]
fn an_older_document_does_not_come_back_unforced() {
    let world = World::new();
    world.given(&document("one", MARCH));
    world.unpublish("a", false);
    let refused = world.publish(&document("old", FEBRUARY));
    assert!(refused.starts_with("updated_at: 2026-02-01T00:00:00Z is earlier than 2026-03-01"), "{refused}");
    assert!(world.header().tombstone);
    let force = PublishOptions { force: true, ..PublishOptions::default() };
    let forced = world.publish_with(&document("old", FEBRUARY), &[], &force);
    assert_eq!(forced, format!("written {}", NOW + 2));
    assert!(!world.header().tombstone);
}

#[test]
fn a_removal_is_as_persistent_as_a_publication() {
    for fault in [Fault::Overtaken, Fault::DoneButCut, Fault::Answer(429), Fault::DoneButAnswer(503)] {
        let world = World::new();
        world.given(&document("one", MARCH));
        world.api.fail(Kind::Write, ITEM, [fault]);
        assert_eq!(world.unpublish("a", false), format!("written {}", NOW + 1), "{fault:?}");
        assert!(world.header().tombstone, "{fault:?}");
    }
}

#[test]
fn whatever_is_stored_can_be_removed() {
    let world = World::new();
    world.api.write(ITEM, b"something else", None);
    assert_eq!(world.unpublish("a", false), format!("written {NOW}"));
    assert!(world.header().tombstone);
}
