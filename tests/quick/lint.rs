//! `jackstaff lint`, as people and version control call it.

use std::fs;
use std::path::Path;

use engine::Document;
use serde_json::{Value, json};
use tests::{Finished, folder, jackstaff};

use crate::JACKSTAFF;

fn lint(arguments: &[&str]) -> Finished {
    jackstaff(JACKSTAFF, &[&["lint"], arguments].concat(), "")
}

/// Writes a document, and gives the name of its file.
fn write(directory: &Path, name: &str, text: &str) -> String {
    let file = directory.join(name);
    fs::write(&file, text).unwrap();
    file.display().to_string()
}

fn state(name: &str) -> Value {
    json!({ "feature": { "name": name }, "enabled": true })
}

fn minimal() -> Value {
    json!({ "api_key": "e", "feature_states": [state("f")], "project": { "segments": [] } })
}

/// The minimal document with more members at its top.
fn with(members: &Value) -> Value {
    let mut document = minimal();
    document.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    document
}

#[test]
fn exit_codes_and_outputs() {
    let directory = tempfile::tempdir().unwrap();
    let sound = write(directory.path(), "sound.json", &minimal().to_string());
    let warned = write(
        directory.path(),
        "warned.json",
        &with(&json!({ "api_key": "w", "x": 1, "a\u{1b}[31mb": 1 })).to_string(),
    );
    let refused =
        write(directory.path(), "refused.json", &minimal().to_string().replace("\"enabled\"", "\"enabld\""));
    for (arguments, code) in [
        (vec![&*sound], 0),
        (vec![&*warned], 0),
        (vec!["--strict", &*sound], 0),
        (vec!["--strict", &*warned], 1),
        (vec!["--strict", "--allow", "unknown-member", &*warned], 0),
        (vec![&*sound, &*refused, &*warned], 1),
        (vec!["/nowhere.json"], 2),
        (vec![&*refused, "/nowhere.json"], 2),
        (vec!["/nowhere.json", &*sound], 2),
        (vec![], 64),
        (vec!["--allow", "nothing", &*sound], 64),
    ] {
        let finished = lint(&arguments);
        assert_eq!(finished.code, code, "{arguments:?}: {finished:?}");
    }
    let cost = "steps, 0.1 % of what the platform allows\n";
    let found = lint(&[&sound]).output;
    assert!(
        found.starts_with(&format!("{sound}: sound; a request may take ")) && found.ends_with(cost),
        "{found}"
    );
    assert_eq!(
        lint(&[&refused]).output,
        format!(
            "{refused}: error: feature_states[0].enabld: unknown; did you mean \"enabled\"? [misspelt-member]\n"
        )
    );
    let found = lint(&[&warned]);
    assert!(
        found.output.contains(&format!("{warned}: warning: x: unknown, and left out [unknown-member]\n")),
        "{found:?}"
    );
    let last = found.output.lines().last().unwrap();
    assert!(last.starts_with(&format!("{warned}: a request may take ")), "{found:?}");
    assert!(!found.output.contains('\u{1b}'), "neither a name nor a pipe gets colours");
    assert!(lint(&["/nowhere.json"]).errors.contains("/nowhere.json could not be read"));
    let help = lint(&["--help"]);
    assert!(help.code == 0 && help.output.contains("Examples:"), "{help:?}");
}

#[test]
fn findings_for_programs() {
    let directory = tempfile::tempdir().unwrap();
    let file = write(directory.path(), "a.json", &with(&json!({ "x\ny": 1 })).to_string());
    let lines: Vec<Value> =
        lint(&["--json", &file]).output.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let expected = json!({
        "file": file, "place": "[\"x\\ny\"]", "severity": "warning", "message": "unknown, and left out",
        "rule": "unknown-member",
    });
    assert_eq!(lines, [expected]);
}

#[test]
fn directories_and_environments_that_are_there_twice() {
    let directory = tempfile::tempdir().unwrap();
    let first = write(directory.path(), "a.json", &minimal().to_string());
    write(directory.path(), "b.json", &minimal().to_string());
    write(directory.path(), "c.txt", "no document");
    write(directory.path(), ".hidden.json", "no document");
    let finished = lint(&[directory.path().to_str().unwrap()]);
    assert_eq!(finished.code, 1);
    let lines: Vec<&str> = finished.output.lines().collect();
    assert!(lines[0].starts_with(&format!("{first}: sound; ")), "{lines:?}");
    assert!(
        lines[1]
            .ends_with(&format!("error: api_key: environment `e` is in {first}, too [environment-twice]")),
        "{lines:?}"
    );
    assert_eq!(lines.len(), 2);
    assert_eq!(lint(&[&first, &first]).code, 0, "a file that is named twice is one");
}

/// Documents as Flagsmith's servers of many years write them, as its tables hold them, and as people write them.
fn sound() -> Vec<(&'static str, String)> {
    let fixture = |name: &str| fs::read_to_string(folder("fixtures").join(name)).unwrap();
    let full_state = json!({
        "feature": { "id": 3, "name": "f", "type": "MULTIVARIATE" }, "enabled": true, "django_id": 8, "feature_segment": null,
        "featurestate_uuid": "3b0b3b0e-60ac-4c44-9a3c-0c7a2d0a7d11", "feature_state_value": "a",
        "multivariate_feature_state_values": [{
            "id": 5, "mv_fs_value_uuid": "0f5b7b8e-0c5e-4f0a-8f71-9f6f7c0f0501", "percentage_allocation": 40.0,
            "multivariate_feature_option": { "id": 6, "value": "b" },
        }],
    });
    let identity = json!({
        "identifier": "ann", "environment_api_key": "e", "created_date": "2025-12-24T09:00:00.000000+00:00",
        "identity_uuid": "a8b1c3d4-1111-4222-8333-944445555666", "composite_key": "e_ann", "django_id": null,
        "dashboard_alias": null, "identity_traits": [{ "trait_key": "p", "trait_value": 1 }],
        "identity_features": [full_state],
    });
    let rules = json!([{ "type": "ALL", "conditions": [], "rules": [{ "type": "ANY", "rules": [], "conditions": [
        { "operator": "EQUAL", "property_": "plan", "value": "gold" },
        { "operator": "PERCENTAGE_SPLIT", "property_": null, "value": "10" },
    ] }] }]);
    let mut overriding = full_state.clone();
    overriding["feature_segment"] = json!({ "priority": 0 });
    let segment = json!({ "id": 4, "name": "gold", "rules": rules, "feature_states": [overriding] });
    let organisation = json!({ "id": 9, "name": "O", "feature_analytics": false, "stop_serving_flags": false, "persist_trait_data": true });
    let project = json!({
        "id": 7, "name": "P", "organisation": organisation, "hide_disabled_flags": false, "enable_realtime_updates": true,
        "server_key_only_feature_ids": [3], "segments": [segment],
    });
    let core = json!({
        "id": 1, "api_key": "e", "name": "E", "updated_at": "2026-03-02T11:22:33.123456Z", "allow_client_traits": true,
        "hide_sensitive_data": false, "hide_disabled_flags": null, "use_identity_composite_key_for_hashing": true,
        "use_identity_overrides_in_local_eval": true, "project": project, "feature_states": [full_state],
        "identity_overrides": [identity],
    });
    let changed = |pointer: &str, members: Value| {
        let mut document = core.clone();
        let object = document.pointer_mut(pointer).and_then(Value::as_object_mut).unwrap();
        object.extend(members.as_object().unwrap().clone());
        document
    };
    let without = |members: &[&str]| {
        let mut document = core.clone();
        members.iter().for_each(|member| drop(document.as_object_mut().unwrap().remove(*member)));
        document
    };
    let integration =
        json!({ "api_key": "secret", "base_url": "https://example.com", "entity_selector": null });
    let of_tables = json!({
        "id": 1, "environment_api_key": "e", "environment_id": "1", "document_key": "_META", "name": "E", "project": project,
        "feature_states": [full_state], "updated_at": "2026-03-02T11:22:33+00:00", "compressed": false,
        "use_identity_composite_key_for_hashing": true, "amplitude_config": null,
    });
    let override_item = json!({
        "environment_id": "1", "document_key": "identity_override:3:a8b1c3d4", "environment_api_key": "e", "identifier": "ann",
        "identity_uuid": "a8b1c3d4-1111-4222-8333-944445555666", "feature_state": full_state,
        "created_date": "2025-12-24T09:00:00Z",
    });
    let served = Document::parse(&core.to_string()).unwrap().stamped("2026-03-02T11:22:33Z");
    vec![
        ("the demonstration", fixture("demo.json")),
        ("what SDKs are tested with", fixture("sdk.json")),
        ("of the core", core.to_string()),
        ("of the Edge API", changed("", json!({
            "amplitude_config": null, "dynatrace_config": null, "heap_config": null, "mixpanel_config": null,
            "rudderstack_config": null, "segment_config": null, "webhook_config": null,
        })).to_string()),
        ("with integrations", changed("", json!({
            "amplitude_config": integration, "segment_config": integration,
            "webhook_config": { "url": "https://example.com", "secret": "s" },
        })).to_string()),
        ("before overrides of identities", without(&["identity_overrides", "use_identity_overrides_in_local_eval"]).to_string()),
        ("before composite keys",
            without(&["use_identity_composite_key_for_hashing", "hide_sensitive_data", "hide_disabled_flags"]).to_string()),
        ("with overrides apart", changed("", json!({ "segment_overrides": [] })).to_string()),
        ("with states that have ids", changed("/feature_states/0", json!({ "id": 8, "segment_id": null })).to_string()),
        ("with states of the remote routes", changed("/feature_states/0", json!({
            "id": 8, "environment": 1, "identity": null,
        })).to_string()),
        ("with features of the remote routes", changed("/feature_states/0/feature", json!({
            "created_date": "2025-12-24T09:00:00Z", "description": null, "initial_value": null, "default_enabled": false,
        })).to_string()),
        ("with keys of variants", changed("/feature_states/0/multivariate_feature_state_values/0/multivariate_feature_option",
            json!({ "key": "blue" })).to_string()),
        ("with experiments", changed("/feature_states/0", json!({ "metadata": { "experiment": { "id": 1 } } })).to_string()),
        ("with metadata of features", changed("/feature_states/0/feature", json!({ "metadata": { "id": 3 } })).to_string()),
        ("with descriptions", changed("/project/segments/0", json!({ "description": "d", "feature": null })).to_string()),
        ("with properties of contexts",
            core.to_string().replace("\"property_\":\"plan\"", "\"property\":\"plan\"")),
        ("with numbers as texts", core.to_string().replace("40.0", "\"40.0\"").replace("\"django_id\":8", "\"django_id\":\"8\"")),
        ("an item of the first table", {
            let mut item = core.clone();
            item["compressed"] = json!(false);
            item.to_string()
        }),
        ("items of the second table, a line each", format!("{of_tables}\n{override_item}")),
        ("items of the second table, as a query gives them", json!({ "Items": [of_tables, override_item], "Count": 2 }).to_string()),
        ("an item with types", r#"{"Item": {"api_key": {"S": "e"}, "id": {"N": "1"}, "project": {"M": {"segments": {"L": []}}},
            "feature_states": {"L": [{"M": {"feature": {"M": {"name": {"S": "f"}}}, "enabled": {"BOOL": true}}}]},
            "use_identity_composite_key_for_hashing": {"BOOL": true}, "webhook_config": {"NULL": true}}}"#.to_owned()),
        ("what the edge serves", served),
        ("by hand", minimal().to_string()),
        ("by hand, without features", json!({ "api_key": "e", "feature_states": [], "project": { "segments": [] } }).to_string()),
        ("by hand, with null", with(&json!({ "name": null, "identity_overrides": null, "updated_at": null })).to_string()),
        ("behind a byte order mark", format!("\u{feff}{core:#}")),
    ]
}

#[test]
fn no_member_of_a_sound_document_is_complained_of() {
    let directory = tempfile::tempdir().unwrap();
    let sound = sound();
    assert!(sound.len() >= 20);
    let mut complaints = Vec::new();
    for (number, (situation, text)) in sound.iter().enumerate() {
        let finished = lint(&["--json", &write(directory.path(), &format!("{number}.json"), text)]);
        if finished.code != 0 || finished.output.contains("member") {
            complaints.push(format!("{situation}: {finished:?}"));
        }
    }
    assert!(complaints.is_empty(), "{complaints:#?}");
}

#[test]
fn a_misspelt_member_is_refused_wherever_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let (_, core) = &sound()[2];
    let mut unnamed = Vec::new();
    for (kind, spelt, meant) in [
        ("environment", r#""hide_senstive_data":false"#, "hide_sensitive_data"),
        ("environment", r#""apiKey":"e""#, "api_key"),
        ("environment", r#""featureStates":"#, "feature_states"),
        ("project", r#""segmets":"#, "segments"),
        ("organisation", r#""stop_serving_flag":false"#, "stop_serving_flags"),
        ("feature state", r#""enabeld":true"#, "enabled"),
        ("feature", r#""nmae":"f""#, "name"),
        ("variant", r#""percentage-allocation":40.0"#, "percentage_allocation"),
        ("option", r#""vaule":"b""#, "value"),
        ("segment", r#""rule":"#, "rules"),
        ("rule", r#""condition":"#, "conditions"),
        ("condition", r#""Operator":"EQUAL""#, "operator"),
        ("feature segment", r#""priorty":0"#, "priority"),
        ("identity override", r#""identifer":"ann""#, "identifier"),
    ] {
        let (spelling, value) = spelt.split_once(':').unwrap();
        let right = format!("{meant:?}:{value}");
        assert!(core.contains(&right), "{kind}: no {right}");
        let file = write(directory.path(), "a.json", &core.replace(&right, spelt));
        let finished = lint(&[&file]);
        let spelling = spelling.trim_matches('"');
        let place = finished.output.contains(&format!("{spelling}: unknown; did you mean {meant:?}?"));
        if finished.code != 1 || !place {
            unnamed.push(format!("{kind}, {spelling}: {finished:?}"));
        }
    }
    assert!(unnamed.is_empty(), "{unnamed:#?}");
}
