//! Checks 10, 11 and 15: traits that are stored.

use serde_json::{Value, json};
use tests::machine::beside_others;
use tests::{Answer, Edge, edge_with_identity_key, eventually, tools};

use super::{CLIENT, IDENTITIES, SERVER, compare, identify, publish};

const PATIENCE: std::time::Duration = std::time::Duration::from_secs(20);
const TRAIT: &str = "/api/v1/traits/";
const BULK: &str = "/api/v1/bulk-identities/";

/// The environment of an organisation that lets nothing be stored.
const FORGETFUL: &str = "no-persistence";

/// An edge that stores the traits of `fixtures/sdk.json`.
#[track_caller]
fn storing_edge() -> Option<Edge> {
    let stored = json!({ "traits": "stored" });
    let settings = json!({ "environments": { CLIENT: stored, FORGETFUL: stored } });
    let edge = edge_with_identity_key(&tools()?, &settings);
    edge.publish_fixture("sdk.json", SERVER);
    Some(edge)
}

/// The traits in an answer, by their keys.
#[track_caller]
fn traits(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{answer:?}");
    let body = answer.json();
    let traits = body["traits"].as_array().unwrap().iter();
    traits.map(|one| (one["trait_key"].as_str().unwrap().to_owned(), one["trait_value"].clone())).collect()
}

fn read(edge: &Edge, identifier: &str) -> Value {
    traits(&edge.get(&format!("{IDENTITIES}?identifier={identifier}"), CLIENT))
}

/// Traits are written after the answer.
#[track_caller]
fn assert_stored(edge: &Edge, identifier: &str, expected: &Value) {
    eventually(&format!("{identifier} has {expected}"), PATIENCE, || {
        (read(edge, identifier) == *expected).then_some(())
    });
}

#[test]
fn check_10_a_trait_is_set_merged_overwritten_and_deleted_and_comes_back_as_it_was_sent() {
    let _machine = beside_others();
    let Some(edge) = storing_edge() else { return };
    let all = json!({ "text": "gold", "int": 7, "float": 1.5, "bool": true, "digits": "007" });
    for (sent, expected) in [
        (all.clone(), all.clone()),
        (
            json!({ "text": "silver" }),
            json!({ "text": "silver", "int": 7, "float": 1.5, "bool": true, "digits": "007" }),
        ),
        (
            json!({ "int": null, "new": 1, "bool": null }),
            json!({ "text": "silver", "float": 1.5, "digits": "007", "new": 1 }),
        ),
        (json!({}), json!({ "text": "silver", "float": 1.5, "digits": "007", "new": 1 })),
    ] {
        assert_eq!(traits(&identify(&edge, CLIENT, "anna", &sent)), expected, "{sent}");
        assert_stored(&edge, "anna", &expected);
    }
    assert_eq!(read(&edge, "somebody-else"), json!({}));

    let members = [("/project/organisation/persist_trait_data", json!(false))];
    for key in publish(&edge, FORGETFUL, &members) {
        let answer = identify(&edge, &key, "anna", &json!({ "text": "gold" }));
        assert_eq!((traits(&answer), answer.header("jackstaff-traits")), (json!({ "text": "gold" }), "off"));
        assert_eq!(traits(&identify(&edge, &key, "anna", &json!({}))), json!({}));
        let one = json!({ "identity": { "identifier": "anna" }, "trait_key": "a", "trait_value": 1 });
        assert_eq!(edge.post(TRAIT, &key, &one).status, 403, "{key}");
    }
    let stored =
        edge.stored_items().into_iter().filter(|item| item.key.starts_with("identity/no-persistence/"));
    assert_eq!(stored.count(), 0);
}

#[test]
fn check_11_what_is_transient_counts_in_its_request_and_is_not_stored() {
    let _machine = beside_others();
    let Some(edge) = storing_edge() else { return };
    let post = |body: &Value| edge.post(IDENTITIES, CLIENT, body);
    let set = json!({ "trait_key": "plan", "trait_value": "gold" });
    let transient = json!({ "trait_key": "once", "trait_value": "now", "transient": true });
    let answer = post(&json!({ "identifier": "anna", "traits": [set, transient] }));
    assert_eq!(traits(&answer), json!({ "plan": "gold", "once": "now" }));
    assert_stored(&edge, "anna", &json!({ "plan": "gold" }));
    let answer = post(&json!({ "identifier": "bert", "transient": true, "traits": [set] }));
    assert_eq!((traits(&answer), answer.header("jackstaff-traits")), (json!({ "plan": "gold" }), "off"));
    let answer = post(&json!({ "traits": [set] }));
    assert_eq!((traits(&answer), answer.header("jackstaff-traits")), (json!({ "plan": "gold" }), "off"));
    // What is stored counts for a transient identity of that name, but for a GET.
    let answer = post(&json!({ "identifier": "anna", "transient": true, "traits": [] }));
    assert_eq!(traits(&answer), json!({ "plan": "gold" }));
    let get = |query: &str| traits(&edge.get(&format!("{IDENTITIES}?{query}"), CLIENT));
    assert_eq!(get("identifier=anna&transient=true"), json!({}));
    assert_eq!(get("identifier=bert"), json!({}));
    let stored = edge.stored_items().into_iter().filter(|item| item.key.starts_with("identity/"));
    let bodies: Vec<String> = stored.map(|item| String::from_utf8(item.body).unwrap()).collect();
    assert!(bodies.len() == 1 && !bodies[0].contains("once"), "{bodies:?}");
}

#[test]
fn check_15_traits_and_identities_are_stored_by_routes_of_their_own() {
    let _machine = beside_others();
    let Some(edge) = storing_edge() else { return };
    // As iOS and Flutter write it.
    for (identifier, body) in [
        (
            "ios",
            r#"{"trait_key":"plan","trait_value":"gold","transient":false,"identity":{"identifier":"ios"}}"#,
        ),
        ("flutter", r#"{"identity":{"identifier":"flutter"},"trait_key":"plan","trait_value":"gold"}"#),
    ] {
        for path in [TRAIT, TRAIT.trim_end_matches('/')] {
            let headers = [("x-environment-key", CLIENT), ("content-type", "application/json")];
            let answer = edge.call("POST", path, &headers, body.as_bytes());
            assert_eq!(answer.status, 200, "{path}: {answer:?}");
            let body = answer.json();
            assert_eq!((&body["trait_key"], &body["trait_value"]), (&json!("plan"), &json!("gold")));
        }
        assert_eq!(read(&edge, identifier), json!({ "plan": "gold" }));
    }

    let send = |method: &str, path: &str, body: &Value| {
        let headers = [("x-environment-key", CLIENT), ("content-type", "application/json")];
        edge.call(method, path, &headers, body.to_string().as_bytes())
    };
    let many = |count: usize, key: &str| {
        let one = |n: usize| json!({ "identifier": format!("user{n}"), "traits": [{ "trait_key": key, "trait_value": n }] });
        json!({ "data": (0..count).map(one).collect::<Vec<Value>>() })
    };
    let mut situations = Vec::new();
    for (method, key, expected) in [
        ("POST", "first", json!({ "first": 99 })),
        ("PUT", "second", json!({ "first": 99, "second": 99 })),
        ("POST", "third", json!({ "third": 99 })),
    ] {
        for path in [BULK, BULK.trim_end_matches('/')] {
            let answer = send(method, path, &many(100, key));
            assert_eq!((answer.status, answer.body.len()), (202, 0), "{method} {path}: {answer:?}");
        }
        situations.push((format!("{method} {key}"), read(&edge, "user99"), expected));
        let refused = send(method, BULK, &many(101, key));
        let text = String::from_utf8(refused.body.clone()).unwrap();
        assert_eq!((refused.status, &*text), (400, "Number of identities must not be more than 100"));
    }
    compare(situations);
}
