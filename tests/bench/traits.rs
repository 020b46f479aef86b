//! What stored traits cost: identities with and without them, in turns; and how many requests of a usual mix write.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tests::{Edge, Tools, edge_with_identity_key, eventually, fixtures};

use crate::figure;
use crate::load::{Load, requests_per_second, send};
use crate::ratio::Ratios;

const KEY: &str = "large-environment";
const IDENTITIES_PATH: &str = "/api/v1/identities/";
const CONNECTIONS: usize = 16;
const ROUND: Duration = Duration::from_secs(2);
const ROUNDS: usize = 5;
const IDENTITIES: usize = 500;

/// Of so many requests one changes a trait.
const CHANGES: usize = 20;
const MIX: usize = 2_000;

pub(crate) fn stored(tools: &Tools) {
    let edges = ["request", "stored"].map(|traits| {
        let settings = json!({ "environments": { KEY: { "traits": traits } } });
        let edge = edge_with_identity_key(tools, &settings);
        edge.publish(&fixtures::large(), crate::edge::SERVER_KEY);
        edge
    });
    let posted = crate::edge::identities(KEY, IDENTITIES);
    // All identities are stored before anything is measured.
    send(edges[1].address, &posted, u32::try_from(IDENTITIES).expect("a small number"));
    wait_until_stored(&edges[1], &posted);
    for (name, load) in [("posted", &posted), ("read", &read())] {
        let mut ratios = Ratios::default();
        for round in 0..ROUNDS {
            ratios
                .add_round(round, |edge| requests_per_second(edges[edge].address, load, CONNECTIONS, ROUND));
        }
        let (ratio, low, high) = ratios.median();
        let [without, with] = ratios.times(0.5);
        let details = json!({
            "environment": "large", "identities": IDENTITIES, "connections": CONNECTIONS,
            "without": without.round(), "with": with.round(), "interval": [low, high],
            "measured": "requests per second with stored traits, none of which changes, to those without; rounds take turns",
        });
        figure(&format!("edge_identities_{name}_stored_to_request"), ratio, "ratio", &details);
    }
    writes(&edges[1], &posted);
    read_after(&edges[1]);
}

/// How long after the answer to a `POST` the POP answers with its traits.
fn read_after(edge: &Edge) {
    const TIMES: usize = 50;
    let mut times = Vec::with_capacity(TIMES);
    for number in 0..TIMES {
        let traits = json!([{ "trait_key": "last visit", "trait_value": number }]);
        let body = json!({ "identifier": "somebody", "traits": traits }).to_string();
        assert_eq!(state(edge, IDENTITIES_PATH, &body), "pending");
        let began = Instant::now();
        while state(edge, IDENTITIES_PATH, &body) != "unchanged" {
            assert!(began.elapsed() < Duration::from_secs(10), "never stored");
        }
        times.push(began.elapsed().as_secs_f64() * 1_000.0);
    }
    let longest = times.iter().copied().fold(0.0, f64::max);
    let details = json!({ "longest": longest, "times": TIMES, "measured": "from the answer to a POST of a changed trait until the POP has it stored; median" });
    figure("edge_trait_read_after", crate::engine::median(times), "milliseconds", &details);
}

/// `GET` of the same identities.
fn read() -> Load {
    let request = |(identifier, _)| (format!("{IDENTITIES_PATH}?identifier={identifier}"), String::new());
    let requests = fixtures::identities(IDENTITIES).map(request).collect();
    Load { name: "identities_read", method: "GET", requests, key: KEY }
}

fn wait_until_stored(edge: &Edge, load: &Load) {
    eventually("every identity is stored", Duration::from_secs(60), || {
        load.requests.iter().all(|(path, body)| state(edge, path, body) == "unchanged").then_some(())
    });
}

fn state(edge: &Edge, path: &str, body: &str) -> String {
    let headers = [("x-environment-key", KEY), ("content-type", "application/json")];
    let answer = edge.call("POST", path, &headers, body.as_bytes());
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.header("jackstaff-traits").to_owned()
}

/// How many of a thousand requests write: one of twenty changes a trait.
fn writes(edge: &Edge, load: &Load) {
    let mut written = 0;
    for (number, (path, body)) in load.requests.iter().cycle().take(MIX).enumerate() {
        let mut body: Value = serde_json::from_str(body).expect("JSON");
        if number % CHANGES == 0 {
            let changed = json!({ "trait_key": "last visit", "trait_value": number });
            body["traits"].as_array_mut().expect("a list").push(changed);
        }
        written += usize::from(state(edge, path, &body.to_string()) == "pending");
    }
    #[expect(clippy::cast_precision_loss, reason = "small numbers are exact")]
    let per_thousand = written as f64 * 1_000.0 / MIX as f64;
    let details = json!({ "requests": MIX, "changed": MIX / CHANGES, "measured": "requests whose answer says that it writes" });
    figure("edge_trait_writes", per_thousand, "writes of 1,000 requests", &details);
}
