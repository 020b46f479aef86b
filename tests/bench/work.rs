//! What a step of counted work costs in the guest: dear documents of one kind each, asked by the longest identity that the
//! API takes.

use std::time::Duration;

use engine::{Compiled, Cost, CountedWork, Document, Identity, Options, OwnOverrides, Value};
use serde_json::{Value as Json, json};
use tests::{Edge, Tools, fixtures};

use crate::edge::{SERVER_KEY, measured};
use crate::figure;
use crate::load::Load;

/// The guest counts whole milliseconds, so a request is repeated for so many microseconds.
const LONG_ENOUGH: f64 = 200_000.0;
/// How long it may take until an environment is served.
const WITHIN: Duration = Duration::from_secs(20);
/// The base that is subtracted: what the same request costs in an environment without segments.
const BASE: &str = "nothing";

pub(crate) fn steps(tools: &Tools) {
    let edge = tests::edge(tools, &json!({}));
    let asked = longest();
    let mut base = (0.0, 0.0, 0);
    for (name, mut document) in documents() {
        let key = format!("work-{name}");
        document["api_key"] = json!(key);
        let key: &'static str = Box::leak(key.into_boxed_str());
        let (cost, steps) = bound_and_steps(&document, &asked);
        let file = edge.file("document.json", &document.to_string()).display().to_string();
        let server_key = format!("{SERVER_KEY}.{name}");
        let published = edge.run_publish(&[&file, "--server-key", &server_key, "--dear", "publish"]);
        assert_eq!(published.code, 0, "{published:?}");
        let load = request(key, &asked);
        let is_served = || {
            let headers = [("x-environment-key", key), ("content-type", "application/json")];
            let (path, body) = &load.requests[0];
            (edge.call(load.method, path, &headers, body.as_bytes()).status == 200).then_some(())
        };
        tests::eventually(&format!("{name} is served"), WITHIN, is_served);
        let (Some(warm), Some(cold)) = (long_enough(&edge, &load, false), long_enough(&edge, &load, true))
        else {
            return;
        };
        report(name, &cost, steps, (warm, cold), base);
        if name == BASE {
            base = (warm, cold, steps);
        }
    }
}

/// Microseconds of vCPU of one request.
fn long_enough(edge: &Edge, load: &Load, cold: bool) -> Option<f64> {
    let mut times = 5;
    loop {
        let time = measured(edge, load, times, cold)?;
        if time * f64::from(times) >= LONG_ENOUGH || times > 100_000 {
            return Some(time);
        }
        times *= 4;
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of this size are exact")]
fn report(name: &str, cost: &Cost, steps: u64, vcpu: (f64, f64), base: (f64, f64, u64)) {
    let (warm, cold) = vcpu;
    let nanoseconds = |time: f64, steps: u64| time * 1_000.0 / steps.max(1) as f64;
    let details = json!({
        "document": name,
        "steps": steps,
        "steps_at_most": cost.evaluation(),
        "steps_of_the_copy": cost.copy,
        "vcpu_warm_ms": warm / 1_000.0,
        "vcpu_cold_ms": cold / 1_000.0,
        "ns_of_a_step_of_the_copy": nanoseconds(cold - warm, cost.copy),
        "measured": "vCPU of the guest for POST /api/v1/identities/, less that of an environment without segments",
    });
    figure("work_step", nanoseconds(warm - base.0, steps.saturating_sub(base.2)), "ns/step", &details);
}

/// The bound of a document, and what its evaluation took.
fn bound_and_steps(document: &Json, identity: &Identity) -> (Cost, u64) {
    let document = Document::parse(&document.to_string()).expect("a document");
    let options = Options { omit_metadata: true, ..Options::default() };
    let (environment, _) = document.compile(options, api::flag_json).expect("it compiles");
    let encoded = environment.encode().expect("it is encoded");
    let cost = environment.cost(encoded.len());
    let compiled = Compiled::decode(encoded).expect("it is decoded");
    let mut counted = CountedWork::new(&compiled, Some(identity));
    compiled.evaluate_with(Some(identity), OwnOverrides::Embedded, &mut counted);
    (cost, counted.steps())
}

/// The longest texts that the API takes.
fn longest() -> Identity {
    let text = format!("{}no", "é😀".repeat(999));
    Identity {
        identifier: "😀".repeat(2_000),
        key: None,
        traits: vec![
            ("t".into(), Value::Str(text)),
            ("ascii".into(), Value::Str("a".repeat(2_000))),
            ("words".into(), Value::Str("éж日ñ".repeat(500))),
            ("version".into(), Value::Str("1.2.3-alpha.1".into())),
            ("long-version".into(), Value::Str(format!("1.2.3-{}1", "a.".repeat(990)))),
            ("n".into(), Value::Float(99.5)),
            ("f".into(), Value::Float(1e300)),
            ("i".into(), Value::Str("9".repeat(2_000))),
        ],
        traits_answer_paths: true,
        ignore_own_overrides: false,
    }
}

fn request(key: &'static str, identity: &Identity) -> Load {
    let traits = identity.traits.iter().map(|(name, value)| {
        let value = match value {
            Value::Str(text) => json!(text),
            Value::Float(float) => json!(float),
            Value::Int(_) | Value::Bool(_) | Value::Null => Json::Null,
        };
        json!({ "trait_key": name, "trait_value": value })
    });
    let body = json!({ "identifier": identity.identifier, "traits": traits.collect::<Vec<_>>() });
    Load {
        name: "identities",
        method: "POST",
        requests: vec![("/api/v1/identities/".to_owned(), body.to_string())],
        key,
    }
}

/// The reference environments, and a document of each kind of work.
fn documents() -> Vec<(&'static str, Json)> {
    let members: Vec<String> = (0..20_000).map(|n| format!("user-{n}")).collect();
    let few: Vec<String> = (0..8).map(|n| format!("user-{n}")).collect();
    let alike: Vec<String> = (0..8).map(|n| format!("{}{n:02}", "é😀".repeat(999))).collect();
    let many: Vec<String> = (0..1_000).map(|n| format!("{}{n}", "é😀".repeat(80))).collect();
    let long_version = format!("1.2.3-{}2:semver", "a.".repeat(990));
    vec![
        (BASE, of_conditions(&[])),
        ("large", fixtures::large()),
        ("heavy", fixtures::heavy()),
        ("comparisons", one_kind("n", "LESS_THAN", "5", 60_000)),
        ("texts", one_kind("t", "EQUAL", "no such text", 60_000)),
        ("long-texts", one_kind("t", "GREATER_THAN", &format!("{}np", "é😀".repeat(999)), 400)),
        ("searches", searches("t", |n| format!("no such text {n}"))),
        ("searches-alike", searches("ascii", |n| format!("{}b{n}", "a".repeat(900)))),
        ("searches-again", one_kind("ascii", "CONTAINS", &format!("{}b", "a".repeat(900)), 5_000)),
        ("short-searches", one_kind("version", "CONTAINS", "beta", 50_000)),
        ("lists", one_kind("t", "IN", &members.join(","), 10)),
        ("lists-of-few", one_kind("version", "IN", &few.join(","), 20_000)),
        ("lists-alike", one_kind("t", "IN", &alike.join(","), 10)),
        ("lists-of-many-alike", one_kind("t", "IN", &many.join(","), 8)),
        ("splits", one_kind("version", "PERCENTAGE_SPLIT", "0", 20_000)),
        ("long-splits", one_kind("", "PERCENTAGE_SPLIT", "0", 500)),
        ("splits-of-numbers", one_kind("f", "PERCENTAGE_SPLIT", "0", 20_000)),
        ("versions", one_kind("version", "GREATER_THAN", "1.2.3-alpha.2:semver", 20_000)),
        ("long-versions", one_kind("long-version", "GREATER_THAN", &long_version, 500)),
        ("remainders", one_kind("n", "MODULO", "3|1", 20_000)),
        ("remainders-of-floats", one_kind("f", "MODULO", "3|1", 20_000)),
        ("remainders-of-digits", one_kind("i", "MODULO", "3|1", 2_000)),
        ("patterns", one_kind("ascii", "REGEX", "[a-m]+[^a]$", 500)),
        ("patterns-beyond-ascii", one_kind("t", "REGEX", "[^x]+x$", 500)),
        ("patterns-of-words", one_kind("words", "REGEX", r"\w+x$", 500)),
        ("patterns-of-characters", one_kind("words", "REGEX", "(?:[à-öø-ÿ]|[日-本]|ж|k|ſ)+x$", 500)),
        ("patterns-without-table", one_kind("ascii", "REGEX", &without_table(), 4)),
        ("flags-read", one_kind("$.flags.f.enabled", "EQUAL", "true", 50_000)),
        ("a-flag-of-one-value", a_long_value()),
        ("a-dense-graph", a_dense_graph(40)),
        ("variants", variants()),
        ("flags", flags()),
    ]
}

fn of_conditions(conditions: &[Json]) -> Json {
    json!({
        "feature_states": [{ "feature": { "name": "f" } }],
        "project": { "segments": [{
            "id": 1, "name": "s", "rules": [{ "type": "ANY", "conditions": conditions }],
        }] },
    })
}

fn one_kind(property: &str, operator: &str, value: &str, count: usize) -> Json {
    of_conditions(&vec![json!({ "property_": property, "operator": operator, "value": value }); count])
}

/// A pattern whose table would be too large.
fn without_table() -> String {
    let words: Vec<String> = (0..340).map(|n| format!("aaword{n}x")).collect();
    format!("(?i).*({})", words.join("|"))
}

/// Searches for a thousand texts.
fn searches(property: &str, text: impl Fn(u32) -> String) -> Json {
    let search = |n| json!({ "property_": property, "operator": "CONTAINS", "value": text(n) });
    of_conditions(&(0..1_000).map(search).collect::<Vec<_>>())
}

fn a_long_value() -> Json {
    let mut document = searches("$.flags.f.value", |n| format!("no such text {n}"));
    document["feature_states"][0]["feature_state_value"] = json!("x".repeat(20_000));
    document
}

/// Flags that all read each other.
fn a_dense_graph(flags: usize) -> Json {
    let read =
        |n| json!({ "property_": format!("$.flags.f{n}.enabled"), "operator": "EQUAL", "value": "true" });
    let reads: Vec<Json> = (0..flags).map(read).collect();
    let segment = |n| {
        json!({
            "id": n, "name": format!("s{n}"), "rules": [{ "type": "ANY", "conditions": reads }],
            "feature_states": [{ "feature": { "name": format!("f{n}") }, "enabled": true }],
        })
    };
    json!({
        "feature_states": (0..flags).map(|n| json!({ "feature": { "name": format!("f{n}") } })).collect::<Vec<_>>(),
        "project": { "segments": (0..flags).map(segment).collect::<Vec<_>>() },
    })
}

fn variants() -> Json {
    let variants: Vec<Json> = (0..10)
        .map(
            |n| json!({ "id": n, "percentage_allocation": 1, "multivariate_feature_option": { "value": n } }),
        )
        .collect();
    let features: Vec<Json> = (0..200)
        .map(|n| {
            json!({
                "feature": { "name": format!("v{n}") }, "django_id": n,
                "multivariate_feature_state_values": variants,
            })
        })
        .collect();
    json!({ "feature_states": features, "project": { "segments": [] } })
}

fn flags() -> Json {
    let features: Vec<Json> = (0..10_000)
        .map(|n| json!({ "feature": { "id": n, "name": format!("feature-{n}") }, "feature_state_value": n }))
        .collect();
    json!({ "feature_states": features, "project": { "segments": [] } })
}
