//! OpenFeature's bulk evaluation beside Flagsmith's answer for identities: the same environment, the same identities.

use std::time::Duration;

use serde_json::{Map, Value, json};
use tests::{Edge, Tools, fixtures};

use crate::edge::{CONNECTIONS, measured};
use crate::figure;
use crate::load::{Load, requests_per_second};
use crate::ratio::Ratios;

const KEY: &str = "large-environment";
const IDENTITIES: usize = 500;
/// Short and many: the median has a narrow interval.
const ROUND: Duration = Duration::from_secs(1);
const ROUNDS: usize = 15;
/// No slower than this share of the requests for identities.
const LIMIT: f64 = 0.85;

pub(crate) fn bulk(tools: &Tools) {
    let edge = tests::edge(tools, &json!({}));
    edge.publish(&fixtures::large(), crate::edge::SERVER_KEY);
    let loads = [crate::edge::identities(KEY, IDENTITIES), evaluations()];
    let bytes: Vec<usize> = loads.iter().map(|load| answer_bytes(&edge, load)).collect();
    let mut rates = Ratios::default();
    for round in 0..ROUNDS {
        rates.add_round(round, |load| requests_per_second(edge.address, &loads[load], CONNECTIONS, ROUND));
    }
    let (ratio, low, high) = rates.median();
    let [identities, ofrep] = rates.times(0.5);
    let details = json!({
        "environment": "large", "identities": IDENTITIES, "connections": CONNECTIONS,
        "identities_requests": identities.round(), "ofrep_requests": ofrep.round(),
        "identities_bytes": bytes[0], "ofrep_bytes": bytes[1],
        "interval": [low, high], "limit": LIMIT, "verdict": verdict(low, high),
        "measured": "requests per second of OFREP's bulk evaluation to those of /identities/; rounds take turns",
    });
    figure("edge_ofrep_to_identities", ratio, "ratio", &details);
    vcpu(&edge, &loads);
}

fn verdict(low: f64, high: f64) -> &'static str {
    if low >= LIMIT {
        "fast enough"
    } else if high < LIMIT {
        "slower"
    } else {
        "open"
    }
}

/// Guest time of one request, in a sandbox that has answered its like before.
fn vcpu(edge: &Edge, loads: &[Load; 2]) {
    const TIMES: u32 = 1_000;
    let mut times = Ratios::default();
    for round in 0..ROUNDS {
        times.add_round(round, |load| measured(edge, &loads[load], TIMES, false).expect("nanoseconds"));
    }
    let (ratio, low, high) = times.median();
    let [identities, ofrep] = times.times(0.5);
    let details = json!({
        "environment": "large", "identities_microseconds": identities, "ofrep_microseconds": ofrep,
        "interval": [low, high], "measured": "vCPU of OFREP's bulk evaluation to that of /identities/",
    });
    figure("edge_ofrep_vcpu_to_identities", ratio, "ratio", &details);
}

/// The same identities, with the same traits.
fn evaluations() -> Load {
    let request = |(identifier, traits): (String, Map<String, Value>)| {
        let mut context = traits;
        context.insert("targetingKey".to_owned(), identifier.into());
        ("/ofrep/v1/evaluate/flags".to_owned(), json!({ "context": context }).to_string())
    };
    let requests = fixtures::identities(IDENTITIES).map(request).collect();
    Load { name: "ofrep", method: "POST", requests, key: KEY }
}

fn answer_bytes(edge: &Edge, load: &Load) -> usize {
    let (path, body) = &load.requests[0];
    let headers = [("x-environment-key", load.key), ("content-type", "application/json")];
    let answer = edge.call(load.method, path, &headers, body.as_bytes());
    assert_eq!(answer.status, 200, "{path}");
    answer.body.len()
}
