use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value, json};

use super::Json;
use super::parts::{FEATURES, TRAITS, maybe, priority, rule, scalar, set, weight};

/// In the shape of the published schema; most of its segments override something.
pub(crate) fn context() -> BoxedStrategy<Json> {
    let identity = prop_oneof![4 => identity(), 1 => Just(Value::Null)];
    let segments = prop::collection::vec(segment(), 0..5);
    (maybe(identity), features(), segments)
        .prop_map(|(identity, features, segments)| {
            let named = segments.into_iter().zip(1..).map(|(segment, id)| (format!("{id}"), segment));
            let mut context = json!({
                "environment": {"key": "e", "name": "Gold"},
                "features": features,
                "segments": Value::Object(named.collect::<Map<String, Value>>()),
            });
            set(&mut context, "identity", identity);
            Json(context)
        })
        .boxed()
}

fn identity() -> BoxedStrategy<Value> {
    let traits = prop::collection::vec((select(TRAITS.to_vec()), scalar()), 0..6);
    let key = select(vec![json!("k"), json!(""), json!(7), Value::Null]);
    let identifier = select(vec!["ann", "007", "Zürich", "", "a,b"]);
    (identifier, maybe(key), traits)
        .prop_map(|(identifier, key, traits)| {
            let traits: Map<String, Value> =
                traits.into_iter().map(|(name, value)| (name.into(), value)).collect();
            let mut identity = json!({"identifier": identifier, "traits": traits});
            set(&mut identity, "key", key);
            identity
        })
        .boxed()
}

fn features() -> BoxedStrategy<Map<String, Value>> {
    let features = FEATURES.map(|name| feature(Just(name)));
    features.prop_map(|features| FEATURES.map(str::to_owned).into_iter().zip(features).collect()).boxed()
}

fn feature(name: impl Strategy<Value = &'static str> + 'static) -> BoxedStrategy<Value> {
    let value = prop_oneof![8 => scalar(), 1 => Just(json!({"x": [1, {}]})), 1 => Just(json!([null]))];
    let variants = prop::collection::vec(variant(), 0..4);
    let metadata = select(vec![json!({"id": 4}), json!({}), Value::Null, json!([1])]);
    let key = select(vec![json!("1"), json!(""), json!(12)]);
    (
        name,
        key,
        any::<bool>(),
        value,
        maybe(variants.prop_map(Value::from)),
        maybe(priority()),
        maybe(metadata),
    )
        .prop_map(|(name, key, enabled, value, variants, priority, metadata)| {
            let mut feature = json!({"key": key, "name": name, "enabled": enabled, "value": value});
            set(&mut feature, "variants", variants);
            set(&mut feature, "priority", priority);
            set(&mut feature, "metadata", metadata);
            feature
        })
        .boxed()
}

fn variant() -> BoxedStrategy<Value> {
    let key = select(vec![json!("red"), json!(""), Value::Null]);
    (scalar(), weight(), maybe(priority()), maybe(key))
        .prop_map(|(value, weight, priority, key)| {
            let mut variant = json!({"value": value, "weight": weight});
            set(&mut variant, "priority", priority);
            set(&mut variant, "key", key);
            variant
        })
        .boxed()
}

fn segment() -> BoxedStrategy<Value> {
    let name = prop_oneof![8 => select(FEATURES.to_vec()), 1 => Just("unknown")].boxed();
    let overrides = prop::collection::vec(feature(name), 0..3);
    let rules = prop::collection::vec(rule("property"), 0..3);
    let metadata = select(vec![json!({"id": 4, "source": "api"}), json!({})]);
    let key = select(vec![json!("10"), json!("segment"), json!(10)]);
    (key, "[a-z;=]{0,4}", rules, overrides, maybe(metadata))
        .prop_map(|(key, name, rules, overrides, metadata)| {
            let mut segment = json!({"key": key, "name": name, "rules": rules, "overrides": overrides});
            set(&mut segment, "metadata", metadata);
            segment
        })
        .boxed()
}
