//! Conditions, rules and values: few names, so that they meet, and many values, so that borders are hit.

use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

use super::{Json, NUMBERS};

pub(crate) const TRAITS: [&str; 9] =
    ["plan", "age", "score", "beta", "version", "", "city", "$.identity.identifier", "$.flags.a.enabled"];

/// The features of every environment.
pub(crate) const FEATURES: [&str; 4] = ["a", "b", "c d", "é"];

const PROPERTIES: [&str; 20] = [
    "$.identity.key",
    "$.identity.traits.plan",
    "$.identity['traits'][\"age\"]",
    "$.environment.name",
    "$.environment.key",
    "$.environment",
    "$.flags.a.value",
    "$.flags.a.variant",
    "$.flags.b.enabled",
    "$.flags.b.reason",
    "$.flags['c d'].value",
    "$.flags.é.enabled",
    "$.flags.a.metadata.id",
    "$.flags.nobody.value",
    "$.features.a.value",
    "$..plan",
    "$.identity.*",
    "$.",
    "$['plan']",
    "$.identity.traits[",
];

const OPERATORS: [&str; 16] = [
    "EQUAL",
    "NOT_EQUAL",
    "GREATER_THAN",
    "GREATER_THAN_INCLUSIVE",
    "LESS_THAN",
    "LESS_THAN_INCLUSIVE",
    "CONTAINS",
    "NOT_CONTAINS",
    "REGEX",
    "PERCENTAGE_SPLIT",
    "MODULO",
    "IS_SET",
    "IS_NOT_SET",
    "IN",
    "equal",
    "",
];

const TEXTS: [&str; 40] = [
    "",
    " ",
    "0",
    "-0",
    "1",
    "2",
    "02",
    "1.0",
    "1.50",
    "41",
    "50",
    "100",
    "1e3",
    "inf",
    "nan",
    "1_000",
    "gold",
    "free",
    "true",
    "True",
    "false",
    "FALSE",
    "None",
    "null",
    "user@example.com",
    "Zürich",
    "ZÜRICH",
    "日本",
    "a,b",
    "[a",
    "ann",
    "007",
    "1.2.3",
    "1.2.3-rc.1",
    "1.2.3:semver",
    "1.2.3-rc.2+b:semver",
    "x:semver",
    "2|1",
    "0|0",
    "-3.5|2",
];

const PATTERNS: [&str; 14] = [
    "^gold$",
    "gold|free",
    "[0-9]+",
    r"\d*[13579]$",
    ".*@example\\.com",
    "(?i)zürich",
    r"\bold",
    "",
    "(",
    "a{2,1}",
    "[a&&b]",
    r"\Z",
    "(?x) g o # l",
    "é+",
];

/// A trait's value, or a feature's.
pub(crate) fn scalar() -> BoxedStrategy<Value> {
    prop_oneof![
        6 => texts().prop_map(Value::from),
        2 => any::<bool>().prop_map(Value::from),
        3 => (-3_i64..120).prop_map(Value::from),
        1 => any::<i64>().prop_map(Value::from),
        1 => any::<u64>().prop_map(Value::from),
        2 => select(vec![0.0, -0.5, 0.1, 1.0, 2.5, 34.2, 99.99, 100.0, 1e16, 1e21, 1e-7]).prop_map(Value::from),
        1 => any::<f64>().prop_map(|float| if float.is_finite() { json!(float) } else { Value::Null }),
        1 => select(NUMBERS.map(|(name, _)| Value::from(name)).to_vec()),
        1 => Just(Value::Null),
    ]
.boxed()
}

fn texts() -> BoxedStrategy<String> {
    prop_oneof![
        8 => select(TEXTS.to_vec()).prop_map(str::to_owned),
        1 => any::<String>(),
        1 => "[a-z]{150,400}",
    ]
    .boxed()
}

pub(crate) fn property() -> BoxedStrategy<String> {
    prop_oneof![
        5 => select(TRAITS.to_vec()).prop_map(str::to_owned),
        5 => select(PROPERTIES.to_vec()).prop_map(str::to_owned),
        1 => any::<String>(),
    ]
    .boxed()
}

fn operand() -> BoxedStrategy<Value> {
    let member = prop_oneof![5 => texts().prop_map(Value::from), 1 => scalar()];
    prop_oneof![
        10 => texts().prop_map(Value::from),
        2 => select(PATTERNS.to_vec()).prop_map(Value::from),
        2 => prop::collection::vec(member, 0..6).prop_map(Value::from),
        1 => prop::collection::vec(scalar(), 0..4).prop_map(|list| Json(list.into()).text().into()),
        1 => scalar(),
        1 => Just(json!({"a": 1})),
    ]
    .boxed()
}

/// Conditions and rules are made for both shapes: `property` is what the member is called.
pub(crate) fn condition(property: &'static str) -> BoxedStrategy<Value> {
    let operator = prop_oneof![20 => select(OPERATORS[..14].to_vec()), 1 => select(OPERATORS.to_vec())];
    let any = (operator, self::property(), operand());
    let any = any.prop_map(
        move |(operator, name, value)| json!({"operator": operator, property: name, "value": value}),
    );
    let pattern = (select(TRAITS.to_vec()), select(PATTERNS.to_vec()));
    let pattern = pattern
        .prop_map(move |(name, pattern)| json!({"operator": "REGEX", property: name, "value": pattern}));
    prop_oneof![9 => any, 1 => pattern].boxed()
}

pub(crate) fn rule(property: &'static str) -> BoxedStrategy<Value> {
    let kind = || prop_oneof![20 => select(vec!["ALL", "ANY", "NONE"]), 1 => Just("all")];
    let conditions = move || prop::collection::vec(condition(property), 0..3);
    let leaf = (kind(), conditions());
    let leaf = leaf.prop_map(|(kind, conditions)| json!({"type": kind, "conditions": conditions}));
    leaf.prop_recursive(3, 8, 3, move |inner| {
        let rules = prop::collection::vec(inner, 1..3);
        (kind(), conditions(), rules).prop_map(
            |(kind, conditions, rules)| json!({"type": kind, "conditions": conditions, "rules": rules}),
        )
    })
    .boxed()
}

/// Absent, every other time.
pub(crate) fn maybe(strategy: impl Strategy<Value = Value> + 'static) -> BoxedStrategy<Option<Value>> {
    prop::option::of(strategy).boxed()
}

pub(crate) fn priority() -> BoxedStrategy<Value> {
    prop_oneof![
        4 => (-1_i64..4).prop_map(Value::from),
        1 => select(vec![json!(0.5), json!("<great>"), json!("<least>"), json!("<minus zero>")]),
    ]
    .boxed()
}

pub(crate) fn weight() -> BoxedStrategy<Value> {
    prop_oneof![
        6 => (0_i64..60).prop_map(Value::from),
        2 => (0.0..100.0).prop_map(Value::from),
        1 => select(vec![json!(-5), json!(100), json!(1e308), json!("<next to nothing>")]),
    ]
    .boxed()
}

/// Sets a member that is there.
pub(crate) fn set(object: &mut Value, member: &str, value: Option<Value>) {
    if let Some(value) = value {
        object[member] = value;
    }
}
