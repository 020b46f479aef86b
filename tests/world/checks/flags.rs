//! Checks 1 to 3: the list of flags, one flag, and what only server-side keys see.

use serde_json::{Value, json};
use tests::machine::beside_others;

use super::{
    CLIENT, DOCUMENT, FLAGS, IDENTITY, SERVER, SERVER_ONLY, compare, flags, identify, names, publish,
    sdk_edge,
};

#[test]
fn check_01_the_list_has_three_members_a_flag_and_the_revision_of_the_document() {
    let _machine = beside_others();
    let Some(edge) = sdk_edge() else { return };
    let list = edge.get(FLAGS, CLIENT);
    assert_eq!((list.status, list.header("content-type")), (200, "application/json"));
    let flags = flags(&list);
    assert!(flags.len() > 10, "{flags:?}");
    for flag in &flags {
        let members: Vec<&str> = flag.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(members, ["feature", "enabled", "feature_state_value"], "{flag}");
        let feature = flag["feature"].as_object().unwrap();
        assert_eq!(feature.keys().collect::<Vec<_>>(), ["id", "name", "type"], "{flag}");
        assert!(feature["id"].as_u64().is_some_and(|id| id > 0 && id < 1 << 32), "{flag}");
        assert!(feature["name"].is_string() && flag["enabled"].is_boolean(), "{flag}");
        assert!(["STANDARD", "MULTIVARIATE"].contains(&feature["type"].as_str().unwrap()), "{flag}");
        let value = &flag["feature_state_value"];
        assert!(!value.is_object() && !value.is_array(), "{flag}");
    }
    let header: f64 = list.header("x-flagsmith-document-updated-at").parse().unwrap();
    let document = edge.get(DOCUMENT, SERVER).json();
    let updated_at: jiff::Timestamp = document["updated_at"].as_str().unwrap().parse().unwrap();
    assert_eq!(
        (header - updated_at.as_duration().as_secs_f64()).abs().total_cmp(&1e-6),
        std::cmp::Ordering::Less
    );
}

#[test]
fn check_02_one_feature_is_one_object_and_an_unknown_or_hidden_one_is_404() {
    let _machine = beside_others();
    let Some(edge) = sdk_edge() else { return };
    let ask = |key, name| edge.get(&format!("{FLAGS}?feature={name}"), key);
    let found = ask(CLIENT, "page_size");
    let feature = json!({ "id": 2004, "name": "page_size", "type": "STANDARD" });
    let expected = json!({ "feature": feature, "enabled": true, "feature_state_value": 25 });
    assert_eq!((found.status, found.json()), (200, expected));
    let not_found = json!({ "detail": "Given feature not found" });
    compare([(CLIENT, "unknown"), (CLIENT, SERVER_ONLY), (SERVER, "unknown")].map(|(key, name)| {
        let answer = ask(key, name);
        let found = (answer.status, answer.json(), answer.header("content-type").to_owned());
        (format!("{key} {name}"), found, (404, not_found.clone(), "application/json".to_owned()))
    }));
    assert_eq!(ask(SERVER, SERVER_ONLY).json()["feature_state_value"], "strict");
}

#[test]
fn check_03_server_only_features_are_hidden_from_client_side_keys_however_disabled_ones_are_shown() {
    let _machine = beside_others();
    let Some(edge) = sdk_edge() else { return };
    let mut situations = Vec::new();
    for hide in [json!(true), json!(false), Value::Null] {
        let name = format!("hide-{hide}");
        let [client, server] = publish(&edge, &name, &[("/hide_disabled_flags", hide)]);
        for (key, is_seen) in [(&client, false), (&server, true)] {
            let answers = [
                ("flags", edge.get(FLAGS, key)),
                ("GET identity", edge.get(IDENTITY, key)),
                ("POST identity", identify(&edge, key, "anna", &json!({ "plan": "gold" }))),
            ];
            for (route, answer) in answers {
                let found = names(&answer).iter().any(|name| name == SERVER_ONLY);
                situations.push((format!("{route} with {key}"), found, is_seen));
            }
            for route in [FLAGS, "/api/v1/identities/"] {
                let path = format!("{route}?identifier=anna&feature={SERVER_ONLY}");
                situations.push((format!("{path} with {key}"), edge.get(&path, key).status == 200, is_seen));
            }
        }
    }
    compare(situations);
}
