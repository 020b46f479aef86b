//! Requests that cost a guest its life: each is answered, and the guest goes on.

use serde_json::{Value, json};

use crate::{IDENTITIES, assert_sound, bare_edge};

const KEY: &str = "budget";

/// An environment in which each of these conditions is a segment.
fn environment(conditions: &[Value]) -> Value {
    let segment = |(place, condition): (usize, &Value)| {
        json!({
            "name": format!("segment {place}"),
            "rules": [{ "type": "ALL", "conditions": [condition] }],
            "feature_states": [{ "feature": { "name": "flag" }, "enabled": true }],
        })
    };
    json!({
        "api_key": KEY,
        "feature_states": [{ "feature": { "name": "flag" } }],
        "project": { "segments": conditions.iter().enumerate().map(segment).collect::<Vec<_>>() },
    })
}

fn pattern(pattern: &str) -> Value {
    json!({ "property_": "email", "operator": "REGEX", "value": pattern })
}

fn with_email(email: &str) -> Value {
    json!({ "identifier": "anna", "traits": [{ "trait_key": "email", "trait_value": email }] })
}

/// The edge compiled every pattern that such a text met, and the guest was ended.
#[test]
fn a_letter_beyond_ascii_is_matched_by_hundreds_of_patterns() {
    let Some(edge) = bare_edge(&json!({})) else { return };
    let patterns: Vec<Value> = (0..500)
        .map(|n| pattern(&format!(r"^\w{{3,20}}@example{n}\.com$")))
        .chain((0..500).map(|n| pattern(&format!(r"^[\w.+-]+@exämple{n}\.com$"))))
        .collect();
    edge.publish(&environment(&patterns), "ser.budget");
    for (email, enabled) in [
        ("jose@b.com", false),
        ("josé@b.com", false),
        ("josé@example7.com", true),
        ("jösé.山@exämple499.com", true),
        ("josé@exämple500.com", false),
    ] {
        let answer = edge.post(IDENTITIES, KEY, &with_email(email));
        assert_eq!((answer.status, &answer.json()["flags"][0]["enabled"]), (200, &json!(enabled)), "{email}");
    }
    assert_sound(&edge);
}

/// The number took seconds to compare, since only strings were held to the limit of texts.
#[test]
fn a_number_of_a_million_digits_is_no_identifier_and_no_trait() {
    let Some(edge) = bare_edge(&json!({})) else { return };
    let words: Vec<String> = (0..357).map(|n| format!("abot{n}")).collect();
    edge.publish(&environment(&[pattern(&format!("(?i).*({})", words.join("|")))]), "ser.budget");
    let digits = "9".repeat(1_000_000);
    for body in [
        format!(r#"{{"identifier":{digits}}}"#),
        format!(r#"{{"identifier":"i","traits":[{{"trait_key":"email","trait_value":{digits}}}]}}"#),
        format!(r#"{{"identifier":"i","traits":[{{"trait_key":{digits},"trait_value":1}}]}}"#),
    ] {
        let headers = [("x-environment-key", KEY), ("content-type", "application/json")];
        let answer = edge.call("POST", IDENTITIES, &headers, body.as_bytes());
        assert_eq!(answer.status, 400, "{answer:?}");
        assert!(answer.body.len() < 1_000, "{} bytes", answer.body.len());
    }
    assert_sound(&edge);
}

/// Each of the items had an error of its own, so the guest ran out of memory.
#[test]
fn a_mebibyte_of_items_that_are_no_traits_is_refused() {
    let Some(edge) = bare_edge(&json!({})) else { return };
    edge.publish(&environment(&[pattern("a")]), "ser.budget");
    for item in ["0", "[]", "{}", r#"{"trait_key":"a"}"#, r#"{"trait_key":"a","trait_value":1}"#] {
        let items = vec![item; (1 << 20) / (item.len() + 1) - 20];
        let body = format!(r#"{{"identifier":"i","traits":[{}]}}"#, items.join(","));
        let headers = [("x-environment-key", KEY), ("content-type", "application/json")];
        let answer = edge.call("POST", IDENTITIES, &headers, body.as_bytes());
        assert_eq!(answer.status, 400, "{item}: {} bytes", answer.body.len());
        assert!(answer.body.len() < 50_000, "{item}: {} bytes", answer.body.len());
    }
    assert_sound(&edge);
}
