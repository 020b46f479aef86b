//! Counts of flags that apps asked for (`PROTOCOL.md`, 10).

use api::After;
use serde_json::{Value, json};

use crate::ask::{Answer, detail};
use crate::compare::compare;
use crate::documents::shop;
use crate::edge::{CLIENT, SERVER, edge};

const COUNTS: &str = "/api/v1/analytics/flags/";
const EVALUATIONS: &str = "/api/v2/analytics/flags/";

/// What is written to the log, without environment and time, which are checked.
fn recorded(answer: &Answer, what: &str) -> Vec<Value> {
    let lines = answer.after.iter().filter_map(|after| match after {
        After::Record(line) => Some(line),
        After::Log(_) | After::Store(_) => None,
    });
    lines
        .map(|line| {
            let mut line: Value = serde_json::from_str(line).unwrap();
            assert_eq!(line["environment"], "client");
            assert!(line["time"].is_u64(), "{line}");
            line[what].take()
        })
        .collect()
}

#[test]
fn counts_of_known_flags_are_recorded_and_all_else_is_left_out() {
    let edge = edge(&shop());
    let long = format!(r#"{{"{}": 1, "banner": 1}}"#, "x".repeat(500_000));
    let many: String = (0..4_999).map(|number| format!(r#""made up {number}": 1,"#)).collect();
    let many = format!(r#"{{{many}"limit": 5}}"#);
    for (body, expected) in [
        (r#"{"banner": 3, "limit": 1}"#, json!([{ "banner": 3, "limit": 1 }])),
        (r#"{"admin": 2}"#, json!([{ "admin": 2 }])),
        (r#"{"old search": 9223372036854775807}"#, json!([{ "old search": i64::MAX }])),
        (r#"{"banner": 1, "banner": 2}"#, json!([{ "banner": 2 }])),
        (r#"{"banner": 0, "limit": -1, "Colour": 1.5, "beta": "2", "admin": true}"#, json!([])),
        (
            r#"{"banner": 9223372036854775808, "limit": null, "Colour": [1], "beta": {"a": 1}, "admin": 1e2}"#,
            json!([]),
        ),
        (r#"{"Banner": 1, "unknown": 7, "": 1}"#, json!([])),
        ("{}", json!([])),
        (&*long, json!([{ "banner": 1 }])),
        (&*many, json!([{ "limit": 5 }])),
    ] {
        for key in [CLIENT, SERVER] {
            let answer = edge.post(COUNTS, body).key(key).answer();
            let shown = &body[..body.len().min(80)];
            assert_eq!((answer.status, answer.text().as_str()), (200, ""), "{shown}");
            assert_eq!(json!(recorded(&answer, "counts")), expected, "{shown}");
            assert_eq!(answer.header("access-control-allow-origin"), "*");
        }
    }
}

#[test]
fn counts_that_are_no_object_are_refused() {
    let edge = edge(&shop());
    let refused = json!({ "non_field_errors": ["Expected a JSON object."] });
    compare(
        ["[]", "7", "\"banner\"", " [{\"banner\": 1}]"]
            .map(|body| (body, edge.post(COUNTS, body).key(CLIENT).json(), (400, refused.clone()))),
    );
    for body in ["", "{", "[", "{\"banner\": }", "{\"banner\": 1} {}", "{\"banner\": 01}", "banner=1"] {
        let (status, json) = edge.post(COUNTS, body).key(CLIENT).json();
        let detail = json["detail"].as_str().unwrap_or_default();
        assert!(status == 400 && detail.starts_with("JSON parse error"), "{body}: {status} {json}");
    }
}

#[test]
fn evaluations_are_added_up_by_flag_identity_and_state() {
    let edge = edge(&shop());
    let body = json!({ "evaluations": [
        { "feature_name": "banner", "identity_identifier": "ann", "enabled_when_evaluated": true, "count": 3 },
        { "feature_name": "banner", "identity_identifier": "ann", "enabled_when_evaluated": true, "count": 4 },
        { "feature_name": "banner", "identity_identifier": "ann", "enabled_when_evaluated": false, "count": 1 },
        { "feature_name": "banner", "enabled_when_evaluated": true, "count": i64::MAX },
        { "feature_name": "banner", "enabled_when_evaluated": "yes", "count": " 1.0" },
        { "feature_name": " banner", "enabled_when_evaluated": 1, "count": 1 },
        { "feature_name": "banner", "enabled_when_evaluated": 0, "count": 0 },
        { "feature_name": "banner", "enabled_when_evaluated": true, "count": -5 },
        { "feature_name": "made up", "identity_identifier": "ann", "enabled_when_evaluated": true, "count": 1 },
    ] });
    let answer = edge.post(EVALUATIONS, body.to_string()).key(CLIENT).answer();
    assert_eq!((answer.status, answer.text().as_str()), (204, ""));
    let sum = |identifier: Value, enabled: bool, count: u64| {
        json!({
            "feature_name": "banner", "identity_identifier": identifier, "enabled_when_evaluated": enabled, "count": count
        })
    };
    let expected = json!([[
        sum(Value::Null, true, (1 << 63) + 1),
        sum(json!("ann"), false, 1),
        sum(json!("ann"), true, 7)
    ]]);
    assert_eq!(json!(recorded(&answer, "evaluations")), expected);
    let nothing = edge.post(EVALUATIONS, r#"{"evaluations": []}"#).key(SERVER).answer();
    assert_eq!((nothing.status, nothing.after), (204, Vec::new()));
}

#[test]
fn evaluations_that_are_wrong_are_named_in_their_place() {
    let edge = edge(&shop());
    let sound = json!({ "feature_name": "banner", "enabled_when_evaluated": true, "count": 1 });
    let with = |member: &str, value: Value| {
        let mut item = sound.clone();
        item[member] = value;
        json!({ "evaluations": [sound, item] })
    };
    let without = |member: &str| {
        let mut item = sound.clone();
        item.as_object_mut().unwrap().remove(member);
        json!({ "evaluations": [sound, item] })
    };
    let second = |member: &str, message: &str| json!({ "evaluations": [{}, { member: [message] }] });
    let required = "This field is required.";
    let not_null = "This field may not be null.";
    let no_integer = "A valid integer is required.";
    let no_boolean = "Must be a valid boolean.";
    let more = vec![sound.clone(); 1_001];
    compare(
        [
            (json!({}), json!({ "evaluations": [required] })),
            (json!({ "evaluations": null }), json!({ "evaluations": [not_null] })),
            (json!([]), json!({ "non_field_errors": ["Invalid data. Expected a dictionary, but got list."] })),
            (
                json!({ "evaluations": {} }),
                json!({ "evaluations": { "non_field_errors": ["Expected a list of items but got type \"dict\"."] } }),
            ),
            (
                json!({ "evaluations": more }),
                json!({ "evaluations": { "non_field_errors": ["Ensure this field has no more than 1000 elements."] } }),
            ),
            (
                json!({ "evaluations": [7] }),
                json!({ "evaluations": [{ "non_field_errors": ["Invalid data. Expected a dictionary, but got int."] }] }),
            ),
            (without("feature_name"), second("feature_name", required)),
            (without("enabled_when_evaluated"), second("enabled_when_evaluated", required)),
            (without("count"), second("count", required)),
            (with("feature_name", Value::Null), second("feature_name", not_null)),
            (with("feature_name", json!(" ")), second("feature_name", "This field may not be blank.")),
            (with("feature_name", json!([])), second("feature_name", "Not a valid string.")),
            (with("identity_identifier", json!({})), second("identity_identifier", "Not a valid string.")),
            (with("enabled_when_evaluated", json!(7)), second("enabled_when_evaluated", no_boolean)),
            (json!({ "evaluations": [Value::Null] }), json!({ "evaluations": [[not_null]] })),
            (with("identity_identifier", Value::Null), second("identity_identifier", not_null)),
            (with("identity_identifier", json!("")), second("identity_identifier", "This field may not be blank.")),
            (with("enabled_when_evaluated", json!("")), second("enabled_when_evaluated", not_null)),
            (with("enabled_when_evaluated", json!([])), second("enabled_when_evaluated", no_boolean)),
            (with("count", Value::Null), second("count", not_null)),
            (with("count", json!(1.5)), second("count", no_integer)),
            (with("count", json!(true)), second("count", no_integer)),
            (with("count", json!("x")), second("count", no_integer)),
            (with("count", json!(u64::MAX)), second("count", no_integer)),
            (
                json!({ "evaluations": [{ "count": "x", "feature_name": null, "enabled_when_evaluated": true }] }),
                json!({ "evaluations": [{ "feature_name": [not_null], "count": [no_integer] }] }),
            ),
        ]
        .map(|(body, expected)| {
            let text = body.to_string();
            let shown = text[..text.len().min(150)].to_owned();
            (shown, edge.post(EVALUATIONS, text).key(CLIENT).json(), (400, expected))
        }),
    );
}

#[test]
fn a_key_that_opens_nothing_counts_nothing() {
    let edge = edge(&shop());
    for path in [COUNTS, EVALUATIONS] {
        for (key, expected) in [
            (None, "Invalid or missing Environment key"),
            (Some("unknown"), "Invalid or missing Environment Key"),
            (Some("ser.unknown"), "Invalid or missing Environment Key"),
        ] {
            let ask = edge.post(path, "{}");
            let answer = key.map_or(ask, |key| edge.post(path, "{}").key(key)).answer();
            assert_eq!(answer.json(), (403, detail(expected)), "{path} {key:?}");
            assert!(answer.after.is_empty());
        }
        let form = edge.post(path, "a=1").without_header("content-type");
        let form = form.header("content-type", "application/x-www-form-urlencoded").key(CLIENT);
        assert_eq!(form.status(), 415, "{path}");
        assert_eq!(edge.get(path).key(CLIENT).status(), 405, "{path}");
        assert_eq!(edge.ask("OPTIONS", path).answer().header("allow"), "POST, OPTIONS", "{path}");
    }
}
