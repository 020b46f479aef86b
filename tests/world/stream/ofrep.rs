//! Clients of OpenFeature's protocol: they ask for their flags at each event, and say which revision they heard of.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;
use tests::machine::{alone, beside_others};
use tests::proxy::{Proxy, proxy};
use tests::stream::{
    Bundles, Change, Clients, History, Listening, Protocol, Reconnect, Report, Stores, clients, variant,
};
use tests::{Edge, edge_with_origin, fixture, origin, tools};

use super::world::{KEY, SOON, World, seconds};

/// Milliseconds after the signal when the KV store of each edge has a change.
const DELAYS: [u64; 3] = [0, 500, 3_000];
/// The clients of each edge.
const CLIENTS: usize = 660;
/// Clients that listen at the first edge and ask at the last one, whose store lags most: they have moved to another POP.
const MOVED: usize = 20;
const CHANGES: usize = 6;

#[test]
fn two_thousand_clients_of_three_edges_whose_stores_lag() {
    let _alone = alone();
    let Some(tools) = tools() else { return };
    let origin = origin(&tools);
    // Half of the refreshers are slow: these could insert an older copy after a newer one.
    let fault = json!({ "hold_ms": 100, "percent": 50, "tireless": true });
    let settings = json!({ "fresh": 1, "stream_seconds": 12, "join_seconds": 5, "fault": fault });
    let with_proxy = |_| {
        let proxy = proxy(&origin.url());
        (edge_with_origin(&tools, &settings, &proxy.url()), proxy)
    };
    let edges: Vec<(Edge, Proxy)> = DELAYS.iter().map(with_proxy).collect();
    let bundles = Bundles::default();
    let first = bundles.make(&fixture("demo.json"));
    edges.iter().for_each(|(edge, _)| first.store(&edge.url("")));

    let urls: Vec<String> = edges.iter().map(|(edge, _)| edge.url("")).collect();
    let listen = |url: &str, count| Listening {
        refetching: count,
        connections: 24,
        over: seconds(3),
        protocol: Protocol::Ofrep,
        reconnect: Reconnect::AfterRetry,
        ..Listening::to(url, KEY, count)
    };
    let mut groups: Vec<Clients> = urls.iter().map(|url| clients(&listen(url, CLIENTS))).collect();
    let asking = Some(urls[2].clone());
    groups.push(clients(&Listening { asking, connections: MOVED, ..listen(&urls[0], MOVED) }));
    groups.iter().for_each(|group| group.wait_until_connected(SOON));

    let stores = DELAYS.map(Duration::from_millis);
    let stores = Stores::of(urls.iter().cloned().zip(stores));
    let mut changes: Vec<Change> = Vec::new();
    for n in 0..CHANGES {
        let next = Instant::now() + seconds(3);
        changes.push(stores.publish(&origin.url(), &bundles.make(&variant(&fixture("demo.json"), n))));
        thread::sleep(next.saturating_duration_since(Instant::now()));
    }
    stores.settle();
    for group in &groups {
        group.wait_until_signalled(changes[CHANGES - 1].revision, SOON);
        group.wait_until_refetched(SOON);
    }

    for (group, delay) in groups.iter().zip([DELAYS[0], DELAYS[1], DELAYS[2], DELAYS[0]]) {
        // A gate looks once a second at most; a browser connects again within three and a half seconds.
        let within = Duration::from_millis(delay) + seconds(8);
        let report = Report::new(&group.histories(), &changes, within, Instant::now() + within);
        tests::say(&format!("KV store {delay} ms after the signal: {report}"));
        assert_eq!(faults(&report), [0; 4], "{report}");
        assert!(report.refetches >= report.clients * CHANGES, "{report}");
    }
    for (_, proxy) in &edges {
        assert!(proxy.counts().streams.most <= 3, "{:?}", proxy.counts());
    }
}

/// Changes that were missed, connections that stayed behind, and requests that failed or showed less than was heard. A
/// client that joins at the very moment of a change reads of it twice, and asks once.
fn faults(report: &Report) -> [usize; 4] {
    [&report.missed, &report.behind, &report.stale, &report.failed].map(Vec::len)
}

/// One for the event at its first connection; none at those that follow.
#[test]
fn without_a_change_a_client_asks_once() {
    let _machine = beside_others();
    let Some(world) = World::new(&json!({ "stream_seconds": 5, "join_seconds": 2 })) else { return };
    let group = world.listening(&Listening {
        refetching: 40,
        protocol: Protocol::Ofrep,
        reconnect: Reconnect::AfterRetry,
        over: seconds(4),
        ..Listening::to(world.edge.url(""), KEY, 40)
    });
    let reconnected = |history: &History| history.reconnects() >= 4;
    group.wait_for_all("each client connects five times", seconds(90), reconnected);
    group.wait_until_refetched(SOON);
    let histories = group.histories();
    let asked: Vec<usize> = histories.iter().map(|history| history.refetches.len()).collect();
    let heard: Vec<usize> = histories.iter().map(|history| history.heard().count()).collect();
    assert_eq!((asked, heard), (vec![1; 40], vec![1; 40]));

    // A change costs one request of each, whatever part it is in.
    let change = world.change();
    group.wait_until_signalled(change.revision, SOON);
    let listening = histories.iter().map(History::reconnects).max().unwrap() + 2;
    let reconnected = |history: &History| history.reconnects() >= listening;
    group.wait_for_all("each client connects twice more", seconds(60), reconnected);
    group.wait_until_refetched(SOON);
    let asked: usize = group.histories().iter().map(|history| history.refetches.len()).sum();
    tests::say(&format!("{asked} requests of 40 clients for their first flags and for one change"));
    assert_eq!(asked, 80);
}

#[test]
fn both_protocols_listen_to_one_connection_to_the_origin() {
    let _machine = beside_others();
    let Some(world) = World::new(&json!({ "stream_seconds": 12, "join_seconds": 5 })) else { return };
    let listen = |protocol| {
        let listening = Listening::to(world.edge.url(""), KEY, 30);
        world.listening(&Listening { refetching: 30, protocol, ..listening })
    };
    let groups = [listen(Protocol::Ofrep), listen(Protocol::Flagsmith)];
    let mut changes = Vec::new();
    for _ in 0..12 {
        changes.push(world.change());
        thread::sleep(Duration::from_millis(1_500));
    }
    for group in &groups {
        group.wait_until_signalled(changes[11].revision, SOON);
        group.wait_until_refetched(SOON);
        let report = Report::new(&group.histories(), &changes, seconds(4), Instant::now() + seconds(4));
        tests::say(&format!("{report}"));
        assert_eq!(faults(&report), [0; 4], "{report}");
    }
    let counts = world.proxy.counts();
    assert!((1..=3).contains(&counts.streams.most), "{counts:?}");
}
