//! The leader of a stream: what vCPU time a whole segment costs it, told by the guest itself in its log.

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

/// In the first twenty seconds of a segment of the default length: a key takes about one write a second.
const PACE: Pace = Pace { changes: 16, between: Duration::from_millis(1_250) };

/// What is aimed at, in milliseconds; the platform takes 50, and a leader ends its segment at 30.
const AIM: u64 = 25;

pub(crate) fn vcpu(tools: &Tools) {
    for (name, document) in [("heavy", fixtures::heavy()), ("large", fixtures::large())] {
        let segments = segments(tools, &document, &json!({}), PACE);
        let first = &segments[0];
        let (events, looks): (u64, u64) = (
            segments.iter().map(|segment| segment.events).sum(),
            segments.iter().map(|segment| segment.looks).sum(),
        );
        let details = json!({
            "changes": PACE.changes, "segments": segments.len(), "seconds_of_the_first": first.milliseconds / 1_000,
            "events": events, "looks_at_kv": looks, "aim": if name == "heavy" { json!(AIM) } else { Value::Null },
        });
        #[expect(clippy::cast_precision_loss, reason = "a number of milliseconds")]
        let vcpu = first.vcpu as f64;
        figure(&format!("leader_vcpu_{name}"), vcpu, "ms", &details);
    }
}

/// The vCPU time of all that is led while changes are published, for each event, in milliseconds.
pub(crate) fn vcpu_of_an_event(tools: &Tools, document: &Value, settings: &Value, pace: Pace) -> f64 {
    let segments = segments(tools, document, settings, pace);
    let sum = |number: fn(&Segment) -> u64| segments.iter().map(number).sum::<u64>();
    let (vcpu, events) = (sum(|segment| segment.vcpu), sum(|segment| segment.events));
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    let vcpu = vcpu as f64 / events.max(1) as f64;
    vcpu
}

/// What a leader said of its segment.
#[derive(Debug)]
struct Segment {
    milliseconds: u64,
    vcpu: u64,
    events: u64,
    looks: u64,
}

/// The segments that were led while the changes were published; one, unless a leader gave up its own.
fn segments(tools: &Tools, document: &Value, settings: &Value, pace: Pace) -> Vec<Segment> {
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
    eventually("the segment ends", Duration::from_secs(60), || {
        let segments = told(&edge);
        // Those that gave up theirs, and the one after them.
        let events: u64 = segments.iter().map(|segment| segment.events).sum();
        (events > pace.changes as u64).then_some(segments)
    })
}

fn told(edge: &Edge) -> Vec<Segment> {
    let log = edge.log();
    let lines = log.lines().filter(|line| line.contains(" ms of vCPU, "));
    lines
        .map(|line| {
            let numbers = line.split_whitespace().filter_map(|word| word.parse().ok());
            match numbers.collect::<Vec<u64>>().as_slice() {
                [milliseconds, vcpu, events, looks, _requests] => {
                    Segment { milliseconds: *milliseconds, vcpu: *vcpu, events: *events, looks: *looks }
                }
                _ => unreachable!("a line of its own shape: {line}"),
            }
        })
        .collect()
}
