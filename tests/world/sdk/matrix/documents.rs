//! The documents of the matrix: one that has every member, and that one without each optional member.

use std::fs;

use serde_json::{Map, Value, json};
use tests::folder;

/// A document of the matrix.
pub(super) struct Variation {
    /// The column of the table.
    pub(super) column: usize,
    /// Such as `project.id, null`.
    pub(super) name: String,
    pub(super) document: Value,
}

/// The optional members, each in all places where it stands. A place is a path; `*` means every element of a list.
pub(super) fn members() -> Vec<(String, Vec<String>)> {
    let mut members = Vec::new();
    let mut add = |name: &str, places: &[&str]| {
        members.push((name.to_owned(), places.iter().map(|&place| place.to_owned()).collect::<Vec<_>>()));
    };
    for name in DOCUMENT {
        add(name, &[name]);
    }
    for name in SEGMENT {
        add(&format!("segment {name}"), &[&format!("project.segments.*.{name}")]);
    }
    for name in RULE {
        add(&format!("outer rule {name}"), &[&format!("project.segments.*.rules.*.{name}")]);
        add(&format!("inner rule {name}"), &[&format!("project.segments.*.rules.*.rules.*.{name}")]);
    }
    for name in CONDITION {
        let place = format!("project.segments.*.rules.*.rules.*.conditions.*.{name}");
        add(&format!("condition {name}"), &[&place]);
    }
    for (of, states) in STATES {
        for name in STATE {
            add(&format!("{of} {name}"), &[&format!("{states}.*.{name}")]);
        }
        let both = ["django_id", "featurestate_uuid"].map(|name| format!("{states}.*.{name}"));
        add(&format!("{of} django_id and featurestate_uuid"), &both.each_ref().map(String::as_str));
    }
    add(
        "segment feature_segment.priority",
        &["project.segments.*.feature_states.*.feature_segment.priority"],
    );
    for (of, states) in &STATES[..2] {
        let variants = format!("{states}.*.multivariate_feature_state_values.*");
        for name in VARIANT {
            add(&format!("{of} variant {name}"), &[&format!("{variants}.{name}")]);
        }
        let both = ["id", "mv_fs_value_uuid"].map(|name| format!("{variants}.{name}"));
        add(&format!("{of} variant id and mv_fs_value_uuid"), &both.each_ref().map(String::as_str));
    }
    for name in IDENTITY {
        add(&format!("identity {name}"), &[&format!("identity_overrides.*.{name}")]);
    }
    members
}

const DOCUMENT: [&str; 21] = [
    "id",
    "name",
    "updated_at",
    "allow_client_traits",
    "allow_client_traits_in_evaluation",
    "hide_sensitive_data",
    "hide_disabled_flags",
    "use_identity_composite_key_for_hashing",
    "use_identity_overrides_in_local_eval",
    "identity_overrides",
    "project.id",
    "project.name",
    "project.organisation",
    "project.hide_disabled_flags",
    "project.enable_realtime_updates",
    "project.server_key_only_feature_ids",
    "project.organisation.id",
    "project.organisation.name",
    "project.organisation.feature_analytics",
    "project.organisation.stop_serving_flags",
    "project.organisation.persist_trait_data",
];
const SEGMENT: [&str; 4] = ["id", "name", "rules", "feature_states"];
const RULE: [&str; 3] = ["type", "rules", "conditions"];
const CONDITION: [&str; 3] = ["operator", "property_", "value"];
/// The places of feature states. Those of identities have no variants: that local evaluation ignores them is a
/// difference of SDKs, not of documents.
const STATES: [(&str, &str); 3] = [
    ("environment", "feature_states"),
    ("segment", "project.segments.*.feature_states"),
    ("override", "identity_overrides.*.identity_features"),
];
const STATE: [&str; 10] = [
    "feature.id",
    "feature.type",
    "feature.metadata",
    "enabled",
    "django_id",
    "feature_segment",
    "featurestate_uuid",
    "feature_state_value",
    "multivariate_feature_state_values",
    "metadata",
];
const VARIANT: [&str; 7] = [
    "id",
    "mv_fs_value_uuid",
    "percentage_allocation",
    "multivariate_feature_option",
    "multivariate_feature_option.id",
    "multivariate_feature_option.value",
    "multivariate_feature_option.key",
];
const IDENTITY: [&str; 8] = [
    "environment_api_key",
    "identity_uuid",
    "created_date",
    "composite_key",
    "django_id",
    "dashboard_alias",
    "identity_traits",
    "identity_features",
];

/// Members that documents did not have in the time of the oldest versions.
const NEW: [&str; 2] = ["metadata", "multivariate_feature_option.key"];

fn members_called(end: &str) -> Vec<String> {
    let places = members().into_iter().flat_map(|(_, places)| places);
    places.filter(|place| place.ends_with(&format!(".{end}"))).collect()
}

/// The columns before those of members.
const FIXED: [&str; 3] = ["every member", "every member but metadata and keys", "no optional member"];

/// What the columns of the table stand for.
pub(super) fn columns() -> Vec<String> {
    let mut columns = FIXED.map(str::to_owned).to_vec();
    columns.extend(members().into_iter().map(|(name, _)| name));
    columns.extend(SPELLINGS.iter().map(|(name, _)| (*name).to_owned()));
    columns
}

/// All documents: each has a client-side key of its own.
pub(super) fn variations() -> Vec<Variation> {
    let complete: Value =
        serde_json::from_str(&fs::read_to_string(folder("sdk/matrix/document.json")).unwrap()).unwrap();
    // Some versions refuse these members, so they are absent while others are varied.
    let mut plain = complete.clone();
    for place in NEW.iter().flat_map(|name| members_called(name)) {
        at(&mut plain, &place, ABSENT);
    }
    let mut all = Vec::new();
    let mut add = |column: usize, how: &str, mut document: Value| {
        let name = columns()[column].clone();
        let name = if how.is_empty() { name } else { format!("{name}, {how}") };
        document["api_key"] = json!(format!("matrix-{}", all.len()));
        all.push(Variation { column, name, document });
    };
    add(0, "", complete.clone());
    add(1, "", plain.clone());
    let members = members();
    for (how, edit) in WAYS {
        let mut bare = plain.clone();
        // The last first: what stands inside of another is removed before that one.
        for place in members.iter().rev().flat_map(|(_, places)| places) {
            at(&mut bare, place, edit);
        }
        add(2, how, bare);
        for (column, (_, places)) in (FIXED.len()..).zip(&members) {
            let mut document = plain.clone();
            places.iter().for_each(|place| at(&mut document, place, edit));
            add(column, how, document);
        }
    }
    for (column, (_, edit)) in (FIXED.len() + members.len()..).zip(SPELLINGS) {
        let mut document = plain.clone();
        edit(&mut document);
        add(column, "", document);
    }
    all
}

type Respelling = fn(&mut Value);
type Edit = fn(&mut Map<String, Value>, &str);

const ABSENT: Edit = |object, name| {
    object.remove(name);
};
const WAYS: [(&str, Edit); 2] = [
    ("absent", ABSENT),
    ("null", |object, name| {
        object.insert(name.to_owned(), Value::Null);
    }),
];

/// Edits a member in all objects that a path leads to.
fn at(value: &mut Value, path: &str, edit: Edit) {
    match (path.split_once('.'), value) {
        (Some(("*", rest)), Value::Array(list)) => list.iter_mut().for_each(|item| at(item, rest, edit)),
        (Some((name, rest)), Value::Object(object)) => {
            if let Some(inner) = object.get_mut(name) {
                at(inner, rest, edit);
            }
        }
        (None, Value::Object(object)) => edit(object, path),
        // Nothing is inside of a member that is `null`.
        _ => {}
    }
}

/// Other spellings of members, as exports, older servers and hand-written files have them.
const SPELLINGS: [(&str, Respelling); 15] = [
    ("numbers as texts", |document| numbers(document, |number| json!(number.to_string()))),
    ("integers as floats", |document| numbers(document, |number| json!(number.as_f64()))),
    ("a variant's share as an integer", |document| {
        document["feature_states"][3]["multivariate_feature_state_values"][0]["percentage_allocation"] =
            json!(30);
    }),
    ("a priority that is no integer", |document| {
        document["project"]["segments"][0]["feature_states"][0]["feature_segment"]["priority"] = json!(0.5);
    }),
    ("a condition's value as a number", |document| condition(document, "EQUAL", json!(25))),
    ("a condition's value as a list", |document| condition(document, "IN", json!(["gold", "x"]))),
    ("a condition's value as a Boolean", |document| condition(document, "EQUAL", json!(true))),
    ("a condition's list as text", |document| condition(document, "IN", json!("[\"gold\",\"x\"]"))),
    ("an unknown operator", |document| condition(document, "SOUNDS_LIKE", json!("gold"))),
    ("values that are no numbers", |document| {
        condition(document, "MODULO", json!("gold"));
        let split = "/project/segments/1/rules/0/rules/0/conditions/0/value";
        *document.pointer_mut(split).unwrap() = json!("a half");
    }),
    ("an unknown rule type", |document| {
        *document.pointer_mut("/project/segments/0/rules/0/rules/0/type").unwrap() = json!("XOR");
    }),
    ("ids beyond 32 bits", |document| {
        for place in ["/id", "/project/id", "/project/organisation/id"] {
            *document.pointer_mut(place).unwrap() = json!(5_000_000_000_u64);
        }
        let variant = "/feature_states/3/multivariate_feature_state_values/0";
        let variant = document.pointer_mut(variant).unwrap();
        variant["id"] = json!(5_000_000_000_u64);
        variant["multivariate_feature_option"]["id"] = json!(5_000_000_000_u64);
    }),
    ("updated_at without a zone", |document| document["updated_at"] = json!("2026-03-02T11:22:33")),
    ("names that are empty", |document| {
        for place in ["/name", "/project/name", "/project/organisation/name", "/project/segments/0/name"] {
            *document.pointer_mut(place).unwrap() = json!("");
        }
    }),
    ("ids that are 0", |document| {
        for place in ["/id", "/project/id", "/project/organisation/id", "/project/segments/0/id"] {
            *document.pointer_mut(place).unwrap() = json!(0);
        }
        for state in document["feature_states"].as_array_mut().unwrap() {
            state["django_id"] = json!(0);
        }
    }),
];

/// The first condition of the first segment.
fn condition(document: &mut Value, operator: &str, value: Value) {
    let place = "/project/segments/0/rules/0/rules/0/conditions/0";
    let condition = document.pointer_mut(place).unwrap();
    condition["operator"] = json!(operator);
    condition["value"] = value;
}

/// Respells all numbers, except those of feature values.
fn numbers(value: &mut Value, respell: fn(&Value) -> Value) {
    match value {
        Value::Object(object) => {
            for (_, inner) in object.iter_mut().filter(|(name, _)| *name != "feature_state_value") {
                numbers(inner, respell);
            }
        }
        Value::Array(list) => list.iter_mut().for_each(|item| numbers(item, respell)),
        Value::Number(_) => *value = respell(value),
        _ => {}
    }
}
