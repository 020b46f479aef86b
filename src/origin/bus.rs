//! The bus: what replicas of an origin send each other, through Redis.
//!
//! Redis holds the greatest revision of each environment and passes announcements on. No request waits for it: an
//! announcement goes to the streams of this replica at once, and to the other replicas as soon as there is a connection.
//! Redis need not remember either: whenever a connection is made, and every half minute while it lasts, each side gets
//! what the other has and it lacks. So a Redis that comes back empty knows everything again as soon as the replicas have
//! connected, and a replica that starts late knows what was announced before.
//!
//! The name of the bus may lead to another server while the one of before lives on, and nothing cuts the connection to that
//! one. So about every minute a new connection takes the place of the one before.

mod address;
mod link;
mod message;
mod outbox;
mod overlap;
mod session;

use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use api::{EnvironmentKey, Revision};
use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use tokio::time::{Instant, sleep, timeout};

pub use address::{BusAddress, BusAddressError};

use crate::announced::Announcement;
use crate::hub::Hub;
use outbox::Outbox;

/// After a connection that lasted so long the pauses begin anew.
const STEADY: Duration = Duration::from_secs(10);

/// After how long a connection is renewed, more or less.
pub(crate) const RENEWAL: Duration = Duration::from_secs(60);

/// Reasons that are logged of one time that it is down.
const REASONS: usize = 8;

/// The bus of one replica.
pub(crate) struct Bus {
    address: BusAddress,
    log: Box<dyn Fn(&str) + Send + Sync>,
    /// By this name a replica recognises its own messages.
    sender: String,
    /// Batches of messages so far.
    sent: AtomicU64,
    outbox: Outbox,
    renewal: Duration,
    up: Gauge,
    reconnects: Counter,
    has_logged_garbage: AtomicBool,
    has_logged_limit: AtomicBool,
    /// Whether the last attempt to renew the connection failed, which was logged.
    cannot_renew: AtomicBool,
}

/// The replica that a bus connects to the others: its hub, and the latest revision that it takes now.
#[derive(Clone, Copy)]
pub(crate) struct Replica<'a> {
    pub(crate) hub: &'a Hub,
    pub(crate) latest_possible: &'a (dyn Fn() -> Revision + Send + Sync),
}

impl Bus {
    /// Nothing is sent until it [`run`]s. It writes lines about its connection, which is renewed after so long, to `log`.
    pub(crate) fn new(
        address: BusAddress,
        renewal: Duration,
        log: impl Fn(&str) + Send + Sync + 'static,
    ) -> Self {
        if address.is_encrypted() {
            // TLS wants one choice of its cryptography in a process. If it was made before, that choice is fine.
            let _ = rustls::crypto::ring::default_provider().install_default();
        }
        Self {
            address,
            log: Box::new(log),
            sender: format!("{:016x}", fastrand::u64(..)),
            sent: AtomicU64::default(),
            outbox: Outbox::default(),
            renewal,
            up: Gauge::default(),
            reconnects: Counter::default(),
            has_logged_garbage: AtomicBool::default(),
            has_logged_limit: AtomicBool::default(),
            cannot_renew: AtomicBool::default(),
        }
    }

    /// Sends what was announced here to the other replicas. It never waits for them.
    pub(crate) fn announced(&self, key: &EnvironmentKey, announcement: Announcement) {
        self.outbox.add(key, announcement);
    }

    pub(crate) fn is_up(&self) -> bool {
        self.up.get() == 1
    }

    pub(crate) fn metrics(&self) -> Registry {
        let mut registry = Registry::with_prefix("jackstaff_origin_bus");
        registry.register("up", "Whether there is a connection to the bus", self.up.clone());
        registry.register(
            "reconnects",
            "Connections to the bus that were made after one was lost",
            self.reconnects.clone(),
        );
        registry
    }

    /// Waits until the other replicas have what was announced here, as long as there is a connection and time.
    pub(crate) async fn flush(&self, within: Duration) {
        let empty = async {
            while self.is_up() && !self.outbox.is_empty() {
                sleep(Duration::from_millis(5)).await;
            }
        };
        if timeout(within, empty).await.is_err() || !self.outbox.is_empty() {
            self.log("ends before the bus had all that was announced here");
        }
    }

    fn numbered_sender(&self) -> String {
        format!("{}.{}", self.sender, self.sent.fetch_add(1, Ordering::Relaxed))
    }

    fn log(&self, line: &str) {
        (self.log)(line);
    }

    fn log_once(&self, has_logged: &AtomicBool, line: impl FnOnce() -> String) {
        if !has_logged.swap(true, Ordering::Relaxed) {
            self.log(&format!("{}; this is logged once", line()));
        }
    }
}

/// Connects, and connects again, for ever.
pub(crate) async fn run(replica: Replica<'_>, bus: &Bus) -> Infallible {
    let mut pauses = pauses();
    let mut logged = Vec::new();
    let mut connected = 0_u64;
    loop {
        let begun = Instant::now();
        let up = || {
            if connected > 0 {
                bus.reconnects.inc();
            }
            bus.up.set(1);
            bus.log(&format!("the bus {} is up", bus.address));
        };
        let error = session::run(replica, bus, up).await;
        bus.cannot_renew.store(false, Ordering::Relaxed);
        let was_up = bus.up.set(0) == 1;
        if was_up {
            connected += 1;
            logged.clear();
        }
        if was_up && begun.elapsed() >= STEADY {
            pauses = self::pauses();
        }
        let why = error.to_string();
        // For days it may be down for one reason now and for another then.
        if !logged.contains(&why) && logged.len() < REASONS {
            let address = &bus.address;
            bus.log(&format!(
                "the bus {address} is down, so other replicas hear nothing until it is up: {why}"
            ));
            logged.push(why);
        }
        sleep(pauses.next().unwrap_or(STEADY)).await;
    }
}

/// Replicas lose Redis at the same moment. Chance keeps them from connecting again at the same moment.
fn pauses() -> ExponentialBackoff {
    let builder = ExponentialBuilder::default().with_jitter().without_max_times();
    builder.with_min_delay(Duration::from_millis(50)).with_max_delay(Duration::from_secs(2)).build()
}
