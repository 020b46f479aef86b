//! Answers that are not modified, for OpenFeature's providers: a tag is of one context alone.

use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value, json};

use super::cases;

proptest! {
    #![proptest_config(cases(300))]

    #[test]
    fn two_contexts_never_share_a_304((context, other) in pair()) {
        invariants::tags(&context.to_string(), &other.to_string());
    }
}

/// Two contexts, most often with a single difference.
fn pair() -> impl Strategy<Value = (Value, Value)> {
    let changed =
        (context(), name(), value(), any::<bool>()).prop_map(|(context, name, value, is_removed)| {
            let mut other = context.clone();
            if is_removed {
                other.remove(name);
            } else {
                other.insert(name.to_owned(), value);
            }
            (context, other)
        });
    prop_oneof![3 => changed, 1 => (context(), context())]
        .prop_map(|(context, other)| (Value::from(context), Value::from(other)))
}

fn context() -> impl Strategy<Value = Map<String, Value>> {
    let targeting_key = select(vec![json!("ann"), json!("bob"), json!(""), Value::Null]);
    let members = prop::collection::btree_map(name(), value(), 0..6);
    (proptest::option::of(targeting_key), members).prop_map(|(targeting_key, members)| {
        let mut context: Map<String, Value> =
            members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        context.extend(targeting_key.map(|key| ("targetingKey".to_owned(), key)));
        context
    })
}

/// Some are read by a segment, others by nothing.
fn name() -> impl Strategy<Value = &'static str> {
    select(vec!["plan", "email", "age", "", "nested", "é", "Plan"])
}

/// Texts and numbers that look alike are among them.
fn value() -> impl Strategy<Value = Value> {
    select(vec![
        json!("gold"),
        json!("gold "),
        json!(1),
        json!(1.0),
        json!("1"),
        json!(true),
        json!("true"),
        json!(null),
        json!("null"),
        json!(""),
        json!([]),
        json!([1, 2]),
        json!("[1, 2]"),
        json!({ "a": 1 }),
        json!({ "a": "1" }),
    ])
}
