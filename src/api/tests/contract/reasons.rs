//! Why a flag has its value, and which experiment it is part of (`PROTOCOL.md`, 4).

use serde_json::{Value, json};

use crate::ask::{FLAGS, IDENTITIES};
use crate::compare::compare;
use crate::documents::{With, shop};
use crate::edge::{CLIENT, Edge, edge, edge_with_warnings};

/// A flag of an identity, asked for with the others and alone.
fn of_identity(edge: &Edge, query: &str, name: &str) -> Value {
    let path = format!("{IDENTITIES}?{query}");
    let flag = edge.get(&path).key(CLIENT).json().1["flags"]
        .as_array()
        .and_then(|flags| flags.iter().find(|flag| flag["feature"]["name"] == name).cloned());
    let alone = edge.get(&format!("{path}&feature={}", name.replace(' ', "+"))).key(CLIENT).json();
    assert_eq!(alone, (200, flag.clone().unwrap()), "{query}");
    flag.unwrap()
}

fn of_traits(edge: &Edge, traits: &Value, name: &str) -> Value {
    let (_, body) = edge.identify(&json!({ "identifier": "bob", "traits": traits })).json();
    body["flags"].as_array().unwrap().iter().find(|flag| flag["feature"]["name"] == name).cloned().unwrap()
}

/// The query of an identity that is in no share of `Colour`.
fn in_control(edge: &Edge) -> String {
    let mut queries = (0..).map(|n| format!("identifier=user-{n}"));
    queries.find(|query| of_identity(edge, query, "Colour")["variant"] == "control").unwrap()
}

#[test]
fn reasons_in_the_words_of_flagsmiths_engine() {
    let edge = edge(&shop());
    let reason = |flag: Value| flag["reason"].clone();
    let gold = json!([{ "trait_key": "plan", "trait_value": "gold" }]);
    compare([
        ("no override matches", reason(of_identity(&edge, "identifier=bob", "banner")), json!("DEFAULT")),
        (
            "a segment",
            reason(of_traits(&edge, &gold, "banner")),
            json!("TARGETING_MATCH; segment=segment 11"),
        ),
        (
            "the identity",
            reason(of_identity(&edge, "identifier=ann", "banner")),
            json!("TARGETING_MATCH; segment=identity_overrides"),
        ),
        ("a variant", reason(of_identity(&edge, "identifier=user-2", "Colour")), json!("SPLIT; weight=30")),
        ("control", reason(of_identity(&edge, &in_control(&edge), "Colour")), json!("STATIC")),
    ]);
}

#[test]
fn a_cycle_is_a_reason_also_where_a_flag_has_its_default() {
    let reads = |name: &str| json!(format!("$.flags.{name}.enabled"));
    let rules = "/project/segments";
    let cyclic = shop()
        .with(&format!("{rules}/0/rules/0/rules/0/conditions/0/property_"), reads("beta"))
        .with(&format!("{rules}/3/rules/0/rules/0/conditions/0/property_"), reads("banner"))
        .with(&format!("{rules}/3/rules/0/rules/0/conditions/0/operator"), json!("EQUAL"));
    let edge = edge_with_warnings(&cyclic);
    let flag = of_identity(&edge, "identifier=bob", "beta");
    assert_eq!(flag["reason"], "ERROR; code=CIRCULAR_DEPENDENCY", "{flag}");
    assert_eq!(
        (flag["enabled"].clone(), flag["feature_state_value"].clone()),
        (json!(false), json!("on trial"))
    );
}

#[test]
fn names_of_segments_are_json_and_are_hidden_where_data_are() {
    let odd = "a \"quoted\" \\ \u{1F6A9}\u{1}\n segment";
    let named = shop().with("/project/segments/0/name", odd.into());
    let hiding = named.clone().with("/hide_sensitive_data", true.into());
    let gold = json!([{ "trait_key": "plan", "trait_value": "gold" }]);
    let reason = |document: &Value| of_traits(&edge(document), &gold, "banner")["reason"].clone();
    assert_eq!(reason(&named), json!(format!("TARGETING_MATCH; segment={odd}")));
    assert_eq!(reason(&hiding), json!("TARGETING_MATCH"));
}

/// As flagsmith#8532 writes them into documents, and as its API answers: on the flags of identities, whichever state wins, but
/// for a state that the identity was given by hand.
#[test]
fn experiments_are_on_the_flags_of_identities() {
    let experiment = |is_in: bool| json!({ "id": 9, "name": "Blue \"or\" gold", "in_experiment": is_in });
    let running = |is_in| json!({ "experiment": experiment(is_in) });
    let mut document = shop();
    document["feature_states"][0]["metadata"] = running(false);
    document["project"]["segments"][0]["feature_states"][0]["metadata"] = running(true);
    document["feature_states"][4]["metadata"] = running(true);
    document["identity_overrides"][0]["identity_features"][0]["metadata"] = running(true);
    // What is no experiment is not shown.
    document["feature_states"][1]["metadata"] = json!({ "experiment": null, "other": 1 });
    let edge = edge(&document);
    let gold = json!([{ "trait_key": "plan", "trait_value": "gold" }]);
    let metadata = |flag: Value| flag.get("metadata").cloned();
    compare([
        ("the default", metadata(of_identity(&edge, "identifier=bob", "banner")), Some(running(false))),
        ("an override", metadata(of_traits(&edge, &gold, "banner")), Some(running(true))),
        ("a variant", metadata(of_identity(&edge, "identifier=user-2", "Colour")), Some(running(true))),
        ("control", metadata(of_identity(&edge, &in_control(&edge), "Colour")), Some(running(true))),
        ("by hand", metadata(of_identity(&edge, "identifier=ann", "banner")), None),
        ("no experiment", metadata(of_identity(&edge, "identifier=bob", "limit")), None),
        ("an override of it", metadata(of_traits(&edge, &gold, "limit")), None),
    ]);
    let (_, all) = edge.get(FLAGS).key(CLIENT).json();
    assert!(!["experiment", "reason"].iter().any(|member| all.to_string().contains(member)), "{all}");
}
