//! Files that are broken, removed or older, two of one environment, and unknown operators.

use std::time::Duration;

use api::ServerKeyHash;
use engine::Anchoring;
use publisher::Clock;
use publisher::watch::{PlaceState, Watch};
use serde_json::{Value, json};

use super::{MARCH, STEP, Watching, value};
use crate::publisher::world::{ITEM, bundle_of, document, document_of, keys};

#[test]
fn a_broken_file_is_logged_once_and_its_environment_stays_published() {
    let mut watching = Watching::new();
    let whole = document("one", MARCH).to_string();
    watching.observe("a.json", PlaceState::Content(whole.clone()));
    watching.pass_seconds(2);
    watching.said();
    // Half-written for a moment: this is not logged.
    watching.observe("a.json", PlaceState::Content(whole[..40].to_owned()));
    watching.pass(STEP);
    watching.put("a.json", &document("two", MARCH));
    watching.pass_seconds(2);
    // Half-written for longer.
    watching.observe("a.json", PlaceState::Content(whole[..40].to_owned()));
    watching.pass_seconds(60);
    watching.put("a.json", &document("three", MARCH));
    watching.pass_seconds(2);
    assert_eq!(watching.writes(), ["one", "two", "three"]);
    let said = watching.said();
    assert_eq!(said.len(), 3, "{said:?}");
    assert!(said[1].starts_with("a.json: invalid JSON: "), "{said:?}");
    assert!(said[1].ends_with("; environment `a` stays as it was before"), "{said:?}");
}

#[test]
fn a_file_with_a_misspelt_member_is_held_back_and_named() {
    let mut watching = Watching::new();
    watching.put("a.json", &document("one", MARCH));
    watching.pass_seconds(2);
    watching.said();
    let misspelt =
        document("two", MARCH).to_string().replace("\"feature_state_value\"", "\"feature_state_valeu\"");
    watching.observe("a.json", PlaceState::Content(misspelt));
    watching.pass_seconds(60);
    assert_eq!(watching.writes(), ["one"]);
    let why = "a.json: feature_states[0].feature_state_valeu: unknown; did you mean \"feature_state_value\"?";
    assert_eq!(watching.said(), [format!("{why}; environment `a` stays as it was before")]);
    let (environments, troubles) = watching.progress();
    assert_eq!(troubles[0].why, why);
    assert_eq!(environments[0].why.as_deref(), Some(why));
    watching.put("a.json", &document("three", MARCH));
    watching.pass_seconds(2);
    assert_eq!(watching.writes(), ["one", "three"]);
}

#[test]
fn a_key_that_opens_another_environment_is_named_and_left_as_it_is() {
    let mut watching = Watching::new();
    watching.put("a.json", &document("one", MARCH));
    watching.pass_seconds(2);
    watching.said();
    let name = ServerKeyHash::of("ser.x").unwrap().store_key();
    let record = json!({ "environment": "b", "active": true, "expires_at": null }).to_string();
    watching.world.api.write(&name, record.as_bytes(), None);
    let manifest = [("a".to_owned(), keys(&json!(["ser.x"])))].into();
    let now = watching.world.clock.elapsed();
    watching.watch.set_server_keys(manifest, now);
    watching.pass_seconds(60);
    let said = watching.said();
    assert!(said[0].contains("server-side key 1 of the manifest opens environment `b`"), "{said:?}");
    assert_eq!(said.len(), 1, "{said:?}");
    let (_, troubles) = watching.progress();
    assert_eq!(format!("a.json: {}", troubles[0].why), said[0]);
    assert_eq!(watching.world.api.stored(&name).unwrap().value, record.as_bytes());
}

#[test]
fn a_removed_file_removes_nothing() {
    let mut watching = Watching::new();
    watching.put("a.json", &document("one", MARCH));
    watching.pass_seconds(2);
    watching.said();
    watching.observe("a.json", PlaceState::Missing);
    watching.observe("a.json", PlaceState::Gone);
    watching.pass_seconds(60);
    assert_eq!(
        watching.said(),
        ["a.json: is gone; environment `a` stays served as it is, until `jackstaff unpublish a`"]
    );
    assert_eq!(watching.writes(), ["one"]);
    watching.put("a.json", &document("two", MARCH));
    watching.pass_seconds(2);
    assert_eq!(watching.writes(), ["one", "two"]);
}

#[test]
fn an_older_document_is_refused_once() {
    let mut watching = Watching::new();
    watching.world.given(&document("one", MARCH));
    watching.put("a.json", &document("old", "2026-02-01T00:00:00Z"));
    watching.pass_seconds(600);
    assert_eq!(watching.writes(), Vec::<String>::new());
    let said = watching.said();
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].starts_with("a.json: updated_at: 2026-02-01T00:00:00Z is earlier than"), "{said:?}");
    watching.put("a.json", &document("two", MARCH));
    watching.pass_seconds(2);
    assert_eq!(watching.writes(), ["two"]);
}

#[test]
fn of_two_files_with_one_environment_the_first_is_published() {
    let mut watching = Watching::new();
    watching.put("a.json", &document("one", MARCH));
    watching.put("b.json", &document("two", MARCH));
    watching.pass_seconds(5);
    assert_eq!(watching.writes(), ["one"]);
    assert_eq!(
        watching.said()[0],
        "b.json: api_key: environment `a` is already published from a.json, and stays so"
    );
    // The first holds another one now, so the second takes its place.
    watching.put("a.json", &document_of("c", "three", Some(MARCH)));
    watching.pass_seconds(5);
    assert_eq!(
        watching.said()[0],
        "a.json: holds environment `c` now; environment `a` is published from b.json"
    );
    let stored = ["environment/a", "environment/c"].map(|item| watching.world.api.stored(item).unwrap());
    assert_eq!(stored.map(|stored| value(&stored.value)), ["two", "three"]);
}

/// The name that comes first decided, so after a restart a copy of an environment's file was published over it.
#[test]
fn of_two_files_with_one_environment_at_a_start_neither_is_published() {
    let documents = |watching: &Watching| {
        // The record of a key has no value of a flag.
        watching.writes().into_iter().filter(|value| !value.is_empty()).collect::<Vec<String>>()
    };
    let mut watching = Watching::new();
    watching.put("prod.json", &document("one", MARCH));
    watching.pass_seconds(2);
    watching.put("a copy of prod.json", &document("old", MARCH));
    watching.pass_seconds(2);
    assert_eq!(documents(&watching), ["one"]);
    let (_, troubles) = watching.progress();
    let why =
        "a copy of prod.json: api_key: environment `a` is already published from prod.json, and stays so";
    assert_eq!(troubles.iter().map(|trouble| trouble.why.as_str()).collect::<Vec<&str>>(), [why]);
    watching.said();

    watching.watch = Watch::default();
    let (one, old) = (document("one", MARCH), document("old", MARCH));
    let manifest = [("a".to_owned(), keys(&json!(["ser.x"])))].into();
    watching.watch.set_server_keys(manifest, watching.world.clock.elapsed());
    watching.find(&[
        ("a copy of prod.json", &old),
        ("b.json", &document_of("b", "b", None)),
        ("prod.json", &one),
    ]);
    watching.pass_seconds(60);
    assert_eq!(documents(&watching), ["one", "b"], "an environment of one file is not disturbed");
    let in_vain = |place: &str, other: &str| {
        format!(
            "{place}: api_key: environment `a` is in {other}, too, so it is published from none of them, and stays as it \
             was before"
        )
    };
    let both = [in_vain("a copy of prod.json", "prod.json"), in_vain("prod.json", "a copy of prod.json")];
    let said = watching.said();
    assert_eq!(said[..2], both, "{said:?}");
    let (environments, troubles) = watching.progress();
    assert_eq!(troubles.into_iter().map(|trouble| trouble.why).collect::<Vec<String>>(), both);
    assert_eq!(environments[0].key.as_str(), "a");
    assert!(both.contains(environments[0].why.as_ref().unwrap()), "{environments:?}");
    assert!(environments[0].behind.is_some_and(|behind| behind >= Duration::from_secs(60)));
    let key = ServerKeyHash::of("ser.x").unwrap().store_key();
    assert!(watching.world.api.stored(&key).is_some(), "keys that are revoked must not wait");

    // Changes of either change nothing, until one of them is gone.
    watching.put("a copy of prod.json", &document("older", MARCH));
    watching.put("prod.json", &document("two", MARCH));
    watching.pass_seconds(5);
    assert_eq!(documents(&watching), ["one", "b"]);
    watching.said();
    watching.observe("a copy of prod.json", PlaceState::Missing);
    watching.pass_seconds(1);
    watching.observe("a copy of prod.json", PlaceState::Gone);
    watching.pass_seconds(5);
    assert_eq!(documents(&watching), ["one", "b", "two"]);
    assert_eq!(
        watching.said()[0],
        "a copy of prod.json: is gone; environment `a` is published from prod.json"
    );
    let (environments, troubles) = watching.progress();
    assert_eq!((environments[0].behind, troubles), (None, Vec::new()));
}

#[test]
fn a_third_file_of_a_contested_environment_and_one_that_changes_its_environment() {
    let mut watching = Watching::new();
    watching.find(&[("a.json", &document("a", MARCH)), ("b.json", &document("b", MARCH))]);
    watching.put("c.json", &document("c", MARCH));
    watching.put("a.json", &document_of("d", "d", Some(MARCH)));
    watching.pass_seconds(5);
    assert_eq!(watching.writes(), ["d"], "b.json and c.json still hold it");
    assert!(watching.said()[2].starts_with("c.json: api_key: environment `a` is in a.json and b.json, too"));
    watching.put("c.json", &document_of("e", "e", Some(MARCH)));
    watching.pass_seconds(5);
    let mut writes = watching.writes();
    writes.sort();
    assert_eq!(writes, ["b", "d", "e"]);
    assert_eq!(watching.progress().1, Vec::new());
}

/// It was removed by hand, on purpose.
#[test]
fn a_removed_environment_stays_removed_until_its_file_changes() {
    let mut watching = Watching::new();
    watching.options.keep_removed = true;
    watching.put("a.json", &document("one", MARCH));
    watching.pass_seconds(2);
    assert!(watching.world.unpublish("a", false).starts_with("written"));
    let writes = watching.world.api.writes();
    // The store is looked at every half minute.
    watching.pass_seconds(120);
    assert_eq!(watching.world.api.writes(), writes, "{:?}", watching.said());
    let (environments, troubles) = watching.progress();
    assert!(troubles[0].why.contains("was removed, by revision"), "{troubles:?}");
    assert!(environments[0].behind.is_some());
    // A restart does not publish it again either.
    watching.watch = Watch::default();
    watching.put("a.json", &document("one", MARCH));
    watching.pass_seconds(60);
    assert_eq!(watching.world.api.writes(), writes);
    watching.put("a.json", &document("two", MARCH));
    watching.pass_seconds(2);
    assert_eq!(watching.writes().last().map(String::as_str), Some("two"));
    assert_eq!(watching.progress().0[0].behind, None);
}

#[test]
fn a_renamed_file_goes_on_being_published() {
    let mut watching = Watching::new();
    watching.put("a.json", &document("one", MARCH));
    watching.pass_seconds(5);
    watching.said();
    watching.observe("a.json", PlaceState::Missing);
    watching.put("b.json", &document("two", MARCH));
    watching.pass_seconds(2);
    watching.observe("a.json", PlaceState::Gone);
    watching.pass_seconds(5);
    assert_eq!(watching.writes(), ["one", "two"]);
    let said = watching.said();
    assert_eq!(said.len(), 2, "{said:?}");
    assert_eq!(said[0], "b.json: holds environment `a` in place of a.json");
}

#[test]
fn server_keys_follow_their_manifest_on_their_own() {
    let mut watching = Watching::new();
    let manifest = |value: Value| [("a".to_owned(), keys(&value))].into();
    watching.watch.set_server_keys(manifest(json!(["ser.x"])), Duration::ZERO);
    // The document is refused, but its key is written.
    watching.world.given(&document("one", MARCH));
    watching.put("a.json", &document("old", "2026-02-01T00:00:00Z"));
    watching.pass_seconds(5);
    assert_eq!(watching.said().last().map(String::as_str), Some("a.json: 1 server-side key written"));
    watching.watch.set_server_keys(manifest(json!(["ser.x", "ser.y"])), Duration::ZERO);
    watching.pass_seconds(5);
    watching.watch.set_server_keys(manifest(json!(["ser.x", "ser.y"])), Duration::ZERO);
    watching.pass_seconds(5);
    assert_eq!(watching.said(), ["a.json: 1 server-side key written"]);
    watching.watch.set_server_keys([].into(), Duration::ZERO);
    watching.pass_seconds(5);
    assert_eq!(
        watching.said(),
        Vec::<String>::new(),
        "a record stays as it was when its key is no longer listed"
    );
}

fn with_operators(value: &str, operators: &[&str]) -> Value {
    let conditions: Vec<Value> = operators
        .iter()
        .map(|operator| json!({ "operator": operator, "property_": "p", "value": "1" }))
        .collect();
    let mut document = document(value, MARCH);
    document["project"]["segments"] = json!([{ "id": 1, "name": "s", "rules": [{ "type": "ALL", "rules": [], "conditions": conditions }] }]);
    document
}

#[test]
fn documents_with_unknown_operators_are_held_back_unless_stored_before() {
    let mut watching = Watching::new();
    watching.options.hold_unknown = true;
    watching.put("a.json", &document("one", MARCH));
    watching.pass_seconds(2);
    watching.said();
    watching.put("a.json", &with_operators("two", &["EQUAL", "NEWER", "REGEX", "OLDER"]));
    watching.pass_seconds(60);
    assert_eq!(watching.writes(), ["one"]);
    let held = "segment `s`, condition 2: unknown operator \"NEWER\" (and 1 more), so it is held back: flags might come \
                out wrong; `--unknown-operators publish` publishes it all the same, and what is unknown matches nothing";
    assert_eq!(watching.said(), [format!("a.json: {held}. What is stored stays served")]);
    let (environments, troubles) = watching.progress();
    assert_eq!(troubles.iter().map(|trouble| trouble.why.as_str()).collect::<Vec<_>>(), [held]);
    assert!(environments[0].behind.is_some(), "{environments:?}");

    // A regular expression that cannot match has no meaning that a later version may know.
    watching.put("a.json", &with_operators("three", &["EQUAL", "REGEX", "MODULO"]));
    watching.pass_seconds(2);
    assert_eq!(watching.writes(), ["one", "three"]);

    // It was published by hand, on purpose.
    watching.options.hold_unknown = false;
    watching.put("a.json", &with_operators("four", &["NEWER"]));
    watching.pass_seconds(2);
    watching.options.hold_unknown = true;
    watching.watch = Watch::default();
    watching.said();
    watching.put("a.json", &with_operators("four", &["NEWER"]));
    watching.pass_seconds(2);
    let said = watching.said();
    assert!(said[1].starts_with("a.json: unchanged"), "{said:?}");
    // Another way of regular expressions makes another bundle of it.
    watching.options.anchoring = Anchoring::Search;
    watching.watch = Watch::default();
    watching.put("a.json", &with_operators("four", &["NEWER"]));
    watching.pass_seconds(2);
    assert_eq!(watching.writes(), ["one", "three", "four", "four"]);
}

#[test]
fn documents_with_unknown_operators_are_published_with_a_warning_if_allowed() {
    let mut watching = Watching::new();
    watching.put("a.json", &with_operators("one", &["NEWER"]));
    watching.pass_seconds(2);
    assert_eq!(watching.writes(), ["one"]);
    let said = watching.said();
    assert!(said[0].starts_with("a.json: warning: segment `s`, condition 1: unknown operator"), "{said:?}");
    let (environments, troubles) = watching.progress();
    assert_eq!(format!("a.json: {}", troubles[0].why), said[0]);
    assert_eq!((environments[0].behind, environments[0].published), (None, 1));
}

#[test]
fn nothing_is_stored_after_a_revision_that_none_can_follow() {
    let mut watching = Watching::new();
    let (value, metadata) = bundle_of(u64::MAX, None);
    watching.world.api.write(ITEM, &value, Some(&metadata));
    watching.put("a.json", &document("one", MARCH));
    watching.pass_seconds(600);
    let said = watching.said();
    let expected =
        "a.json: environment `a` is stored as revision 18446744073709551615, which is after the year 9999";
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].starts_with(expected), "{said:?}");
    assert_eq!(watching.world.api.stored(ITEM).unwrap().value, value);
    assert!(watching.progress().0[0].behind.is_some());
}
