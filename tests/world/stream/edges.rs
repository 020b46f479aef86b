//! Several edges, each with its own KV store, to which a change comes at different times.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;
use tests::machine::beside_others;
use tests::proxy::{Proxy, proxy};
use tests::stream::{Bundles, Change, Clients, History, Listening, Report, Stores, clients, variant};
use tests::{Edge, edge_with_origin, fixture, origin, tools};

use super::world::{KEY, SOON, seconds};

/// Milliseconds after the signal when the KV store of each edge has a change.
const DELAYS: [u64; 3] = [0, 500, 3_000];
/// Changes come in pairs: a slow refresher that has read the first one could overwrite the second one in the cache,
/// after clients were signalled the second.
const PAIRS: usize = 6;
const APART: Duration = Duration::from_millis(60);
const CLIENTS: usize = 30;
/// The readers of each edge: while the request of one refreshes the copy, others read.
const READERS: usize = 3;

#[test]
fn no_client_reads_an_older_revision_than_the_signalled_one() {
    // Half of the refreshers are slow: only slow ones could insert an older copy after a newer one. A hold of a tenth
    // of a second is slow enough, but meets the critical moments less often.
    no_client_reads_an_older_revision(300, 50);
}

#[test]
fn all_refreshers_are_held_for_a_tenth_of_a_second() {
    no_client_reads_an_older_revision(100, 100);
}

#[test]
fn refreshers_are_held_for_shorter_times() {
    if !tests::is_full() {
        return tests::not_run(tests::ONLY_FULL);
    }
    for (hold, percent) in [(100, 50), (0, 0)] {
        no_client_reads_an_older_revision(hold, percent);
    }
}

/// `percent` of the refreshers wait for `hold` milliseconds between their last read of the KV store and their insertion.
fn no_client_reads_an_older_revision(hold: u64, percent: u8) {
    let _machine = beside_others();
    let fault = json!({ "hold_ms": hold, "percent": percent, "tireless": true });
    let settings = json!({ "fresh": 1, "stream_seconds": 12, "join_seconds": 5, "fault": fault });
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
    let groups: Vec<Clients> = edges.iter().map(|(edge, _)| listen(edge)).collect();
    let stores = DELAYS.map(Duration::from_millis);
    let stores = Stores::of(edges.iter().map(|(edge, _)| edge.url("")).zip(stores));

    let over = AtomicBool::new(false);
    let mut changes: Vec<Change> = Vec::new();
    let mut reads: Vec<[Vec<Read>; READERS]> = Vec::new();
    thread::scope(|scope| {
        let over = &over;
        let mut readers = Vec::new();
        for (edge, _) in &edges {
            readers.push([(); READERS].map(|()| scope.spawn(move || read_again_and_again(edge, over))));
        }
        for n in 0..PAIRS {
            let next = Instant::now() + Duration::from_millis(1_500);
            for n in [2 * n, 2 * n + 1] {
                let bundle = bundles.make(&variant(&fixture("demo.json"), n));
                changes.push(stores.publish(&origin.url(), &bundle));
                thread::sleep(APART);
            }
            thread::sleep(next.saturating_duration_since(Instant::now()));
        }
        let last = changes[changes.len() - 1].revision;
        stores.settle();
        for clients in &groups {
            clients.wait_until_signalled(last, SOON);
            clients.wait_until_refetched(SOON);
        }
        over.store(true, Ordering::Relaxed);
        let joined = readers.into_iter().map(|readers| readers.map(|reader| reader.join().unwrap()));
        reads = joined.collect();
    });
    for ((clients, reads), delay) in groups.iter().zip(&reads).zip(DELAYS) {
        let too_old: Vec<String> = reads.iter().flat_map(|reads| too_old(clients, reads)).collect();
        assert_eq!(too_old, Vec::<String>::new(), "KV store {delay} ms after the signal");
    }

    for ((clients, (_, proxy)), delay) in groups.iter().zip(&edges).zip(DELAYS) {
        // A gate looks once a second at most.
        let within = Duration::from_millis(delay) + seconds(4);
        let report = Report::new(&clients.histories(), &changes, within, Instant::now() + within);
        tests::say(&format!("KV store {delay} ms after the signal: {report}"));
        assert_eq!(report.faults(), Vec::<String>::new(), "{delay}");
        assert!(report.refetches >= CLIENTS * PAIRS, "{report}");
        // No client can receive a change before the store has it.
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

/// A read of a client that does not listen.
struct Read {
    asked: Instant,
    revision: u64,
    source: String,
}

/// Reads all the time, so that copies are refreshed whenever they have expired.
fn read_again_and_again(edge: &Edge, over: &AtomicBool) -> Vec<Read> {
    let mut reads = Vec::new();
    while !over.load(Ordering::Relaxed) {
        let asked = Instant::now();
        let answer = edge.get("/api/v1/flags/", KEY);
        assert_eq!(answer.status, 200, "{answer:?}");
        let revision = answer.header("jackstaff-revision").parse().unwrap();
        reads.push(Read { asked, revision, source: answer.header("jackstaff-source").to_owned() });
        thread::sleep(Duration::from_millis(5));
    }
    reads
}

/// The reads that found an older revision than one that was signalled to a client of the same edge before.
fn too_old(clients: &Clients, reads: &[Read]) -> Vec<String> {
    let histories = clients.histories();
    let mut signalled: Vec<(Instant, u64)> =
        histories.iter().flat_map(History::heard).map(|heard| (heard.at, heard.revision)).collect();
    signalled.sort_unstable();
    let mut signalled = signalled.into_iter().peekable();
    let mut latest = 0;
    let mut too_old = Vec::new();
    for Read { asked, revision, source } in reads {
        while let Some((_, revision)) = signalled.next_if(|(at, _)| at < asked) {
            latest = latest.max(revision);
        }
        if *revision < latest {
            too_old.push(format!("read {revision} ({source}) after {latest} was signalled"));
        }
    }
    too_old
}
