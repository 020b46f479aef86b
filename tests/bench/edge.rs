//! The edge under Viceroy: requests per second of each route against `/health` of the same module, in the same run.

use std::fs;
use std::time::Duration;

use serde_json::{Value, json};
use tests::{Edge, Tools, fixtures, workspace};

use crate::engine::median;
use crate::figure;
use crate::load::{Load, requests_per_second};

pub(crate) const CONNECTIONS: usize = 16;
const ROUND: Duration = Duration::from_secs(3);
const ROUNDS: usize = 5;
const IDENTITIES: usize = 500;
pub(crate) const SERVER_KEY: &str = "ser.bench";

pub(crate) fn routes(tools: &Tools) {
    let edge = tests::edge(tools, &json!({}));
    edge.publish(&fixtures::large(), SERVER_KEY);
    let loads = loads("large-environment");
    let mut rates: Vec<Vec<f64>> = vec![Vec::new(); loads.len()];
    for _ in 0..ROUNDS {
        for (load, rates) in loads.iter().zip(&mut rates) {
            rates.push(requests_per_second(edge.address, load, CONNECTIONS, ROUND));
        }
    }
    let rates: Vec<f64> = rates.into_iter().map(median).collect();
    for (load, rate) in loads.iter().zip(&rates) {
        let (path, body) = &load.requests[0];
        let bytes = edge
            .call(
                load.method,
                path,
                &[("x-environment-key", load.key), ("content-type", "application/json")],
                body.as_bytes(),
            )
            .body
            .len();
        let details = details(bytes);
        figure(&format!("edge_{}_requests", load.name), *rate, "requests/s", &details);
        if load.name != "health" {
            figure(&format!("edge_{}_to_health", load.name), rate / rates[0], "ratio", &details);
        }
    }
    for load in &loads {
        for cold in [false, true] {
            vcpu(&edge, load, cold);
        }
    }
}

/// What is asked of an environment, `/health` first.
pub(crate) fn loads(key: &'static str) -> [Load; 4] {
    let get = |name, path: &str, key| Load {
        name,
        method: "GET",
        requests: vec![(path.into(), String::new())],
        key,
    };
    [
        get("health", "/health", key),
        get("flags", "/api/v1/flags/", key),
        identities(key, IDENTITIES),
        get("environment_document", "/api/v1/environment-document/", SERVER_KEY),
    ]
}

/// Guest time of one request, told by the guest itself: in a sandbox that has answered its like before, or in one that
/// has still to read and decode the environment.
fn vcpu(edge: &Edge, load: &Load, cold: bool) {
    const TIMES: u32 = 2_000;
    let rounds = (0..ROUNDS).map(|_| measured(edge, load, TIMES, cold).expect("nanoseconds"));
    let sandbox = if cold { "cold" } else { "reused" };
    let details = json!({
        "environment": "large",
        "sandbox": sandbox,
        "measured": "elapsed vCPU of the guest over many requests in one execution, without its start; median of rounds",
    });
    figure(&format!("edge_{}_vcpu_{sandbox}", load.name), median(rounds.collect()), "microseconds", &details);
}

/// What the guest says of answering a request so many times: microseconds for each. Nothing if it does not measure.
pub(crate) fn measured(edge: &Edge, load: &Load, times: u32, cold: bool) -> Option<f64> {
    let (path, body) = &load.requests[0];
    let times = times.to_string();
    let headers = [
        ("x-environment-key", load.key),
        ("content-type", "application/json"),
        ("jackstaff-measure", times.as_str()),
        ("jackstaff-measure-cold", if cold { "1" } else { "" }),
    ];
    let answer = edge.call(load.method, path, &headers, body.as_bytes());
    assert_eq!(answer.status, 200, "{path}");
    let nanoseconds: f64 = String::from_utf8_lossy(&answer.body).parse().ok()?;
    Some(nanoseconds / 1_000.0)
}

fn details(bytes: usize) -> Value {
    json!({
        "environment": "large",
        "connections": CONNECTIONS,
        "answer_bytes": bytes,
        "measured": "requests per second under Viceroy over kept-alive connections; median of rounds that take turns with /health",
    })
}

/// As many different identities as there are requests, with traits.
pub(crate) fn identities(key: &'static str, count: usize) -> Load {
    let request = |(identifier, traits): (String, serde_json::Map<String, Value>)| {
        let traits: Vec<Value> =
            traits.iter().map(|(key, value)| json!({ "trait_key": key, "trait_value": value })).collect();
        ("/api/v1/identities/".to_owned(), json!({ "identifier": identifier, "traits": traits }).to_string())
    };
    let requests = fixtures::identities(count).map(request).collect();
    Load { name: "identities", method: "POST", requests, key }
}

/// The size of what is deployed.
pub(crate) fn package() {
    let file = workspace().join("target/wasm32-wasip1/release/edge.wasm");
    let Ok(wasm) = fs::read(&file) else {
        tests::not_run(&format!("{} is missing: scripts/setup builds it", file.display()));
        return;
    };
    #[expect(clippy::cast_precision_loss, reason = "a size of this order is exact")]
    let size = wasm.len() as f64;
    figure("edge_package_wasm", size, "bytes", &json!({ "measured": "release, without local-api" }));
}
