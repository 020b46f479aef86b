//! What a collector counts, and its text at `/metrics`.

use std::sync::Mutex;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::batch::Kind;

/// OpenMetrics, which Prometheus reads as its own form.
pub(crate) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Of {
    kind: &'static str,
}

#[derive(Default)]
pub(crate) struct Metrics {
    registry: Registry,
    pub(crate) lines: Counter,
    pub(crate) lines_duplicate: Counter,
    pub(crate) lines_foreign: Counter,
    pub(crate) requests: Counter,
    pub(crate) requests_refused: Counter,
    pub(crate) spool_full: Counter,
    pub(crate) spool_errors: Counter,
    pub(crate) spool_bytes: Gauge<u64, AtomicU64>,
    accepted: Family<Of, Counter>,
    forwarded: Family<Of, Counter>,
    pub(crate) failures: Counter,
    pub(crate) set_aside: Counter,
    pub(crate) dropped: Counter,
    pub(crate) events_rejected: Counter,
    pub(crate) events_without_server: Counter,
    /// When something was accepted.
    forwarded_at: Mutex<Option<Instant>>,
}

impl Metrics {
    pub(crate) fn new() -> Metrics {
        let metrics =
            Metrics { registry: Registry::with_prefix("jackstaff_collector"), ..Metrics::default() };
        metrics.with_input().with_output()
    }

    fn with_input(mut self) -> Metrics {
        let registry = &mut self.registry;
        registry.register("lines", "Lines taken into the spool", self.lines.clone());
        registry.register(
            "lines_duplicate",
            "Lines left out, because they were delivered before",
            self.lines_duplicate.clone(),
        );
        registry.register(
            "lines_foreign",
            "Lines left out, because they are none of the edge's analytics",
            self.lines_foreign.clone(),
        );
        registry.register("requests", "Requests with lines, whatever their answer", self.requests.clone());
        registry.register(
            "requests_refused",
            "Requests with lines that were refused, but for a spool that was full",
            self.requests_refused.clone(),
        );
        registry.register("spool_full", "Inputs put off because the spool was full", self.spool_full.clone());
        registry.register(
            "spool_errors",
            "Times that the spool could not be read or written",
            self.spool_errors.clone(),
        );
        registry.register("spool_bytes", "Bytes in the spool", self.spool_bytes.clone());
        self
    }

    fn with_output(mut self) -> Metrics {
        let registry = &mut self.registry;
        registry.register("batches_accepted", "Requests that a server accepted", self.accepted.clone());
        registry.register(
            "forwarded",
            "What was accepted: counts and evaluations added up, and the number of events",
            self.forwarded.clone(),
        );
        registry.register(
            "failures",
            "Requests without an answer, or answered in a way that may pass",
            self.failures.clone(),
        );
        registry.register(
            "batches_set_aside",
            "Requests that a server refused, or kept failing at; they are tried again",
            self.set_aside.clone(),
        );
        registry.register(
            "batches_dropped",
            "Requests dropped, since they were refused for too long or took too much room",
            self.dropped.clone(),
        );
        registry.register(
            "events_rejected",
            "Events that a server rejected, though it took others of the request",
            self.events_rejected.clone(),
        );
        registry.register(
            "events_without_server",
            "Events dropped, since no server was named for them",
            self.events_without_server.clone(),
        );
        self
    }

    /// Batches that were accepted.
    pub(crate) fn accepted(&self, kind: Kind) -> Counter {
        self.accepted.get_or_create(&Of { kind: kind.name() }).clone()
    }

    /// What they counted.
    pub(crate) fn forwarded(&self, kind: Kind) -> Counter {
        self.forwarded.get_or_create(&Of { kind: kind.name() }).clone()
    }

    pub(crate) fn forwarded_now(&self) {
        *self.forwarded_at.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(Instant::now());
    }

    pub(crate) fn since_forwarded(&self) -> Option<Duration> {
        let at = self.forwarded_at.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        at.map(|at| at.elapsed())
    }

    /// # Errors
    /// None: writing to a text in memory does not fail.
    pub(crate) fn text(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}
