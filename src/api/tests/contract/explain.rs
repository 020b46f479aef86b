//! Why flags have their values (`PROTOCOL.md`, 13).

use api::explanation::{ExplanationAnswer, SCHEMA};
use api::{Section, Source};
use serde_json::{Value, json};

use crate::ask::{Answer, detail};
use crate::compare::compare;
use crate::documents::{With, shop};
use crate::edge::{CLIENT, Edge, REVISION, Read, SERVER, edge};
use crate::schema;

const EXPLAIN: &str = "/api/v1/explain/";

fn explain(edge: &Edge, query: &str, body: &Value) -> Answer {
    edge.post(&format!("{EXPLAIN}{query}"), body.to_string()).key(SERVER).answer()
}

/// The explanation, which is of the published schema.
#[track_caller]
fn explained(answer: &Answer) -> Value {
    let (status, body) = answer.json();
    assert_eq!(status, 200, "{body}");
    let errors = schema::errors(&serde_json::from_str(SCHEMA).unwrap(), &body);
    assert_eq!(errors, Vec::<String>::new(), "{body:#}");
    serde_json::from_value::<ExplanationAnswer>(body.clone()).unwrap();
    body
}

fn bob(traits: &Value) -> Value {
    let traits = traits.as_object().unwrap().iter();
    let traits: Vec<Value> =
        traits.map(|(key, value)| json!({ "trait_key": key, "trait_value": value })).collect();
    json!({ "identifier": "bob", "traits": traits })
}

#[test]
fn one_flag_whole() {
    let answer = explain(&edge(&shop()), "?feature=LIMIT", &bob(&json!({ "plan": "gold" })));
    let limit = json!({
        "environment": {
            "key": CLIENT,
            "revision": REVISION,
            "updated_at": "2026-03-02T11:22:33.000000+00:00",
            "age": 0,
            "source": "pop",
            "hides_disabled_flags": false,
            "hides_sensitive_data": false,
            "has_texts": true,
        },
        "identity": {
            "identifier": "bob",
            "traits": [{ "trait_key": "plan", "trait_value": "gold", "origin": "sent" }],
        },
        "flags": [{
            "name": "limit",
            "enabled": true,
            "value": 100,
            "reason": "TARGETING_MATCH; segment=segment 11",
            "variant": null,
            "origin": "segment",
            "segment": "segment 11",
            "server_only": false,
            "candidates": [
                { "origin": "segment", "segment": "segment 11", "priority": 5, "enabled": true, "value": 100, "outcome": "won" },
                { "origin": "default", "segment": null, "priority": null, "enabled": true, "value": 10, "outcome": "overridden" },
            ],
            "split": null,
            "reads": [],
        }],
        "segments": [{
            "key": "11",
            "name": "segment 11",
            "matched": true,
            "cycle_cut": false,
            "overrides": ["banner", "limit"],
            "reads": [],
            "rules": [{
                "type": "ALL",
                "matched": true,
                "conditions": [],
                "rules": [{
                    "type": "ANY",
                    "matched": true,
                    "conditions": [{
                        "number": 1,
                        "property": "plan",
                        "operator": "EQUAL",
                        "value": "gold",
                        "found": "gold",
                        "compared_as": "text",
                        "compared_with": "gold",
                        "reads": null,
                        "matched": true,
                        "fault": null,
                    }],
                    "rules": [],
                }],
            }],
        }],
    });
    assert_eq!(explained(&answer), limit);
    let read = [Read::ServerKey, Read::Environment, Read::Compiled, Read::Section(Section::Texts)];
    assert_eq!(answer.read, read);
}

/// The outcome of each candidate of a flag.
fn outcomes(explanation: &Value, name: &str) -> Vec<String> {
    let flags = explanation["flags"].as_array().unwrap();
    let flag = flags.iter().find(|flag| flag["name"] == name).unwrap();
    let candidates = flag["candidates"].as_array().unwrap().iter();
    candidates
        .map(|one| {
            let text = |name: &str| one[name].as_str().unwrap_or("-");
            format!("{} {} {}", text("segment"), one["priority"], text("outcome"))
        })
        .collect()
}

#[test]
fn what_a_state_won_over() {
    let edge = edge(&shop());
    let of = |body: &Value| outcomes(&explained(&explain(&edge, "", body)), "banner");
    compare([
        (
            "nobody in particular",
            of(&bob(&json!({}))),
            vec!["segment 11 5 not_matched", "segment 12 1 not_matched", "segment 13 0 not_matched", "- null won"],
        ),
        (
            "two segments",
            of(&bob(&json!({ "plan": "gold", "left": true }))),
            vec!["segment 11 5 lost_by_priority", "segment 12 1 not_matched", "segment 13 0 won", "- null overridden"],
        ),
        (
            "the identity's own",
            of(&json!({ "identifier": "ann", "traits": [{ "trait_key": "plan", "trait_value": "gold" }] })),
            vec![
                "- null won",
                "segment 11 5 lost_to_identity",
                "segment 12 1 not_matched",
                "segment 13 0 not_matched",
                "- null overridden",
            ],
        ),
    ]
    .map(|(situation, found, expected)| (situation, found, expected.into_iter().map(str::to_owned).collect())));
}

#[test]
fn what_was_hashed_and_the_shares() {
    let edge = edge(&shop());
    let colour = explained(&explain(&edge, "?feature=Colour", &bob(&json!({}))));
    let split = &colour["flags"][0]["split"];
    assert_eq!(split["hash_input"], "505,client_bob");
    let shares: Vec<Value> = split["shares"]
        .as_array()
        .unwrap()
        .iter()
        .map(|share| json!([share["value"], share["from"], share["to"]]))
        .collect();
    assert_eq!(
        shares,
        [json!(["red", 0.0, 30.0]), json!(["green", 30.0, 60.0]), json!(["white", 60.0, 100.0])]
    );
    let beta = explained(&explain(&edge, "?feature=beta", &bob(&json!({}))));
    let condition = &beta["segments"][0]["rules"][0]["rules"][0]["conditions"][0];
    assert_eq!(condition["hash"]["hash_input"], "14,client_bob");
    let percent = condition["hash"]["percent"].as_f64().unwrap();
    assert_eq!(condition["matched"], percent <= 50.0);
    assert_eq!(condition["compared_with"], 50.0);
}

#[test]
fn explained_flags_are_those_of_the_identity() {
    let edge = edge(&shop());
    for body in [bob(&json!({ "plan": "gold", "age": "18" })), json!({ "identifier": "ann" }), json!({})] {
        let flags = explained(&explain(&edge, "", &body))["flags"].clone();
        let answered = edge.post("/api/v1/identities/", body.to_string()).key(SERVER).answer().json().1;
        let outline = |flag: &Value, name: &Value, value: &Value| json!([name, flag["enabled"], value]);
        let explained =
            flags.as_array().unwrap().iter().map(|flag| outline(flag, &flag["name"], &flag["value"]));
        let answered = answered["flags"].as_array().unwrap().iter();
        let answered =
            answered.map(|flag| outline(flag, &flag["feature"]["name"], &flag["feature_state_value"]));
        assert_eq!(explained.collect::<Vec<_>>(), answered.collect::<Vec<_>>());
    }
}

#[test]
fn traits_by_where_they_come_from() {
    let edge = edge(&shop()).storing_traits();
    let stored = json!({ "identifier": "bob", "traits": [{ "trait_key": "plan", "trait_value": "gold" }, { "trait_key": "age", "trait_value": 7 }] });
    edge.post("/api/v1/identities/", stored.to_string()).key(SERVER).settled();
    let before = edge.stored("bob");
    let body = json!({ "identifier": "bob", "traits": [
        { "trait_key": "age", "trait_value": 18 },
        { "trait_key": "left", "trait_value": true, "transient": true },
    ] });
    let answer = edge.post(EXPLAIN, body.to_string()).key(SERVER).settled();
    assert_eq!(
        explained(&answer)["identity"]["traits"],
        json!([
            { "trait_key": "plan", "trait_value": "gold", "origin": "stored" },
            { "trait_key": "age", "trait_value": 18, "origin": "sent" },
            { "trait_key": "left", "trait_value": true, "origin": "transient" },
        ])
    );
    assert_eq!(edge.stored("bob"), before, "an explanation stores nothing");
}

#[test]
fn what_is_hidden_in_other_answers_is_hidden() {
    let edge = edge(&shop().with("/hide_sensitive_data", json!(true)));
    let body =
        json!({ "identifier": "bob", "traits": [{ "trait_key": "plan", "trait_value": "golden secret" }] });
    let answer = explain(&edge, "", &body);
    explained(&answer);
    assert!(!answer.text().contains("golden secret"), "{}", answer.text());
}

#[test]
fn who_may_ask() {
    let edge = edge(&shop());
    let refused = (403, detail("Invalid or missing Environment key"));
    compare([
        ("a client-side key", edge.post(EXPLAIN, "{}").key(CLIENT).json(), refused.clone()),
        ("no key", edge.post(EXPLAIN, "{}").json(), refused),
        (
            "no such feature",
            explain(&edge, "?feature=nothing", &json!({})).json(),
            (404, detail("Given feature not found")),
        ),
        ("a GET", edge.get(EXPLAIN).key(SERVER).json(), (405, detail("Method \"GET\" not allowed."))),
    ]);
}

#[test]
fn a_bundle_of_an_earlier_version_is_explained_without_texts() {
    let edge = edge(&shop()).of_version_3().serving_from(Source::Stale, 7);
    let explanation = explained(&explain(&edge, "?feature=limit", &bob(&json!({ "plan": "gold" }))));
    let environment = &explanation["environment"];
    assert_eq!(
        [&environment["has_texts"], &environment["source"], &environment["age"]],
        [&json!(false), &json!("stale"), &json!(7)]
    );
    assert_eq!(outcomes(&explanation, "limit"), ["segment 11 null won", "- null overridden"]);
    let condition = &explanation["segments"][0]["rules"][0]["rules"][0]["conditions"][0];
    let known =
        [&condition["property"], &condition["operator"], &condition["found"], &condition["compared_with"]];
    assert_eq!(known, [&json!("plan"), &json!("EQUAL"), &json!("gold"), &json!("gold")]);
    assert_eq!(condition["value"], Value::Null);
}
