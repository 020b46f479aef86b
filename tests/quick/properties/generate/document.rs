use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

use super::Json;
use super::parts::{FEATURES, maybe, priority, rule, scalar, set, weight};

/// An environment document in the shape that Flagsmith publishes, with some of its optional members.
pub(crate) fn document() -> BoxedStrategy<Json> {
    let states = FEATURES.map(|name| state(Just(name).boxed()));
    let more = prop::collection::vec(state(named()), 0..2);
    let segments = prop::collection::vec(segment(), 0..4);
    let identities = prop::collection::vec(identity(), 0..4);
    let hidden = prop::collection::vec(1_i64..6, 0..3);
    (states, more, segments, identities, hidden, switches())
        .prop_map(|(states, more, segments, identities, hidden, switches)| {
            let mut document = json!({
                "id": 1,
                "api_key": "client",
                "name": "Gold",
                "updated_at": "2026-03-02T11:22:33.123456+00:00",
                "feature_states": states.into_iter().chain(more).collect::<Vec<Value>>(),
                "identity_overrides": identities,
                "project": {
                    "id": 2,
                    "name": "Shop",
                    "organisation": {"id": 3, "name": "Example Ltd", "persist_trait_data": true},
                    "server_key_only_feature_ids": hidden,
                    "segments": segments,
                },
            });
            for (member, value) in switches {
                set(&mut document, member, value);
            }
            Json(document)
        })
        .boxed()
}

fn switches() -> BoxedStrategy<Vec<(&'static str, Option<Value>)>> {
    let members = [
        "allow_client_traits",
        "allow_client_traits_in_evaluation",
        "hide_disabled_flags",
        "use_identity_composite_key_for_hashing",
    ];
    let value = || maybe(prop_oneof![any::<bool>().prop_map(Value::from), Just(Value::Null)]);
    members
        .map(|member| value().prop_map(move |value| (member, value)))
        .prop_map(|switches| switches.to_vec())
        .boxed()
}

fn named() -> BoxedStrategy<&'static str> {
    prop_oneof![8 => select(FEATURES.to_vec()), 1 => Just("unknown")].boxed()
}

/// A number, also as the text that exports write.
fn id() -> BoxedStrategy<Value> {
    prop_oneof![
        4 => (0_i64..6).prop_map(Value::from),
        1 => (0_i64..6).prop_map(|id| id.to_string().into()),
        1 => Just(Value::Null),
    ]
    .boxed()
}

fn state(name: BoxedStrategy<&'static str>) -> BoxedStrategy<Value> {
    let variants = prop::collection::vec(variant(), 0..4);
    let segment = prop_oneof![priority().prop_map(|priority| json!({"priority": priority})), Just(json!({}))];
    let uuid = Just(json!("8c7e6ad5-a6c3-4f3c-8f3f-2f1c6f5c1b3a"));
    (name, maybe(id()), any::<bool>(), scalar(), maybe(id()), maybe(uuid), maybe(segment), variants)
        .prop_map(|(name, feature, enabled, value, id, uuid, segment, variants)| {
            let mut state = json!({
                "feature": {"name": name},
                "enabled": enabled,
                "feature_state_value": value,
                "multivariate_feature_state_values": variants,
            });
            set(&mut state["feature"], "id", feature);
            set(&mut state, "django_id", id);
            set(&mut state, "featurestate_uuid", uuid);
            set(&mut state, "feature_segment", segment);
            state
        })
        .boxed()
}

fn variant() -> BoxedStrategy<Value> {
    let uuid =
        select(vec!["00000000-0000-4000-8000-000000000001", "ffffffff-ffff-4fff-bfff-ffffffffffff", "x"]);
    (maybe(id()), maybe(uuid.prop_map(Value::from)), maybe(weight()), maybe(scalar()), any::<bool>())
        .prop_map(|(id, uuid, weight, value, keyed)| {
            let mut variant = json!({"multivariate_feature_option": {}});
            set(&mut variant, "id", id);
            set(&mut variant, "mv_fs_value_uuid", uuid);
            set(&mut variant, "percentage_allocation", weight);
            set(&mut variant["multivariate_feature_option"], "value", value);
            set(&mut variant["multivariate_feature_option"], "key", keyed.then(|| "red".into()));
            variant
        })
        .boxed()
}

fn segment() -> BoxedStrategy<Value> {
    let rules = prop::collection::vec(rule("property_"), 0..3);
    let states = prop::collection::vec(state(named()), 0..3);
    (maybe(id()), "[a-z]{0,3}", rules, states)
        .prop_map(|(id, name, rules, states)| {
            let mut segment = json!({"name": name, "rules": rules, "feature_states": states});
            set(&mut segment, "id", id);
            segment
        })
        .boxed()
}

fn identity() -> BoxedStrategy<Value> {
    let identifier = select(vec!["ann", "007", "vip-1", ""]);
    let states = prop::collection::vec(state(named()), 0..3);
    (identifier, states)
        .prop_map(|(identifier, states)| json!({"identifier": identifier, "identity_features": states}))
        .boxed()
}
