//! What an origin counts, and its text at `/metrics`.

use std::fmt;

use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

/// OpenMetrics, which Prometheus reads as its own form.
pub(crate) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// An origin's own metrics, none with a label.
pub(crate) struct Metrics {
    registry: Registry,
    pub(crate) announcements: Counter,
    pub(crate) announcements_ahead: Counter,
    pub(crate) announcements_refused: Counter,
    pub(crate) triggers: Counter,
    pub(crate) triggers_refused: Counter,
    pub(crate) environments: Gauge,
    pub(crate) open_streams: Gauge,
    pub(crate) streams: Counter,
    pub(crate) streams_refused: Counter,
    pub(crate) streams_without_token: Counter,
    pub(crate) signals: Counter,
    pub(crate) fan_out: Histogram,
    pub(crate) open_connections: Gauge,
    pub(crate) strangers: Gauge,
    pub(crate) connections: Counter,
    pub(crate) connections_closed: Counter,
    pub(crate) requests_refused: Counter,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let metrics = Self {
            registry: Registry::with_prefix("jackstaff_origin"),
            announcements: Counter::default(),
            announcements_ahead: Counter::default(),
            announcements_refused: Counter::default(),
            triggers: Counter::default(),
            triggers_refused: Counter::default(),
            environments: Gauge::default(),
            open_streams: Gauge::default(),
            streams: Counter::default(),
            streams_refused: Counter::default(),
            streams_without_token: Counter::default(),
            signals: Counter::default(),
            // From one stream (a fraction of a millisecond) to as many as an origin can hold: 0.25 ms to 8 s.
            fan_out: Histogram::new(exponential_buckets(0.000_25, 2.0, 16)),
            open_connections: Gauge::default(),
            strangers: Gauge::default(),
            connections: Counter::default(),
            connections_closed: Counter::default(),
            requests_refused: Counter::default(),
        };
        metrics.registered().with_connections()
    }

    /// Counters get the ending `_total` where they are written.
    fn registered(mut self) -> Self {
        let registry = &mut self.registry;
        registry.register(
            "announcements",
            "Changes announced, here or at another replica",
            self.announcements.clone(),
        );
        registry.register(
            "announcements_ahead",
            "Announcements that were more than ten seconds ahead of this clock, here or at another replica",
            self.announcements_ahead.clone(),
        );
        registry.register(
            "announcements_refused",
            "Announcements refused, for any reason",
            self.announcements_refused.clone(),
        );
        registry.register(
            "triggers",
            "Calls that made this process look for a change",
            self.triggers.clone(),
        );
        registry.register(
            "triggers_refused",
            "Webhooks refused, for any reason",
            self.triggers_refused.clone(),
        );
        registry.register(
            "environments",
            "Environments announced since the start",
            self.environments.clone(),
        );
        registry.register("open_streams", "Streams that are open", self.open_streams.clone());
        registry.register("streams", "Streams opened since the start", self.streams.clone());
        registry.register(
            "streams_refused",
            "Streams refused, because a limit was reached or the origin was ending",
            self.streams_refused.clone(),
        );
        registry.register(
            "streams_without_token",
            "Requests for streams refused, because they had no edge token or a wrong one",
            self.streams_without_token.clone(),
        );
        registry.register("signals", "Events written to streams", self.signals.clone());
        registry.register(
            "fan_out_seconds",
            "From an announcement until the last stream that was up to date has taken it or a later one",
            self.fan_out.clone(),
        );
        self
    }

    fn with_connections(mut self) -> Self {
        let registry = &mut self.registry;
        registry.register("open_connections", "Connections that are open", self.open_connections.clone());
        registry.register(
            "strangers",
            "Connections that are open, have shown no token and are no streams",
            self.strangers.clone(),
        );
        registry.register("connections", "Connections since the start", self.connections.clone());
        registry.register(
            "connections_closed",
            "Connections closed because others needed their place",
            self.connections_closed.clone(),
        );
        registry.register(
            "requests_refused",
            "Requests refused because their address had too many connections or requests",
            self.requests_refused.clone(),
        );
        self
    }

    /// The text of these metrics and of other registries.
    ///
    /// # Errors
    ///
    /// None: writing to a text in memory does not fail.
    pub(crate) fn text(&self, others: &[Registry]) -> Result<String, fmt::Error> {
        let mut text = String::new();
        for registry in [&self.registry].into_iter().chain(others) {
            encode_registry(&mut text, registry)?;
        }
        encode_eof(&mut text)?;
        Ok(text)
    }
}
