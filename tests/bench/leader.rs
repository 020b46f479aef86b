//! The leader of a stream: what vCPU time a whole part costs it, as the guest itself writes to its log.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tests::stream::{Listening, clients, publish, variant};
use tests::{Edge, Tools, edge_with_origin, eventually, fixtures, origin};

use crate::figure;

/// How many changes are published, and how soon one after the other.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    pub(crate) changes: usize,
    pub(crate) between: Duration,
}

/// In the first twenty seconds of a part of the default length: a key takes about one write a second.
const PACE: Pace = Pace { changes: 16, between: Duration::from_millis(1_250) };

/// What is aimed at, in milliseconds; the platform takes 50, and a leader ends its part at 30.
const AIM: u64 = 25;

pub(crate) fn vcpu(tools: &Tools) {
    for (name, document) in [("heavy", fixtures::heavy()), ("large", fixtures::large())] {
        let parts = led_parts(tools, &document, &json!({}), PACE);
        let first = &parts[0];
        let (events, looks): (u64, u64) =
            (parts.iter().map(|part| part.events).sum(), parts.iter().map(|part| part.looks).sum());
        let details = json!({
            "changes": PACE.changes, "parts": parts.len(), "seconds_of_the_first": first.milliseconds / 1_000,
            "events": events, "looks_at_kv": looks, "aim": if name == "heavy" { json!(AIM) } else { Value::Null },
        });
        #[expect(clippy::cast_precision_loss, reason = "a number of milliseconds")]
        let vcpu = first.vcpu as f64;
        figure(&format!("leader_vcpu_{name}"), vcpu, "ms", &details);
    }
}

/// The vCPU time of all that is led while changes are published, for each event, in milliseconds.
pub(crate) fn vcpu_of_an_event(tools: &Tools, document: &Value, settings: &Value, pace: Pace) -> f64 {
    let parts = led_parts(tools, document, settings, pace);
    let sum = |number: fn(&Part) -> u64| parts.iter().map(number).sum::<u64>();
    let (vcpu, events) = (sum(|part| part.vcpu), sum(|part| part.events));
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    let vcpu = vcpu as f64 / events.max(1) as f64;
    vcpu
}

/// What a leader logs of its part.
#[derive(Debug)]
struct Part {
    milliseconds: u64,
    vcpu: u64,
    events: u64,
    looks: u64,
}

/// The parts that were led while the changes were published; one, unless a leader gave up its own part.
fn led_parts(tools: &Tools, document: &Value, settings: &Value, pace: Pace) -> Vec<Part> {
    let origin = origin(tools);
    let edge = edge_with_origin(tools, settings, &origin.url());
    publish(&edge.url(""), None, document);
    let key = document["api_key"].as_str().unwrap_or_default();
    let listening = clients(&Listening::to(edge.url(""), key, 1));
    listening.wait_until_connected(Duration::from_secs(10));
    let start = Instant::now();
    for n in 1..=pace.changes {
        let change = publish(&edge.url(""), Some(&origin.url()), &variant(document, n));
        listening.wait_until_signalled(change.revision, Duration::from_secs(10));
        let due = pace.between * u32::try_from(n).unwrap_or(u32::MAX);
        std::thread::sleep(due.saturating_sub(start.elapsed()));
    }
    eventually("the part ends", Duration::from_secs(60), || {
        let parts = ended_parts(&edge);
        // Parts that a leader gave up, and the part after them.
        let events: u64 = parts.iter().map(|part| part.events).sum();
        (events > pace.changes as u64).then_some(parts)
    })
}

fn ended_parts(edge: &Edge) -> Vec<Part> {
    let log = edge.log();
    let lines = log.lines().filter(|line| line.contains(" ms of vCPU, "));
    lines
        .map(|line| {
            let numbers = line.split_whitespace().filter_map(|word| word.parse().ok());
            match numbers.collect::<Vec<u64>>().as_slice() {
                [milliseconds, vcpu, events, looks, _requests] => {
                    Part { milliseconds: *milliseconds, vcpu: *vcpu, events: *events, looks: *looks }
                }
                _ => unreachable!("a line of its own shape: {line}"),
            }
        })
        .collect()
}
