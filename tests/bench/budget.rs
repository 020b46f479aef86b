//! The budget of a request: the dearest requests about the dearest documents that the publisher accepts without a warning.
//! None may take more than 25 ms of vCPU or 48 MB in the guest, and none may trap: then the bench fails. An explanation may take
//! 50 ms: servers ask for one now and then.

use engine::{Cost, Document, Options, PatternCache};
use jiff::Timestamp;
use serde_json::{Value, json};
use tests::{Edge, Tools, fixtures};

use crate::edge::SERVER_KEY;
use crate::figure;

const VCPU_MS: f64 = 25.0;
const EXPLANATION_MS: f64 = 50.0;
const MEMORY_BYTES: f64 = 48e6;
/// Bytes of a body.
const MEBIBYTE: usize = 1 << 20;

struct Request {
    name: &'static str,
    method: &'static str,
    path: String,
    body: String,
    limit: f64,
}

pub(crate) fn of_requests(tools: &Tools) {
    let mut within = true;
    for (name, document) in documents() {
        let edge = tests::edge(tools, &json!({}));
        edge.publish(&document, SERVER_KEY);
        for request in requests() {
            for sandbox in ["refresh", "cold", "reused"] {
                within &= is_within(&edge, &document, name, &request, sandbox);
            }
        }
    }
    assert!(within, "a request took more than its milliseconds or {MEMORY_BYTES} bytes, or was not answered");
}

/// Measures a request several times. The least counts: the guest's clock runs on while another program has the processor.
fn is_within(edge: &Edge, document: &Value, name: &str, request: &Request, sandbox: &str) -> bool {
    const TIMES: usize = 5;
    let key = document["api_key"].as_str().unwrap_or_default();
    let measure = |_| {
        if sandbox == "refresh" {
            // The next request reads the bundle from the KV store, and checks it.
            edge.hard_purge(&format!("environment/{key}"));
        }
        measured(edge, key, request, sandbox)
    };
    let (vcpu, memory) = (0..TIMES)
        .map(measure)
        .fold((f64::INFINITY, 0.0), |(least, most), (vcpu, memory)| (vcpu.min(least), memory.max(most)));
    let details =
        json!({ "document": name, "request": request.name, "sandbox": sandbox, "memory_bytes": memory });
    figure("budget_vcpu", vcpu, "ms", &details);
    vcpu <= request.limit && memory <= MEMORY_BYTES
}

/// Milliseconds of vCPU, and bytes of memory; without end if the guest trapped.
fn measured(edge: &Edge, key: &str, request: &Request, sandbox: &str) -> (f64, f64) {
    let is_explanation = request.path.starts_with(EXPLAIN);
    let headers = [
        ("x-environment-key", if is_explanation { SERVER_KEY } else { key }),
        ("content-type", "application/json"),
        ("jackstaff-measure", if sandbox == "refresh" { "1" } else { "5" }),
        ("jackstaff-measure-cold", "1"),
    ];
    let headers = if sandbox == "cold" { &headers[..] } else { &headers[..3] };
    let answer = edge.call(request.method, &request.path, headers, request.body.as_bytes());
    let number = |text: &str| text.parse::<f64>().ok().filter(|_| answer.status == 200);
    let nanoseconds = number(&String::from_utf8_lossy(&answer.body)).unwrap_or(f64::INFINITY);
    (nanoseconds / 1e6, number(answer.header("jackstaff-memory")).unwrap_or(f64::INFINITY))
}

/// The dearest documents of their kinds that are accepted without a warning.
fn documents() -> Vec<(&'static str, Value)> {
    let patterns = |n: usize| {
        let pattern = |n| condition("t", "REGEX", &format!(r"^(?:[а-яё]+|[\w.-]+|é)+x{n}$"));
        of_conditions(&(0..n).map(pattern).collect::<Vec<_>>())
    };
    let words: Vec<String> = (0..340).map(|n| format!("word{n}x")).collect();
    let states = |n: usize| {
        let pattern = |n| condition("t", "REGEX", &format!("(?i).*({})[{n}é]", words.join("|")));
        of_conditions(&(0..n).map(pattern).collect::<Vec<_>>())
    };
    vec![
        ("large", fixtures::large()),
        ("comparisons", greatest(|n| of_conditions(&vec![condition("t", "EQUAL", "x"); n]))),
        ("searches", greatest(|n| of_conditions(&vec![condition("t", "CONTAINS", "no such text"); n]))),
        ("splits", greatest(|n| of_conditions(&vec![condition("", "PERCENTAGE_SPLIT", "0"); n]))),
        ("patterns", greatest(patterns)),
        ("patterns without tables", greatest(states)),
        ("features", greatest(features)),
        ("a long value", greatest(|n| with_value(&"v".repeat(n * 1_000)))),
    ]
}

/// The document of the greatest number that is accepted without a warning.
fn greatest(document: impl Fn(usize) -> Value) -> Value {
    let mut patterns = PatternCache::default();
    let mut is_accepted = |n: usize| {
        let Ok(parsed) = Document::parse(&document(n).to_string()) else { return false };
        let options = Options { omit_metadata: true, ..Options::default() };
        let Ok((environment, _)) = parsed.compile_with(&mut patterns, options, api::flag_json) else {
            return false;
        };
        let encoded = environment.encode().map_or(usize::MAX, |encoded| encoded.len());
        environment.cost(encoded).steps() <= Cost::WARN
    };
    let (mut accepted, mut refused) = (0, 1);
    while refused < 1 << 17 && is_accepted(refused) {
        (accepted, refused) = (refused, 2 * refused);
    }
    while refused - accepted > 1 + accepted / 50 {
        let middle = accepted.midpoint(refused);
        if is_accepted(middle) { accepted = middle } else { refused = middle }
    }
    document(accepted)
}

fn condition(property: &str, operator: &str, value: &str) -> Value {
    json!({ "property_": property, "operator": operator, "value": value })
}

fn of_conditions(conditions: &[Value]) -> Value {
    let segment = json!({ "name": "s", "rules": [{ "type": "ANY", "conditions": conditions }] });
    json!({ "api_key": "budget", "feature_states": [], "project": { "segments": [segment] } })
}

fn features(count: usize) -> Value {
    let states: Vec<Value> = (0..count)
        .map(|n| json!({ "feature": { "name": format!("feature {n}") }, "enabled": true }))
        .collect();
    json!({ "api_key": "budget", "feature_states": states, "project": { "segments": [] } })
}

fn with_value(value: &str) -> Value {
    let states = [json!({ "feature": { "name": "f" }, "feature_state_value": value })];
    json!({ "api_key": "budget", "feature_states": states, "project": { "segments": [] } })
}

const EXPLAIN: &str = "/api/v1/explain/";

/// Requests of a mebibyte or less.
fn requests() -> Vec<Request> {
    let post = |name, path: &str, body: String| Request {
        name,
        method: "POST",
        path: path.to_owned(),
        body,
        limit: VCPU_MS,
    };
    let explain =
        |name, path: &str, body: String| Request { limit: EXPLANATION_MS, ..post(name, path, body) };
    let identities = |name, body: String| post(name, "/api/v1/identities/", body);
    let get = |name, path: String| Request { name, method: "GET", path, body: String::new(), limit: VCPU_MS };
    let text = "é😀".repeat(1_000);
    let sent = |traits: &[String]| format!(r#"{{"identifier":"{text}","traits":[{}]}}"#, traits.join(","));
    let sent_trait = |key: &str, value: &str| format!(r#"{{"trait_key":"{key}","trait_value":{value}}}"#);
    let longest = sent_trait("t", &format!("\"{text}\""));
    let many: Vec<String> = (0..1_000)
        .map(|n| sent_trait(&format!("{n}{}", "k".repeat(190)), &format!("\"{}\"", "v".repeat(800))))
        .collect();
    let fill = |item: &str| vec![item.to_owned(); (MEBIBYTE - 10_000) / (item.len() + 1)];
    // Some documents have a part of these features.
    let counts: Vec<String> =
        (0..5_000).map(|n| format!(r#""{}feature {n}":1"#, " ".repeat(n % 200))).collect();
    let now = Timestamp::now().as_millisecond();
    let events = |item: &str| {
        let count = (MEBIBYTE - 100) / (item.len() + 1);
        format!(r#"{{"events":[{}]}}"#, vec![item; count.min(5_000)].join(","))
    };
    let deep = "[".repeat(400_000) + &"]".repeat(400_000);
    vec![
        identities("the longest texts", sent(std::slice::from_ref(&longest))),
        identities("many traits", sent(&[&many[..999], std::slice::from_ref(&longest)].concat())),
        identities("no traits", sent(&fill("0"))),
        identities("one trait many times", sent(&fill(&sent_trait("t", "1")))),
        identities("escapes", format!(r#"{{"identifier":"{}"}}"#, r"\u00e9".repeat(170_000))),
        identities("a deep list", sent(&[sent_trait("t", &deep)])),
        identities("digits", format!(r#"{{"identifier":{}}}"#, "9".repeat(MEBIBYTE - 100))),
        identities("unknown members", format!("{{{}}}", fill(r#""x":0"#).join(","))),
        post("counts", "/api/v1/analytics/flags/", format!("{{{}}}", counts.join(","))),
        post(
            "events",
            "/v1/events",
            events(&format!(r#"{{"event":"e","timestamp":{now},"value":"{}"}}"#, "v".repeat(130))),
        ),
        post(
            "events of texts",
            "/v1/events",
            events(&format!(r#"{{"event":"e","timestamp":{now},"value":"{}"}}"#, r"\u00e9".repeat(2_600))),
        ),
        post(
            "events of numbers",
            "/v1/events",
            events(&format!(
                r#"{{"event":"e","timestamp":{now},"value":[{}]}}"#,
                vec!["0.1"; 3_900].join(",")
            )),
        ),
        post(
            "events of objects",
            "/v1/events",
            events(&format!(
                r#"{{"event":"e","timestamp":{now},"metadata":[{}]}}"#,
                vec![r#"{"":{}}"#; 1_000].join(",")
            )),
        ),
        post("events that are rejected", "/v1/events", events("{}")),
        post(
            "evaluations",
            "/api/v2/analytics/flags/",
            format!(r#"{{"evaluations":[{}]}}"#, fill("0").join(",")),
        ),
        get("a long feature", format!("/api/v1/flags/?feature={}", "%C4%B0".repeat(9_000))),
        get("many parameters", format!("/api/v1/flags/?{}", "feature=x&".repeat(6_000))),
        get("flags", "/api/v1/flags/".to_owned()),
        explain("an explanation", EXPLAIN, sent(std::slice::from_ref(&longest))),
        explain("an explanation with many traits", EXPLAIN, sent(&many[..999])),
        explain("an explanation of a feature", "/api/v1/explain/?feature=feature%200", sent(&many[..999])),
    ]
}
