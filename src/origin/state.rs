//! What all requests share.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use api::{EnvironmentKey, Revision, Secret};
use jiff::Timestamp;
use tokio::sync::Semaphore;

use crate::announced::Announcement;
use crate::bus::{Bus, BusAddress, RENEWAL};
use crate::client_address::TrustedProxy;
use crate::connections::{Bounds, Connections};
use crate::control::Control;
use crate::edge_tokens::EdgeTokens;
use crate::hub::{Hub, HubError, Limits};
use crate::metrics::Metrics;
use crate::queue_change::revision;
use crate::stream_part::StreamPart;
use crate::webhook::KEPT_TOGETHER;

/// How many seconds ahead of this clock an announcement may be.
///
/// A publisher stamps the later of "now" and the stored revision plus one, so the stamp may be seconds ahead after changes
/// in quick succession; and clocks differ a little. If such a stamp were passed on as "now", an edge would look at the KV
/// store, find the older revision, which is as new as the signal says, and not wait for the other. This much lead bounds
/// what a wrong clock can do: for ten seconds other changes are signalled under its number. An announcement beyond it is
/// passed on as the latest possible revision and marked as ahead, so that edges look all the same.
const LEAD: u64 = 10;

/// How an origin is set up.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The token that announcements must carry. Without it anybody may announce.
    pub token: Option<Secret>,
    /// The tokens of edges, one of which each stream needs. Without them anybody may open streams.
    pub edge_tokens: Option<EdgeTokens>,
    /// The secret that Flagsmith signs webhooks with. Without it there are no routes for them.
    pub webhook_secret: Option<Secret>,
    /// How many streams may be open before more are refused.
    pub max_streams: usize,
    /// How many environments may be announced before new ones are refused. As many again may be listened to without
    /// having been announced.
    pub max_environments: usize,
    /// How many connections may be open beside streams and those that are at work for a token: two thirds of them for those
    /// that have shown no token, of which a new one takes the place of the one that has been silent for longest.
    pub max_connections: usize,
    /// How many connections one address may have, streams among them, that have shown no token.
    pub max_per_address: usize,
    /// Whose `X-Forwarded-For` is believed. Their connections are not counted for their address, but each request for the one
    /// that it comes from.
    pub trusted_proxies: Vec<TrustedProxy>,
    /// How long a stream lasts, for caches that hand it on to clients. Without it streams are endless, as edges need them.
    pub stream_part: Option<StreamPart>,
}

impl Default for Settings {
    /// No tokens, no webhooks; endless streams, 50,000, about 600 MB; 10,000 environments: more than any installation has,
    /// and a few megabytes at most for made-up keys. 1,536 other connections, 1,024 of them of strangers: of ten thousand new ones
    /// a second, each has a tenth of a second to show a token. 1,000 of an address: more than an office or a
    /// monitor opens, and a fiftieth of the streams.
    fn default() -> Self {
        Self {
            token: None,
            edge_tokens: None,
            webhook_secret: None,
            max_streams: 50_000,
            max_environments: 10_000,
            max_connections: 1_536,
            max_per_address: 1_000,
            trusted_proxies: Vec::new(),
            stream_part: None,
        }
    }
}

/// A running origin: its settings, its hub and its clock. Clones are the same origin.
#[derive(Clone)]
pub struct Origin(Arc<Inner>);

struct Inner {
    token: Option<Secret>,
    edge_tokens: Option<EdgeTokens>,
    webhook_secret: Option<Secret>,
    stream_part: Option<StreamPart>,
    trusted_proxies: Vec<TrustedProxy>,
    hub: Arc<Hub>,
    connections: Arc<Connections>,
    clock: Box<dyn Fn() -> Timestamp + Send + Sync>,
    control: OnceLock<Arc<dyn Control>>,
    bus: OnceLock<Bus>,
    /// A permit for each byte.
    room_for_webhooks: Semaphore,
}

impl Origin {
    /// An origin that looks at the clock of the machine.
    pub fn new(settings: Settings) -> Self {
        Self::with_clock(settings, Timestamp::now)
    }

    /// An origin with another clock.
    pub fn with_clock(settings: Settings, clock: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        let limits = Limits { streams: settings.max_streams, environments: settings.max_environments };
        let bounds = Bounds::of(settings.max_connections, settings.max_per_address);
        let metrics = Arc::new(Metrics::new());
        Self(Arc::new(Inner {
            token: settings.token,
            edge_tokens: settings.edge_tokens,
            webhook_secret: settings.webhook_secret,
            stream_part: settings.stream_part,
            trusted_proxies: settings.trusted_proxies,
            connections: Arc::new(Connections::new(bounds, Arc::clone(&metrics))),
            hub: Arc::new(Hub::new(limits, metrics)),
            clock: Box::new(clock),
            control: OnceLock::new(),
            bus: OnceLock::new(),
            room_for_webhooks: Semaphore::new(KEPT_TOGETHER),
        }))
    }

    /// The same origin, from now on with a publisher in the same process. There is one at most: the first stays.
    #[must_use]
    pub fn with_control(self, control: Arc<dyn Control>) -> Self {
        let _ = self.0.control.set(control);
        self
    }

    /// Takes an announcement, and passes it on to all streams of the environment, at whichever replica they are. It
    /// returns at once.
    ///
    /// # Errors
    ///
    /// [`HubError`] for an environment beyond the limit; those known already are still served.
    pub fn announce(&self, key: &EnvironmentKey, revision: Revision) -> Result<(), HubError> {
        let announcement = Announcement::at_most(self.latest_possible(), revision);
        let stands = self.0.hub.announce(key, announcement)?;
        if let Some(bus) = self.bus() {
            bus.announced(key, stands);
        }
        Ok(())
    }

    /// The same origin, from now on as one of several that share what is announced over a bus. There is one at most:
    /// the first stays. It connects while the origin [`run`](crate::run)s, and writes lines about its connection to `log`.
    #[must_use]
    pub fn with_bus(self, address: BusAddress, log: impl Fn(&str) + Send + Sync + 'static) -> Self {
        self.with_bus_renewed(address, RENEWAL, log)
    }

    /// The same, with a connection that is renewed after so long, more or less, instead of a minute.
    #[must_use]
    pub fn with_bus_renewed(
        self,
        address: BusAddress,
        after: Duration,
        log: impl Fn(&str) + Send + Sync + 'static,
    ) -> Self {
        let _ = self.0.bus.set(Bus::new(address, after, log));
        self
    }

    /// Whether announcements are taken from anybody, because no token is configured. A program that starts such an origin
    /// has to warn of it.
    pub fn accepts_everyone(&self) -> bool {
        self.0.token.is_none()
    }

    /// Aborts all streams, takes no new ones, and is no longer ready. Other requests are still answered.
    pub(crate) fn end(&self) {
        self.0.hub.end();
    }

    pub(crate) fn hub(&self) -> &Arc<Hub> {
        &self.0.hub
    }

    pub(crate) fn connections(&self) -> &Arc<Connections> {
        &self.0.connections
    }

    pub(crate) fn trusted_proxies(&self) -> &[TrustedProxy] {
        &self.0.trusted_proxies
    }

    pub(crate) fn metrics(&self) -> &Metrics {
        self.0.hub.metrics()
    }

    pub(crate) fn control(&self) -> Option<&dyn Control> {
        self.0.control.get().map(Arc::as_ref)
    }

    pub(crate) fn bus(&self) -> Option<&Bus> {
        self.0.bus.get()
    }

    pub(crate) fn token(&self) -> Option<&Secret> {
        self.0.token.as_ref()
    }

    pub(crate) fn edge_tokens(&self) -> Option<&EdgeTokens> {
        self.0.edge_tokens.as_ref()
    }

    pub(crate) fn webhook_secret(&self) -> Option<&Secret> {
        self.0.webhook_secret.as_ref()
    }

    /// Room for the bodies of webhooks that are coming.
    pub(crate) fn room_for_webhooks(&self) -> &Semaphore {
        &self.0.room_for_webhooks
    }

    pub(crate) fn stream_part(&self) -> Option<StreamPart> {
        self.0.stream_part
    }

    /// The latest revision that an announcement is taken for.
    pub(crate) fn latest_possible(&self) -> Revision {
        Revision(revision((self.0.clock)()).0 + LEAD)
    }
}
