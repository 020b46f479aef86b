//! A visitor that records an evaluation, to explain to a person why a flag has its value.

#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

use engine::{
    Compiled, DefaultJson, Document, Flag, Identity, Offer, Options, OverrideSource, OwnOverrides, Read,
    SegmentOutcome, Split, Value, Visitor,
};

/// Three features: two are overridden by segments, one by the identity `anna`. The segment `adults` asks for a trait
/// and for one of two cities, `half` splits identities, `menu users` reads a flag.
const DOCUMENT: &str = r#"{
    "api_key": "env",
    "feature_states": [
        {"feature": {"id": 1, "name": "menu"}, "enabled": false},
        {"feature": {"id": 2, "name": "banner"}, "enabled": true, "django_id": 20, "feature_state_value": "plain",
            "multivariate_feature_state_values": [
                {"id": 1, "percentage_allocation": 40, "multivariate_feature_option": {"value": "red"}},
                {"id": 2, "percentage_allocation": 60, "multivariate_feature_option": {"value": "blue"}}
            ]},
        {"feature": {"id": 3, "name": "checkout"}, "feature_state_value": "old"}
    ],
    "project": {"segments": [
        {"id": 7, "name": "adults", "rules": [{"type": "ALL",
            "conditions": [{"property_": "age", "operator": "GREATER_THAN_INCLUSIVE", "value": "18"}],
            "rules": [{"type": "ANY", "conditions": [
                {"property_": "city", "operator": "EQUAL", "value": "Rome"},
                {"property_": "city", "operator": "EQUAL", "value": "Oslo"},
                {"property_": "city", "operator": "IS_SET"}
            ]}]
        }], "feature_states": [
            {"feature": {"name": "menu"}, "enabled": true, "feature_segment": {"priority": 5}},
            {"feature": {"name": "checkout"}, "feature_state_value": "adult", "feature_segment": {"priority": 5}}
        ]},
        {"id": 8, "name": "half", "rules": [{"type": "ALL", "conditions": [
            {"property_": "", "operator": "PERCENTAGE_SPLIT", "value": "50"}
        ]}], "feature_states": [
            {"feature": {"name": "menu"}, "enabled": true, "feature_segment": {"priority": 1}}
        ]},
        {"id": 9, "name": "menu users", "rules": [{"type": "ALL", "conditions": [
            {"property_": "$.flags.menu.enabled", "operator": "EQUAL", "value": "true"},
            {"property_": "email", "operator": "IS_NOT_SET"}
        ]}]},
        {"id": 10, "name": "children", "rules": [{"type": "NONE", "conditions": [
            {"property_": "age", "operator": "GREATER_THAN_INCLUSIVE", "value": "18"}
        ]}], "feature_states": [{"feature": {"name": "banner"}, "enabled": false}]}
    ]},
    "identity_overrides": [
        {"identifier": "anna", "identity_features": [{"feature": {"name": "checkout"}, "feature_state_value": "new"}]}
    ]
}"#;

#[derive(Default)]
struct Recorder(Vec<String>);

impl Visitor for Recorder {
    fn condition(&mut self, condition: usize, value: Option<Read<'_>>, matched: bool) {
        let value = value.map(|value| value.raw);
        self.0.push(format!("condition {condition} on {value:?}: {matched}"));
    }

    fn rule(&mut self, rule: usize, matched: bool) {
        self.0.push(format!("rule {rule}: {matched}"));
    }

    fn segment(&mut self, segment: usize, outcome: SegmentOutcome) {
        self.0.push(format!("segment {segment}: {outcome:?}"));
    }

    fn percentage(&mut self, split: Split, _: [&str; 2], percentage: f64) {
        self.0.push(format!("{split:?}: {percentage:.3} %"));
    }

    fn override_offered(&mut self, offer: &Offer) {
        let Offer { feature, source, rank, is_strongest } = offer;
        let source = match source {
            OverrideSource::Identity => "the identity".to_owned(),
            OverrideSource::Segment(segment) => format!("segment {segment}"),
        };
        self.0.push(format!("override of feature {feature} by {source}, rank {rank}: {is_strongest}"));
    }

    fn flag_read(&mut self, feature: usize, flag: Option<&Flag<'_>>) {
        self.0.push(format!("read feature {feature}: {flag:?}"));
    }

    fn flag(&mut self, feature: usize, flag: &Flag<'_>) {
        self.0.push(format!("feature {feature}: {flag:?}"));
    }
}

fn identity(identifier: &str, traits: &[(&str, &str)]) -> Identity {
    let traits = traits.iter().map(|(name, json)| ((*name).to_owned(), Value::from_json(json).unwrap()));
    Identity {
        identifier: identifier.into(),
        key: None,
        traits: traits.collect(),
        traits_answer_paths: true,
        ignore_own_overrides: false,
    }
}

fn trace(document: &str, identity: Option<&Identity>) -> Vec<String> {
    let document = Document::parse(document).unwrap();
    let (environment, warnings) = document.compile(Options::default(), |_| DefaultJson::default()).unwrap();
    assert_eq!(warnings, []);
    let compiled = Compiled::decode(environment.encode().unwrap()).unwrap();
    let mut recorder = Recorder::default();
    let seen = compiled.evaluate_with(identity, OwnOverrides::Embedded, &mut recorder);
    let seen = serde_json::to_string(&seen).unwrap();
    assert_eq!(seen, serde_json::to_string(&compiled.evaluate(identity)).unwrap());
    recorder.0
}

#[test]
fn a_whole_evaluation_is_recorded() {
    let anna = identity("anna", &[("age", "41"), ("city", "\"Oslo\"")]);
    let adults = [
        "condition 0 on Some(Int(Small(41))): true",
        "condition 1 on Some(Str(\"Oslo\")): false",
        "condition 2 on Some(Str(\"Oslo\")): true",
        "rule 1: true",
        "rule 0: true",
        "segment 0: Matched",
    ];
    let half = [
        "Condition(4): 20.264 %",
        "condition 4 on Some(Str(\"env_anna\")): true",
        "rule 2: true",
        "segment 1: Matched",
    ];
    let expected = [
        &["override of feature 2 by the identity, rank 0: true"][..],
        &adults,
        &["override of feature 2 by segment 0, rank 2: false"],
        &["override of feature 0 by segment 0, rank 2: true"],
        &half,
        &["override of feature 0 by segment 1, rank 1: true"],
        // The segment of menu users reads the flag. What is known of the segments by now is not found out again.
        &["segment 0: Matched"],
        &["override of feature 0 by segment 0, rank 2: true"],
        &["segment 1: Matched"],
        &["override of feature 0 by segment 1, rank 1: true"],
        &["read feature 0: Some(menu: true null (TARGETING_MATCH; segment=half))"],
        &["condition 5 on Some(Bool(true)): true", "condition 6 on None: true"],
        &["rule 3: true", "segment 2: Matched"],
        &["condition 7 on Some(Int(Small(41))): true", "rule 4: false", "segment 3: NotMatched"],
        &["feature 0: menu: true null (TARGETING_MATCH; segment=half)"],
        &["Variants(1): 98.400 %", "feature 1: banner: true \"blue\" (SPLIT; weight=60)"],
        &["feature 2: checkout: false \"new\" (TARGETING_MATCH; segment=identity_overrides)"],
    ];
    assert_eq!(trace(DOCUMENT, Some(&anna)), expected.concat());
}

#[test]
fn a_cut_cycle_is_recorded() {
    let document = r#"{
        "api_key": "env",
        "feature_states": [{"feature": {"id": 1, "name": "loop"}}],
        "project": {"segments": [{"id": 7, "name": "s", "rules": [{"type": "ALL", "conditions": [
            {"property_": "$.flags.loop.enabled", "operator": "IS_NOT_SET"}
        ]}], "feature_states": [{"feature": {"name": "loop"}, "enabled": true}]}]}
    }"#;
    let attempt =
        ["read feature 0: None", "condition 0 on None: true", "rule 0: true", "segment 0: CycleCut"];
    let expected =
        [&attempt[..], &attempt, &["feature 0: loop: false null (ERROR; code=CIRCULAR_DEPENDENCY)"]];
    assert_eq!(trace(document, None), expected.concat());
}
