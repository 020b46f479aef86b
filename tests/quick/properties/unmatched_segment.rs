//! A segment that matches no identity.

use invariants::Outcome;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value, json};

use super::cases;
use super::generate::{Json, context};

/// Rules that hold for no identity.
fn rules() -> impl Strategy<Value = Value> {
    let condition = |operator: &str, property: &str, value: &str| json!({"operator": operator, "property": property, "value": value});
    let set = condition("IS_SET", "plan", "");
    let unset = condition("IS_NOT_SET", "plan", "");
    let all = |conditions: &[&Value]| json!({"type": "ALL", "conditions": conditions});
    let any = |conditions: &[&Value]| json!({"type": "ANY", "conditions": conditions});
    let nothing = json!({"type": "NONE", "rules": [{"type": "ANY", "conditions": [&set, &unset]}]});
    select(vec![
        json!([]),
        json!([all(&[&set, &unset])]),
        json!([all(&[&set]), all(&[&unset])]),
        json!([{"type": "ALL", "rules": [all(&[&set]), all(&[&unset])]}]),
        json!([{"type": "some", "conditions": []}]),
        json!([any(&[&condition("unknown", "plan", "")])]),
        json!([any(&[&condition("PERCENTAGE_SPLIT", "", "-1"), &condition("REGEX", "plan", "(")])]),
        json!([any(&[
            &condition("EQUAL", "$.environment.name", "another"),
            &condition("MODULO", "age", "0|0")
        ])]),
        json!([any(&[
            &condition("IN", "$.identity.identifier", "nobody"),
            &condition("CONTAINS", "$.flags.nobody.value", "")
        ])]),
        json!([nothing]),
    ])
}

fn segment() -> impl Strategy<Value = Value> {
    let feature = |(name, priority): (&str, i64)| json!({"key": "9", "name": name, "enabled": true, "value": "unmatched", "priority": priority});
    let overrides =
        prop::collection::vec((select(vec!["a", "b", "c d", "é"]), -9_i64..9).prop_map(feature), 0..4);
    (rules(), overrides).prop_map(|(rules, overrides)| {
        json!({"key": "unmatched", "name": "unmatched", "rules": rules, "overrides": overrides})
    })
}

/// The context with one more segment, somewhere among its own.
fn with(context: &Json, segment: &Value, place: usize) -> Json {
    let mut segments: Vec<(String, Value)> = members(&context.0["segments"]);
    segments.insert(place, ("unmatched".to_owned(), segment.clone()));
    let mut more = context.clone();
    more.0["segments"] = Value::Object(segments.into_iter().collect::<Map<String, Value>>());
    more
}

fn members(object: &Value) -> Vec<(String, Value)> {
    let members = object.as_object().into_iter().flatten();
    members.map(|(name, value)| (name.clone(), value.clone())).collect()
}

fn evaluate(context: &Json) -> Outcome {
    Outcome::parse(
        &engine::evaluate_context(
            &context.text(),
            engine::Options::default(),
            &mut engine::PatternCache::default(),
        )
        .unwrap(),
    )
}

proptest! {
    #![proptest_config(cases(200))]

    #[test]
    fn changes_nothing(context in context(), segment in segment(), place: prop::sample::Index) {
        let own = context.0["segments"].as_object().map_or(0, Map::len);
        let more = with(&context, &segment, place.index(own + 1));
        let (mut before, after) = (evaluate(&context), evaluate(&more));
        // A feature without overrides now has one that does not match. Nothing else changes.
        for overridden in segment["overrides"].as_array().unwrap() {
            let flag = before.flags.get_mut(overridden["name"].as_str().unwrap()).unwrap();
            if flag["reason"] == r#""STATIC""# {
                flag.insert("reason".into(), r#""DEFAULT""#.into());
            }
        }
        prop_assert_eq!(before, after);
    }
}
