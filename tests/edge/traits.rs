//! Stored traits at the running edge, over the local runtime's KV store.

use std::thread;
use std::time::Instant;

use serde_json::{Value, json};
use tests::{Answer, Edge, IDENTITY_KEY, edge_with_identity_key, eventually, tools};

use crate::{CLIENT, IDENTITIES, PATIENCE, SERVER, contains};

const TRAIT: &str = "/api/v1/traits/";
const BULK: &str = "/api/v1/bulk-identities/";

/// Nothing in a store may hold it.
const IDENTIFIER: &str = "marked-user@example.com";

fn settings(more: &Value) -> Value {
    let mut settings = json!({ "environments": { CLIENT: { "traits": "stored" } } });
    settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    settings
}

/// An edge that stores the traits of the demo environment.
fn storing_edge(more: &Value) -> Option<Edge> {
    let edge = edge_with_identity_key(&tools()?, &settings(more));
    edge.publish_fixture("demo.json", SERVER);
    Some(edge)
}

fn one(key: &str, value: impl Into<Value>) -> Value {
    json!({ "trait_key": key, "trait_value": value.into() })
}

fn identify(edge: &Edge, identifier: &str, traits: &Value) -> Answer {
    edge.post(IDENTITIES, CLIENT, &json!({ "identifier": identifier, "traits": traits }))
}

fn set(edge: &Edge, identifier: &str, key: &str, value: impl Into<Value>) -> Answer {
    let mut body = one(key, value);
    body["identity"] = json!({ "identifier": identifier });
    edge.post(TRAIT, CLIENT, &body)
}

/// What the edge answers of the traits of an identity.
fn seen(edge: &Edge, identifier: &str) -> Value {
    let answer = edge.get(&format!("{IDENTITIES}?identifier={identifier}"), CLIENT);
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()["traits"].take()
}

#[test]
fn a_trait_is_remembered_once_it_is_acknowledged_and_soon_after_an_identity_was_posted() {
    let Some(edge) = storing_edge(&json!({})) else { return };
    assert_eq!(set(&edge, IDENTIFIER, "plan", "gold").status, 200);
    assert_eq!(seen(&edge, IDENTIFIER), json!([one("plan", "gold")]));
    let answer = identify(&edge, IDENTIFIER, &json!([one("visits", 3)]));
    assert_eq!(answer.json()["traits"], json!([one("plan", "gold"), one("visits", 3)]));
    assert_eq!(answer.header("jackstaff-traits"), "pending");
    let began = Instant::now();
    eventually("the traits of the identity are stored", PATIENCE, || {
        (seen(&edge, IDENTIFIER) == json!([one("plan", "gold"), one("visits", 3)])).then_some(())
    });
    println!("stored and read {:?} after the answer", began.elapsed());
    let again = identify(&edge, IDENTIFIER, &json!([one("visits", 3)]));
    assert_eq!(again.header("jackstaff-traits"), "unchanged");
    assert_eq!(seen(&edge, "somebody-else"), json!([]));
}

#[test]
fn no_identifier_is_stored_or_logged() {
    let Some(edge) = storing_edge(&json!({ "fault": { "kv_error": false } })) else { return };
    set(&edge, IDENTIFIER, "plan", "gold");
    identify(&edge, IDENTIFIER, &json!([one("visits", 3), one("list", json!([1]))]));
    edge.set(&settings(&json!({ "fault": { "kv_error": true } })));
    eventually("the store fails", PATIENCE, || {
        (set(&edge, IDENTIFIER, "plan", "x").status == 503).then_some(())
    });
    identify(&edge, IDENTIFIER, &json!([one("visits", 4)]));
    edge.set(&settings(&json!({})));
    let items = eventually("the store answers again", PATIENCE, || {
        (set(&edge, IDENTIFIER, "plan", "y").status == 200).then(|| edge.stored_items())
    });
    assert!(items.iter().any(|item| item.key.starts_with("identity/")), "{items:?}");
    for item in items {
        let all = [item.key.as_bytes(), item.metadata.as_bytes(), &item.body].concat();
        assert!(!contains(&all, "marked-user"), "{}", item.key);
    }
    assert!(!edge.log().contains("marked-user"), "{}", edge.log());
}

#[test]
fn a_store_that_is_full_or_fails_costs_no_flag_and_acknowledges_nothing() {
    let Some(edge) = storing_edge(&json!({})) else { return };
    set(&edge, "bob", "plan", "gold");
    for (fault, status) in [("kv_full", 429), ("kv_error", 503)] {
        edge.set(&settings(&json!({ "fault": { fault: true } })));
        eventually(fault, PATIENCE, || (set(&edge, "bob", "plan", fault).status == status).then_some(()));
        let refused = set(&edge, "bob", "plan", fault);
        assert_eq!((refused.status, refused.header("retry-after")), (status, "1"), "{fault}");
        let body = json!({ "data": [{ "identifier": "bob", "traits": [one("plan", fault)] }] });
        assert_eq!(edge.post(BULK, CLIENT, &body).status, status, "{fault}");
        // Of somebody whom no POP has a copy of.
        let answer = identify(&edge, fault, &json!([one("plan", "gold")]));
        assert_eq!((answer.status, answer.header("jackstaff-traits")), (200, "pending"), "{fault}");
        assert_eq!(
            answer.json()["flags"],
            identify(&edge, fault, &json!([one("plan", "gold")])).json()["flags"]
        );
        assert_eq!(answer.json()["traits"], json!([one("plan", "gold")]), "{fault}");
        assert!(!answer.json()["flags"].as_array().unwrap().is_empty(), "{fault}");
        eventually("the log says that traits were not stored", PATIENCE, || {
            identify(&edge, fault, &json!([one("plan", "gold")]));
            edge.log().contains("traits of requests that were not stored").then_some(())
        });
    }
    edge.set(&settings(&json!({})));
    eventually("the store answers again", PATIENCE, || {
        (set(&edge, "bob", "plan", "new").status == 200).then_some(())
    });
    assert_eq!(seen(&edge, "bob"), json!([one("plan", "new")]));
}

/// The local runtime compares and writes in two steps, but its POP lets one request at a time change an identity.
#[test]
fn fifty_writers_at_once_lose_nothing_that_was_acknowledged() {
    const WRITERS: usize = 50;
    let Some(edge) = storing_edge(&json!({})) else { return };
    let write = |writer: usize| {
        let traits: Vec<Value> = (0..10).map(|key| one(&format!("w{writer}-{key}"), writer)).collect();
        edge.call(
            "PUT",
            BULK,
            &[("x-environment-key", CLIENT), ("content-type", "application/json")],
            json!({ "data": [{ "identifier": "hot", "traits": traits }] }).to_string().as_bytes(),
        )
        .status
    };
    let statuses: Vec<u16> = thread::scope(|scope| {
        let threads: Vec<_> = (0..WRITERS).map(|writer| scope.spawn(move || write(writer))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let traits = seen(&edge, "hot");
    let keys: Vec<&str> =
        traits.as_array().unwrap().iter().map(|one| one["trait_key"].as_str().unwrap()).collect();
    let is_stored =
        |writer: usize| (0..10).filter(|key| keys.contains(&format!("w{writer}-{key}").as_str())).count();
    let acknowledged = statuses.iter().filter(|status| **status == 202).count();
    println!("{acknowledged} of {WRITERS} acknowledged");
    assert!(acknowledged > 0, "{statuses:?}");
    for (writer, status) in statuses.iter().enumerate() {
        assert!([202, 429, 503].contains(status), "{statuses:?}");
        assert_eq!(is_stored(writer), if *status == 202 { 10 } else { 0 }, "writer {writer}: {status}");
    }
}

#[test]
fn without_a_secret_traits_are_not_stored_and_the_log_says_why() {
    let Some(tools) = tools() else { return };
    let edge = tests::edge(&tools, &settings(&json!({})));
    edge.publish_fixture("demo.json", SERVER);
    assert_eq!(set(&edge, "bob", "plan", "gold").status, 503);
    let answer = edge.get(&format!("{IDENTITIES}?identifier=bob"), CLIENT);
    assert_eq!((answer.status, answer.header("jackstaff-traits")), (200, "unavailable"));
    let log = edge.log();
    assert!(log.contains("traits are not stored: the secret store has no `identity_key`"), "{log}");
}

/// What a person does who has to answer a request for deletion.
#[test]
fn what_is_deleted_is_gone_at_the_edge_and_can_be_set_anew() {
    let Some(edge) = storing_edge(&json!({})) else { return };
    set(&edge, IDENTIFIER, "plan", "gold");
    assert_eq!(seen(&edge, IDENTIFIER), json!([one("plan", "gold")]));
    let key_file = edge.file("identity-key", IDENTITY_KEY).display().to_string();
    let identity = ["--identity-key-file", &key_file, CLIENT, IDENTIFIER];
    let shown = edge.run_identity("show", &identity);
    let shown: Value =
        serde_json::from_str(&shown.output).unwrap_or_else(|error| panic!("{error}: {shown:?}"));
    assert_eq!(shown["traits"], json!({ "plan": "gold" }));
    let deleted = edge.run_identity("delete", &[&["--service", "local"], &identity[..]].concat());
    assert_eq!(deleted.code, 0, "{deleted:?}");
    assert_eq!(seen(&edge, IDENTIFIER), json!([]));
    let listed = edge.run_identity("list", &[CLIENT]);
    assert!(listed.output.contains("deleted"), "{listed:?}");
    assert_eq!(set(&edge, IDENTIFIER, "age", 7).status, 200);
    assert_eq!(seen(&edge, IDENTIFIER), json!([one("age", 7)]));
}
