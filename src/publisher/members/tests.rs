use serde_json::{Value, json};

use super::*;
use crate::source::{DocumentSource, Place};

/// A document with one object of each kind, and every member that is read.
fn whole() -> Value {
    let state = json!({
        "feature": { "id": 1, "name": "f", "type": "MULTIVARIATE", "metadata": {} }, "enabled": true, "django_id": 5,
        "feature_segment": { "priority": 1 }, "featurestate_uuid": "3b0b3b0e-60ac-4c44-9a3c-0c7a2d0a7d11",
        "feature_state_value": "a", "metadata": { "enabld": 1 },
        "multivariate_feature_state_values": [{
            "id": 1, "mv_fs_value_uuid": "0f5b7b8e-0c5e-4f0a-8f71-9f6f7c0f0501", "percentage_allocation": 10,
            "multivariate_feature_option": { "id": 1, "value": "b", "key": "k" },
        }],
    });
    json!({
        "id": 1, "api_key": "e", "name": "E", "updated_at": "2026-03-02T11:22:33Z", "allow_client_traits": true,
        "hide_sensitive_data": false, "hide_disabled_flags": null, "use_identity_composite_key_for_hashing": true,
        "use_identity_overrides_in_local_eval": true,
        "project": {
            "id": 1, "name": "P", "hide_disabled_flags": false, "enable_realtime_updates": true,
            "server_key_only_feature_ids": [], "organisation": {
                "id": 1, "name": "O", "feature_analytics": false, "stop_serving_flags": false, "persist_trait_data": true,
            },
            "segments": [{ "id": 1, "name": "s", "feature_states": [state], "rules": [{
                "type": "ALL", "conditions": [], "rules": [{
                    "type": "ANY", "rules": [], "conditions": [
                        { "operator": "EQUAL", "property_": "p", "value": "v" },
                    ],
                }],
            }] }],
        },
        "feature_states": [state],
        "identity_overrides": [{
            "identifier": "i", "environment_api_key": "e", "identity_uuid": "a", "created_date": "2025-12-24T09:00:00Z",
            "composite_key": "e_i", "django_id": null, "identity_features": [state],
        }],
    })
}

/// Renames a member of the object at a pointer.
#[track_caller]
fn renamed(mut document: Value, pointer: &str, member: &str, spelling: &str) -> String {
    let object = document.pointer_mut(pointer).and_then(Value::as_object_mut).unwrap();
    let value = object.remove(member).unwrap_or_else(|| panic!("no {member} at {pointer}"));
    object.insert(spelling.to_owned(), value);
    document.to_string()
}

fn parse(text: &str) -> Result<DocumentSource, String> {
    DocumentSource::parse(&Place::new("a.json"), text).map_err(|fault| fault.to_string())
}

#[test]
fn a_misspelt_member_is_refused_with_the_name_that_was_meant() {
    for (pointer, member, spelling, place) in [
        ("", "api_key", "api_kye", "api_kye"),
        ("", "feature_states", "feature_state", "feature_state"),
        ("", "identity_overrides", "identity_override", "identity_override"),
        (
            "",
            "use_identity_composite_key_for_hashing",
            "use_identity_compositekey_for_hasing",
            "use_identity_compositekey_for_hasing",
        ),
        ("", "project", "proyect", "proyect"),
        ("/project", "segments", "segemnts", "project.segemnts"),
        ("/project", "hide_disabled_flags", "hideDisabledFlags", "project.hideDisabledFlags"),
        (
            "/project/organisation",
            "persist_trait_data",
            "persist-trait-data",
            "project.organisation.persist-trait-data",
        ),
        ("/project", "organisation", "organization", "project.organization"),
        ("/feature_states/0", "enabled", "enabld", "feature_states[0].enabld"),
        (
            "/feature_states/0",
            "feature_state_value",
            "feature_state_values",
            "feature_states[0].feature_state_values",
        ),
        ("/feature_states/0/feature", "name", "Name", "feature_states[0].feature.Name"),
        (
            "/feature_states/0/multivariate_feature_state_values/0",
            "percentage_allocation",
            "percentage_alocation",
            "feature_states[0].multivariate_feature_state_values[0].percentage_alocation",
        ),
        (
            "/feature_states/0/multivariate_feature_state_values/0/multivariate_feature_option",
            "value",
            "valeu",
            "feature_states[0].multivariate_feature_state_values[0].multivariate_feature_option.valeu",
        ),
        ("/project/segments/0", "rules", "rule", "project.segments[0].rule"),
        (
            "/project/segments/0/feature_states/0/feature_segment",
            "priority",
            "prioritty",
            "project.segments[0].feature_states[0].feature_segment.prioritty",
        ),
        ("/project/segments/0/rules/0", "type", "tpye", "project.segments[0].rules[0].tpye"),
        (
            "/project/segments/0/rules/0/rules/0",
            "conditions",
            "condition",
            "project.segments[0].rules[0].rules[0].condition",
        ),
        (
            "/project/segments/0/rules/0/rules/0/conditions/0",
            "operator",
            "OPERATOR",
            "project.segments[0].rules[0].rules[0].conditions[0].OPERATOR",
        ),
        (
            "/project/segments/0/rules/0/rules/0/conditions/0",
            "property_",
            "propertty",
            "project.segments[0].rules[0].rules[0].conditions[0].propertty",
        ),
        ("/identity_overrides/0", "identifier", "identifer", "identity_overrides[0].identifer"),
        (
            "/identity_overrides/0",
            "identity_features",
            "identityFeatures",
            "identity_overrides[0].identityFeatures",
        ),
        (
            "/identity_overrides/0/identity_features/0",
            "enabled",
            "enable d",
            r#"identity_overrides[0].identity_features[0]["enable d"]"#,
        ),
    ] {
        let refusal = parse(&renamed(whole(), pointer, member, spelling)).unwrap_err();
        assert_eq!(refusal, format!("a.json: {place}: unknown; did you mean {member:?}?"));
    }
}

#[test]
fn what_an_object_has_is_not_what_another_of_its_members_was_meant_to_be() {
    let with = |pointer: &str, member: &str, value: Value| {
        let mut document = whole();
        document
            .pointer_mut(pointer)
            .and_then(Value::as_object_mut)
            .unwrap()
            .insert(member.to_owned(), value);
        parse(&document.to_string()).map(|source| source.warnings)
    };
    for value in [json!(true), Value::Null] {
        let warnings = with("/feature_states/0", "enabld", value).unwrap();
        let warnings: Vec<String> = warnings.iter().map(ToString::to_string).collect();
        assert_eq!(warnings, ["feature_states[0].enabld: unknown, and left out"]);
    }
    // `null` counts as present.
    let mut document = whole();
    document["feature_states"][0]["enabled"] = Value::Null;
    document["feature_states"][0]["enabld"] = json!(true);
    assert!(parse(&document.to_string()).is_ok());
    // By its other name it is there, too.
    let text = renamed(whole(), "/project/segments/0/rules/0/rules/0/conditions/0", "property_", "property");
    assert!(parse(&text.replace(r#""operator""#, r#""propertyy":1,"operator""#)).is_ok());
    assert_eq!(with("/feature_states/0/metadata", "enable", json!(1)), Ok(Vec::new()));
}

#[test]
fn short_names_and_other_words_are_not_taken_for_misspelt() {
    for (pointer, removed, other) in [
        ("", "name", "note"),
        ("", "id", "kind"),
        ("/project/segments/0", "id", "ids"),
        ("/project/segments/0", "rules", "owners"),
        ("/feature_states/0", "enabled", "labels"),
        ("/feature_states/0/feature", "type", "topic"),
        ("/project/segments/0/rules/0/rules/0/conditions/0", "value", "valid_until"),
        ("/feature_states/0/multivariate_feature_state_values/0/multivariate_feature_option", "key", "kind"),
    ] {
        let source = parse(&renamed(whole(), pointer, removed, other)).unwrap();
        assert_eq!(source.warnings.len(), 1, "{other}: {:?}", source.warnings);
    }
}

#[test]
fn unknown_members_of_a_file_are_warnings_of_a_bounded_number() {
    let mut document = whole();
    for number in 0..9 {
        document[format!("x-{number}")] = json!({ "enabld": 1 });
    }
    document["feature_states"][0]["a\nb"] = json!(1);
    let warnings = parse(&document.to_string()).unwrap().warnings;
    let warnings: Vec<String> = warnings.iter().map(ToString::to_string).collect();
    assert_eq!(
        warnings,
        [
            r#"feature_states[0]["a\nb"]: unknown, and left out"#,
            "x-0: unknown, and left out",
            "x-1: unknown, and left out",
            "x-2: unknown, and left out",
            "x-3: unknown, and left out",
            "the whole: 5 more unknown members, which are left out",
        ]
    );
}

#[test]
fn several_misspelt_members_are_counted() {
    let text = whole().to_string().replace(r#""enabled""#, r#""enabld""#);
    let refusal = parse(&text).unwrap_err();
    // Which one is first depends on the order of members.
    assert!(refusal.starts_with("a.json: "), "{refusal}");
    assert!(refusal.ends_with(".enabld: unknown; did you mean \"enabled\"? (2 more misspelt)"), "{refusal}");
}

#[test]
fn what_an_api_answers_is_not_looked_at() {
    let text = whole().to_string().replace(r#""enabled""#, r#""enabld""#);
    let key = api::EnvironmentKey::parse("e").unwrap();
    let source = DocumentSource::fetched(&Place::new("a"), &text, &key).unwrap();
    assert_eq!(source.warnings, Vec::new());
}

#[test]
fn every_member_that_is_read_or_left_out_is_known() {
    assert_eq!(UnknownMembers::of(&whole().to_string()), UnknownMembers::default());
    for text in
        ["", "[]", "{", "null", r#"{"project": 1, "feature_states": {"a": 1}, "identity_overrides": null}"#]
    {
        assert_eq!(UnknownMembers::of(text), UnknownMembers::default(), "{text}");
    }
}

#[test]
fn exports_are_looked_at_too() {
    let typed = r#"{"api_key": {"S": "e"}, "project": {"M": {"segments": {"L": []}}}, "feature_states": {"L": [{"M": {
        "feature": {"M": {"name": {"S": "f"}}}, "enabld": {"BOOL": true}}}]}}"#;
    let refusal = parse(typed).unwrap_err();
    assert_eq!(refusal, "a.json: feature_states[0].enabld: unknown; did you mean \"enabled\"?");
    let items = r#"[{"document_key": "_META", "environment_id": 7, "environment_api_key": "e", "feature_states": [],
            "project": {"segments": []}},
        {"document_key": "identity_override:1:a", "environment_id": 7, "environment_api_key": "e", "identifier": "i",
            "identity_uuid": "a", "feature_state": {"feature": {"name": "f"}, "enabled": true}}]"#;
    assert_eq!(parse(items).unwrap().warnings, Vec::new());
}
