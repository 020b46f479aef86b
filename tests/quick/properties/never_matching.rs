//! Segments that are said to match no identity.

use engine::{Compiled, Context, Options};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

use super::cases;

/// Few operators and values, so that many conditions contradict each other, or nearly so.
fn condition() -> impl Strategy<Value = Value> {
    let operators = [
        "IS_SET",
        "IS_NOT_SET",
        "EQUAL",
        "NOT_EQUAL",
        "CONTAINS",
        "NOT_CONTAINS",
        "IN",
        "MODULO",
        "REGEX",
        "PERCENTAGE_SPLIT",
        "GREATER_THAN",
        "LESS_THAN",
        "NEWER",
    ];
    let values = [
        "",
        "a",
        "ab",
        "1",
        "1.0",
        "true",
        "false",
        "1.2.3:semver",
        "2|1",
        "2|3",
        "2|-1",
        "nan",
        "[]",
        "-1",
        "0",
        "100",
        "(",
    ];
    let properties = ["p", "q", "$.identity.identifier", "$.flags.f.enabled"];
    (select(properties.to_vec()), select(operators.to_vec()), select(values.to_vec())).prop_map(
        |(property, operator, value)| json!({ "property": property, "operator": operator, "value": value }),
    )
}

fn rule() -> impl Strategy<Value = Value> {
    let kinds = || select(vec!["ALL", "ALL", "ANY", "NONE", "SOME"]);
    let leaf = (kinds(), prop::collection::vec(condition(), 0..3));
    let leaf = leaf.prop_map(|(kind, conditions)| json!({ "type": kind, "conditions": conditions }));
    leaf.prop_recursive(2, 8, 3, move |inner| {
        let parts = (kinds(), prop::collection::vec(condition(), 0..3), prop::collection::vec(inner, 0..3));
        parts.prop_map(
            |(kind, conditions, rules)| json!({ "type": kind, "conditions": conditions, "rules": rules }),
        )
    })
}

/// Values of every type, near to those of the conditions.
fn values() -> Vec<Value> {
    vec![
        Value::Null,
        json!(true),
        json!(false),
        json!(0),
        json!(1),
        json!(-1),
        json!(3),
        json!(1.0),
        json!(0.5),
        json!(""),
        json!("a"),
        json!("ab"),
        json!("1"),
        json!("1.0"),
        json!("true"),
        json!("1.2.3"),
        json!("x"),
    ]
}

proptest! {
    #![proptest_config(cases(300))]

    #[test]
    fn match_no_identity(rules in prop::collection::vec(rule(), 0..3), enabled: bool) {
        let context = |identity: Value| json!({
            "environment": { "key": "e", "name": "E" }, "identity": identity,
            "features": { "f": { "key": "1", "name": "f", "enabled": enabled, "value": 1 } },
            "segments": { "s": { "key": "1", "name": "s", "rules": rules } },
        });
        let parsed = Context::parse(&context(Value::Null).to_string()).unwrap();
        let (environment, _) = parsed.compile(Options::default()).unwrap();
        if environment.segments_that_never_match().is_empty() {
            return Ok(());
        }
        let compiled = Compiled::decode(environment.encode().unwrap()).unwrap();
        prop_assert!(compiled.evaluate(None).segments.is_empty());
        for p in values() {
            for q in [Value::Null, json!("ab"), p.clone()] {
                let traits = json!({ "p": p, "q": q });
                let identity = json!({ "identifier": "ab", "traits": traits });
                let identity = Context::parse(&context(identity).to_string()).unwrap().identity();
                let evaluation = compiled.evaluate(identity.as_ref());
                prop_assert!(evaluation.segments.is_empty(), "{traits}");
            }
        }
    }
}
