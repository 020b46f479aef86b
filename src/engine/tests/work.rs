//! The work of an evaluation is bounded, whatever the document: counted steps, never times.

#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::sync::LazyLock;

use engine::{
    Compiled, Cost, CountedWork, DefaultJson, Document, Identity, Options, OwnOverrides, Read, Value, Visitor,
};
use serde_json::{Value as Json, json};

/// The bound of a document, and what its evaluation took.
fn bound_and_steps(document: &Json, identity: Option<&Identity>) -> (Cost, u64) {
    let document = Document::parse(&document.to_string()).unwrap();
    let (environment, _) = document.compile(Options::default(), |_| DefaultJson::default()).unwrap();
    let encoded = environment.encode().unwrap();
    let cost = environment.cost(encoded.len());
    let compiled = Compiled::decode(encoded).unwrap();
    let mut counted = CountedWork::new(&compiled, identity);
    compiled.evaluate_with(identity, OwnOverrides::Embedded, &mut counted);
    (cost, counted.steps())
}

/// The longest that a request can have: four bytes to each of 2,000 characters.
fn longest() -> Identity {
    let text = "😀".repeat(2_000);
    let digits = "9".repeat(2_000);
    Identity {
        identifier: text.clone(),
        key: None,
        traits: vec![
            ("t".into(), Value::Str(text)),
            ("n".into(), Value::Str(digits.clone())),
            ("i".into(), Value::from_json(&digits).unwrap()),
            ("f".into(), Value::Float(1e300)),
        ],
        traits_answer_paths: true,
        ignore_own_overrides: false,
    }
}

fn condition(property: &str, operator: &str, value: &str) -> Json {
    json!({"property_": property, "operator": operator, "value": value})
}

/// A segment of these conditions that overrides these features.
fn segment(name: &str, kind: &str, conditions: &[Json], features: &[&str]) -> Json {
    let states = features.iter().map(|name| json!({"feature": {"name": name}, "enabled": true}));
    json!({
        "name": name,
        "rules": [{"type": kind, "conditions": conditions}],
        "feature_states": states.collect::<Vec<_>>(),
    })
}

fn environment(features: &[(&str, Json)], segments: &[Json]) -> Json {
    let states =
        features.iter().map(|(name, value)| json!({"feature": {"name": name}, "feature_state_value": value}));
    json!({
        "api_key": "env",
        "feature_states": states.collect::<Vec<_>>(),
        "project": {"segments": segments},
    })
}

/// A value that many conditions search, which was once read anew for each of them.
fn a_long_value() -> Json {
    let search = condition("$.flags.big.value", "CONTAINS", "no such text");
    let segments = (0..50).map(|n| segment(&format!("s{n}"), "ANY", &vec![search.clone(); 100], &[]));
    environment(&[("big", json!("x".repeat(20_000)))], &segments.collect::<Vec<_>>())
}

/// Flags that all read each other, beside segments that read none.
fn a_dense_graph(flags: usize) -> Json {
    let names: Vec<String> = (0..flags).map(|n| format!("f{n}")).collect();
    let reads: Vec<Json> =
        names.iter().map(|name| condition(&format!("$.flags.{name}.enabled"), "EQUAL", "true")).collect();
    let mut segments = Vec::new();
    for name in &names {
        segments.push(segment(name, "ANY", &reads, &[name]));
        let plain = vec![condition("t", "CONTAINS", "no such text"); 50];
        segments.push(segment(&format!("{name} plain"), "ANY", &plain, &[name]));
    }
    let features: Vec<(&str, Json)> = names.iter().map(|name| (name.as_str(), Json::Null)).collect();
    environment(&features, &segments)
}

/// One segment on a cycle that overrides many flags, each of which another segment reads.
fn a_cycle_that_many_flags_meet() -> Json {
    let names: Vec<String> = (0..2_000).map(|n| format!("f{n}")).collect();
    let mut on_cycle = vec![condition("t", "CONTAINS", "no such text"); 200];
    on_cycle.push(condition("$.flags.f0.enabled", "EQUAL", "true"));
    let overridden: Vec<&str> = names.iter().map(String::as_str).collect();
    let reads: Vec<Json> =
        names.iter().map(|name| condition(&format!("$.flags.{name}.enabled"), "EQUAL", "true")).collect();
    let features: Vec<(&str, Json)> = names.iter().map(|name| (name.as_str(), Json::Null)).collect();
    environment(
        &features,
        &[segment("on the cycle", "ANY", &on_cycle, &overridden), segment("reader", "ANY", &reads, &[])],
    )
}

/// A chain that is longer than the guest's stack allows.
fn a_long_chain() -> Json {
    let names: Vec<String> = (0..300).map(|n| format!("f{n}")).collect();
    let segments = names.windows(2).map(|pair| {
        let read = condition(&format!("$.flags.{}.enabled", pair[1]), "EQUAL", "true");
        segment(&pair[0], "ANY", &[read], &[&pair[0]])
    });
    let segments: Vec<Json> = segments.collect();
    let features: Vec<(&str, Json)> = names.iter().map(|name| (name.as_str(), Json::Null)).collect();
    environment(&features, &segments)
}

/// Searches for a thousand texts.
fn searches(property: &str) -> Json {
    let search = |n: u32| condition(property, "CONTAINS", &format!("no such text {n}"));
    environment(&[], &[segment("s", "ANY", &(0..1_000).map(search).collect::<Vec<_>>(), &[])])
}

fn one_kind(property: &str, operator: &str, value: &str, count: usize) -> Json {
    let conditions = vec![condition(property, operator, value); count];
    environment(&[], &[segment("s", "ANY", &conditions, &[])])
}

fn dear_documents() -> Vec<(&'static str, Json)> {
    let members: Vec<String> = (0..60_000).map(|n| format!("user-{n}")).collect();
    let alike: Vec<String> = (0..8).map(|n| format!("{}{n}", "😀".repeat(2_000))).collect();
    let variants: Vec<Json> = (0..1_000)
        .map(|n| json!({"id": n, "percentage_allocation": 0.1, "multivariate_feature_option": {"value": n}}))
        .collect();
    let varied: Vec<Json> = (0..100)
        .map(|n| {
            json!({
                "feature": {"name": format!("v{n}")}, "django_id": n,
                "multivariate_feature_state_values": variants,
            })
        })
        .collect();
    vec![
        ("a long value", a_long_value()),
        ("a dense graph", a_dense_graph(40)),
        ("a small dense graph", a_dense_graph(7)),
        ("a cycle that many flags meet", a_cycle_that_many_flags_meet()),
        ("a long chain", a_long_chain()),
        ("many comparisons", one_kind("n", "LESS_THAN", "5", 100_000)),
        ("searches", searches("t")),
        ("searches for one text", one_kind("t", "CONTAINS", "no such text", 1_000)),
        ("lists", one_kind("t", "IN", &members.join(","), 10)),
        ("lists of long members", one_kind("t", "IN", &alike.join(","), 100)),
        ("splits", one_kind("", "PERCENTAGE_SPLIT", "0", 1_000)),
        ("splits of numbers", one_kind("f", "PERCENTAGE_SPLIT", "0", 1_000)),
        ("versions", one_kind("t", "GREATER_THAN", "1.2.3-a.b.c:semver", 1_000)),
        ("remainders", one_kind("i", "MODULO", "3|1", 1_000)),
        ("remainders of floats", one_kind("f", "MODULO", "3|1", 1_000)),
        ("patterns", one_kind("t", "REGEX", "[a-z]+x", 1_000)),
        ("variants", json!({"api_key": "env", "feature_states": varied, "project": {"segments": []}})),
    ]
}

/// A document's bound, and what its evaluation for the longest identity took.
static DEAR: LazyLock<Vec<(&str, Cost, u64)>> = LazyLock::new(|| {
    let documents = dear_documents().into_iter().map(|(name, document)| {
        let (cost, steps) = bound_and_steps(&document, Some(&longest()));
        (name, cost, steps)
    });
    documents.collect()
});

#[test]
fn no_evaluation_takes_more_steps_than_its_document_is_said_to_cost() {
    let wrong: Vec<_> = DEAR.iter().filter(|(_, cost, steps)| *steps > cost.evaluation()).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Otherwise the statement would be of no use. Numbers have shorter texts than the bound allows for.
#[test]
fn a_dear_document_is_said_to_cost_little_more_than_it_does() {
    let wrong = DEAR.iter().filter(|(name, cost, steps)| {
        !name.ends_with("of numbers") && !name.ends_with("of floats") && cost.evaluation() > 10 * steps
    });
    let wrong: Vec<_> = wrong.collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Counts how often conditions were evaluated.
#[derive(Default)]
struct Conditions(Vec<usize>);

impl Visitor for Conditions {
    fn condition(&mut self, condition: usize, _: Option<Read<'_>>, _: bool) {
        if self.0.len() <= condition {
            self.0.resize(condition + 1, 0);
        }
        self.0[condition] += 1;
    }
}

fn conditions(document: &Json) -> Vec<usize> {
    let document = Document::parse(&document.to_string()).unwrap();
    let (environment, _) = document.compile(Options::default(), |_| DefaultJson::default()).unwrap();
    let compiled = Compiled::decode(environment.encode().unwrap()).unwrap();
    let mut conditions = Conditions::default();
    compiled.evaluate_with(Some(&longest()), OwnOverrides::Embedded, &mut conditions);
    conditions.0
}

#[test]
fn a_segment_that_reads_no_flag_is_evaluated_once() {
    for flags in [2, 7, 30] {
        let counts = conditions(&a_dense_graph(flags));
        // The segments take turns: one reads all flags, the next has 50 conditions and reads none.
        let plain = counts.chunks(flags + 50).flat_map(|both| &both[flags..]);
        assert!(plain.clone().all(|count| *count == 1), "{flags} flags: {counts:?}");
    }
}

#[test]
fn what_cycles_repeat_is_bounded_in_steps() {
    for (name, document) in [
        ("a dense graph", a_dense_graph(40)),
        ("a cycle that many flags meet", a_cycle_that_many_flags_meet()),
        ("a long chain", a_long_chain()),
    ] {
        let evaluated: usize = conditions(&document).iter().sum();
        assert!(evaluated < 110_000, "{name}: {evaluated} conditions");
    }
}
