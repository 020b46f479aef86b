//! Checks 17 to 19: the environment document, and caches that ask for it under conditions.

use serde_json::{Value, json};
use tests::machine::beside_others;
use tests::{Answer, Edge, fixtures, tools};

use super::{CLIENT, DOCUMENT, FLAGS, SERVER, compare, sdk_edge};
use crate::sdk::Sdk;
use crate::sdk::matrix::{self, the_pinned_versions_read};
use crate::sdk::pages::pages_of_two_revisions_are_never_put_together;

#[test]
fn check_17_the_document_is_for_server_side_keys_and_sdks_evaluate_it_without_asking_more() {
    let _machine = beside_others();
    let Some(edge) = sdk_edge() else { return };
    let refused = edge.get(DOCUMENT, CLIENT);
    assert_eq!(
        (refused.status, refused.json()),
        (403, json!({ "detail": "Invalid or missing Environment key" }))
    );
    for sdk in [Sdk::Python, Sdk::Node, Sdk::Rust] {
        if let Some(ran) = sdk.ran() {
            // The tap before the edge lets nothing pass but the request for the document.
            ran.assert_part("situations_evaluated_locally");
        }
    }
    matrix::the_pinned_versions_read_documents_without_any_optional_member();
}

/// Asks with one condition.
fn ask(edge: &Edge, path: &str, key: &str, condition: (&str, &str)) -> Answer {
    edge.call("GET", path, &[("x-environment-key", key), condition], b"")
}

#[test]
fn check_18_a_condition_is_answered_with_304_until_something_changes() {
    let _machine = beside_others();
    let Some(edge) = sdk_edge() else { return };
    let asks =
        [(DOCUMENT, SERVER), (FLAGS, CLIENT), (FLAGS, SERVER), ("/api/v1/flags/?feature=page_size", CLIENT)];
    let mut before = Vec::new();
    for (path, key) in asks {
        let first = edge.get(path, key);
        let date = first.header("last-modified").to_owned();
        let (tag, with_zone) = (first.header("etag").to_owned(), date.replace("GMT", "+0000"));
        assert!(date.ends_with(" GMT") && tag.ends_with('"'), "{path}: {first:?}");
        let situations = [
            ("if-none-match", tag.clone(), 304),
            ("if-modified-since", date.clone(), 304),
            ("if-modified-since", with_zone, 304),
            ("if-modified-since", "Thu, 01 Jan 1970 00:00:00 GMT".to_owned(), 200),
            ("if-none-match", "\"another\"".to_owned(), 200),
        ];
        compare(situations.map(|(name, value, status)| {
            let answer = ask(&edge, path, key, (name, &value));
            let is_varied = answer.header("vary").ends_with("x-environment-key, accept-encoding");
            let validators = [answer.header("etag"), answer.header("last-modified")].map(str::to_owned);
            let found = (answer.status, answer.body.is_empty(), validators, is_varied);
            let expected = (status, status == 304, [tag.clone(), date.clone()], true);
            (format!("{path} with {key}, {name}: {value}"), found, expected)
        }));
        before.push((tag, date));
    }
    let mut changed = tests::fixture("sdk.json");
    changed["updated_at"] = json!("2026-03-03T00:00:00+00:00");
    changed["feature_states"][3]["feature_state_value"] = json!(26);
    edge.publish(&changed, SERVER);
    for ((path, key), (tag, date)) in asks.into_iter().zip(before) {
        for condition in [("if-none-match", tag.as_str()), ("if-modified-since", date.as_str())] {
            let answer = ask(&edge, path, key, condition);
            assert_eq!(answer.status, 200, "{path} with {key}, {condition:?}");
            assert_ne!(answer.header("last-modified"), date, "{path}");
        }
    }
}

#[test]
fn check_19_a_document_of_five_megabytes_is_one_answer_and_its_pages_are_of_one_revision() {
    let _machine = beside_others();
    let Some(tools) = tools() else { return };
    let edge = tests::edge(&tools, &json!({}));
    let mut document = fixtures::great();
    // The last override is of an identity that is asked about.
    let overrides = document["identity_overrides"].as_array_mut().unwrap();
    let count = overrides.len();
    overrides.last_mut().unwrap()["identifier"] = json!("carla");
    let server = "ser.great-environment";
    edge.publish(&document, server);
    let plain = edge.get(DOCUMENT, server);
    assert!(plain.body.len() > 5_000_000, "{} bytes", plain.body.len());
    assert_eq!(plain.header("link"), "");
    assert_eq!(plain.json()["identity_overrides"].as_array().unwrap().len(), count);
    the_pinned_versions_read(&edge, &document);

    let flags = || -> Value {
        let answer = edge.get("/api/v1/identities/?identifier=carla", server);
        let of = |flag: Value| {
            (flag["feature"]["name"].as_str().unwrap().to_owned(), flag["feature_state_value"].clone())
        };
        super::flags(&answer).into_iter().map(of).collect()
    };
    let mut changed = document.clone();
    changed["updated_at"] = json!("2026-03-03T00:00:00+00:00");
    let of_carla = &mut changed["identity_overrides"][count - 1]["identity_features"][0];
    of_carla["feature_state_value"] = json!("changed");
    let change = || edge.publish(&changed, server);
    pages_of_two_revisions_are_never_put_together(&edge, server, "carla", flags, change);
}
