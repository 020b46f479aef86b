//! The edits that people make in Flagsmith, and how each is signalled, as observed with a real one. `queue-change`
//! signals edits that change the environment's `updated_at`, the webhooks of an environment fewer, and some edits are
//! not signalled.

use serde_json::{Value, json};

use super::environment::override_identity;

/// A kind of change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edit {
    Toggled,
    ValueSet,
    Weights,
    OptionValue,
    OptionAdded,
    OptionRemoved,
    SegmentOverride,
    SegmentOverridesReordered,
    SegmentOverrideDeleted,
    SegmentEdited,
    SegmentRenamed,
    SegmentMade,
    SegmentDeleted,
    IdentityOverride,
    IdentityOverrideDeleted,
    IdentityDeleted,
    FeatureMade,
    FeatureForServers,
    FeatureDeleted,
    HideDisabled,
    ProjectHidesDisabled,
    EnvironmentRenamed,
    VersionPublished,
}

/// How a change is signalled, and whether it changes the environment's `updated_at`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tells {
    pub(super) queue_change: bool,
    pub(super) webhook: bool,
    pub(super) time: bool,
}

impl Tells {
    pub(super) const ALL: Tells = Tells { queue_change: true, webhook: true, time: true };
    /// An override: it does not change `updated_at`.
    pub(super) const WEBHOOK: Tells = Tells { queue_change: false, webhook: true, time: false };
    const QUEUE_CHANGE: Tells = Tells { queue_change: true, webhook: false, time: true };
    const NOBODY: Tells = Tells { queue_change: false, webhook: false, time: false };
}

/// The feature that says which edit was the last.
const MARK: &str = "edits";
const MULTIVARIATE: &str = "varied";
const OVERRIDDEN: &str = "overridden";

impl Edit {
    pub const ALL: [Edit; 23] = [
        Edit::Toggled,
        Edit::ValueSet,
        Edit::Weights,
        Edit::OptionValue,
        Edit::OptionAdded,
        Edit::OptionRemoved,
        Edit::SegmentOverride,
        Edit::SegmentOverridesReordered,
        Edit::SegmentOverrideDeleted,
        Edit::SegmentEdited,
        Edit::SegmentRenamed,
        Edit::SegmentMade,
        Edit::SegmentDeleted,
        Edit::IdentityOverride,
        Edit::IdentityOverrideDeleted,
        Edit::IdentityDeleted,
        Edit::FeatureMade,
        Edit::FeatureForServers,
        Edit::FeatureDeleted,
        Edit::HideDisabled,
        Edit::ProjectHidesDisabled,
        Edit::EnvironmentRenamed,
        Edit::VersionPublished,
    ];

    pub(super) fn tells(self) -> Tells {
        match self {
            Edit::Toggled
            | Edit::ValueSet
            | Edit::Weights
            | Edit::SegmentOverride
            | Edit::IdentityOverride
            | Edit::FeatureMade
            | Edit::FeatureDeleted => Tells::ALL,
            Edit::OptionValue | Edit::IdentityDeleted | Edit::ProjectHidesDisabled => Tells::NOBODY,
            _ => Tells::QUEUE_CHANGE,
        }
    }

    /// Makes it, as edit number `n` of the environment.
    pub(super) fn make(self, document: &mut Value, n: u64) {
        mark(document, n);
        let segment = |states: &[Value]| segment(n, states);
        let varied = feature(document, MULTIVARIATE);
        match self {
            Edit::Toggled => toggle(&mut feature(document, OVERRIDDEN)["enabled"]),
            Edit::ValueSet => {
                feature(document, OVERRIDDEN)["feature_state_value"] = json!(format!("value {n}"));
            }
            Edit::Weights => {
                varied["multivariate_feature_state_values"][0]["percentage_allocation"] = json!(n % 50);
            }
            Edit::OptionValue => {
                varied["multivariate_feature_state_values"][0]["multivariate_feature_option"]["value"] =
                    json!(format!("option {n}"));
            }
            Edit::OptionAdded => list(&mut varied["multivariate_feature_state_values"]).push(option(n)),
            Edit::OptionRemoved => drop_last(list(&mut varied["multivariate_feature_state_values"]), 1),
            Edit::SegmentOverride => {
                let state = state(2, OVERRIDDEN, &json!(n), 0);
                list(&mut document["project"]["segments"]).push(segment(&[state]));
            }
            Edit::SegmentOverridesReordered => {
                let segments = list(&mut document["project"]["segments"]);
                let states = segments.iter_mut().flat_map(|segment| list(&mut segment["feature_states"]));
                for (state, priority) in states.zip(n..) {
                    state["feature_segment"]["priority"] = json!(priority % 7);
                }
            }
            Edit::SegmentOverrideDeleted => {
                let segments = list(&mut document["project"]["segments"]);
                segments
                    .iter_mut()
                    .take(1)
                    .for_each(|segment| drop_last(list(&mut segment["feature_states"]), 0));
            }
            Edit::SegmentEdited => {
                let segments = list(&mut document["project"]["segments"]);
                segments.iter_mut().take(1).for_each(|one| one["rules"] = segment(&[])["rules"].clone());
            }
            Edit::SegmentRenamed => {
                let segments = list(&mut document["project"]["segments"]);
                segments
                    .iter_mut()
                    .take(1)
                    .for_each(|segment| segment["name"] = json!(format!("renamed {n}")));
            }
            Edit::SegmentMade => list(&mut document["project"]["segments"]).push(segment(&[])),
            Edit::SegmentDeleted => drop_last(list(&mut document["project"]["segments"]), 0),
            Edit::IdentityOverride => {
                override_identity(document, &format!("user-{}", n % 7), OVERRIDDEN, &json!(n));
            }
            Edit::IdentityOverrideDeleted => {
                let identities = list(&mut document["identity_overrides"]);
                identities
                    .iter_mut()
                    .take(1)
                    .for_each(|one| drop_last(list(&mut one["identity_features"]), 0));
            }
            Edit::IdentityDeleted => drop_last(list(&mut document["identity_overrides"]), 0),
            Edit::FeatureMade => {
                list(&mut document["feature_states"]).push(state(
                    100 + n,
                    &format!("feature-{n}"),
                    &json!(n),
                    0,
                ));
            }
            Edit::FeatureForServers => {
                list(&mut document["project"]["server_key_only_feature_ids"]).push(json!(2));
            }
            Edit::FeatureDeleted => drop_last(list(&mut document["feature_states"]), 3),
            Edit::HideDisabled => toggle(&mut document["hide_disabled_flags"]),
            Edit::ProjectHidesDisabled => toggle(&mut document["project"]["hide_disabled_flags"]),
            Edit::EnvironmentRenamed => document["name"] = json!(format!("Environment, renamed {n}")),
            Edit::VersionPublished => {
                // All its states are made anew, and hashed as before.
                varied["featurestate_uuid"] = json!(format!("a8b1c3d4-1111-4222-8333-{n:012x}"));
                for (variant, id) in
                    list(&mut varied["multivariate_feature_state_values"]).iter_mut().zip(1_000 * n..)
                {
                    variant["id"] = json!(id);
                }
            }
        }
    }
}

/// The number of the last edit of an environment, from the flags that an edge serves. Every kind of edit sets it.
pub fn last_edit(flags: &Value) -> Option<u64> {
    let mut flags = flags.as_array()?.iter();
    flags.find(|flag| flag["feature"]["name"] == MARK)?["feature_state_value"].as_u64()
}

/// Features that can be edited in all ways, put in front of those that there are.
pub fn editable(document: &mut Value) {
    let mut varied = state(3, MULTIVARIATE, &json!("control"), 0);
    varied["feature"]["type"] = json!("MULTIVARIATE");
    varied["multivariate_feature_state_values"] = json!([option(1), option(2)]);
    let own = [state(1, MARK, &json!(0), 0), state(2, OVERRIDDEN, &json!("default"), 0), varied];
    document["feature_states"] = json!(own);
    document["identity_overrides"] = json!([]);
    document["project"]["segments"] = json!([]);
    document["project"]["server_key_only_feature_ids"] = json!([]);
    override_identity(document, "user-0", OVERRIDDEN, &json!("first"));
    override_identity(document, "user-1", OVERRIDDEN, &json!("second"));
}

fn mark(document: &mut Value, n: u64) {
    let mark = feature(document, MARK);
    mark["enabled"] = json!(true);
    mark["feature_state_value"] = json!(n);
}

fn feature<'a>(document: &'a mut Value, name: &str) -> &'a mut Value {
    let mut states = document["feature_states"].as_array_mut().unwrap().iter_mut();
    states.find(|state| state["feature"]["name"] == name).unwrap()
}

fn state(id: u64, name: &str, value: &Value, priority: u64) -> Value {
    json!({
        "feature": { "id": id, "name": name, "type": "STANDARD" },
        "enabled": true,
        "django_id": 5_000 + id,
        "feature_segment": { "priority": priority },
        "featurestate_uuid": format!("c2b7a8b3-5bb7-4cd0-8e0e-{id:012x}"),
        "feature_state_value": value,
        "multivariate_feature_state_values": [],
    })
}

fn option(n: u64) -> Value {
    json!({
        "id": n,
        "mv_fs_value_uuid": format!("0f5b7b8e-0c5e-4f0a-8f71-{n:012x}"),
        "percentage_allocation": 5.0,
        "multivariate_feature_option": { "id": n, "value": format!("of {n}"), "key": null },
    })
}

fn segment(n: u64, states: &[Value]) -> Value {
    let condition = json!({ "operator": "EQUAL", "property_": "plan", "value": format!("plan {n}") });
    json!({
        "id": 200 + n,
        "name": format!("segment {n}"),
        "rules": [{ "type": "ALL", "conditions": [], "rules": [{ "type": "ANY", "rules": [], "conditions": [condition] }] }],
        "feature_states": states,
    })
}

fn list(value: &mut Value) -> &mut Vec<Value> {
    value.as_array_mut().unwrap()
}

/// Drops the last, as long as there are more than so many.
fn drop_last(values: &mut Vec<Value>, keep: usize) {
    if values.len() > keep {
        values.pop();
    }
}

fn toggle(value: &mut Value) {
    *value = json!(value != &json!(true));
}
