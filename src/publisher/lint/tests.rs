use serde_json::{Value, json};

use super::*;

fn state(name: &str) -> Value {
    json!({ "feature": { "name": name }, "enabled": true })
}

fn document() -> Value {
    json!({ "api_key": "e", "feature_states": [state("f"), state("g")], "project": { "segments": [{
        "name": "s", "feature_states": [state("f")],
        "rules": [{ "type": "ALL", "conditions": [{ "operator": "EQUAL", "property_": "p", "value": "1" }] }],
    }] } })
}

fn look(text: &str) -> Vec<String> {
    let now = Timestamp::from_second(1_800_000_000).unwrap();
    let found = lint(&Place::new("a.json"), text, &PublishOptions::default(), now);
    let is_refused = found.findings.iter().any(|finding| finding.severity == Severity::Error);
    assert_eq!(found.source.is_none(), is_refused);
    for finding in &found.findings {
        assert!(LINT_RULES.contains(&finding.rule), "{}", finding.rule);
    }
    found
        .findings
        .iter()
        .map(|f| format!("{:?} {}: {} [{}]", f.severity, f.place, f.message, f.rule))
        .collect()
}

#[test]
fn a_sound_document_has_no_findings() {
    assert_eq!(look(&document().to_string()), Vec::<String>::new());
    assert_eq!(look(&format!("\u{feff}{}", document())), Vec::<String>::new());
}

#[test]
fn every_rule_finds_what_it_is_for() {
    let condition =
        |operator: &str, value: &str| json!({ "operator": operator, "property_": "p", "value": value });
    let rules = |conditions: Value| json!([{ "type": "ANY", "conditions": conditions }]);
    let variant = |share: i32| json!({ "percentage_allocation": share });
    let override_of =
        |name: &str, feature: &str| json!({ "identifier": name, "identity_features": [state(feature)] });
    for (pointer, value, expected) in [
        ("/api_key", json!("a/b"), vec!["Error api_key: only letters [document]"]),
        ("/updated_at", json!("noon"), vec!["Error updated_at: not an ISO 8601 time: \"noon\" [document]"]),
        (
            "/updated_at",
            json!("2999-01-01T00:00:00Z"),
            vec!["Warning updated_at: 2999-01-01T00:00:00Z is in the future [updated-at-in-the-future]"],
        ),
        ("/feature_states", json!({}), vec!["Error feature_states: invalid type [document]"]),
        (
            "/feature_states/0/enabld",
            json!(1),
            vec!["Warning feature_states[0].enabld: unknown [unknown-member]"],
        ),
        (
            "/feature_states",
            json!([state("f"), state("g"), state("f")]),
            vec![
                "Warning feature_states[2]: feature `f` is at feature_states[0] already; the last [feature-twice]",
            ],
        ),
        (
            "/feature_states",
            json!([{ "feature": { "id": 7, "name": "f" } }, { "feature": { "id": "7", "name": "g" } }]),
            vec![
                "Warning feature_states[1]: feature `g` has the id 7 of the feature at feature_states[0] [feature-twice]",
            ],
        ),
        (
            "/feature_states/1/multivariate_feature_state_values",
            json!([variant(60), variant(60)]),
            vec!["Warning feature `g`: the shares of its variants are 120 % together [share]"],
        ),
        (
            "/feature_states/1/multivariate_feature_state_values",
            json!([variant(-1)]),
            vec!["Warning feature `g`: variant 1, in the order of ids, has a share of -1 % [share]"],
        ),
        (
            "/use_identity_composite_key_for_hashing",
            json!(false),
            vec!["Warning use_identity_composite_key_for_hashing: off [switch]"],
        ),
        (
            "/project/segments/0/feature_states",
            json!([state("h")]),
            vec![
                "Warning project.segments[0].feature_states[0]: segment `s` overrides feature `h` [override-unknown-feature]",
            ],
        ),
        (
            "/project/segments/0/feature_states",
            json!([state("f"), state("f")]),
            vec![
                "Warning project.segments[0].feature_states[1]: segment `s` overrides feature `f` at \
                  project.segments[0].feature_states[0] already [override-twice]",
            ],
        ),
        (
            "/project/segments/0/feature_states",
            json!([]),
            vec!["Warning project.segments[0]: segment `s` overrides no feature [segment-unused]"],
        ),
        (
            "/project/segments/0/feature_states",
            Value::Null,
            vec!["Warning project.segments[0]: segment `s` overrides no feature [segment-unused]"],
        ),
        (
            "/project/segments/0/rules",
            json!([]),
            vec![
                "Warning project.segments[0]: segment `s` can never match: it has no rules [segment-never-matches]",
            ],
        ),
        (
            "/project/segments/0/rules",
            rules(json!([condition("NEWER", "1"), condition("EQUAL", "1")])),
            vec!["Warning segment `s`, condition 1: unknown operator \"NEWER\" [unknown-operator]"],
        ),
        (
            "/project/segments/0/rules",
            rules(json!([condition("REGEX", "(")])),
            vec![
                "Warning segment `s`, condition 1: [condition-never-matches]",
                "Warning project.segments[0]: segment `s` can never match: a rule [segment-never-matches]",
            ],
        ),
        (
            "/project/segments",
            json!([document()["project"]["segments"][0], document()["project"]["segments"][0]]),
            vec![
                "Warning project.segments[1]: segment `s` has the name of the segment at project.segments[0] [segment-twice]",
            ],
        ),
        (
            "/project/segments",
            json!([
            { "id": 1, "name": "s", "rules": [{}], "feature_states": [state("f")] },
            { "id": 1.0, "name": "t", "rules": [{}], "feature_states": [state("f")] },
            { "id": "1", "name": "u", "rules": [{}], "feature_states": [state("f")] }]),
            vec![
                "Warning project.segments[2]: segment `u` has the id 1 of the segment at project.segments[0] [segment-twice]",
            ],
        ),
        (
            "/identity_overrides",
            json!([override_of("i", "f"), override_of("j", "f"), override_of("i", "g")]),
            vec![
                "Warning identity_overrides[2]: identity `i` is at identity_overrides[0] already [identity-twice]",
            ],
        ),
        (
            "/identity_overrides",
            json!([override_of("i", "h")]),
            vec![
                "Warning identity_overrides[0].identity_features[0]: identity `i` overrides feature `h` \
                  [override-unknown-feature]",
            ],
        ),
        (
            "/identity_overrides",
            json!([{ "identifier": "i", "identity_features": [state("f"), state("f")] }]),
            vec![
                "Warning identity_overrides[0].identity_features[1]: identity `i` overrides feature `f` at \
                  identity_overrides[0].identity_features[0] already; the first counts [override-twice]",
            ],
        ),
        (
            "/feature_states/0/multivariate_feature_state_values",
            json!(vec![json!({}); 801]),
            vec![
                "Warning the whole: 801 variants of one feature, 80 % of the 1000 that are accepted [limit-near]",
            ],
        ),
        (
            "/feature_states/0/multivariate_feature_state_values",
            json!(vec![json!({}); 1001]),
            vec!["Error feature `f`: 1001 variants, more than the 1000 [limit]"],
        ),
    ] {
        let mut changed = document();
        let (parent, member) = pointer.rsplit_once('/').unwrap();
        changed.pointer_mut(parent).unwrap()[member] = value;
        let found = look(&changed.to_string());
        let is_as_expected = |(found, expected): (&String, &&str)| {
            let (start, rule) = expected.rsplit_once(' ').unwrap();
            found.starts_with(start) && found.ends_with(rule)
        };
        let all = found.len() == expected.len() && found.iter().zip(&expected).all(is_as_expected);
        assert!(all, "{pointer}: {found:#?}\n{expected:#?}");
    }
    for (text, start) in [
        ("{", "Error invalid JSON: EOF while parsing"),
        ("[]", "Error the whole: an export without an environment"),
        ("{}", "Error the whole: missing field `api_key`"),
    ] {
        let found = look(text);
        assert!(found.len() == 1 && found[0].starts_with(start), "{found:?}");
    }
}

#[test]
fn all_misspelt_members_are_named() {
    let text = document().to_string().replace("\"enabled\"", "\"enabld\"");
    let place =
        |place: &str| format!("Error {place}.enabld: unknown; did you mean \"enabled\"? [misspelt-member]");
    let places = ["feature_states[0]", "feature_states[1]", "project.segments[0].feature_states[0]"];
    let mut found = look(&text);
    found.sort();
    assert_eq!(found, places.map(place));
}

#[test]
fn rules_have_a_name_each() {
    let names: std::collections::BTreeSet<&str> = LINT_RULES.into();
    assert_eq!(names.len(), LINT_RULES.len());
}

#[test]
fn a_dear_document_is_warned_of_or_refused() {
    for (splits, expected) in [(10, None), (1_000, Some("Warning")), (6_000, Some("Error"))] {
        let split = json!({ "operator": "PERCENTAGE_SPLIT", "property_": "", "value": "50" });
        let mut document = document();
        document["project"]["segments"][0]["rules"][0]["conditions"] = json!(vec![split; splits]);
        let found = look(&document.to_string());
        let dear = found.iter().find(|finding| finding.ends_with("[dear]"));
        let severity = dear.and_then(|finding| finding.split_once(" the whole: a request may take "));
        assert_eq!(severity.map(|(severity, _)| severity), expected, "{found:?}");
    }
}
