//! Checks 4 and 13: switches of an environment and of its project.

use serde_json::{Value, json};
use tests::machine::beside_others;

use super::{FLAGS, compare, flag, identify, names, publish, sdk_edge};

/// A feature that is off, and one that only a segment turns off.
const OFF: &str = "plain_off";
const TURNED_OFF: &str = "plain_on";

#[test]
fn check_04_disabled_flags_are_hidden_by_the_environment_or_else_by_the_project() {
    let _machine = beside_others();
    let Some(edge) = sdk_edge() else { return };
    let mut turned_off = tests::fixture("sdk.json")["feature_states"][0].clone();
    assert_eq!(turned_off["feature"]["name"], TURNED_OFF);
    turned_off["enabled"] = json!(false);
    turned_off["feature_segment"] = json!({ "priority": 0 });
    let condition = json!({ "operator": "EQUAL", "property_": "plan", "value": "none" });
    let rule = json!({ "type": "ALL", "rules": [], "conditions": [condition] });
    let segments =
        json!([{ "id": 1, "name": "without a plan", "rules": [rule], "feature_states": [turned_off] }]);
    let mut situations = Vec::new();
    for (project, own, hidden) in [
        (true, Value::Null, true),
        (true, json!(false), false),
        (false, json!(true), true),
        (true, json!(true), true),
        (false, Value::Null, false),
        (false, json!(false), false),
    ] {
        let members = [
            ("/project/hide_disabled_flags", json!(project)),
            ("/hide_disabled_flags", own.clone()),
            ("/project/segments", segments.clone()),
        ];
        let what = format!("project {project}, environment {own}");
        for key in publish(&edge, &format!("hide-{project}-{own}"), &members) {
            let is_hidden = |answer: &tests::Answer, name: &str| !names(answer).contains(&name.to_owned());
            let list = edge.get(FLAGS, &key);
            situations.push((format!("{what}, {key}, flags"), is_hidden(&list, OFF), hidden));
            let plan = |plan: &str| identify(&edge, &key, "anna", &json!({ "plan": plan }));
            situations.push((format!("{what}, {key}, identity"), is_hidden(&plan("none"), OFF), hidden));
            situations.push((
                format!("{what}, {key}, override"),
                is_hidden(&plan("none"), TURNED_OFF),
                hidden,
            ));
            situations.push((
                format!("{what}, {key}, no override"),
                is_hidden(&plan("gold"), TURNED_OFF),
                false,
            ));
        }
    }
    compare(situations);
}

#[test]
fn check_13_traits_of_client_side_keys_and_sensitive_data_are_held_back_where_a_switch_says_so() {
    let _machine = beside_others();
    let Some(edge) = sdk_edge() else { return };
    let traits = json!({ "plan": "gold" });
    let segment = json!([{
        "id": 1, "name": "gold", "feature_states": [],
        "rules": [{ "type": "ALL", "rules": [],
            "conditions": [{ "operator": "EQUAL", "property_": "plan", "value": "gold" }] }],
    }]);
    let mut own = segment;
    let mut state = tests::fixture("sdk.json")["feature_states"][2].clone();
    state["feature_state_value"] = json!("for gold");
    state["feature_segment"] = json!({ "priority": 0 });
    let name = state["feature"]["name"].as_str().unwrap().to_owned();
    own[0]["feature_states"] = json!([state]);
    let segments = ("/project/segments", own);
    let asked = |key: &str| {
        let answer = identify(&edge, key, "nobody in particular", &traits);
        (answer.status, flag(&answer, &name)[1].clone(), answer.json()["traits"].clone())
    };
    let sent = json!([{ "trait_key": "plan", "trait_value": "gold" }]);

    let [client, server] =
        publish(&edge, "no-client-traits", &[segments.clone(), ("/allow_client_traits", json!(false))]);
    assert_eq!(asked(&client), (200, json!("hello"), json!([])));
    assert_eq!(asked(&server), (200, json!("for gold"), sent.clone()));

    // The coming switch: they count, and are not stored.
    let members = [
        segments.clone(),
        ("/allow_client_traits", json!(false)),
        ("/allow_client_traits_in_evaluation", json!(true)),
    ];
    let [client, _] = publish(&edge, "client-traits-in-evaluation", &members);
    assert_eq!(asked(&client), (200, json!("for gold"), sent));

    let [client, server] = publish(&edge, "sensitive", &[segments, ("/hide_sensitive_data", json!(true))]);
    for key in [client, server] {
        assert_eq!(asked(&key), (200, json!("for gold"), json!([])), "{key}");
    }
}
