//! `jackstaff publish` and `unpublish` against a running edge: what they write and print, and their exit codes.

use std::thread;

use serde_json::{Value, json};
use tests::fastly::{Fault, Kind, STORE, fastly_api};
use tests::{Edge, Finished, edge, fixture, jackstaff, origin, tools};

const FLAGS: &str = "/api/v1/flags/";

/// The smallest document.
fn document(key: &str, value: &str, updated_at: &str) -> Value {
    json!({
        "api_key": key,
        "updated_at": updated_at,
        "project": { "segments": [] },
        "feature_states": [{ "feature": { "name": "f" }, "enabled": true, "feature_state_value": value }],
    })
}

struct Setup {
    edge: Edge,
}

impl Setup {
    fn new() -> Option<Setup> {
        Some(Setup { edge: edge(&tools()?, &json!({})) })
    }

    /// Publishes documents under these file names, with further arguments.
    #[track_caller]
    fn publish(&self, documents: &[(&str, Value)], further: &[&str]) -> Finished {
        let files: Vec<String> = documents
            .iter()
            .map(|(name, document)| {
                let text = document.as_str().map_or_else(|| document.to_string(), ToOwned::to_owned);
                self.edge.file(name, &text).display().to_string()
            })
            .collect();
        let files: Vec<&str> = files.iter().map(String::as_str).collect();
        self.edge.run_publish(&[&files, further].concat())
    }

    fn value(&self, key: &str) -> Value {
        self.edge.get(FLAGS, key).json()[0]["feature_state_value"].clone()
    }
}

const MARCH: &str = "2026-03-01T00:00:00Z";
const APRIL: &str = "2026-04-01T00:00:00Z";

#[test]
fn the_decision_table_on_a_real_store() {
    let Some(setup) = Setup::new() else { return };
    let publish =
        |value, at, further: &[&str]| setup.publish(&[("a.json", document("a", value, at))], further);

    let first = publish("one", MARCH, &[]);
    assert_eq!(first.code, 0, "{first:?}");
    assert!(first.output.contains("published environment `a` as revision"), "{first:?}");
    assert_eq!(setup.value("a"), "one");

    let same = publish("one", MARCH, &[]);
    assert_eq!(same.code, 0, "{same:?}");
    assert!(same.output.contains("unchanged"), "{same:?}");

    assert_eq!(publish("two", APRIL, &[]).code, 0);
    assert_eq!(setup.value("a"), "two");

    let older = publish("one", MARCH, &[]);
    assert_eq!(older.code, 1, "{older:?}");
    assert!(
        older
            .errors
            .contains("a.json: updated_at: 2026-03-01T00:00:00Z is earlier than 2026-04-01T00:00:00Z")
    );
    assert_eq!(setup.value("a"), "two");

    let forced = publish("one", MARCH, &["--force"]);
    assert_eq!(forced.code, 0, "{forced:?}");
    assert_eq!(setup.value("a"), "one");

    let future = publish("three", "2999-01-01T00:00:00Z", &[]);
    assert_eq!(future.code, 0, "{future:?}");
    assert!(future.errors.contains("updated_at is in the future"), "{future:?}");

    let settings = publish("three", "2999-01-01T00:00:00Z", &["--regex-anchor", "search"]);
    assert!(settings.output.contains("published"), "other settings are another bundle: {settings:?}");
}

#[test]
fn a_dry_run_writes_nothing() {
    let Some(setup) = Setup::new() else { return };
    let arguments = ["--dry-run", "--server-key", "ser.a"];
    let finished = setup.publish(&[("a.json", document("a", "one", MARCH))], &arguments);
    assert_eq!(finished.code, 0, "{finished:?}");
    assert!(finished.output.contains("would publish environment `a`"), "{finished:?}");
    let (plan, cost) = finished.output.split_once('\n').unwrap();
    assert!(plan.ends_with(", 1 server-side key to be written"), "{finished:?}");
    assert!(cost.ends_with(" % of what the platform allows\n"), "{finished:?}");
    assert_eq!(setup.edge.get(FLAGS, "a").status, 403);
}

#[test]
fn each_file_is_published_on_its_own() {
    let Some(setup) = Setup::new() else { return };
    let no_name =
        json!({ "api_key": "c", "project": { "segments": [] }, "feature_states": [{ "feature": {} }] });
    let finished = setup.publish(
        &[
            ("a.json", document("a", "one", MARCH)),
            ("broken.json", json!("{\n  \"api_key\": ")),
            ("nameless.json", no_name),
            ("same.json", document("a", "two", MARCH)),
            ("b.json", document("b", "two", MARCH)),
        ],
        &[],
    );
    assert_eq!(finished.code, 1, "{finished:?}");
    assert_eq!(setup.value("b"), json!("two"));
    assert_eq!(setup.edge.get(FLAGS, "a").status, 403, "which of the two is meant is not known");
    for expected in [
        "broken.json: invalid JSON: EOF while parsing a value at line 2 column 13",
        "nameless.json: feature_states[0].feature: missing field `name`",
        "a.json: api_key: environment `a` is in ",
        "same.json, too, so it is published from none of them",
        "same.json: api_key: environment `a` is in ",
    ] {
        assert!(finished.errors.contains(expected), "{expected:?} in {}", finished.errors);
    }
    let missing = setup.edge.run_publish(&["/nowhere/a.json"]);
    assert_eq!(missing.code, 1);
    assert!(missing.errors.contains("/nowhere/a.json: could not be read"), "{missing:?}");
}

#[test]
fn a_condition_that_never_matches_is_a_warning_with_its_place() {
    let Some(setup) = Setup::new() else { return };
    let mut document = document("a", "one", MARCH);
    let condition = |operator, value| json!({ "operator": operator, "property_": "p", "value": value });
    document["project"]["segments"] = json!([{ "id": 1, "name": "beta", "feature_states": [], "rules": [{
        "type": "ALL",
        "rules": [],
        "conditions": [condition("EQUAL", "1"), condition("REGEX", "("), condition("SOUNDS_LIKE", "x")],
    }]}]);
    let finished = setup.publish(&[("a.json", document)], &[]);
    assert_eq!(finished.code, 0, "{finished:?}");
    for expected in [
        "a.json: warning: segment `beta`, condition 2: invalid regular expression",
        "a.json: warning: segment `beta`, condition 3: unknown operator \"SOUNDS_LIKE\"",
    ] {
        assert!(finished.errors.contains(expected), "{expected:?} in {}", finished.errors);
    }
}

#[test]
fn a_failed_write_exits_with_2() {
    let Some(tools) = tools() else { return };
    let file = tests::folder("fixtures").join("demo.json").display().to_string();
    let arguments = ["publish", "--api", "http://127.0.0.1:1", "--store", "local", &file];
    let finished = jackstaff(&tools, &arguments, "");
    assert_eq!(finished.code, 2, "{finished:?}");
    assert!(
        finished.errors.contains("demo.json: reading environment/demo-environment-key from the KV store")
    );
}

#[test]
fn a_failed_announcement_exits_with_3_and_the_flags_are_served() {
    let Some(setup) = Setup::new() else { return };
    let closed = ["--origin", "http://127.0.0.1:1"];
    let finished = setup.publish(&[("a.json", document("a", "one", MARCH))], &closed);
    assert_eq!(finished.code, 3, "{finished:?}");
    assert!(finished.errors.contains("a.json: announcing a to the origin"), "{finished:?}");
    assert_eq!(setup.value("a"), "one");
}

#[test]
fn the_origin_gets_an_announcement() {
    let (Some(setup), Some(tools)) = (Setup::new(), tools()) else { return };
    let origin = origin(&tools);
    let announcements = || -> f64 {
        let metrics = origin.metrics();
        let line = metrics.lines().find(|line| line.starts_with("jackstaff_origin_announcements_total"));
        line.and_then(|line| line.split(' ').next_back()?.parse().ok()).unwrap_or_default()
    };
    let before = announcements();
    for _ in 0..2 {
        let url = origin.url();
        let finished = setup.publish(&[("a.json", document("a", "one", MARCH))], &["--origin", &url]);
        assert_eq!(finished.code, 0, "{finished:?}");
    }
    assert_eq!(announcements(), before + 2.0, "an unchanged environment is announced again");
}

#[test]
fn wrong_usage_exits_with_64() {
    let (Some(setup), Some(tools)) = (Setup::new(), tools()) else { return };
    assert_eq!(jackstaff(&tools, &["publish"], "").code, 64);
    assert_eq!(jackstaff(&tools, &["publish", "--no-such-option", "x"], "").code, 64);
    assert_eq!(jackstaff(&tools, &["no-such-command"], "").code, 64);
    let documents = [("a.json", document("a", "one", MARCH)), ("b.json", document("b", "one", MARCH))];
    let one_key = setup.publish(&documents, &["--server-key", "ser.x"]);
    assert_eq!(one_key.code, 64, "{one_key:?}");
    let shape = setup.publish(&documents[..1], &["--server-key", "secret-without-prefix"]);
    assert_eq!(shape.code, 64, "{shape:?}");
    assert!(!shape.errors.contains("secret-without-prefix"), "a key is never shown: {shape:?}");
    assert_eq!(jackstaff(&tools, &["--help"], "").code, 0);
    assert_eq!(jackstaff(&tools, &["publish", "--help"], "").code, 0);
}

#[test]
fn documents_without_optional_members_are_served() {
    let Some(setup) = Setup::new() else { return };
    let document = json!({
        "api_key": "bare",
        "project": { "segments": [{ "name": "all", "rules": [{ "type": "ALL" }], "feature_states": [
            { "feature": { "name": "f" }, "enabled": true, "feature_state_value": 2 },
        ]}]},
        "feature_states": [
            { "feature": { "name": "f" } },
            { "feature": { "name": "mv" }, "multivariate_feature_state_values": [
                { "percentage_allocation": "100", "multivariate_feature_option": { "value": "x" } },
            ]},
        ],
    });
    let finished = setup.publish(&[("bare.json", document)], &["--server-key", "ser.bare"]);
    assert_eq!(finished.code, 0, "{finished:?}");
    let feature = |id, name, kind| json!({ "id": id, "name": name, "type": kind });
    let flag = |feature, enabled, value| json!({ "feature": feature, "enabled": enabled, "feature_state_value": value });
    let (f, mv) = (feature(1, "f", "STANDARD"), feature(2, "mv", "MULTIVARIATE"));
    // A rule without conditions matches every identity, and no identity, too.
    let expected = json!([flag(f.clone(), true, json!(2)), flag(mv.clone(), false, Value::Null)]);
    assert_eq!(setup.edge.get(FLAGS, "bare").json(), expected);
    let flag = |feature, enabled, value, reason: &str| {
        let mut flag = flag(feature, enabled, value);
        (flag["variant"], flag["reason"]) = (Value::Null, reason.into());
        flag
    };
    let identity = setup.edge.get("/api/v1/identities/?identifier=i", "bare").json();
    let f = flag(f, true, json!(2), "TARGETING_MATCH; segment=all");
    assert_eq!(identity["flags"], json!([f, flag(mv, false, json!("x"), "SPLIT; weight=100")]));
    let served = setup.edge.get("/api/v1/environment-document/", "ser.bare").json();
    let again = setup.publish(
        &[("again.json", {
            let mut d = served;
            d["api_key"] = json!("again");
            d
        })],
        &[],
    );
    assert_eq!(again.code, 0, "a served document can be published: {again:?}");
    assert_eq!(
        setup.edge.get("/api/v1/identities/?identifier=i", "again").json()["flags"],
        identity["flags"]
    );
}

#[test]
fn the_demo_is_published_without_a_warning() {
    let Some(setup) = Setup::new() else { return };
    let finished = setup.publish(&[("demo.json", fixture("demo.json"))], &["--origin", "http://127.0.0.1:1"]);
    assert!(!finished.errors.contains("warning"), "{finished:?}");
}

fn revision(setup: &Setup, key: &str) -> u64 {
    setup.edge.get(FLAGS, key).header("jackstaff-revision").parse().unwrap()
}

#[test]
fn no_key_opens_a_removed_environment_until_it_is_published_again() {
    let Some(setup) = Setup::new() else { return };
    let publish = |value, at, further: &[&str]| {
        let keys = [&["--server-key", "ser.a"], further].concat();
        setup.publish(&[("a.json", document("a", value, at))], &keys)
    };
    let statuses = || ["a", "ser.a"].map(|key| setup.edge.get(FLAGS, key).status);
    assert_eq!(publish("one", APRIL, &[]).code, 0);
    assert_eq!(statuses(), [200, 200]);
    let before = revision(&setup, "a");

    let planned = setup.edge.run_unpublish(&["a", "--dry-run"]);
    assert_eq!(planned.code, 0, "{planned:?}");
    assert!(planned.output.contains("would remove environment `a` with revision"), "{planned:?}");
    assert_eq!(statuses(), [200, 200]);

    let removed = setup.edge.run_unpublish(&["a"]);
    assert_eq!(removed.code, 0, "{removed:?}");
    assert!(removed.output.starts_with("removed environment `a` with revision"), "{removed:?}");
    assert_eq!(statuses(), [403, 403]);
    for path in ["/api/v1/identities/?identifier=i", "/api/v1/environment-document/"] {
        assert_eq!(setup.edge.get(path, "ser.a").status, 403, "{path}");
    }

    let again = setup.edge.run_unpublish(&["a"]);
    assert_eq!(again.code, 0, "{again:?}");
    assert!(again.output.starts_with("unchanged: environment `a` was removed with revision"), "{again:?}");

    let older = publish("old", MARCH, &[]);
    assert_eq!(older.code, 1, "{older:?}");
    assert_eq!(statuses(), [403, 403]);
    assert_eq!(publish("one", APRIL, &[]).code, 0);
    assert_eq!(statuses(), [200, 200]);
    assert!(revision(&setup, "a") >= before + 2, "revisions go on");

    assert_eq!(setup.edge.run_unpublish(&["a"]).code, 0);
    assert_eq!(publish("old", MARCH, &["--force"]).code, 0);
    assert_eq!(setup.value("a"), "old");
}

#[test]
fn environments_that_cannot_be_removed_are_named_and_the_rest_is_removed() {
    let Some(setup) = Setup::new() else { return };
    assert_eq!(setup.publish(&[("a.json", document("a", "one", MARCH))], &[]).code, 0);
    let finished = setup.edge.run_unpublish(&["nobody", "x/y", "ser.secret", "a"]);
    assert_eq!(finished.code, 1, "{finished:?}");
    for expected in [
        "nobody: environment `nobody` is not in the store",
        "x/y: only letters, digits",
        "key 3: starts with `ser.`",
    ] {
        assert!(finished.errors.contains(expected), "{expected:?} in {}", finished.errors);
    }
    assert!(!finished.errors.contains("ser.secret"), "{finished:?}");
    assert_eq!(setup.edge.get(FLAGS, "a").status, 403);
    assert_eq!(setup.edge.run_unpublish(&[]).code, 64);
    let closed = ["a", "--origin", "http://127.0.0.1:1"];
    assert_eq!(setup.edge.run_unpublish(&closed).code, 3, "removed already, and it could not be announced");
}

#[test]
fn a_revoked_or_expired_key_is_refused_at_once() {
    let Some(setup) = Setup::new() else { return };
    let status = || ["ser.x", "ser.y", "ser.z"].map(|key| setup.edge.get(FLAGS, key).status);
    let publish = |x: Value, y: Value| {
        let manifest = setup.edge.file("keys.json", &json!({ "a": [x, y, "ser.z"] }).to_string());
        let manifest = manifest.display().to_string();
        let finished =
            setup.publish(&[("a.json", document("a", "one", MARCH))], &["--server-keys", &manifest]);
        assert_eq!(finished.code, 0, "{finished:?}");
        finished.output
    };
    assert!(publish(json!("ser.x"), json!("ser.y")).ends_with(", 3 server-side keys written\n"));
    assert_eq!(status(), [200, 200, 200]);
    let revoked = json!({ "key": "ser.x", "active": false });
    let expired = json!({ "key": "ser.y", "expires_at": "2026-01-01T00:00:00Z" });
    assert!(publish(revoked, expired).ends_with(", 2 server-side keys written\n"));
    assert_eq!(status(), [403, 403, 200]);
    let valid = json!({ "key": "ser.y", "expires_at": "2999-01-01T00:00:00Z" });
    publish(json!("ser.x"), valid);
    assert_eq!(status(), [200, 200, 200]);
}

#[test]
fn of_several_files_the_worst_counts_and_each_is_reported() {
    let Some(tools) = tools() else { return };
    let api = fastly_api();
    let folder = tempfile::TempDir::new().unwrap();
    let token = folder.path().join("origin-token");
    std::fs::write(&token, tests::fastly::ORIGIN_TOKEN).unwrap();
    let files = ["good", "failing", "older", "unannounced", "last"].map(|key| {
        let file = folder.path().join(format!("{key}.json"));
        std::fs::write(&file, document(key, "one", MARCH).to_string()).unwrap();
        file.display().to_string()
    });
    let url = api.url();
    let token = token.display().to_string();
    let target = ["--api", &url, "--store", STORE, "--service", tests::fastly::SERVICE, "--origin", &url];
    let publish = |files: &[&str]| {
        let arguments = [&["publish"], &target[..], &["--origin-token-file", &token], files].concat();
        jackstaff(&tools, &arguments, "")
    };
    let newer = folder.path().join("newer.json");
    std::fs::write(&newer, document("older", "two", APRIL).to_string()).unwrap();
    assert_eq!(publish(&[&newer.display().to_string()]).code, 0);

    // No publisher waits for an hour.
    let gone = [Fault::AskToWait(503, 3_600)];
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    api.fail(Kind::Announce, "unannounced", gone);
    let announce_failed = publish(&[files[0], files[3]]);
    assert_eq!(announce_failed.code, 3, "{announce_failed:?}");
    api.fail(Kind::Announce, "unannounced", gone);
    let refused = publish(&[files[0], files[2], files[3]]);
    assert_eq!(refused.code, 1, "{refused:?}");
    api.fail(Kind::Announce, "unannounced", gone);
    api.fail(Kind::Write, "environment/failing", gone);
    let failed = publish(&files);
    assert_eq!(failed.code, 2, "{failed:?}");
    for expected in [
        "failing.json: writing environment/failing to the KV store: answered 503",
        "older.json: updated_at: 2026-03-01T00:00:00Z is earlier than 2026-04-01T00:00:00Z",
        "unannounced.json: announcing unannounced to the origin: answered 503",
    ] {
        assert!(failed.errors.contains(expected), "{expected:?} in {}", failed.errors);
    }
    assert!(failed.output.contains("last.json: published environment `last` as revision"), "{failed:?}");
    assert!(api.stored("environment/last").is_some() && api.stored("environment/failing").is_none());
}

#[test]
fn two_publishers_at_once_lose_no_revision() {
    const EACH: usize = 6;
    let Some(setup) = Setup::new() else { return };
    let mut revisions: Vec<u64> = thread::scope(|scope| {
        let publishers = ["x", "y"].map(|publisher| {
            let setup = &setup;
            scope.spawn(move || {
                let publish = |round| {
                    let mut document = document("a", &format!("{publisher}{round}"), MARCH);
                    document["updated_at"] = Value::Null;
                    let finished = setup.publish(&[(&format!("{publisher}.json"), document)], &[]);
                    assert_eq!(finished.code, 0, "{finished:?}");
                    let revision = finished.output.split(" as revision ").nth(1).unwrap_or_default();
                    revision.split(',').next().unwrap_or_default().parse::<u64>().unwrap()
                };
                (0..EACH).map(publish).collect::<Vec<u64>>()
            })
        });
        let of_each = publishers.map(|publisher| publisher.join().unwrap());
        assert!(of_each.iter().all(|revisions| revisions.is_sorted()), "{of_each:?}");
        of_each.concat()
    });
    revisions.sort_unstable();
    revisions.dedup();
    assert_eq!(revisions.len(), 2 * EACH, "each has its own: {revisions:?}");
    assert_eq!(Some(&revision(&setup, "a")), revisions.last());
}
