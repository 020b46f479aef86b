//! Overrides of an identity that are given to an evaluation have the same effect as those in the environment.

#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

use engine::{
    Compiled, CompiledOverrides, DefaultJson, Document, Environment, Evaluation, Identity, Options,
    OwnOverrides,
};

/// `anna` has one override that segments compete with, and one with variants; `bert` has one.
const DOCUMENT: &str = r#"{
    "api_key": "env",
    "feature_states": [
        {"feature": {"id": 1, "name": "a"}},
        {"feature": {"id": 2, "name": "b"}},
        {"feature": {"id": 3, "name": "c"}}
    ],
    "project": {"segments": [
        {"id": 7, "name": "everybody", "rules": [{"type": "ALL"}], "feature_states": [
            {"feature": {"name": "a"}, "feature_state_value": "segment", "feature_segment": {"priority": -1}},
            {"feature": {"name": "b"}, "feature_state_value": "segment"}
        ]},
        {"id": 8, "name": "readers of a", "rules": [{"type": "ALL", "conditions": [
            {"property_": "$.flags.a.value", "operator": "EQUAL", "value": "own"}
        ]}], "feature_states": [{"feature": {"name": "c"}, "enabled": true}]}
    ]},
    "identity_overrides": [
        {"identifier": "anna", "identity_features": [
            {"feature": {"name": "a"}, "feature_state_value": "own"},
            {"feature": {"name": "c"}, "multivariate_feature_state_values": [
                {"percentage_allocation": 100, "multivariate_feature_option": {"value": 1}}
            ]}
        ]},
        {"identifier": "bert", "identity_features": [{"feature": {"name": "b"}, "enabled": true}]}
    ]
}"#;

fn environment(document: &str) -> Environment {
    let document = Document::parse(document).unwrap();
    document.compile(Options::default(), |_| DefaultJson::default()).unwrap().0
}

/// An environment without its identity overrides, and these overrides.
fn apart(document: &str) -> (Compiled, CompiledOverrides) {
    let mut environment = environment(document);
    let overrides = environment.take_identity_overrides();
    (
        Compiled::decode(environment.encode().unwrap()).unwrap(),
        CompiledOverrides::decode(overrides.encode().unwrap()).unwrap(),
    )
}

fn identity(identifier: &str, ignore_own_overrides: bool) -> Identity {
    Identity {
        identifier: identifier.into(),
        key: None,
        traits: Vec::new(),
        traits_answer_paths: true,
        ignore_own_overrides,
    }
}

fn json(evaluation: &Evaluation<'_>) -> String {
    serde_json::to_string(evaluation).unwrap()
}

#[test]
fn given_overrides_equal_embedded_ones() {
    for document in [DOCUMENT, include_str!("../../../tests/fixtures/sdk.json")] {
        let embedded = Compiled::decode(environment(document).encode().unwrap()).unwrap();
        let (without, overrides) = apart(document);
        let identifiers: Vec<String> =
            serde_json::from_str::<serde_json::Value>(document).unwrap()["identity_overrides"]
                .as_array()
                .unwrap()
                .iter()
                .map(|identity| identity["identifier"].as_str().unwrap().to_owned())
                .chain(["somebody else".to_owned()])
                .collect();
        assert!(identifiers.len() > 1);
        for identifier in identifiers {
            for ignored in [false, true] {
                let identity = identity(&identifier, ignored);
                let given = without.evaluate_with(Some(&identity), OwnOverrides::Given(&overrides), &mut ());
                assert_eq!(json(&given), json(&embedded.evaluate(Some(&identity))), "{identifier}");
            }
        }
        let given = without.evaluate_with(None, OwnOverrides::Given(&overrides), &mut ());
        assert_eq!(json(&given), json(&embedded.evaluate(None)));
    }
}

#[test]
fn given_overrides_take_the_place_of_embedded_ones() {
    let embedded = Compiled::decode(environment(DOCUMENT).encode().unwrap()).unwrap();
    let (_, none) = apart(&DOCUMENT.replace("anna", "nobody"));
    let anna = identity("anna", false);
    let given = embedded.evaluate_with(Some(&anna), OwnOverrides::Given(&none), &mut ());
    assert_eq!(json(&given), json(&embedded.evaluate(Some(&identity("anna", true)))));
    assert_ne!(json(&given), json(&embedded.evaluate(Some(&anna))));
}

/// The list is of another revision: overrides of features that are gone are ignored.
#[test]
fn overrides_of_unknown_features_are_ignored() {
    let (_, overrides) = apart(DOCUMENT);
    let (empty, _) = apart(r#"{"api_key": "env", "feature_states": [], "project": {"segments": []}}"#);
    let anna = identity("anna", false);
    assert!(empty.evaluate_with(Some(&anna), OwnOverrides::Given(&overrides), &mut ()).flags.is_empty());
}

#[test]
fn damaged_lists_are_refused_or_read() {
    let (environment, _) = apart(DOCUMENT);
    let mut separate = self::environment(DOCUMENT);
    let sound = separate.take_identity_overrides().encode().unwrap();
    assert!(CompiledOverrides::decode(Vec::new()).is_err());
    let mut refused = 0;
    for at in 0..sound.len() {
        for bit in 0..8 {
            let mut bytes = sound.clone();
            bytes[at] ^= 1 << bit;
            let Ok(overrides) = CompiledOverrides::decode(bytes) else {
                refused += 1;
                continue;
            };
            let anna = identity("anna", false);
            json(&environment.evaluate_with(Some(&anna), OwnOverrides::Given(&overrides), &mut ()));
        }
    }
    assert!(refused > 0);
}
