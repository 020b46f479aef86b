//! What a client insists on in an answer, as data: a JSON value in which a text names a type, a list has the shape of its
//! elements, and an object those of the members that are read. `?` after a member's name: it may be absent.

use serde_json::Value;

/// Where a value has another shape than is wanted, and what it is there.
pub(super) fn differences(shape: &Value, value: &Value, place: &str) -> Vec<String> {
    let wrong = |wanted: &str| vec![format!("{place}: {value} instead of {wanted}")];
    match (shape, value) {
        (Value::String(kinds), value) => {
            if kinds.split('|').any(|kind| is_of(kind, value)) {
                Vec::new()
            } else {
                wrong(kinds)
            }
        }
        (Value::Array(shape), Value::Array(values)) => {
            let of = |(n, value)| differences(&shape[0], value, &format!("{place}/{n}"));
            values.iter().enumerate().flat_map(of).collect()
        }
        (Value::Object(members), Value::Object(values)) => {
            let of = |(name, shape): (&String, &Value)| {
                let read = name.trim_end_matches('?');
                let place = format!("{place}/{read}");
                match (values.get(read), shape == "absent" || name.ends_with('?')) {
                    (Some(value), _) => differences(shape, value, &place),
                    (None, true) => Vec::new(),
                    (None, false) => vec![format!("{place}: missing")],
                }
            };
            members.iter().flat_map(of).collect()
        }
        (Value::Array(_), _) => wrong("a list"),
        (Value::Object(_), _) => wrong("an object"),
        (other, _) => panic!("no shape: {other}"),
    }
}

fn is_of(kind: &str, value: &Value) -> bool {
    let integer = |least: i64| value.as_i64().is_some_and(|n| n >= least && n <= i64::from(i32::MAX));
    match kind {
        "text" => value.is_string(),
        "int" => integer(0),
        "id" => integer(1),
        "number" => value.is_number(),
        "bool" => value.is_boolean(),
        "scalar" => value.is_string() || value.is_number() || value.is_boolean(),
        "object" => value.is_object(),
        "null" | "absent" => value.is_null(),
        // RFC 3339, of which Go wants the zone.
        "time" => value.as_str().is_some_and(|text| text.parse::<jiff::Timestamp>().is_ok()),
        _ => panic!("no kind of value: {kind}"),
    }
}

#[test]
fn differences_are_found_wherever_they_are() {
    let shape = serde_json::json!({
        "flags": [{ "feature": { "id": "id", "name": "text" }, "value": "scalar|null", "enabled": "bool" }],
        "at?": "time",
        "segment": "absent",
    });
    let flag =
        |id: i64| serde_json::json!({ "feature": { "id": id, "name": "a" }, "value": null, "enabled": true });
    let find = |value: Value| differences(&shape, &value, "");
    assert_eq!(find(serde_json::json!({ "flags": [flag(1)] })), Vec::<String>::new());
    assert_eq!(
        find(serde_json::json!({ "flags": [], "at": "2026-03-02T11:22:33+00:00" })),
        Vec::<String>::new()
    );
    for (value, place) in [
        (serde_json::json!([]), ""),
        (serde_json::json!({}), "/flags"),
        (serde_json::json!({ "flags": {} }), "/flags"),
        (serde_json::json!({ "flags": [flag(1), flag(0)] }), "/flags/1/feature/id"),
        (serde_json::json!({ "flags": [], "at": "2026-03-02T11:22:33" }), "/at"),
        (serde_json::json!({ "flags": [], "segment": 1 }), "/segment"),
    ] {
        let found = find(value);
        assert!(found.len() == 1 && found[0].starts_with(&format!("{place}:")), "{found:?}");
    }
}
