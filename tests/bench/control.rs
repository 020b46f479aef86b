//! From an edit in Flagsmith to the apps that have it, over `jackstaff serve` and three edges.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;
use tests::Tools;
use tests::stack::{StackOptions, Trigger, key, stack};
use tests::stream::{Clients, History, Listening, Report, clients};

use crate::figure;

/// Of each of three edges.
const CLIENTS: usize = 100;
const CHANGES: usize = 20;
/// Coprime to the seconds between two polls, so that edits come at all moments between them.
const BETWEEN: Duration = Duration::from_millis(1_700);
const POLL: u64 = 2;
const SOON: Duration = Duration::from_secs(60);

pub(crate) fn delays(tools: &Tools) {
    for (name, trigger, poll) in [
        ("webhook", Trigger::Webhook, 10),
        ("queue_change", Trigger::QueueChange, 10),
        ("polled", Trigger::Nothing, POLL),
    ] {
        delays_by(tools, name, trigger, poll);
    }
}

fn delays_by(tools: &Tools, name: &str, trigger: Trigger, poll: u64) {
    let stack = stack(
        tools,
        &StackOptions { environments: 10, trigger, poll, quirks: false, ..StackOptions::default() },
    );
    let groups: Vec<Clients> = stack.edges.iter().map(|edge| listen(&edge.url(""))).collect();
    for (n, group) in groups.iter().enumerate() {
        let first = stack.served(n, 0).expect("the environment is served");
        group.wait_until_signalled(first.revision, SOON);
        group.wait_until_refetched(SOON);
    }
    let mut edits = Vec::new();
    for n in 1..=CHANGES {
        let next = Instant::now() + BETWEEN;
        edits.push((json!(n), stack.edit(0, &json!(n))));
        thread::sleep(next.saturating_duration_since(Instant::now()));
    }
    stack.wait_until_served(0, &json!(CHANGES), SOON);
    let changes = stack.changes(0, &edits);
    for group in &groups {
        group.wait_until_signalled(changes.last().expect("a change").revision, SOON);
        group.wait_until_refetched(SOON);
    }
    let histories: Vec<History> = groups.iter().flat_map(Clients::histories).collect();
    let report = Report::new(&histories, &changes, SOON, Instant::now());
    assert_eq!(report.faults(), Vec::<String>::new());
    let promised = if trigger == Trigger::Nothing { poll + 1 } else { 1 };
    let details = json!({
        "clients": groups.len() * CLIENTS,
        "edges": groups.len(),
        "changes": changes.len(),
        "delays": report.until_read.json(),
        "until_heard": report.from_publication.json(),
        "poll_seconds": poll,
        "at_most": promised * 1_000,
        "measured": "from the edit in Flagsmith until a client has the flags of it; p99",
    });
    figure(&format!("control_{name}_delay"), report.until_read.p99, "ms", &details);
}

fn listen(edge: &str) -> Clients {
    let listening = Listening { refetching: CLIENTS, ..Listening::to(edge, &key(0), CLIENTS) };
    clients(&Listening { over: Duration::from_secs(1), ..listening })
}
