//! Failed calls that are made again later.

use std::time::Duration;

use api::bundle;
use publisher::watch::PlaceState;
use publisher::{Client, Clock, PublishOptions};
use tests::fastly::{Event, Fault, Kind};

use super::{MARCH, STEP, Watching, value};
use crate::publisher::world::{ITEM, NOW, document, document_of, target};

#[test]
fn after_an_outage_of_the_store_the_last_change_is_written() {
    let mut watching = Watching::new();
    watching.world.given(&document("one", MARCH));
    watching.world.api.fail(Kind::Read, ITEM, [Fault::Answer(503); 60]);
    for number in 2..20 {
        watching.put("a.json", &document(&number.to_string(), MARCH));
        watching.pass_seconds(2);
    }
    watching.pass_seconds(300);
    assert_eq!(watching.writes(), ["19"]);
    let said = watching.said();
    let [failed, .., published, recovered] = said.as_slice() else { panic!("{said:?}") };
    assert!(
        failed.starts_with("a.json: reading environment/a from the KV store: answered 503")
            && failed.ends_with("; it is tried again until it succeeds"),
        "{failed}"
    );
    assert!(published.starts_with("a.json: published environment `a` as revision"), "{published}");
    assert!(recovered.starts_with("a.json: recovered after 15 failed tries in "), "{recovered}");
    assert!(said.len() <= 6, "no flood: {said:?}");
}

#[test]
fn a_wrong_token_is_logged_once_and_tried_again() {
    let mut watching = Watching::new();
    watching.world.api.fail(Kind::Read, ITEM, [Fault::Answer(401); 6]);
    watching.put("a.json", &document("one", MARCH));
    watching.pass_seconds(50);
    let said = watching.said();
    assert_eq!(said.len(), 3, "{said:?}");
    assert!(said[0].contains("answered 401"), "{said:?}");
    assert_eq!(watching.writes(), ["one"]);
}

#[test]
fn an_origin_that_was_down_gets_the_announcement_and_nothing_is_written_again() {
    let mut watching = Watching::new();
    watching.world.api.fail(Kind::Announce, "a", [Fault::Answer(503); 10]);
    watching.put("a.json", &document("one", MARCH));
    watching.pass_seconds(300);
    assert_eq!(
        watching.story(),
        ["stored environment/a", "softly purged environment/a", &format!("announced a {NOW}")]
    );
    let said = watching.said();
    assert_eq!(
        said[0].split(", ").next(),
        Some(&*format!("a.json: published environment `a` as revision {NOW}"))
    );
    assert!(said[1].starts_with("a.json: announcing a to the origin: answered 503"), "{said:?}");
    let last = &said[said.len() - 2..];
    assert_eq!(last[0], format!("a.json: environment `a`: revision {NOW} is announced now"));
    assert!(last[1].starts_with("a.json: recovered after 10 failed tries in "), "{said:?}");
}

#[test]
fn newer_flags_do_not_wait_for_an_origin_that_is_down() {
    let mut watching = Watching::new();
    watching.world.api.fail(Kind::Announce, "a", [Fault::Cut; 12]);
    for number in 0..30 {
        watching.put("a.json", &document(&number.to_string(), MARCH));
        watching.pass_seconds(1);
    }
    watching.pass_seconds(60);
    assert!(watching.writes().len() >= 25, "{:?}", watching.writes());
    let announced: Vec<u64> = watching
        .world
        .api
        .events()
        .iter()
        .filter_map(|event| match event {
            Event::Announced { revision, .. } => Some(*revision),
            _ => None,
        })
        .collect();
    assert_eq!(announced.last(), Some(&watching.world.header().revision.0));
    assert!(announced.is_sorted());
}

#[test]
fn a_failed_purge_is_made_later_and_announced_once() {
    let mut watching = Watching::new();
    watching.world.api.fail(Kind::Purge, ITEM, [Fault::Answer(500); 3]);
    watching.put("a.json", &document("one", MARCH));
    watching.pass_seconds(60);
    assert_eq!(
        watching.story(),
        ["stored environment/a", &format!("announced a {NOW}"), "softly purged environment/a"]
    );
}

#[test]
fn a_change_that_failed_is_not_lost_when_the_file_breaks() {
    let mut watching = Watching::new();
    watching.world.api.fail(Kind::Read, ITEM, [Fault::Answer(503); 20]);
    watching.put("a.json", &document("one", MARCH));
    watching.pass(STEP);
    watching.observe("a.json", PlaceState::Content("{".into()));
    watching.pass_seconds(120);
    assert_eq!(watching.writes(), ["one"]);
}

#[test]
fn an_announcement_is_made_even_if_the_next_document_is_refused() {
    let mut watching = Watching::new();
    watching.world.api.fail(Kind::Announce, "a", [Fault::Answer(503); 5]);
    watching.put("a.json", &document("one", MARCH));
    watching.pass(STEP);
    watching.put("a.json", &document("old", "2026-02-01T00:00:00Z"));
    watching.pass_seconds(60);
    assert!(watching.story().contains(&format!("announced a {NOW}")));
}

#[test]
fn environments_that_fail_leave_room_for_the_others() {
    let mut watching = Watching::new();
    let failing: Vec<String> = (0..20).map(|number| format!("failing-{number}")).collect();
    for key in &failing {
        let item = format!("environment/{key}");
        watching.world.api.fail(Kind::Read, &item, [Fault::Answer(401); 100]);
        watching.put(&format!("{key}.json"), &document_of(key, "one", Some(MARCH)));
    }
    watching.pass_seconds(5);
    // All of them are due again, and take as long as they like.
    watching.world.clock.advance(Duration::from_secs(60));
    let now = watching.world.clock.elapsed();
    let held: Vec<_> = std::iter::from_fn(|| watching.watch.next(now)).collect();
    assert_eq!(held.len(), 4);
    watching.put("a.json", &document("one", MARCH));
    watching.pass_seconds(1);
    assert_eq!(watching.writes(), ["one"]);
}

#[test]
fn announcements_that_no_origin_takes_leave_room_for_writes() {
    let mut watching = Watching::new();
    for number in 0..20 {
        let key = format!("key-{number}");
        watching.put(&format!("{key}.json"), &document_of(&key, "one", Some(MARCH)));
    }
    // An announcement waits for an origin that does not answer.
    let now = watching.world.clock.elapsed();
    let client = Client::new(target(&watching.world.api), &watching.world.clock);
    let mut waiting = Vec::new();
    while let Some(job) = watching.watch.next(now) {
        if format!("{job:?}").contains("Announce") {
            waiting.push(job);
            continue;
        }
        let finished = job.perform(&client, &PublishOptions::default());
        watching.watch.done(finished, now, 7);
    }
    assert_eq!((waiting.len(), watching.writes().len()), (4, 20));
}

#[test]
fn a_write_that_runs_at_the_end_is_announced() {
    let mut watching = Watching::new();
    let now = watching.world.clock.elapsed();
    watching.put("a.json", &document("one", MARCH));
    let writing = watching.watch.next(now).unwrap();
    watching.put("a.json", &document("two", MARCH));
    let client = Client::new(target(&watching.world.api), &watching.world.clock);
    assert!(watching.watch.last(now).is_none(), "nothing is written any more");
    let finished = writing.perform(&client, &PublishOptions::default());
    watching.watch.done(finished, now, 7);
    while let Some(job) = watching.watch.last(now) {
        let finished = job.perform(&client, &PublishOptions::default());
        watching.watch.done(finished, now, 7);
    }
    assert_eq!(
        watching.story(),
        ["stored environment/a", "softly purged environment/a", &format!("announced a {NOW}")]
    );
    assert!(!watching.watch.is_busy());
    assert_eq!(watching.watch.unsettled().len(), 1, "the change that came during the write");
}

#[test]
fn through_all_faults_the_last_change_is_stored_and_announced() {
    const ENVIRONMENTS: usize = 5;
    let mut watching = Watching::new();
    watching.world.api.fail_at_random(Some((20_260_302, 0.2)));
    let mut last = [0; ENVIRONMENTS];
    for number in 1..=300 {
        let one = number * 7 % ENVIRONMENTS;
        let key = format!("key-{one}");
        watching.put(&format!("{key}.json"), &document_of(&key, &number.to_string(), Some(MARCH)));
        last[one] = number;
        watching.pass(STEP);
    }
    watching.world.api.fail_at_random(None);
    watching.pass_seconds(120);
    assert!(watching.watch.unsettled().is_empty(), "{:?}", watching.watch.unsettled());
    let events = watching.world.api.events();
    for (number, last) in last.into_iter().enumerate() {
        let (key, item) = (format!("key-{number}"), format!("environment/key-{number}"));
        let stored = watching.world.api.stored(&item).unwrap();
        assert_eq!(value(&stored.value), last.to_string(), "{key}");
        let revision = bundle::check(&stored.value).unwrap().revision.0;
        let is_it = |event: &Event| matches!(event, Event::Stored(one) if one.value == stored.value);
        let after = &events[events.iter().position(is_it).unwrap()..];
        let of_this = |event: &&Event| match event {
            Event::Purged { key, .. } => *key == item,
            Event::Announced { key: of, revision: at } => *of == key && *at == revision,
            _ => false,
        };
        let purged = after.iter().filter(of_this).any(|event| matches!(event, Event::Purged { .. }));
        let announced = after.iter().filter(of_this).any(|event| matches!(event, Event::Announced { .. }));
        assert!(purged && announced, "{key}: {after:?}");
    }
}
