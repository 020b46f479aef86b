//! The delay from a change to the clients: through the edge, and directly from the origin, in the same run.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tests::proxy::proxy;
use tests::stream::{Clients, Delays, Listening, Report, clients, publish, variant};
use tests::{Tools, edge_with_origin, fixture, origin};

use crate::figure;

const KEY: &str = "demo-environment-key";
const CHANGES: usize = 20;
const BETWEEN: Duration = Duration::from_secs(1);
/// Clients of the origin itself: enough for a median, and too few to keep it busy.
const STRAIGHT: usize = 20;
const SOON: Duration = Duration::from_secs(30);

pub(crate) fn delays(tools: &Tools) {
    for count in [200, 2_000] {
        delays_of(tools, count);
    }
}

fn delays_of(tools: &Tools, count: usize) {
    let origin = origin(tools);
    let proxy = proxy(&origin.url());
    let edge = edge_with_origin(tools, &json!({}), &proxy.url());
    let document = fixture("demo.json");
    publish(&edge.url(""), None, &document);
    let over = Duration::from_millis(count as u64);
    let listen = |url: String, count| {
        let clients = clients(&Listening { over, ..Listening::to(url, KEY, count) });
        clients.wait_until_connected(SOON);
        clients
    };
    let through = listen(edge.url(""), count);
    let straight = listen(origin.url(), STRAIGHT);
    let mut changes = Vec::new();
    for n in 1..=CHANGES {
        let next = Instant::now() + BETWEEN;
        changes.push(publish(&edge.url(""), Some(&origin.url()), &variant(&document, n)));
        thread::sleep(next.saturating_duration_since(Instant::now()));
    }
    through.wait_until_signalled(changes[CHANGES - 1].revision, SOON);
    let report = |clients: &Clients| {
        Report::new(&clients.histories(), &changes, Duration::from_secs(5), Instant::now())
    };
    let (through, straight) = (report(&through), report(&straight));
    assert_eq!(through.faults(), Vec::<String>::new());

    let details = |measured: &str, delays: &Delays| -> Value {
        json!({ "clients": count, "changes": CHANGES, "delays": delays.json(), "measured": measured })
    };
    let whole = through.from_publication;
    let measured =
        "from the beginning of the publication (put, read back, purge, announce) to the client; p99";
    figure(&format!("stream_{count}_clients_delay"), whole.p99, "ms", &details(measured, &whole));
    let announced = through.from_announcement;
    let measured = "from the announcement to the client; p99";
    figure(&format!("stream_{count}_clients_signal"), announced.p99, "ms", &details(measured, &announced));
    let added = json!({
        "clients": count,
        "through_the_edge": announced.json(),
        "straight": straight.from_announcement.json(),
        "measured": format!("median from the announcement, less that of {STRAIGHT} clients of the origin itself"),
    });
    let difference = announced.p50 - straight.from_announcement.p50;
    figure(&format!("stream_{count}_clients_added"), difference, "ms", &added);
    let streams = proxy.counts().streams;
    #[expect(clippy::cast_precision_loss, reason = "a number of this size is exact")]
    let most = streams.most as f64;
    let measured = "streams of the edge at the origin, the most at any time";
    let details = json!({ "clients": count, "in_all": streams.total, "measured": measured });
    figure(&format!("stream_{count}_clients_origin_streams"), most, "streams", &details);
}
