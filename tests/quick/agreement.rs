//! `jackstaff evaluate` agrees with what is published, from a document and from exports of Flagsmith's tables: identities that
//! are pinned to a variant, flags that depend on flags, segments that need no identity. What the routes say of the same
//! document is in `src/api/tests/contract/agreement.rs`.

use std::path::Path;

use invariants::{Flags, flags};
use publisher::DocumentSource;
use serde_json::{Value, json};
use tests::{folder, jackstaff};

use crate::JACKSTAFF;

const IDENTIFIERS: [&str; 6] = ["blue at 100", "green at 100", "all at 0", "plain", "by hash", "stranger"];

/// What `jackstaff evaluate` says.
fn said(file: &Path, identifier: Option<&str>, plan: Option<&str>) -> Flags {
    let file = file.display().to_string();
    let plan = plan.map(|plan| format!("plan={plan}"));
    let mut arguments = vec!["evaluate", "--json", "--document", &file];
    arguments.extend(identifier.iter().flat_map(|identifier| ["--identifier", identifier]));
    arguments.extend(plan.iter().flat_map(|plan| ["--trait", plan.as_str()]));
    let finished = jackstaff(JACKSTAFF, &arguments, "");
    assert_eq!(finished.code, 0, "{finished:?}");
    let result: Value = serde_json::from_str(&finished.output).unwrap();
    let flags = result["flags"].as_object().unwrap().iter();
    flags.map(|(name, flag)| (name.clone(), json!([flag["enabled"], flag["value"]]))).collect()
}

/// What a publisher makes of a file, evaluated.
fn published(file: &Path, identifier: Option<&str>, plan: Option<&str>) -> Flags {
    flags(&DocumentSource::read(file).unwrap().document, identifier, plan)
}

/// The items of an environment in Flagsmith's second table: one without overrides, and one for each override.
fn items(document: &Value) -> Vec<Value> {
    let mut meta = document.clone();
    let members = meta.as_object_mut().unwrap();
    let key = members.remove("api_key").unwrap();
    members.remove("id");
    let overrides = members.remove("identity_overrides").unwrap();
    members.extend([
        ("environment_id".to_owned(), json!("1")),
        ("environment_api_key".to_owned(), key.clone()),
        ("document_key".to_owned(), json!("_META")),
    ]);
    let of_identity = |of: &Value| {
        let state = &of["identity_features"][0];
        json!({
            "environment_id": "1",
            "document_key": format!("identity_override:{}:u", state["feature"]["id"]),
            "environment_api_key": key,
            "identifier": of["identifier"],
            "identity_uuid": of["identifier"],
            "feature_state": state,
        })
    };
    let overrides: Vec<Value> = overrides.as_array().unwrap().iter().map(of_identity).collect();
    [vec![meta], overrides].concat()
}

#[test]
fn the_command_line_agrees_with_what_is_published() {
    let file = folder("fixtures/agreement.json");
    let document: Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    let temporary = tempfile::tempdir().unwrap();
    let items = items(&document);
    let lines: String = items.iter().map(|item| json!({ "Item": item }).to_string() + "\n").collect();
    let exports = [("list", json!(items).to_string()), ("lines", lines)].map(|(shape, text)| {
        let file = temporary.path().join(shape);
        std::fs::write(&file, text).unwrap();
        (shape, file)
    });
    let named = IDENTIFIERS.into_iter().flat_map(|name| [(Some(name), None), (Some(name), Some("gold"))]);
    for (identifier, plan) in named.chain([(None, None)]) {
        let said = said(&file, identifier, plan);
        assert_eq!(published(&file, identifier, plan), said, "{identifier:?}, {plan:?}");
        for (shape, export) in &exports {
            assert_eq!(published(export, identifier, plan), said, "{shape}, {identifier:?}, {plan:?}");
        }
    }
    let colour = IDENTIFIERS.map(|identifier| said(&file, Some(identifier), None)["Colour"][1].clone());
    assert_eq!(colour, ["blue", "green", "grey", "magenta", "b", "blue"]);
    let on: Vec<String> = said(&file, None, None)
        .into_iter()
        .filter(|(_, flag)| flag[0] == true)
        .map(|(name, _)| name)
        .collect();
    assert_eq!(on, ["Colour", "behind", "child", "grandchild", "here", "newcomer", "parent"]);
}
