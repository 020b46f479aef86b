//! `jackstaff explain` of a document, as people call it. Every sentence of the table is written here by hand.

use serde_json::{Value, json};
use tests::{Finished, folder, jackstaff};

use crate::JACKSTAFF;

/// What is said of a document for `user-7`: lines without their indents.
fn table(document: &Value, arguments: &[&str]) -> Vec<String> {
    let finished = explain(document, arguments);
    assert_eq!((finished.code, finished.errors.as_str()), (0, ""), "{finished:?}");
    finished.output.lines().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()).collect()
}

fn explain(document: &Value, arguments: &[&str]) -> Finished {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("document.json");
    std::fs::write(&file, document.to_string()).unwrap();
    jackstaff(JACKSTAFF, &[&["explain", file.to_str().unwrap()], arguments].concat(), "")
}

fn state(name: &str, value: &str, priority: Option<u32>) -> Value {
    let mut state =
        json!({ "feature": { "name": name }, "enabled": true, "feature_state_value": value, "django_id": 7 });
    if let Some(priority) = priority {
        state["feature_segment"] = json!({ "priority": priority });
    }
    state
}

fn condition(property: &str, operator: &str, value: &str) -> Value {
    json!({ "property_": property, "operator": operator, "value": value })
}

fn segment(id: u32, rules: &Value, overrides: &[Value]) -> Value {
    json!({ "id": id, "name": format!("s{id}"), "rules": rules, "feature_states": overrides })
}

fn all(conditions: &[Value]) -> Value {
    json!([{ "type": "ALL", "conditions": conditions }])
}

fn document(features: &[Value], segments: &[Value]) -> Value {
    json!({ "api_key": "e", "updated_at": "2026-03-02T11:22:33Z", "feature_states": features, "project": { "segments": segments }, "use_identity_composite_key_for_hashing": true })
}

const USER: [&str; 2] = ["--identifier", "user-7"];

#[test]
fn a_whole_table() {
    let text = std::fs::read_to_string(folder("fixtures/demo.json")).unwrap();
    let demo: Value = serde_json::from_str(&text).unwrap();
    let arguments = ["--identifier", "user-7", "--trait", "plan=gold", "--feature", "new_checkout"];
    assert_eq!(
        table(&demo, &arguments),
        [
            "environment demo-environment-key, of 2026-03-02T11:22:33.000000+00:00, from a file",
            "identity \"user-7\"",
            "trait plan = \"gold\" (sent)",
            "flag new_checkout: off, value null",
            "the environment's default, since no override applies",
            "not: segment ten_percent (priority 1), on, value null: the segment does not match",
            "segment ten_percent: does not match",
            "no   all of these",
            "no   any of these",
            "no   $.identity.key PERCENTAGE_SPLIT \"10\": \"32,demo-environment-key_user-7\" is hashed to 64.92 %, and up to 10 % match",
        ]
    );
}

/// The lines about the flag `f`.
fn about_f(segments: &[Value], identity_overrides: &[Value]) -> Vec<String> {
    let mut document = document(&[state("f", "default", None)], segments);
    document["identity_overrides"] = identity_overrides.into();
    let lines = table(&document, &USER);
    let lines = lines.into_iter().skip_while(|line| !line.starts_with("flag f"));
    lines.take_while(|line| !line.starts_with("segment ")).collect()
}

#[test]
fn where_a_value_comes_from() {
    let matching = || all(&[condition("$.identity.identifier", "EQUAL", "user-7")]);
    let other = || all(&[condition("$.identity.identifier", "EQUAL", "x")]);
    let of = |id: u32, rules: &Value, priority: u32| {
        segment(id, rules, &[state("f", &format!("v{id}"), Some(priority))])
    };
    let own = json!({ "identifier": "user-7", "identity_features": [state("f", "own", None)] });
    let default = "flag f: on, value \"default\"";
    assert_eq!(about_f(&[], &[]), [default, "the environment's default, which nothing overrides"]);
    assert_eq!(
        about_f(&[of(1, &other(), 3)], &[]),
        [
            default,
            "the environment's default, since no override applies",
            "not: segment s1 (priority 3), on, value \"v1\": the segment does not match",
        ]
    );
    let three = [of(1, &matching(), 3), of(2, &matching(), 2), of(3, &matching(), 2)];
    assert_eq!(
        about_f(&three, &[]),
        [
            "flag f: on, value \"v2\"",
            "the segment s2 matches (priority 2)",
            "not: segment s1 (priority 3), on, value \"v1\": it matches, and a stronger priority won",
            "not: segment s3 (priority 2), on, value \"v3\": it matches, and an override of the same priority stands before it",
        ]
    );
    assert_eq!(
        about_f(&[of(1, &matching(), 3)], &[own]),
        [
            "flag f: on, value \"own\"",
            "the identity has an override of its own",
            "not: segment s1 (priority 3), on, value \"v1\": it matches, and the identity's own override is stronger",
        ]
    );
    let reads_itself = all(&[condition("$.flags.f.enabled", "EQUAL", "true")]);
    assert_eq!(
        about_f(&[of(1, &reads_itself, 1)], &[]),
        [
            default,
            "its segments read flags that depend on this flag (a cycle), so they do not match",
            "not: segment s1 (priority 1), on, value \"v1\": the segment reads a flag that depends on it (a cycle)",
            "its segments read the flags: f",
        ]
    );
}

#[test]
fn how_a_variant_is_chosen() {
    let mut feature = state("f", "control value", None);
    let variant = |share: u32, value: &str| json!({ "percentage_allocation": share, "multivariate_feature_option": { "value": value, "key": value }, "id": share });
    feature["multivariate_feature_state_values"] = json!([variant(20, "red"), variant(30, "blue")]);
    let lines = table(&document(&[feature], &[]), &USER);
    assert_eq!(
        lines[2..],
        [
            "flag f: on, value \"blue\"",
            "the environment's default, which nothing overrides",
            "\"7,e_user-7\" is hashed to 48.94 %: red from 0 % to 20 %; blue from 20 % to 50 %, chosen; control from 50 % to 100 %",
        ]
    );
}

#[test]
fn what_a_condition_compared() {
    let traits = [
        "--trait",
        "age=41",
        "--trait",
        "rate=2.5",
        "--trait",
        "beta=true",
        "--trait",
        "v=1.2.3",
        "--trait",
        "big=123456789012345678901234567890",
    ];
    let arguments = [&USER[..], &traits].concat();
    for (property, operator, value, verdict, expected) in [
        ("plan", "EQUAL", "gold", "no", "there is no such value"),
        ("plan", "IS_NOT_SET", "", "yes", "there is no such value"),
        ("age", "IS_SET", "", "yes", "found 41"),
        ("age", "GREATER_THAN_INCLUSIVE", "18", "yes", "found 41, compared as integer with 18"),
        (
            "age",
            "EQUAL",
            "old",
            "no",
            "found 41, a number, and the condition's value is not a number of that kind",
        ),
        ("age", "MODULO", "10|1", "yes", "found 41, compared as float with \"10.0|1.0\""),
        ("age", "IN", "1,41", "yes", "found 41, compared as a member of the list"),
        ("age", "REGEX", "4.", "yes", "found 41, compared as a text with the pattern"),
        ("age", "CONTAINS", "4", "no", "found 41, a type that the operator does not take"),
        ("rate", "LESS_THAN", "3", "yes", "found 2.5, compared as float with 3.0"),
        ("beta", "EQUAL", "yes", "yes", "found true, compared as boolean with true"),
        ("beta", "IN", "true", "no", "found true, a type that the operator does not take"),
        ("v", "LESS_THAN", "1.10.0:semver", "yes", "found \"1.2.3\", compared as version with \"1.10.0\""),
        ("v", "CONTAINS", "2.", "yes", "found \"1.2.3\", compared as text"),
        (
            "big",
            "EQUAL",
            "123456789012345678901234567890",
            "yes",
            "found \"123456789012345678901234567890\", compared as integer",
        ),
        ("$.flags.f.value", "EQUAL", "x", "yes", "found \"x\", compared as text"),
        ("$.environment.key", "NOT_EQUAL", "e", "no", "found \"e\", compared as text"),
    ] {
        let segments = [segment(1, &all(&[condition(property, operator, value)]), &[])];
        let lines = table(&document(&[state("f", "x", None)], &segments), &arguments);
        let last = lines.last().unwrap();
        assert_eq!(*last, format!("{verdict:<3}  {property} {operator} {}: {expected}", json!(value)));
    }
}

#[test]
fn rules_are_shown_as_they_were_written_and_what_is_not_evaluated_is_said() {
    let pattern = condition("plan", "REGEX", "gold");
    let first = json!({ "type": "ALL", "conditions": [pattern, condition("age", "IS_SET", "")], "rules": [{ "type": "NONE", "conditions": [condition("x", "IS_SET", "")] }] });
    let second = json!({ "type": "ANY", "conditions": [condition("age", "IS_SET", "")] });
    let lines =
        table(&document(&[state("f", "x", None)], &[segment(1, &json!([first, second]), &[])]), &USER);
    assert_eq!(
        lines[4..],
        [
            "segment s1: does not match",
            "-    all of these",
            "-    plan REGEX \"gold\": not evaluated, since the rest decides",
            "-    age IS_SET \"\": not evaluated, since the rest decides",
            "-    none of these",
            "-    x IS_SET \"\": not evaluated, since the rest decides",
            "no   any of these",
            "no   age IS_SET \"\": there is no such value",
        ]
    );
}

#[test]
fn what_can_never_match_is_said() {
    let rules = json!([{ "type": "ANY", "conditions": [condition("a", "REGEX", "["), condition("a", "NEWER", "1")] }]);
    let finished = explain(
        &document(&[state("f", "x", None)], &[segment(1, &rules, &[]), segment(2, &json!([]), &[])]),
        &[],
    );
    assert_eq!(finished.code, 0, "{finished:?}");
    assert!(finished.errors.contains("warning"), "{finished:?}");
    for expected in [
        "no identity\n",
        "a REGEX \"[\": never matches: invalid regular expression: ",
        "a NEWER \"1\": never matches: unknown operator \"NEWER\"\n",
        "segment s2: does not match, since it has no rules\n",
    ] {
        assert!(finished.output.contains(expected), "{expected}: {}", finished.output);
    }
}

#[test]
fn text_of_others_cannot_forge_a_line() {
    let features = [state("f\nflag g: on", "x", None)];
    let finished = explain(&document(&features, &[]), &["--identifier", "\u{1b}[2Jann"]);
    assert_eq!(finished.code, 0, "{finished:?}");
    assert!(
        !finished.output.contains("\nflag g") && !finished.output.contains('\u{1b}'),
        "{}",
        finished.output
    );
}

#[test]
fn exit_codes() {
    let demo = folder("fixtures/demo.json").display().to_string();
    let code = |arguments: &[&str]| jackstaff(JACKSTAFF, &[&["explain"], arguments].concat(), "").code;
    assert_eq!(code(&[&demo, "--feature", "nothing"]), 1);
    assert_eq!(code(&["/nowhere.json"]), 2);
    assert_eq!(code(&["--edge", "http://127.0.0.1:1"]), 64, "there is no key");
    assert_eq!(code(&[]), 64);
    assert_eq!(code(&[&demo, "--edge", "http://127.0.0.1:1"]), 64);
    assert_eq!(explain(&json!({ "no": "document" }), &[]).code, 1);
    let output = jackstaff(JACKSTAFF, &["explain", &demo, "--json"], "").output;
    let explained: Value = serde_json::from_str(&output).unwrap();
    assert_eq!((&explained["identity"], &explained["environment"]["source"]), (&Value::Null, &json!("file")));
}
