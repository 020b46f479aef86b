//! The bus: what replicas of an origin tell each other, through Redis.
//!
//! Redis holds the greatest revision of each environment and passes announcements on. It is never waited for: an
//! announcement is taken and told to the streams here, and comes to the others as soon as there is a connection. Nor is
//! it trusted to remember: whenever there is a connection again, and now and then while there is one, each side gets
//! what the other has and it lacks. So a Redis that comes back empty knows all again as soon as the replicas are back,
//! and a replica that starts late knows what the others were told.

mod address;
mod message;
mod session;
mod waiting;

use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use api::{EnvironmentKey, Revision};
use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use tokio::time::{Instant, sleep, timeout};

pub use address::{BusAddress, BusAddressError};

use crate::state::Origin;
use waiting::Waiting;

/// After a connection that lasted so long the pauses begin anew.
const STEADY: Duration = Duration::from_secs(10);

/// Reasons told of one time that it is down.
const REASONS: usize = 8;

/// What the bus of one replica has in hand.
pub(crate) struct Bus {
    address: BusAddress,
    say: Box<dyn Fn(&str) + Send + Sync>,
    /// How others know what this replica sent, and it itself what it need not hear.
    sender: String,
    waiting: Waiting,
    up: Gauge,
    reconnects: Counter,
    said_garbage: AtomicBool,
    said_full: AtomicBool,
}

impl Bus {
    /// Nothing goes on until it [`run`]s. What there is to say goes to `say`, a line each.
    pub(crate) fn new(address: BusAddress, say: impl Fn(&str) + Send + Sync + 'static) -> Self {
        if address.is_encrypted() {
            // TLS asks for a choice of how it is done, once in a process; whoever made it before is right.
            let _ = rustls::crypto::ring::default_provider().install_default();
        }
        Self {
            address,
            say: Box::new(say),
            sender: format!("{:016x}", fastrand::u64(..)),
            waiting: Waiting::default(),
            up: Gauge::default(),
            reconnects: Counter::default(),
            said_garbage: AtomicBool::default(),
            said_full: AtomicBool::default(),
        }
    }

    /// What was taken here, for the others. It never waits for them.
    pub(crate) fn announced(&self, key: &EnvironmentKey, revision: Revision) {
        self.waiting.add(key, revision);
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

    /// Waits until the others have what was announced here, as long as there is a connection, and not for long.
    pub(crate) async fn flush(&self, patience: Duration) {
        let empty = async {
            while self.is_up() && !self.waiting.is_empty() {
                sleep(Duration::from_millis(5)).await;
            }
        };
        if timeout(patience, empty).await.is_err() || !self.waiting.is_empty() {
            self.say("ends before the bus had all that was announced here");
        }
    }

    fn say(&self, line: &str) {
        (self.say)(line);
    }

    fn say_once(&self, said: &AtomicBool, line: impl FnOnce() -> String) {
        if !said.swap(true, Ordering::Relaxed) {
            self.say(&format!("{}; said once", line()));
        }
    }
}

/// Connects, and connects again, for ever.
pub(crate) async fn run(origin: &Origin, bus: &Bus) -> Infallible {
    let mut pauses = pauses();
    let mut said = Vec::new();
    let mut connected = 0_u64;
    loop {
        let begun = Instant::now();
        let up = || {
            if connected > 0 {
                bus.reconnects.inc();
            }
            bus.up.set(1);
            bus.say(&format!("the bus {} is up", bus.address));
        };
        let lost = session::run(origin, bus, up).await;
        let was_up = bus.up.set(0) == 1;
        if was_up {
            connected += 1;
            said.clear();
        }
        if was_up && begun.elapsed() >= STEADY {
            pauses = self::pauses();
        }
        let why = lost.to_string();
        // It may be down for one reason now and another then, for days.
        if !said.contains(&why) && said.len() < REASONS {
            let address = &bus.address;
            bus.say(&format!(
                "the bus {address} is down, so other replicas hear nothing until it is up: {why}"
            ));
            said.push(why);
        }
        sleep(pauses.next().unwrap_or(STEADY)).await;
    }
}

/// Replicas lose Redis at the same moment and should not come back at the same one.
fn pauses() -> ExponentialBackoff {
    let builder = ExponentialBuilder::default().with_jitter().without_max_times();
    builder.with_min_delay(Duration::from_millis(50)).with_max_delay(Duration::from_secs(2)).build()
}
