use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;
use crate::source::{DocumentSource, Place};

/// What a document is after everything was read from it.
fn stamped(text: &str) -> Result<Value, String> {
    let source = DocumentSource::parse(&Place::new("a.json"), text).map_err(|fault| fault.to_string())?;
    Ok(serde_json::from_str(&source.document.stamped("2026-01-01T00:00:00Z")).unwrap())
}

fn state(name: &str, id: i64, value: &Value) -> Value {
    json!({
        "feature": { "id": id, "name": name, "type": "STANDARD" },
        "enabled": true,
        "django_id": id,
        "feature_state_value": value,
        "multivariate_feature_state_values": [{
            "id": 5, "percentage_allocation": 12.5, "multivariate_feature_option": { "id": 6, "value": "v" }
        }],
    })
}

fn override_of(identifier: &str, states: &[Value]) -> Value {
    json!({
        "identifier": identifier, "environment_api_key": "e", "identity_uuid": "u", "identity_features": states
    })
}

/// The environment that all shapes here stand for.
fn environment() -> Value {
    json!({
        "id": 7,
        "api_key": "e",
        "name": "Production",
        "use_identity_composite_key_for_hashing": false,
        "use_identity_overrides_in_local_eval": false,
        "project": {
            "id": 1,
            "name": "p",
            "organisation": { "id": 1, "name": "o", "stop_serving_flags": false },
            "server_key_only_feature_ids": [2],
            "segments": [{ "id": 3, "name": "s", "rules": [{ "type": "ALL", "rules": [], "conditions": [
                { "operator": "EQUAL", "property_": "plan", "value": "gold" }
            ] }], "feature_states": [] }],
        },
        "feature_states": [state("a", 1, &json!(25)), state("b", 2, &json!("x"))],
        "identity_overrides": [
            override_of("anna", &[state("a", 1, &json!(1)), state("b", 2, &json!("y"))]),
            override_of("bert", &[state("a", 1, &json!(2))]),
        ],
    })
}

/// The same in two tables' worth of items: the environment, and each override of its own.
fn items() -> Vec<Value> {
    let mut meta = environment();
    let members = meta.as_object_mut().unwrap();
    for absent in ["api_key", "id", "identity_overrides"].into_iter().chain(ABSENT_IS_NO) {
        members.remove(absent);
    }
    members.insert("environment_id".into(), json!("7"));
    members.insert("environment_api_key".into(), json!("e"));
    members.insert("document_key".into(), json!("_META"));
    let item = |identifier: &str, state: Value| {
        json!({
            "environment_id": "7",
            "document_key": format!("identity_override:{}:u", state["feature"]["id"]),
            "environment_api_key": "e",
            "identifier": identifier,
            "identity_uuid": "u",
            "feature_state": state,
        })
    };
    vec![
        meta,
        item("anna", state("a", 1, &json!(1))),
        item("bert", state("a", 1, &json!(2))),
        item("anna", state("b", 2, &json!("y"))),
    ]
}

/// As DynamoDB writes it.
fn typed(value: &Value) -> Value {
    match value {
        Value::Null => json!({ "NULL": true }),
        Value::Bool(value) => json!({ "BOOL": value }),
        Value::Number(number) => json!({ "N": number.to_string() }),
        Value::String(text) => json!({ "S": text }),
        Value::Array(values) => json!({ "L": values.iter().map(typed).collect::<Vec<_>>() }),
        Value::Object(_) => json!({ "M": typed_item(value) }),
    }
}

fn typed_item(item: &Value) -> Value {
    item.as_object().unwrap().iter().map(|(name, value)| (name.clone(), typed(value))).collect()
}

fn packed(value: &Value) -> String {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(value.to_string().as_bytes()).unwrap();
    STANDARD.encode(gzip.finish().unwrap())
}

#[test]
fn every_shape_is_the_same_document() {
    let expected = stamped(&environment().to_string()).unwrap();
    let mut compressed = environment();
    for member in COMPRESSED {
        compressed[member] = json!(packed(&environment()[member]));
    }
    compressed["compressed"] = json!(true);
    let mut compressed_and_typed = typed_item(&compressed);
    for member in COMPRESSED {
        compressed_and_typed[member] = json!({ "B": compressed[member] });
    }
    let typed_items: Vec<Value> = items().iter().map(typed_item).collect();
    let lines = |items: &[Value]| -> String {
        items.iter().map(|item| json!({ "Item": item }).to_string() + "\n").collect()
    };
    for (shape, text) in [
        ("typed", typed_item(&environment()).to_string()),
        ("get-item", json!({ "Item": typed_item(&environment()) }).to_string()),
        ("compressed", compressed.to_string()),
        ("get-item, compressed", json!({ "Item": compressed_and_typed }).to_string()),
        ("query", json!({ "Items": items(), "Count": 4 }).to_string()),
        ("query, typed", json!({ "Items": typed_items, "Count": 4, "ScannedCount": 4 }).to_string()),
        ("list", json!(items()).to_string()),
        ("export", lines(&typed_items)),
        ("pages of a query", json!([{ "Items": items()[..2] }, { "Items": items()[2..] }]).to_string()),
    ] {
        assert_eq!(stamped(&text).as_ref(), Ok(&expected), "{shape}");
    }
}

/// As dumps have them whose writer knows no decimals.
#[test]
fn numbers_as_text() {
    fn as_text(value: &mut Value) {
        match value {
            Value::Number(number) => *value = json!(number.to_string()),
            Value::Array(values) => values.iter_mut().for_each(as_text),
            Value::Object(members) => {
                for (name, value) in members {
                    // The type of a flag's value does not follow from its text.
                    if name != "feature_state_value" {
                        as_text(value);
                    }
                }
            }
            _ => {}
        }
    }
    let mut document = environment();
    as_text(&mut document);
    assert_eq!(document["project"]["server_key_only_feature_ids"], json!(["2"]));
    assert_eq!(stamped(&document.to_string()), stamped(&environment().to_string()));
}

#[test]
fn members_of_former_times_and_secrets_of_integrations_are_left_out() {
    let expected = stamped(&environment().to_string());
    let mut document = environment();
    let secret = json!({ "api_key": "s3cret", "base_url": "https://s3cret", "secret": "s3cret" });
    for integration in
        ["amplitude", "dynatrace", "heap", "mixpanel", "rudderstack", "segment", "webhook", "other"]
    {
        document[format!("{integration}_config")] = secret.clone();
    }
    document["segment_overrides"] = json!([{ "id": 1, "segment": 3 }]);
    document["webhooks"] = json!([secret]);
    document["feature_states"][0]["id"] = json!(99);
    document["feature_states"][0]["segment_id"] = json!(3);
    document["feature_states"][0]["feature_segment"] = json!(null);
    document["identity_overrides"][0]["identity_traits"] =
        json!([{ "trait_key": "k", "trait_value": "s3cret" }]);
    for text in [document.to_string(), json!({ "Item": typed_item(&document) }).to_string()] {
        let stamped = stamped(&text);
        assert!(!stamped.as_ref().unwrap().to_string().contains("s3cret"));
        assert_eq!(stamped, expected);
    }
}

#[test]
fn what_makes_no_document_is_said() {
    let mut of_another = items();
    of_another[2]["environment_api_key"] = json!("f");
    let broken = json!({ "api_key": "e", "compressed": true, "project": "H4sIAAAA", "feature_states": [] });
    for (text, expected) in [
        (json!(items()[1..]).to_string(), "an export without an environment: none of its 3 items is one"),
        ("[]".into(), "an export without an environment: none of its 0 items is one"),
        (
            json!({ "Items": [environment(), environment()] }).to_string(),
            "an export of 2 environments, where one is to be published",
        ),
        (
            json!(of_another).to_string(),
            "an export with an override of environment `f` beside environment `e`",
        ),
        ("[1]".into(), "item 1 of an export is not an object"),
        (
            broken.to_string(),
            "project: not JSON compressed by gzip, in base64, although the item says that it is compressed",
        ),
        (
            r#"{"Item": {"api_key": {"S": "e"}}}"#.into(),
            "the whole: missing field `project` at line 1 column 107",
        ),
    ] {
        assert_eq!(stamped(&text), Err(format!("a.json: {expected}")));
    }
}
