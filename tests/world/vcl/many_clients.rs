//! Many clients that connect again as soon as a stream ends, through several parts.

use std::thread;
use std::time::{Duration, Instant};

use tests::machine::beside_others;
use tests::stream::{History, Listening, Report};
use tests::{eventually, say};

use super::world::{JOIN, KEY, PART, SOON, World, came_together};

/// Between two changes.
const CHANGES: Duration = Duration::from_millis(500);

#[test]
fn many_clients_have_one_connection_for_each_part() {
    let _machine = beside_others();
    through(100, PART, 2 * PART + JOIN / 2, JOIN / 4);
}

#[test]
fn five_hundred_clients_for_two_minutes() {
    let _machine = beside_others();
    if !tests::is_full() {
        return tests::not_run(tests::ONLY_FULL);
    }
    through(500, Duration::from_secs(40), Duration::from_secs(125), Duration::from_secs(3));
}

/// Clients connect over the time `over`, and changes are made for a time.
fn through(clients: usize, part: Duration, time: Duration, over: Duration) {
    let Some(world) = World::with(part, clients) else { return };
    let begun = Instant::now();
    let group = world.listening(&Listening { over, ..Listening::to(world.varnish.url(), KEY, clients) });
    let mut changes = Vec::new();
    while begun.elapsed() < time {
        let next = Instant::now() + CHANGES;
        changes.push(world.change());
        thread::sleep(next.saturating_duration_since(Instant::now()));
    }
    group.wait_until_signalled(changes[changes.len() - 1].revision, SOON);

    // On a machine that does much else, some notice the end of a part later than others.
    let histories = eventually("all clients have come back equally often", SOON, || {
        let histories = group.histories();
        let reconnects = || histories.iter().map(History::reconnects);
        (reconnects().min() == reconnects().max()).then_some(histories)
    });
    let counts = world.proxy.counts();
    let report = Report::new(&histories, &changes, Duration::from_secs(5), Instant::now());
    say(&format!("{clients} clients of Varnish, parts of {part:?}: {report}{counts:?}"));
    assert_eq!(report.faults(), Vec::<String>::new());
    assert!(report.ends.keys().all(|end| end == "clean"), "{report}");
    // No loops: no client connected again more often than parts ended. All clients went from one part to the next
    // together.
    let most = u32::try_from(report.most_reconnects).unwrap();
    assert!(most >= 2 && part * most <= begun.elapsed(), "{report}");
    if came_together(&histories, part * 3 / 8) {
        assert_eq!(counts.streams.total, u64::from(most) + 1, "{report}");
    } else {
        say(
            "NOT SHOWN: one connection for each part: this machine was too slow to let clients come together",
        );
    }
}
