//! Two thousand clients of one edge.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tests::machine::alone;
use tests::stream::{Clients, Listening, Reconnect, Report, clients};

use super::world::{KEY, SOON, World, seconds};

/// A browser between two parts comes back within three and a half seconds.
const WITHIN: Duration = Duration::from_secs(8);

/// How many of them ask for the flags at each change. If all did, most requests would come late, and prove little.
const REFETCHING: usize = 400;

#[test]
fn two_thousand_clients() {
    // Three parts may overlap, as by default.
    two_thousand_clients_hear_of(20, json!({ "stream_seconds": 15, "join_seconds": 6 }));
}

#[test]
fn two_thousand_clients_through_parts_of_the_default_length() {
    if !tests::is_full() {
        return tests::not_run(tests::ONLY_FULL);
    }
    two_thousand_clients_hear_of(100, json!({}));
}

fn two_thousand_clients_hear_of(changes: usize, mut settings: Value) {
    let _alone = alone();
    settings["fault"] = json!({ "tireless": true });
    let Some(world) = World::new(&settings) else { return };
    let listening = Listening { over: seconds(3), ..Listening::to(world.edge.url(""), KEY, 0) };
    // Servers connect again at once, browsers after the `retry` time of the stream.
    let servers = Listening { clients: 500, refetching: REFETCHING, ..listening.clone() };
    let browsers = Listening { clients: 1_500, reconnect: Reconnect::AfterRetry, ..listening };
    let groups = [servers, browsers].map(|group| clients(&group));
    for group in &groups {
        group.wait_until_connected(SOON);
    }
    let mut published = Vec::new();
    for _ in 0..changes {
        let next = Instant::now() + seconds(1);
        published.push(world.change());
        thread::sleep(next.saturating_duration_since(Instant::now()));
    }
    for group in &groups {
        group.wait_until_signalled(published[changes - 1].revision, SOON);
        group.wait_until_refetched(SOON);
    }

    let histories: Vec<_> = groups.iter().flat_map(Clients::histories).collect();
    let report = Report::new(&histories, &published, WITHIN, Instant::now() + WITHIN);
    let counts = world.proxy.counts();
    tests::say(&format!("{report}{counts:?}"));
    assert_eq!(report.faults(), Vec::<String>::new());
    assert!((1..=3).contains(&counts.streams.most), "{counts:?}");
    assert!(counts.connections.most <= 3, "{counts:?}");
    // A client that waits too long for a part to begin, as on a busy machine, is served alone.
    let alone = report.roles.get("alone").copied().unwrap_or_default();
    assert!(alone * 100 <= report.reconnects, "{report}");
    assert!(report.refetches >= REFETCHING * changes / 2, "{report}");
    assert!(report.ends.keys().all(|end| end == "clean"), "{report}");
    assert!(report.most_reconnects <= world.ended_parts().len(), "{report}");
}
