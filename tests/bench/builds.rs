//! `bench builds`: two builds of the edge side by side. They take turns in short batches, so that a machine that is busy
//! now and then slows both down alike; what counts is the ratio within a round, and its median over the rounds.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use serde_json::{Value, json};
use tests::{Edge, Stored, Tools, edge_with_store, fixtures};

use crate::edge::{SERVER_KEY, loads, measured};
use crate::leader::{self, Pace};
use crate::load::{Load, send};
use crate::ratio::Ratios;
use crate::{figure, ratio};

/// Measures two builds of the edge side by side: the CPU time of `/flags/`, `/identities/` and `/environment-document/`,
/// and with --leader the vCPU time of a stream's leader. One JSON line a figure: the median ratio of the new build to the
/// old one, its interval of 95 % confidence, and a verdict: `not slower` or `slower` if the whole interval is within what is
/// allowed or beyond it, or `open`, which more rounds may settle. Exits with 1 if a figure is slower.
#[derive(Parser)]
#[command(name = "bench builds")]
#[command(after_help = "\
Keep a copy of the package of another commit, and of its `jackstaff` if the format of bundles is another:
  git worktree add ../before COMMIT
  (cd ../before && scripts/edge && cp target/wasm32-wasip1/release/edge.wasm /tmp/before.wasm)
  target/release/bench builds --old /tmp/before.wasm --new target/wasm32-wasip1/release/edge.wasm

Two release packages are measured by the CPU time of Viceroy for a request, so the host's part is in each figure. Two
builds of the local flavour answer one request many times in the guest, so the host's part is only what the guest calls;
only they can be compared with --leader. With fewer than six rounds the interval is all that was measured.")]
struct Arguments {
    /// The wasm of the earlier build
    #[arg(long, value_name = "WASM")]
    old: PathBuf,
    /// The wasm of the later build
    #[arg(long, value_name = "WASM")]
    new: PathBuf,
    /// The `jackstaff` that writes the bundles of the earlier build, if the two builds read different formats
    #[arg(long, value_name = "PROGRAM", conflicts_with = "leader")]
    old_publisher: Option<PathBuf>,
    /// Rounds; in each, both builds have two turns
    #[arg(long, value_name = "N", default_value_t = 40)]
    rounds: usize,
    /// By how many per cent the new build may be slower
    #[arg(long, value_name = "PERCENT", default_value_t = 3.0)]
    allow: f64,
    /// Measure leaders of streams in place of requests: about a minute a round
    #[arg(long)]
    leader: bool,
    /// Settings of both builds
    #[arg(long, value_name = "JSON", default_value = r#"{"stream_seconds":10,"join_seconds":5}"#)]
    settings: Value,
}

/// Runs it, with the arguments after `builds`.
pub(crate) fn run(arguments: impl Iterator<Item = String>) -> ExitCode {
    let arguments = Arguments::parse_from(std::iter::once("bench builds".to_owned()).chain(arguments));
    let Some(tools) = tests::tools() else { return ExitCode::FAILURE };
    let builds = [&arguments.old, &arguments.new].map(|edge| Tools { edge: edge.clone(), ..tools.clone() });
    let slower =
        if arguments.leader { leaders(&builds, &arguments) } else { requests(&tools, &builds, &arguments) };
    if slower { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// What is measured of a build: the CPU time of a request, in microseconds.
type Measure<'a> = (String, Box<dyn Fn(&Edge) -> f64 + 'a>);

fn requests(tools: &Tools, builds: &[Tools; 2], arguments: &Arguments) -> bool {
    let old_publisher = arguments.old_publisher.as_ref().unwrap_or(&tools.jackstaff);
    let start = |build: &Tools, publisher: &PathBuf| {
        let store = store(&Tools { jackstaff: publisher.clone(), ..tools.clone() });
        edge_with_store(build, &arguments.settings, &store)
    };
    let edges = [start(&builds[0], old_publisher), start(&builds[1], &tools.jackstaff)];
    let loads = loads("large-environment");
    let measures = measures(&edges, &loads);
    let mut ratios: Vec<Ratios> = measures.iter().map(|_| Ratios::default()).collect();
    for (_, measure) in &measures {
        for edge in &edges {
            measure(edge);
        }
    }
    for round in 0..arguments.rounds {
        for ((_, measure), ratios) in measures.iter().zip(&mut ratios) {
            ratios.add_round(round, |build| measure(&edges[build]));
        }
        // Viceroy starts a sandbox for every six requests. With one request more in each round, that does not always fall
        // upon the same measure of a build.
        for edge in &edges {
            edge.get("/health", "");
        }
    }
    let print = |((name, _), ratios): (&Measure<'_>, &Ratios)| print(name, "microseconds", ratios, arguments);
    measures.iter().zip(&ratios).map(print).fold(false, |one, other| one | other)
}

/// What a publisher writes of the large environment.
fn store(tools: &Tools) -> Vec<Stored> {
    let edge = tests::edge(tools, &json!({}));
    edge.publish(&fixtures::large(), SERVER_KEY);
    edge.stored_items()
}

fn measures<'a>(edges: &[Edge; 2], loads: &'a [Load]) -> Vec<Measure<'a>> {
    let in_guest = edges.iter().all(|edge| in_guest(edge, &loads[1], 1, false).is_some());
    let mut measures: Vec<Measure<'a>> = Vec::new();
    for load in loads {
        if !in_guest {
            measures.push((format!("{}_request", load.name), Box::new(|edge| by_requests(edge, load))));
        } else if load.name != "health" {
            for (sandbox, times, cold) in [("reused", 1_000, false), ("cold", 100, true)] {
                let measure = move |edge: &Edge| in_guest_or_panic(edge, load, times, cold);
                measures.push((format!("{}_{sandbox}", load.name), Box::new(measure)));
            }
        }
    }
    measures
}

#[expect(clippy::panic, reason = "a build that answered before does not answer now")]
fn in_guest_or_panic(edge: &Edge, load: &Load, times: u32, cold: bool) -> f64 {
    in_guest(edge, load, times, cold).unwrap_or_else(|| panic!("{}: no measurement", load.name))
}

/// CPU time while the guest answers a request so many times; nothing if it is a release package, which does not measure.
fn in_guest(edge: &Edge, load: &Load, times: u32, cold: bool) -> Option<f64> {
    let before = edge.cpu_time();
    measured(edge, load, times, cold)?;
    Some(micros(edge.cpu_time().saturating_sub(before), times))
}

/// CPU time of a request over a kept-alive connection, the host's part included.
fn by_requests(edge: &Edge, load: &Load) -> f64 {
    const REQUESTS: u32 = 250;
    let before = edge.cpu_time();
    send(edge.address, load, REQUESTS);
    micros(edge.cpu_time().saturating_sub(before), REQUESTS)
}

fn micros(time: Duration, times: u32) -> f64 {
    time.as_secs_f64() * 1e6 / f64::from(times)
}

/// Both leaders hear of the same changes, more quickly than a KV key can be written, so that a round is short.
fn leaders(builds: &[Tools; 2], arguments: &Arguments) -> bool {
    const PACE: Pace = Pace { changes: 16, between: Duration::from_millis(400) };
    let document = fixtures::heavy();
    let mut ratios = Ratios::default();
    for round in 0..arguments.rounds {
        ratios.add_round(round, |build| {
            let vcpu = leader::vcpu_of_an_event(&builds[build], &document, &arguments.settings, PACE) * 1e3;
            // A round takes long.
            eprintln!("round {round}, build {build}: {vcpu:.0} µs of vCPU for an event");
            vcpu
        });
    }
    print("leader_event", "microseconds of vCPU", &ratios, arguments)
}

/// Prints the figure; whether the new build is slower.
fn print(name: &str, unit: &str, ratios: &Ratios, arguments: &Arguments) -> bool {
    let (median, low, high) = ratios.median();
    let limit = 1.0 + arguments.allow / 100.0;
    let verdict = ratio::verdict(low, high, limit);
    let round = |value: f64| (value * 1e4).round() / 1e4;
    let times = |quantile: f64| ratios.times(quantile).map(|time| (time * 100.0).round() / 100.0);
    let details = json!({
        "interval": [round(low), round(high)], "verdict": verdict, "allowed": limit, "rounds": arguments.rounds,
        "medians": times(0.5), "low_quartiles": times(0.25), "of": unit,
    });
    figure(&format!("builds_{name}"), median, "ratio", &details);
    verdict == "slower"
}
