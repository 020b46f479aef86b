//! The calls of a publication, in order; and other publishers.

use api::{EnvironmentKey, Secret};
use publisher::{Client, PublishOptions, Report, Signals, Target, publish, unpublish};
use serde_json::json;
use tests::fastly::{Fault, Kind};

use super::world::{ITEM, NOW, World, bundle_of, document, keys, outcome, source, target};

const MARCH: &str = "2026-03-01T00:00:00Z";
const PATH: &str = "/resources/stores/kv/store%2F1/keys/environment%2Fa";
const PURGE: &str = "/service/service-1/purge/environment%2Fa";
const ANNOUNCE: &str = "/sse/environments/a/queue-change";

#[test]
fn a_first_publication_call_by_call() {
    let world = World::new();
    assert_eq!(world.publish(&document("one", MARCH)), format!("written {NOW}"));
    let expected = [
        format!("GET {PATH} 404"),
        "stored environment/a".into(),
        format!("PUT {PATH}?add=true 200"),
        format!("GET {PATH} 200"),
        "softly purged environment/a".into(),
        format!("POST {PURGE} 200"),
        format!("announced a {NOW}"),
        format!("POST {ANNOUNCE} 200"),
    ];
    assert_eq!(world.api.story(), expected);
    let header = world.header();
    assert_eq!(header.revision.0, NOW);
    assert_eq!(header.source_updated_at.as_deref(), Some(MARCH));
}

#[test]
fn a_later_publication_replaces_what_was_read() {
    let world = World::new();
    world.given(&document("one", MARCH));
    assert_eq!(world.publish(&document("two", MARCH)), format!("written {}", NOW + 1));
    assert_eq!(
        world.api.story()[..3],
        [format!("GET {PATH} 200"), "stored environment/a".into(), format!("PUT {PATH} 200"),]
    );
}

#[test]
fn an_unchanged_environment_is_purged_and_announced_again() {
    let world = World::new();
    world.given(&document("one", MARCH));
    assert_eq!(world.publish(&document("one", MARCH)), format!("unchanged {NOW}"));
    let expected = [
        format!("GET {PATH} 200"),
        "softly purged environment/a".into(),
        format!("POST {PURGE} 200"),
        format!("announced a {NOW}"),
        format!("POST {ANNOUNCE} 200"),
    ];
    assert_eq!(world.api.story(), expected);
}

#[test]
fn a_dry_run_only_reads() {
    let world = World::new();
    let options = PublishOptions { dry_run: true, ..PublishOptions::default() };
    let planned = world.publish_with(&document("one", MARCH), &keys(&json!(["ser.x"])), &options);
    assert_eq!(planned, format!("planned {NOW}; 1 keys"));
    let story = world.api.story();
    assert!(story.iter().all(|line| line.starts_with("GET ")), "{story:?}");
}

#[test]
fn a_publisher_that_was_overtaken_decides_again() {
    let world = World::new();
    world.given(&document("one", MARCH));
    world.api.fail(Kind::Write, ITEM, [Fault::Overtaken]);
    assert_eq!(world.publish(&document("two", MARCH)), format!("written {}", NOW + 1));
    let mismatches = world.api.story().iter().filter(|line| line.ends_with(" 412")).count();
    assert_eq!(mismatches, 1);
}

#[test]
fn a_publisher_that_is_always_overtaken_gives_up_and_says_so() {
    let world = World::new();
    world.given(&document("one", MARCH));
    world.api.fail(Kind::Write, ITEM, [Fault::Overtaken; 8]);
    assert_eq!(
        world.publish(&document("two", MARCH)),
        "environment/a: other publishers wrote first, 8 times in a row"
    );
    assert!(!world.api.story().iter().any(|line| line.starts_with("POST")), "nothing is announced");
    assert_eq!(world.header().revision.0, NOW);
}

#[test]
fn a_read_that_is_out_of_date_neither_goes_back_nor_overwrites() {
    let world = World::new();
    world.given(&document("one", MARCH));
    world.given(&document("two", "2026-03-01T12:00:00Z"));
    // The first read shows `one`, which a document of March 1 may replace. The store has `two`, which it may not
    // replace.
    world.api.fail(Kind::Read, ITEM, [Fault::Stale]);
    assert_eq!(
        world.publish(&document("three", "2026-03-01T06:00:00Z")),
        "updated_at: 2026-03-01T06:00:00Z is earlier than 2026-03-01T12:00:00Z, which is stored; `--force` publishes \
         it all the same, and so does a later `updated_at` in the file, after a `git revert` for example"
    );
    world.api.fail(Kind::Read, ITEM, [Fault::Stale, Fault::Stale]);
    assert_eq!(world.publish(&document("four", "2026-03-01T18:00:00Z")), format!("written {}", NOW + 2));
}

#[test]
fn revisions_continue_after_those_of_other_publishers() {
    for (situation, revision, value, metadata) in [
        ("by a clock that is ahead", NOW + 50, None, None),
        (
            "by a later version",
            NOW + 60,
            Some("jackstaff-bundle 9\n"),
            Some(r#"{"revision":REVISION,"new":1}"#),
        ),
        ("damaged", NOW + 70, Some("?"), None),
    ] {
        let world = World::new();
        let (bytes, header) = bundle_of(revision, None);
        let value = value.map_or(bytes, |value| value.as_bytes().to_vec());
        let metadata = metadata.map_or(header, |text| text.replace("REVISION", &revision.to_string()));
        world.api.write(ITEM, &value, Some(&metadata));
        assert_eq!(
            world.publish(&document("one", MARCH)),
            format!("written {}", revision + 1),
            "{situation}"
        );
    }
    let world = World::new();
    world.api.write(ITEM, b"something else", None);
    assert_eq!(world.publish(&document("one", MARCH)), format!("written {NOW}"), "no bundle at all");
}

#[test]
fn a_bundle_that_is_damaged_in_the_store_is_not_unchanged() {
    let world = World::new();
    world.given(&document("one", MARCH));
    let stored = world.api.stored(ITEM).unwrap();
    let mut value = stored.value.to_vec();
    *value.last_mut().unwrap() ^= 1;
    world.api.write(ITEM, &value, stored.metadata.as_deref());
    assert_eq!(world.publish(&document("one", MARCH)), format!("written {}", NOW + 1));
    assert_eq!(world.publish(&document("one", MARCH)), format!("unchanged {}", NOW + 1));
}

#[test]
fn a_refusal_is_not_tried_again_and_a_redirection_not_followed() {
    let world = World::new();
    let answer = |status| world.api.fail(Kind::Read, ITEM, [Fault::Answer(status)]);
    for (status, reason) in [
        (401, "Unauthorized"),
        (403, "Forbidden"),
        (400, "Bad Request"),
        (302, "Found"),
        (307, "Temporary Redirect"),
    ] {
        answer(status);
        let expected = format!(
            "reading environment/a from the KV store: answered {status} {reason}: \
             {{\"title\":\"injected\",\"status\":{status}}}"
        );
        assert_eq!(world.publish(&document("one", MARCH)), expected);
        assert_eq!(world.api.story().len(), 1);
    }
}

#[test]
fn without_a_service_or_an_origin_nothing_is_purged_or_announced() {
    let world = World::new();
    let target = Target { service: None, signals: Signals::None, ..target(&world.api) };
    let client = Client::new(target, &world.clock);
    let report = publish(&client, &source(&document("one", MARCH)), &[], &PublishOptions::default());
    assert_eq!(outcome(&report), format!("written {NOW}"));
    assert!(!world.api.story().iter().any(|line| line.starts_with("POST")));
}

#[test]
fn tokens_do_not_show() {
    let world = World::new();
    assert!(!format!("{:?}", target(&world.api)).contains("token-"), "not in a debug text either");
    assert!(Secret::parse_token("with\nnewline").is_err());
}

#[test]
fn a_failed_purge_or_announcement_is_reported_and_the_rest_is_done() {
    let world = World::new();
    world.api.fail(Kind::Purge, ITEM, [Fault::Answer(403)]);
    let outcome = world.publish(&document("one", MARCH));
    let expected = format!(
        "written {NOW}; purging environment/a: answered 403 Forbidden: {{\"title\":\"injected\",\"status\":403}}"
    );
    assert_eq!(outcome, expected);
    assert!(world.api.story().contains(&format!("announced a {NOW}")));
    world.api.fail(Kind::Announce, "a", [Fault::Answer(500); 6]);
    let outcome = world.publish(&document("one", MARCH));
    assert!(
        outcome.starts_with(&format!("unchanged {NOW}; announcing a to the origin: answered 500")),
        "{outcome}"
    );
}

/// `stored + 1` was 0 after the greatest number that there is, so a lower revision was stored.
#[test]
fn nothing_is_stored_after_a_revision_that_none_can_follow() {
    for revision in [u64::MAX, u64::MAX - 1, 253_402_300_799] {
        let world = World::new();
        let (value, metadata) = bundle_of(revision, None);
        world.api.write(ITEM, &value, Some(&metadata));
        world.api.story();
        let expected = format!(
            "environment `a` is stored as revision {revision}, which is after the year 9999, so no revision can follow it: \
             delete environment/a from the KV store, purge all of the service, and publish again"
        );
        assert_eq!(world.publish(&document("one", MARCH)), expected);
        assert_eq!(world.unpublish("a", false), expected);
        assert_eq!(world.api.stored(ITEM).unwrap().value, value, "{revision}");
        assert_eq!(world.api.story(), [format!("GET {PATH} 200"), format!("GET {PATH} 200")]);
    }
}

#[test]
fn a_revision_that_is_ahead_of_the_clock_is_warned_of() {
    for (stored, warns) in [(NOW + 9, false), (NOW + 10, true), (NOW + 3_600, true)] {
        let world = World::new();
        let (value, metadata) = bundle_of(stored, None);
        world.api.write(ITEM, &value, Some(&metadata));
        let client = Client::new(target(&world.api), &world.clock);
        let publish = || publish(&client, &source(&document("one", MARCH)), &[], &PublishOptions::default());
        let key = EnvironmentKey::parse("a").unwrap();
        let ahead = |revision: u64| {
            let warning =
                format!("revision {revision} is {} s ahead of this machine's clock", revision - NOW);
            move |report: &Report| {
                let warnings = &report.environment.as_ref().unwrap().plan_warnings;
                warnings.iter().any(|given| given.to_string().starts_with(&warning))
            }
        };
        assert_eq!(ahead(stored + 1)(&publish()), warns, "written after {stored}");
        assert_eq!(ahead(stored + 1)(&publish()), warns, "unchanged after {stored}");
        assert!(ahead(stored + 2)(&unpublish(&client, &key, true)), "removed after {stored}");
    }
}
