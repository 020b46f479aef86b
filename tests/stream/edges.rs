//! Several edges, with KV stores of their own that get a change at different times.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;
use tests::proxy::{Proxy, proxy};
use tests::stream::{Bundles, Change, Clients, Listening, Report, Stores, clients, variant};
use tests::{Edge, edge_with_origin, fixture, origin, tools};

use crate::world::{KEY, SOON, beside_others, seconds};

/// After the signal.
const DELAYS: [u64; 3] = [0, 500, 3_000];
const CHANGES: usize = 6;
const CLIENTS: usize = 30;

#[test]
fn nobody_reads_an_older_revision_than_the_one_they_were_told_of() {
    // Half of the refreshers are slow: these are the ones that put older copies back after newer ones.
    nobody_reads_an_older_revision(50);
}

#[test]
fn nor_with_refreshers_that_are_all_quick_or_all_slow() {
    if std::env::var_os("JACKSTAFF_TEST_FULL").is_some() {
        nobody_reads_an_older_revision(0);
        nobody_reads_an_older_revision(100);
    }
}

/// So many of a hundred refreshers are held for a while between their last look and their insertion.
fn nobody_reads_an_older_revision(slow: u8) {
    let _machine = beside_others();
    let fault = json!({ "hold_ms": 100, "percent": slow, "tireless": true });
    let settings = json!({ "fresh": 1, "segment": 12, "join": 5, "fault": fault });
    let Some(tools) = tools() else { return };
    let origin = origin(&tools);
    let with_proxy = |_| {
        let proxy = proxy(&origin.url());
        let edge = edge_with_origin(&tools, &settings, &proxy.url());
        (edge, proxy)
    };
    let edges: Vec<(Edge, Proxy)> = DELAYS.iter().map(with_proxy).collect();
    let bundles = Bundles::default();
    let first = bundles.make(&fixture("demo.json"));
    for (edge, _) in &edges {
        first.store(&edge.url(""));
    }
    let crowds: Vec<Clients> = edges.iter().map(|(edge, _)| listen(edge)).collect();
    let stores = DELAYS.map(Duration::from_millis);
    let stores = Stores::of(edges.iter().map(|(edge, _)| edge.url("")).zip(stores));

    let over = AtomicBool::new(false);
    let mut changes: Vec<Change> = Vec::new();
    thread::scope(|scope| {
        for (edge, _) in &edges {
            scope.spawn(|| read_again_and_again(edge, &over));
        }
        for n in 0..CHANGES {
            let next = Instant::now() + Duration::from_millis(1_500);
            changes.push(stores.publish(&origin.url(), &bundles.make(&variant(&fixture("demo.json"), n))));
            thread::sleep(next.saturating_duration_since(Instant::now()));
        }
        stores.settle();
        for clients in &crowds {
            clients.wait_until_told(changes[CHANGES - 1].revision, SOON);
            clients.wait_until_refetched(SOON);
        }
        over.store(true, Ordering::Relaxed);
    });

    for ((clients, (_, proxy)), delay) in crowds.iter().zip(&edges).zip(DELAYS) {
        // A gate looks once a second at most.
        let within = Duration::from_millis(delay) + seconds(4);
        let report = Report::new(&clients.histories(), &changes, within, Instant::now() + within);
        tests::say(&format!("KV store {delay} ms after the signal: {report}"));
        assert_eq!(report.faults(), Vec::<String>::new(), "{delay}");
        assert!(report.refetches >= CLIENTS * CHANGES / 2, "{report}");
        // Nobody can hear of what is not there yet.
        #[expect(clippy::cast_precision_loss, reason = "a number of this size is exact")]
        let earliest = delay as f64;
        assert!(report.from_announcement.p50 >= earliest - 50.0, "{report}");
        assert!(proxy.counts().streams.most <= 3, "{:?}", proxy.counts());
    }
}

fn listen(edge: &Edge) -> Clients {
    let clients = clients(&Listening { refetching: CLIENTS, ..Listening::to(edge.url(""), KEY, CLIENTS) });
    clients.wait_until_connected(SOON);
    clients
}

/// Keeps copies in use, so that they are brought up to date whenever they have expired.
fn read_again_and_again(edge: &Edge, over: &AtomicBool) {
    while !over.load(Ordering::Relaxed) {
        let answer = edge.get("/api/v1/flags/", KEY);
        assert_eq!(answer.status, 200, "{answer:?}");
        thread::sleep(Duration::from_millis(5));
    }
}
