//! Checks 9, 12 and 14: identifiers, identities without a name, and the limits and kinds of traits.

use base16ct::lower;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tests::Answer;
use tests::machine::beside_others;

use super::{CLIENT, IDENTITIES, SERVER, compare, flag, identify, sdk_edge};

#[test]
fn check_09_an_identity_is_asked_for_by_an_identifier_however_it_is_encoded() {
    let _machine = beside_others();
    let Some(edge) = sdk_edge() else { return };
    let ask = |query: &str| edge.get(&format!("{IDENTITIES}?{query}"), CLIENT);
    let mut situations = Vec::new();
    for (query, identifier) in [
        ("identifier=user-7", "user-7"),
        ("identifier=caf%C3%A9%20%F0%9F%98%80", "café 😀"),
        ("identifier=a+b", "a b"),
        ("identifier=a%2Bb", "a+b"),
        ("identifier=a/b", "a/b"),
        ("identifier=a%2Fb%3Fc%26d%3De", "a/b?c&d=e"),
        ("identifier=%25", "%"),
        ("transient=true&identifier=user-7", "user-7"),
        ("identifier=user-7&transient=false", "user-7"),
    ] {
        let answer = ask(query);
        let body = answer.json();
        let found = (answer.status, body["identifier"].clone(), body["traits"].clone());
        situations.push((query.to_owned(), found, (200, json!(identifier), json!([]))));
    }
    compare(situations);
    // The overrides of an identity that is asked about as transient do not count.
    let overridden = &tests::fixture("sdk.json")["identity_overrides"][0];
    let state = &overridden["identity_features"][0];
    let (who, name) =
        (overridden["identifier"].as_str().unwrap(), state["feature"]["name"].as_str().unwrap());
    let own = json!([state["enabled"], state["feature_state_value"]]);
    assert_eq!(flag(&ask(&format!("identifier={who}")), name), own);
    assert_ne!(flag(&ask(&format!("identifier={who}&transient=true")), name), own);
    for query in ["", "identifier="] {
        let missing = ask(query);
        assert_eq!(
            (missing.status, missing.json()),
            (400, json!({ "detail": "Missing identifier" })),
            "{query}"
        );
    }
}

#[test]
fn check_12_an_identity_without_a_name_is_named_by_the_hash_of_its_traits_or_by_chance() {
    let _machine = beside_others();
    let Some(edge) = sdk_edge() else { return };
    let traits = json!([
        { "trait_key": "plan", "trait_value": "gold" },
        { "trait_key": "age", "trait_value": 7 },
        { "trait_key": "beta", "trait_value": true },
        { "trait_key": "off", "trait_value": false },
        { "trait_key": "rate", "trait_value": 1.5 },
        { "trait_key": "great", "trait_value": 1e20 },
        { "trait_key": "whole", "trait_value": 2.0 },
    ]);
    let named =
        lower::encode_string(&Sha256::digest("age7betaTruegreat1e+20offFalseplangoldrate1.5whole2.0"));
    let mut situations = Vec::new();
    let bodies = [
        json!({ "traits": traits }),
        json!({ "traits": traits, "identifier": null }),
        json!({ "traits": traits, "identifier": "" }),
        json!({ "traits": traits, "identifier": "  " }),
    ];
    for body in bodies {
        for key in [CLIENT, SERVER] {
            let found = edge.post(IDENTITIES, key, &body).json()["identifier"].clone();
            situations.push((format!("{body} with {key}"), found, json!(named)));
        }
    }
    compare(situations);
    let by_chance =
        |body: Value| edge.post(IDENTITIES, CLIENT, &body).json()["identifier"].as_str().unwrap().to_owned();
    let found =
        [by_chance(json!({})), by_chance(json!({})), by_chance(json!({ "identifier": null, "traits": [] }))];
    for name in &found {
        assert!(
            name.len() == 32 && name.bytes().all(|c| c.is_ascii_digit() || (b'a'..=b'f').contains(&c)),
            "{name}"
        );
    }
    assert!(found[0] != found[1] && found[1] != found[2], "{found:?}");
}

#[test]
fn check_14_values_of_every_kind_come_back_as_they_were_sent_up_to_their_limits() {
    let _machine = beside_others();
    let Some(edge) = sdk_edge() else { return };
    let send = |key: &str, value: &Value| identify(&edge, CLIENT, "user-7", &json!({ key: value }));
    let echoed = |answer: &Answer| (answer.status, answer.json()["traits"][0]["trait_value"].clone());
    let long = |length: usize| json!("é".repeat(length));
    let mut situations = Vec::new();
    for value in [
        long(2_000),
        json!(0),
        json!(-1),
        json!(2_147_483_647),
        json!(-2_147_483_648_i64),
        json!(2_147_483_648_i64),
        json!(i64::MAX),
        json!(i64::MIN),
        json!(1.5),
        json!(-0.25),
        json!(1e20),
        json!(true),
        json!(false),
        json!(""),
        json!("12"),
        json!("1.5"),
        json!("1e3"),
        json!("007"),
        json!("NaN"),
        json!("Infinity"),
    ] {
        situations.push((format!("{value:.40}"), echoed(&send("k", &value)), (200, value)));
    }
    for (value, text) in
        [(json!([1, "a", true, null]), "[1, 'a', True, None]"), (json!({ "a": 1.0 }), "{'a': 1.0}")]
    {
        situations.push((format!("{value}"), echoed(&send("k", &value)), (200, json!(text))));
    }
    compare(situations);
    let key = |length: usize| "k".repeat(length);
    let refused = |answer: &Answer, member: &str| {
        assert_eq!(answer.status, 400, "{answer:?}");
        assert!(answer.json()["traits"][0][member][0].is_string(), "{answer:?}");
    };
    assert_eq!(send(&key(200), &json!(1)).status, 200);
    refused(&send(&key(201), &json!(1)), "trait_key");
    refused(&send("k", &long(2_001)), "trait_value");
    let no_number = br#"{"identifier":"u","traits":[{"trait_key":"k","trait_value":NaN}]}"#;
    let headers = [("x-environment-key", CLIENT), ("content-type", "application/json")];
    assert_eq!(edge.call("POST", IDENTITIES, &headers, no_number).status, 400);
    // A text that is a number is compared as one.
    assert_eq!(send("k", &Value::Null).json()["traits"], json!([]));
}
