//! Variants: of identities that are pinned to one, their names, and lists without an identity.

use serde_json::{Value, json};

use crate::ask::{FLAGS, IDENTITIES};
use crate::compare::compare;
use crate::edge::{CLIENT, edge};

fn option(id: u64, share: f64, value: &str, key: Option<&str>) -> Value {
    json!({ "id": id, "percentage_allocation": share, "multivariate_feature_option": { "id": id, "value": value, "key": key } })
}

/// `colour` is red or blue for half of all each, and `size` has no variants; what anna has of `colour` is given.
fn with_override(override_of_anna: &Value) -> Value {
    let colour = json!({ "id": 1, "name": "colour", "type": "MULTIVARIATE" });
    let mut state = json!({ "feature": colour, "enabled": true });
    state.as_object_mut().unwrap().extend(override_of_anna.as_object().unwrap().clone());
    json!({
        "api_key": "client",
        "project": { "segments": [] },
        "feature_states": [
            { "feature": colour, "enabled": true, "feature_state_value": "grey",
              "multivariate_feature_state_values": [option(1, 50.0, "red", Some("warm")), option(2, 50.0, "blue", None)] },
            { "feature": { "id": 2, "name": "size", "type": "STANDARD" }, "enabled": true, "feature_state_value": 7 },
        ],
        "identity_overrides": [{ "identifier": "anna", "identity_features": [state] }],
    })
}

/// Value and variant of `colour` for anna.
fn colour(override_of_anna: &Value) -> Value {
    let (_, answer) = edge(&with_override(override_of_anna))
        .get(&format!("{IDENTITIES}?identifier=anna"))
        .key(CLIENT)
        .json();
    json!([answer["flags"][0]["feature_state_value"], answer["flags"][0]["variant"]])
}

/// Flagsmith's pages pin an identity to a variation by giving it all of the shares in the identity's override, whose own
/// value is that of the control then, or none.
#[test]
fn an_identity_that_is_pinned_to_a_variant_gets_it() {
    let of = |own: Value, shares: &[(&str, f64)]| {
        let variants: Vec<Value> = shares
            .iter()
            .zip(1..)
            .map(|((value, share), id)| option(id, *share, value, Some(value)))
            .collect();
        json!({ "feature_state_value": own, "multivariate_feature_state_values": variants, "django_id": 77 })
    };
    compare([
        (
            "blue at 100 %",
            colour(&of(Value::Null, &[("red", 0.0), ("blue", 100.0)])),
            json!(["blue", "blue"]),
        ),
        ("green at 100 %", colour(&of(json!("grey"), &[("green", 100.0)])), json!(["green", "green"])),
        (
            "all at 0 %",
            colour(&of(json!("grey"), &[("red", 0.0), ("blue", 0.0)])),
            json!(["grey", "control"]),
        ),
        ("a value of its own", colour(&of(json!("magenta"), &[])), json!(["magenta", "control"])),
        // MD5 of "77,client_anna" falls on 19.63.
        ("by hash", colour(&of(json!("grey"), &[("a", 33.0), ("b", 34.0), ("c", 33.0)])), json!(["a", "a"])),
    ]);
}

/// Null where the feature has none, the key of the variant, which may be null, or `control`: as in Flagsmith's API, and
/// on flags of identities alone.
#[test]
fn variants_are_named_for_identities() {
    let mut document = with_override(&json!({ "feature_state_value": "hers" }));
    document["feature_states"][0]["multivariate_feature_state_values"] =
        json!([option(1, 30.0, "red", Some("warm")), option(2, 30.0, "blue", None)]);
    let edge = edge(&document);
    let flags = |identifier: &str| {
        let (_, answer) = edge.get(&format!("{IDENTITIES}?identifier={identifier}")).key(CLIENT).json();
        let flags = answer["flags"].as_array().unwrap().iter();
        Value::from_iter(flags.map(|flag| json!([flag["feature_state_value"], flag["variant"]])))
    };
    let of = |identifiers: &[&str]| -> Vec<Value> { identifiers.iter().map(|name| flags(name)).collect() };
    let mut seen = of(&["u0", "u1", "u2", "u3", "u4", "u5", "u6", "u7", "u8", "u9", "u10", "u11"]);
    seen.sort_by_key(Value::to_string);
    seen.dedup();
    assert_eq!(
        seen,
        [
            json!([["blue", null], [7, null]]),
            json!([["grey", "control"], [7, null]]),
            json!([["red", "warm"], [7, null]]),
        ]
    );
    assert_eq!(flags("anna"), json!([["hers", "control"], [7, null]]));
    let (_, one) = edge.get(&format!("{IDENTITIES}?identifier=anna&feature=colour")).key(CLIENT).json();
    assert_eq!(one["variant"], "control");
    let (_, list) = edge.get(FLAGS).key(CLIENT).json();
    assert_eq!(list[0]["feature_state_value"], "grey");
    assert!(list.as_array().unwrap().iter().all(|flag| flag.get("variant").is_none()), "{list}");
}

/// A kill switch is made as a flag on which others depend. It has to reach apps before their users log in.
#[test]
fn lists_are_evaluated_without_an_identity() {
    let segment = |name: &str, feature: &str, condition: Value| {
        json!({ "name": name, "rules": [{ "type": "ALL", "conditions": [condition] }],
                "feature_states": [{ "feature": { "name": feature }, "enabled": true, "feature_state_value": name }] })
    };
    let document = |parent: bool| {
        json!({
            "api_key": "client",
            "name": "production",
            "feature_states": (["parent", "child", "here", "newcomer", "split", "gold"].map(|name| {
                json!({ "feature": { "name": name }, "enabled": name == "parent" && parent })
            })),
            "project": { "segments": [
                segment("parent on", "child", json!({ "operator": "EQUAL", "property_": "$.flags.parent.enabled", "value": "true" })),
                segment("production", "here", json!({ "operator": "EQUAL", "property_": "$.environment.name", "value": "production" })),
                segment("no plan", "newcomer", json!({ "operator": "IS_NOT_SET", "property_": "plan" })),
                segment("all", "split", json!({ "operator": "PERCENTAGE_SPLIT", "property_": "", "value": "100" })),
                segment("gold", "gold", json!({ "operator": "EQUAL", "property_": "plan", "value": "gold" })),
            ] },
        })
    };
    let on = |parent: bool, hide: bool| {
        let mut document = document(parent);
        document["hide_disabled_flags"] = json!(hide);
        let (_, list) = edge(&document).get(FLAGS).key(CLIENT).json();
        let flags = list.as_array().unwrap().iter();
        let names =
            flags.map(|flag| format!("{}={}", flag["feature"]["name"].as_str().unwrap(), flag["enabled"]));
        names.collect::<Vec<String>>().join(" ")
    };
    compare([
        (
            "parent on",
            on(true, false),
            "parent=true child=true here=true newcomer=true split=false gold=false".to_owned(),
        ),
        (
            "parent off",
            on(false, false),
            "parent=false child=false here=true newcomer=true split=false gold=false".to_owned(),
        ),
        (
            "hidden after evaluation",
            on(true, true),
            "parent=true child=true here=true newcomer=true".to_owned(),
        ),
    ]);
    let one = edge(&document(true)).get("/api/v1/flags/?feature=child").key(CLIENT).json();
    assert_eq!((one.0, one.1["feature_state_value"].clone()), (200, json!("parent on")));
}
