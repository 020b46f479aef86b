//! Traits that are named like a path of a condition (`SEMANTICS.md`, 3.1). A client-side key is in every page, so what comes
//! with it must not stand in for a flag, for the environment, or for the identity itself.

use serde_json::{Value, json};

use crate::ask::IDENTITIES;
use crate::compare::compare;
use crate::edge::{CLIENT, Edge, SERVER, edge_with_warnings as edge};

/// `prize` is on for identities that a condition matches. `gate` is off, and for servers only.
fn prize_for(operator: &str, property: &str, value: &str) -> Value {
    let condition = json!({ "operator": operator, "property_": property, "value": value });
    let on = json!({ "feature": { "id": 2, "name": "prize" }, "enabled": true });
    json!({
        "api_key": "client",
        "name": "Production",
        "feature_states": [
            { "feature": { "id": 1, "name": "gate" }, "enabled": false, "feature_state_value": "closed" },
            { "feature": { "id": 2, "name": "prize" }, "enabled": false },
        ],
        "project": { "server_key_only_feature_ids": [1], "segments": [
            { "id": 1, "name": "prize", "rules": [{ "type": "ALL", "conditions": [condition] }], "feature_states": [on] },
        ] },
    })
}

/// Whether `prize` is on for an identity that sends one trait, with a client-side key and with a server-side one.
fn prize(edge: &Edge, key: &str, value: &Value) -> [bool; 2] {
    [CLIENT, SERVER].map(|access| {
        let body = json!({ "identifier": "ann", "traits": [{ "trait_key": key, "trait_value": value }] });
        let answer = edge.post(IDENTITIES, body.to_string()).key(access).answer();
        // What was sent comes back either way.
        assert_eq!(answer.json().1["traits"], body["traits"], "{key}");
        answer.flag("prize")[0].as_bool().unwrap()
    })
}

#[test]
fn a_trait_of_a_browser_never_stands_in_for_a_path() {
    let opened_by_servers = [false, true];
    let flag = [
        "$.flags.gate.enabled",
        "$.flags['gate'].enabled",
        "$.flags[\"gate\"]['enabled']",
        "$.flags [ 'gate' ] .enabled",
        "$.flags.gate .enabled",
        "$.flags['\\u0067ate'].enabled",
    ];
    let others = [
        "$.flags.gate.value",
        "$.flags.gate.variant",
        "$.flags.gate.name",
        "$.flags.gate.reason",
        "$.flags.gate.metadata.plan",
        "$.flags.gate.other",
        "$.flags.gate",
        "$.flags",
        "$.flags.removed.enabled",
        "$.flags['removed'].enabled",
        "$.flags .removed",
        "$.flags.*.enabled",
        "$.flags[0]",
        "$.environment.name",
        "$.environment['name']",
        "$.environment.key",
        "$.environment.other",
        "$.environment",
        "$.identity.identifier",
        "$.identity['identifier']",
        "$.identity.key",
    ];
    let as_any_trait = [
        "plan",
        "$.identity.traits.plan",
        "$.identity.traits['plan']",
        "$.plan",
        "$.flagship",
        "$.flags-2",
        "$.environments.x",
        "$. flags",
        "$",
        "flags.gate.enabled",
        ".flags.gate.enabled",
    ];
    let found = |property: &str, value: Value| {
        let text = if value == json!(true) { "true".to_owned() } else { value.as_str().unwrap().to_owned() };
        prize(&edge(&prize_for("EQUAL", property, &text)), property, &value)
    };
    let flag = flag.map(|property| (property, found(property, json!(true)), opened_by_servers));
    let others = others.map(|property| (property, found(property, json!("vip")), opened_by_servers));
    let plain = as_any_trait.map(|property| (property, found(property, json!("vip")), [true, true]));
    compare(flag.into_iter().chain(others).chain(plain));
}

/// What a path leads to is still read, as if no such trait had been sent.
#[test]
fn the_path_itself_is_read_instead() {
    let situations = [
        ("$.flags.gate.enabled", "false", json!(true)),
        ("$.flags.gate.value", "closed", json!("open")),
        ("$.environment.name", "Production", json!("Staging")),
        ("$.identity.identifier", "ann", json!("vip")),
        ("$.identity.key", "client_ann", json!("client_vip")),
    ];
    compare(situations.map(|(property, value, sent)| {
        (property, prize(&edge(&prize_for("EQUAL", property, value)), property, &sent), [true, false])
    }));
    // Nor does a trait choose the side of a split.
    let split = edge(&prize_for("PERCENTAGE_SPLIT", "$.identity.key", "50"));
    let without = |name: &str| {
        split.get(&format!("{IDENTITIES}?identifier={name}")).key(CLIENT).answer().flag("prize")[0]
            .as_bool()
            .unwrap()
    };
    let ann = without("ann");
    let pretended =
        ["a", "b", "c", "d", "e", "f", "g", "h"].map(|key| prize(&split, "$.identity.key", &json!(key)));
    assert!(pretended.iter().all(|[client, _]| *client == ann), "{pretended:?}");
    assert!(pretended.iter().any(|[_, server]| *server != ann), "{pretended:?}");
}

/// Segments that a trait with such a name is for, set or not.
#[test]
fn a_trait_that_is_not_read_is_not_set() {
    let property = "$.flags.removed.enabled";
    compare([
        ("is set", prize(&edge(&prize_for("IS_SET", property, "")), property, &json!(1)), [false, true]),
        (
            "is not set",
            prize(&edge(&prize_for("IS_NOT_SET", property, "")), property, &json!(1)),
            [true, false],
        ),
        ("another name", prize(&edge(&prize_for("IS_SET", "plan", "")), "plan", &json!(1)), [true, true]),
    ]);
}
