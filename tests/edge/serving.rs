//! The running edge: what it serves, from where, and what it does when its stores fail.

use std::io::Read;

use flate2::read::GzDecoder;
use serde_json::{Value, json};
use tests::{Answer, Edge, eventually, fixture, fixtures};

use crate::{CLIENT, DOCUMENT, FLAGS, PATIENCE, SERVER, bare_edge, demo_edge};

const KV: &str = "/resources/stores/kv/local/keys/environment%2Fdemo-environment-key";

fn flag(answer: &Answer, name: &str) -> Value {
    let body = answer.json();
    let flags = body.get("flags").unwrap_or(&body).as_array().unwrap();
    flags.iter().find(|flag| flag["feature"]["name"] == name).cloned().unwrap_or_default()
}

fn identity(edge: &Edge, key: &str, traits: &Value) -> Answer {
    let traits: Vec<Value> = traits
        .as_object()
        .unwrap()
        .iter()
        .map(|(key, value)| json!({ "trait_key": key, "trait_value": value }))
        .collect();
    edge.post("/api/v1/identities/", key, &json!({ "identifier": "user-7", "traits": traits }))
}

/// The demo with another message, as of a later time.
fn demo_with_message(message: &str, updated_at: &str) -> Value {
    let mut demo = fixture("demo.json");
    demo["updated_at"] = json!(updated_at);
    for state in demo["feature_states"].as_array_mut().unwrap() {
        if state["feature"]["name"] == "welcome_message" {
            state["feature_state_value"] = json!(message);
        }
    }
    demo
}

#[test]
fn a_published_environment_is_served_and_labelled() {
    let Some(edge) = demo_edge(&json!({})) else { return };
    let first = edge.get(FLAGS, CLIENT);
    let second = edge.get(FLAGS, CLIENT);
    assert_eq!((first.status, first.header("jackstaff-source")), (200, "kv"));
    assert_eq!((second.status, second.header("jackstaff-source")), (200, "pop"));
    assert_eq!(first.body, second.body);
    assert_eq!(flag(&first, "welcome_message")["feature_state_value"], "Hello from the edge");

    let revision = first.header("jackstaff-revision").to_owned();
    let document = edge.get(DOCUMENT, SERVER);
    let identity = identity(&edge, CLIENT, &json!({ "plan": "gold" }));
    for answer in [&first, &document, &identity] {
        assert_eq!(answer.header("x-flagsmith-document-updated-at"), format!("{revision}.0"));
        assert_eq!(answer.header("content-type"), "application/json");
        assert_eq!(answer.header("access-control-allow-origin"), "*");
    }
    assert_eq!(flag(&identity, "free_shipping")["feature_state_value"], "always");
    assert_eq!(document.json()["api_key"], CLIENT);
}

#[test]
fn a_server_side_feature_is_for_server_side_keys() {
    let Some(edge) = demo_edge(&json!({})) else { return };
    for path in [FLAGS, "/api/v1/identities/?identifier=user-7"] {
        assert_eq!(flag(&edge.get(path, CLIENT), "fraud_rules"), Value::Null, "{path}");
        assert_ne!(flag(&edge.get(path, SERVER), "fraud_rules"), Value::Null, "{path}");
    }
    assert_eq!(edge.get(DOCUMENT, CLIENT).status, 403);
}

#[test]
fn a_new_revision_is_served_at_once() {
    let Some(edge) = demo_edge(&json!({})) else { return };
    let before = edge.get(FLAGS, CLIENT);
    edge.publish(&demo_with_message("changed", "2026-03-03T00:00:00+00:00"), SERVER);
    let after = edge.get(FLAGS, CLIENT);
    assert_eq!(flag(&after, "welcome_message")["feature_state_value"], "changed");
    let revision = |answer: &Answer| answer.header("jackstaff-revision").parse::<u64>().unwrap();
    assert!(revision(&after) > revision(&before));
    assert_eq!(
        flag(&identity(&edge, CLIENT, &json!({})), "welcome_message")["feature_state_value"],
        "changed"
    );
}

#[test]
fn an_unknown_key_becomes_known_when_its_environment_is_published() {
    let Some(edge) = bare_edge(&json!({})) else { return };
    let unknown = edge.get(FLAGS, CLIENT);
    assert_eq!(unknown.status, 403);
    assert_eq!(unknown.json(), json!({ "detail": "Invalid or missing Environment Key" }));
    assert_eq!(edge.get(FLAGS, SERVER).status, 403);
    edge.publish_fixture("demo.json", SERVER);
    assert_eq!(edge.get(FLAGS, CLIENT).status, 200);
    assert_eq!(edge.get(FLAGS, SERVER).status, 200);
}

#[test]
fn a_revoked_server_side_key_is_refused() {
    let Some(edge) = demo_edge(&json!({})) else { return };
    assert_eq!(edge.get(FLAGS, SERVER).status, 200);
    let keys = json!({ CLIENT: [{ "key": SERVER, "active": false }, "ser.other"] });
    let keys = edge.file("keys.json", &keys.to_string());
    let demo = edge.file("demo.json", &fixture("demo.json").to_string());
    let (keys, demo) = (keys.display().to_string(), demo.display().to_string());
    let finished = edge.run_publish(&[&demo, "--server-keys", &keys]);
    assert_eq!(finished.code, 0, "{finished:?}");
    assert_eq!(edge.get(FLAGS, SERVER).status, 403);
    assert_eq!(edge.get(FLAGS, "ser.other").status, 200);
}

#[test]
fn the_last_good_copy_is_served_while_the_kv_store_fails() {
    let Some(edge) = demo_edge(&json!({ "fresh": 1 })) else { return };
    let good = edge.get(FLAGS, CLIENT);
    edge.set(&json!({ "fresh": 1, "fault": { "kv_error": true } }));
    let stale = eventually("an answer says that it is stale", PATIENCE, || {
        let answer = edge.get(FLAGS, CLIENT);
        assert_eq!((answer.status, &answer.body), (200, &good.body));
        (answer.header("jackstaff-source") == "stale" && answer.header("age") != "0").then_some(answer)
    });
    assert_eq!(stale.header("jackstaff-revision"), good.header("jackstaff-revision"));
    assert_eq!(identity(&edge, CLIENT, &json!({})).status, 200);

    let nothing = edge.get(FLAGS, "never-published");
    assert_eq!((nothing.status, nothing.header("retry-after")), (503, "1"));

    edge.set(&json!({ "fresh": 1 }));
    eventually("the copy is confirmed again", PATIENCE, || {
        (edge.get(FLAGS, CLIENT).header("jackstaff-source") == "pop").then_some(())
    });
}

#[test]
fn compressed_answers_say_the_same() {
    let Some(edge) = demo_edge(&json!({})) else { return };
    for (path, key) in [(FLAGS, CLIENT), (FLAGS, SERVER), (DOCUMENT, SERVER)] {
        let ask =
            |coding| edge.call("GET", path, &[("x-environment-key", key), ("accept-encoding", coding)], b"");
        let plain = ask("identity");
        assert_eq!(plain.header("content-encoding"), "");
        for (accepted, coding) in [("gzip", "gzip"), ("br", "br"), ("gzip, deflate, br", "br")] {
            let answer = ask(accepted);
            assert_eq!(answer.header("content-encoding"), coding, "{path} {accepted}");
            assert_eq!(answer.header("vary"), plain.header("vary"));
            assert_eq!(answer.header("content-length"), answer.body.len().to_string());
            let mut unpacked = Vec::new();
            match coding {
                "br" => brotli::BrotliDecompress(&mut answer.body.as_slice(), &mut unpacked).unwrap(),
                _ => drop(GzDecoder::new(answer.body.as_slice()).read_to_end(&mut unpacked).unwrap()),
            }
            assert_eq!(unpacked, plain.body, "{path} {accepted}");
        }
    }
}

#[test]
fn large_answers_are_whole() {
    let Some(edge) = bare_edge(&json!({})) else { return };
    edge.publish(&fixtures::large(), SERVER);
    for _ in 0..3 {
        let document = edge.get(DOCUMENT, SERVER);
        assert!(document.body.len() > 900_000, "{} bytes", document.body.len());
        assert_eq!(document.header("content-length"), document.body.len().to_string());
        assert_eq!(document.json()["feature_states"].as_array().unwrap().len(), 500);
    }
    let identity = edge.get("/api/v1/identities/?identifier=user-1", SERVER);
    assert_eq!(identity.json()["flags"].as_array().unwrap().len(), 500);
}

/// A sandbox serves several requests: none may see anything of another's.
#[test]
fn requests_in_one_sandbox_do_not_mix() {
    let Some(edge) = demo_edge(&json!({})) else { return };
    edge.publish_fixture("sdk.json", "ser.sdk");
    let expected: Vec<Value> = [CLIENT, SERVER, "sdk-environment-key", "ser.sdk"]
        .iter()
        .map(|key| edge.get(FLAGS, key).json())
        .collect();
    for round in 0..10 {
        for (key, expected) in [CLIENT, SERVER, "sdk-environment-key", "ser.sdk"].iter().zip(&expected) {
            assert_eq!(&edge.get(FLAGS, key).json(), expected, "{key}, round {round}");
            let flags = edge.get("/api/v1/identities/?identifier=nobody", key).json()["flags"].take();
            let names = |flags: &Value| -> Vec<Value> {
                flags.as_array().unwrap().iter().map(|flag| flag["feature"]["name"].clone()).collect()
            };
            assert_eq!(names(&flags), names(expected), "{key}, round {round}");
        }
    }
}

#[test]
fn requests_of_odd_shape_get_an_answer() {
    let Some(edge) = demo_edge(&json!({})) else { return };
    let key = ("x-environment-key", CLIENT);
    let json = ("content-type", "application/json");
    let identities = "/api/v1/identities/";
    for (what, method, path, headers, body, status) in [
        ("without a slash", "GET", "/api/v1/flags", vec![key], &b""[..], 200),
        ("head", "HEAD", FLAGS, vec![key], b"", 200),
        ("no such path", "GET", "/api/v1/nothing", vec![key], b"", 404),
        ("no such method", "DELETE", FLAGS, vec![key], b"", 405),
        ("health", "GET", "/health", vec![], b"", 200),
        ("preflight", "OPTIONS", identities, vec![("access-control-request-headers", "x-any, b3")], b"", 200),
        ("no JSON", "POST", identities, vec![key, json], b"{", 400),
        ("a form", "POST", identities, vec![key, ("content-type", "text/plain")], b"a=b", 415),
        ("no identifier", "GET", identities, vec![key], b"", 400),
        ("a KV write without a key", "PUT", KV, vec![], b"x", 401),
    ] {
        let answer = edge.call(method, path, &headers, body);
        assert_eq!(answer.status, status, "{what}: {}", String::from_utf8_lossy(&answer.body));
        if status >= 400 && status != 401 {
            assert!(answer.json().is_object(), "{what}");
            assert_eq!(answer.header("access-control-allow-origin"), "*", "{what}");
        }
    }
    assert_eq!(edge.get(FLAGS, CLIENT).status, 200);
}
