//! An edge with the demo environment, an origin, and a proxy between them.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;
use tests::proxy::{Proxy, proxy};
use tests::stream::{Change, Clients, Connection, End, Listening, Report, clients, publish, variant};
use tests::{Edge, Origin, edge_with_origin, fixture, origin, tools};

pub(crate) const KEY: &str = "demo-environment-key";

/// How long clients may take to connect on a busy machine.
pub(crate) const SOON: Duration = Duration::from_secs(30);

pub(crate) const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(crate) struct World {
    pub(crate) edge: Edge,
    pub(crate) proxy: Proxy,
    pub(crate) origin: Option<Origin>,
    published: AtomicUsize,
}

impl World {
    /// With the demo environment, if the programs are there.
    pub(crate) fn new(settings: &Value) -> Option<World> {
        let tools = tools()?;
        let origin = origin(&tools);
        let proxy = proxy(&origin.url());
        let edge = edge_with_origin(&tools, settings, &proxy.url());
        let world = World { edge, proxy, origin: Some(origin), published: AtomicUsize::default() };
        world.change();
        Some(world)
    }

    pub(crate) fn clients(&self, count: usize) -> Clients {
        self.clients_of(KEY, count)
    }

    pub(crate) fn clients_of(&self, key: &str, count: usize) -> Clients {
        self.listening(&Listening::to(self.edge.url(""), key, count))
    }

    /// Starts clients, and waits until all of them listen.
    pub(crate) fn listening(&self, listening: &Listening) -> Clients {
        let clients = clients(listening);
        clients.wait_until_connected(listening.over + SOON);
        clients
    }

    /// Publishes a change: put, read back, purge, announce.
    #[track_caller]
    pub(crate) fn change(&self) -> Change {
        self.change_of(KEY)
    }

    /// Publishes a change of another environment, which is the same but for its key.
    #[track_caller]
    pub(crate) fn change_of(&self, key: &str) -> Change {
        let origin = self.origin.as_ref().map(Origin::url);
        publish(&self.edge.url(""), origin.as_deref(), &self.document(key))
    }

    /// Publishes a change without an announcement.
    #[track_caller]
    pub(crate) fn change_in_silence(&self, key: &str) -> Change {
        publish(&self.edge.url(""), None, &self.document(key))
    }

    /// The demo, different each time.
    fn document(&self, key: &str) -> Value {
        let n = self.published.fetch_add(1, Ordering::Relaxed);
        let mut document = variant(&fixture("demo.json"), n);
        document["api_key"] = key.into();
        document
    }
}

impl World {
    /// For each part that has ended, according to the edge's log: the requests to the origin that it made.
    pub(crate) fn ended_parts(&self) -> Vec<u64> {
        let log = self.edge.log();
        let ended = log.split(" ended after ").skip(1).filter_map(|line| {
            // Milliseconds, those of vCPU, events, looks at the KV store, requests.
            let numbers =
                line.split(|other: char| !other.is_ascii_digit()).filter(|number| !number.is_empty());
            numbers.map(str::parse).nth(4)?.ok()
        });
        ended.collect()
    }

    /// Checks that no client connected again more often than parts ended, and that each stream that ended did so
    /// cleanly and lasted as long as the rest of a part that was joined as late as possible.
    #[track_caller]
    pub(crate) fn assert_no_stream_was_cut_short(&self, clients: &Clients, shortest: Duration) {
        let parts = self.ended_parts().len();
        for (client, history) in clients.histories().iter().enumerate() {
            let ended: Vec<(Duration, &End)> = history.connections.iter().filter_map(lasted).collect();
            let is_short = |(lasted, _): &(Duration, &End)| *lasted + Duration::from_millis(500) < shortest;
            assert!(ended.iter().all(|(_, end)| **end == End::Clean), "client {client}: {ended:?}");
            assert!(!ended.iter().any(is_short), "client {client}: {ended:?}, {parts} parts");
            assert!(ended.len() <= parts, "client {client}: {ended:?}, {parts} parts");
        }
    }
}

fn lasted(connection: &Connection) -> Option<(Duration, &End)> {
    let (ended, end) = connection.ended.as_ref()?;
    Some((*ended - connection.opened.unwrap_or(*ended), end))
}

/// The report of changes that clients had to receive within a time, after that time.
pub(crate) fn report(clients: &Clients, changes: &[Change], within: Duration) -> Report {
    clients.wait_until_refetched(SOON);
    Report::new(&clients.histories(), changes, within, Instant::now() + within)
}
