//! `stream`: a load of SSE clients on edges that run already, and of changes that they are to hear of.
#![allow(clippy::unwrap_used, clippy::panic, reason = "what cannot be done ends the run, in words")]

use std::fs;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use clap::{Parser, ValueEnum};
use serde_json::{Value, json};
use tests::stream::{
    Bundles, Change, Clients, Listening, Protocol, Reconnect, Report, Stores, clients, publish, variant,
    watch_streams,
};

/// Opens SSE clients, publishes changes, and says what the clients heard: a summary on standard error, and the same as
/// JSON on standard output. Exits with 1 if a client missed a change, heard of it twice or backwards, or was served
/// older flags than it had heard of.
#[derive(Parser)]
#[command(name = "stream")]
struct Arguments {
    /// An edge of the local flavour, http://host:port; several share the clients
    #[arg(long, value_name = "URL", required = true)]
    edge: Vec<String>,
    /// The origin that the edges listen to
    #[arg(long, value_name = "URL")]
    origin: String,
    /// The environment document that is published, each time with another value of its first flag
    #[arg(long, value_name = "FILE")]
    document: PathBuf,
    /// The key in the path of the stream [default: the document's]
    #[arg(long)]
    key: Option<String>,
    #[arg(long, default_value_t = 200)]
    clients: usize,
    /// Clients of the origin itself, beside those of the edges, to compare with
    #[arg(long, value_name = "N", default_value_t = 0)]
    straight: usize,
    #[arg(long, default_value_t = 20)]
    changes: usize,
    /// Seconds between changes
    #[arg(long, value_name = "S", default_value_t = 1.5)]
    interval: f64,
    /// How many clients ask for the flags when they hear of a change [default: all]
    #[arg(long, value_name = "N")]
    refetching: Option<usize>,
    /// Connections to each edge over which they ask
    #[arg(long, value_name = "N", default_value_t = 16)]
    connections: usize,
    /// Clients of OpenFeature's protocol, which ask for the flags at each event
    #[arg(long)]
    ofrep: bool,
    /// When clients connect again
    #[arg(long, value_enum, default_value_t = Again::AtOnce)]
    reconnect: Again,
    /// Seconds over which clients come
    #[arg(long, value_name = "S", default_value_t = 2.0)]
    over: f64,
    /// Seconds after which a change that was not heard of is missed
    #[arg(long, value_name = "S", default_value_t = 5.0)]
    within: f64,
    /// Seconds for which clients go on after the last change
    #[arg(long, value_name = "S", default_value_t = 0.0)]
    after: f64,
    /// Milliseconds after its announcement at which a change reaches each edge's KV store. Without it, the first edge's
    /// has it before it is announced, as with `jackstaff publish`, and there may be one edge only
    #[arg(long, value_name = "MS", value_delimiter = ',')]
    delay: Vec<u64>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Again {
    /// As the Python SDK
    AtOnce,
    /// As a browser
    AfterRetry,
}

fn main() {
    let arguments = Arguments::parse();
    if arguments.edge.len() != arguments.delay.len().max(1) {
        eprintln!("stream: --delay needs as many values as there are edges, several edges need --delay");
        std::process::exit(64);
    }
    let clean = run(&arguments);
    std::process::exit(i32::from(!clean));
}

/// Whether all was as it should be.
fn run(arguments: &Arguments) -> bool {
    let text = fs::read_to_string(&arguments.document)
        .unwrap_or_else(|error| panic!("{}: {error}", arguments.document.display()));
    let document: Value = serde_json::from_str(&text)
        .unwrap_or_else(|error| panic!("{}: {error}", arguments.document.display()));
    let key = arguments.key.clone().unwrap_or_else(|| document["api_key"].as_str().unwrap().to_owned());
    let mut publisher = Publisher::new(arguments, document);
    publisher.publish();

    let streams = watch_streams(&arguments.origin);
    let groups: Vec<Clients> = listening(arguments, &key).iter().map(clients).collect();
    let straight = (arguments.straight > 0)
        .then(|| clients(&Listening::to(&arguments.origin, &key, arguments.straight)));
    for group in groups.iter().chain(&straight) {
        group.wait_until_connected(Duration::from_secs_f64(arguments.over) + Duration::from_secs(60));
    }

    let interval = Duration::from_secs_f64(arguments.interval);
    let mut changes: Vec<Change> = Vec::new();
    for _ in 0..arguments.changes {
        let next = Instant::now() + interval;
        changes.push(publisher.publish());
        thread::sleep(next.saturating_duration_since(Instant::now()));
    }
    let longest = arguments.delay.iter().max().copied().unwrap_or_default();
    let within = Duration::from_secs_f64(arguments.within) + Duration::from_millis(longest);
    thread::sleep(within.max(Duration::from_secs_f64(arguments.after)));

    let report = |groups: &[&Clients]| {
        let histories: Vec<_> = groups.iter().flat_map(|group| group.histories()).collect();
        Report::new(&histories, &changes, within, Instant::now())
    };
    let through_edges = report(&groups.iter().collect::<Vec<_>>());
    eprint!("{through_edges}");
    let mut line = through_edges.json();
    if let Some(straight) = &straight {
        // An origin tells of what was announced, which is not for clients to ask flags by.
        let straight = report(&[straight]);
        eprintln!("straight from the origin, from announcement: {}", straight.from_announcement);
        line["straight"] = straight.json();
    }
    if let Some(seen) = streams.seen() {
        let but = u64::try_from(arguments.straight).unwrap();
        let (open, total) = (seen.most.saturating_sub(but), seen.total.saturating_sub(but));
        eprintln!("origin: {open} streams at most at any time, {total} in all");
        line["origin_streams"] = json!({ "most": open, "total": total });
    }
    println!("{line}");
    through_edges.faults().is_empty()
}

/// Shares clients out among the edges.
fn listening(arguments: &Arguments, key: &str) -> Vec<Listening> {
    let edges = arguments.edge.len();
    let share = |all: usize, index: usize| all / edges + usize::from(index < all % edges);
    let of_edge = |(index, edge): (usize, &String)| Listening {
        reconnect: match arguments.reconnect {
            Again::AtOnce => Reconnect::AtOnce,
            Again::AfterRetry => Reconnect::AfterRetry,
        },
        refetching: share(arguments.refetching.unwrap_or(arguments.clients), index),
        connections: arguments.connections,
        protocol: if arguments.ofrep { Protocol::Ofrep } else { Protocol::Flagsmith },
        over: Duration::from_secs_f64(arguments.over),
        ..Listening::to(edge, key, share(arguments.clients, index))
    };
    arguments.edge.iter().enumerate().map(of_edge).collect()
}

/// Publishes one variant of a document after the other.
struct Publisher<'a> {
    arguments: &'a Arguments,
    document: Value,
    /// Where each change arrives in its own time, if it does.
    delayed: Option<(Bundles, Stores)>,
    count: usize,
}

impl Publisher<'_> {
    fn new(arguments: &Arguments, document: Value) -> Publisher<'_> {
        let delays = arguments.delay.iter().copied().map(Duration::from_millis);
        let stores = || Stores::of(arguments.edge.iter().cloned().zip(delays));
        let delayed = (!arguments.delay.is_empty()).then(|| (Bundles::default(), stores()));
        Publisher { arguments, document, delayed, count: 0 }
    }

    fn publish(&mut self) -> Change {
        self.count += 1;
        // Another one than the last run's, too.
        let document = variant(&self.document, fastrand::usize(..1_000_000) * 1_000 + self.count);
        match &self.delayed {
            Some((bundles, stores)) => stores.publish(&self.arguments.origin, &bundles.make(&document)),
            None => publish(&self.arguments.edge[0], Some(&self.arguments.origin), &document),
        }
    }
}
