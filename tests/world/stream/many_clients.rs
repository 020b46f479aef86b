//! Two thousand clients of one edge.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tests::machine::alone;
use tests::stream::{Clients, Listening, Reconnect, Report, clients};

use super::world::{KEY, SOON, World, seconds};

/// A browser between two segments comes back within three and a half seconds.
const WITHIN: Duration = Duration::from_secs(8);

/// How many of them ask for the flags at each change. If all did, most would ask late, when it proves little.
const REFETCHING: usize = 400;

#[test]
fn two_thousand_clients() {
    // Three segments may overlap, as by default.
    two_thousand_clients_hear_of(20, json!({ "stream_seconds": 15, "join_seconds": 6 }));
}

#[test]
fn two_thousand_clients_through_segments_of_their_full_length() {
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
    // Servers come back at once, and browsers when they were told to.
    let servers = Listening { clients: 500, refetching: REFETCHING, ..listening.clone() };
    let browsers = Listening { clients: 1_500, reconnect: Reconnect::AfterRetry, ..listening };
    let crowds = [servers, browsers].map(|crowd| clients(&crowd));
    for crowd in &crowds {
        crowd.wait_until_connected(SOON);
    }
    let mut published = Vec::new();
    for _ in 0..changes {
        let next = Instant::now() + seconds(1);
        published.push(world.change());
        thread::sleep(next.saturating_duration_since(Instant::now()));
    }
    for crowd in &crowds {
        crowd.wait_until_told(published[changes - 1].revision, SOON);
        crowd.wait_until_refetched(SOON);
    }

    let histories: Vec<_> = crowds.iter().flat_map(Clients::histories).collect();
    let report = Report::new(&histories, &published, WITHIN, Instant::now() + WITHIN);
    let counts = world.proxy.counts();
    tests::say(&format!("{report}{counts:?}"));
    assert_eq!(report.faults(), Vec::<String>::new());
    assert!((1..=3).contains(&counts.streams.most), "{counts:?}");
    assert!(counts.connections.most <= 3, "{counts:?}");
    // Who waits too long for a segment to begin, as may be on a busy machine, is served without one.
    let alone = report.roles.get("alone").copied().unwrap_or_default();
    assert!(alone * 100 <= report.reconnects, "{report}");
    assert!(report.refetches >= REFETCHING * changes / 2, "{report}");
    assert!(report.ends.keys().all(|end| end == "clean"), "{report}");
    assert!(report.most_reconnects <= world.ended_segments().len(), "{report}");
}
