//! What the streams of an environment have been told, and how long it took until all had been.

use std::sync::OnceLock;
use std::time::Instant;

use api::Revision;
use api::signal;
use bytes::Bytes;
use prometheus_client::metrics::histogram::Histogram;

/// The latest revision of an environment, if one was announced, with its frame made once for all streams.
///
/// Each stream holds the one that it was told last, and lets go of it when it takes another. So the moment at which the
/// last holder lets go is the moment at which all that were up to date have taken the announcement that came next, or a
/// later one, or have gone away: the fan-out time of that announcement. A stream that lags behind counts once, for the
/// first that it did not take. All that costs a stream one pointer.
pub(crate) struct Told {
    revision: Option<Revision>,
    event: Bytes,
    /// When the next one was announced, if anybody listened.
    outdated: OnceLock<Instant>,
    fan_out: Histogram,
}

impl Told {
    /// Nothing was announced yet.
    pub(crate) fn nothing(fan_out: Histogram) -> Self {
        Self { revision: None, event: Bytes::new(), outdated: OnceLock::new(), fan_out }
    }

    /// What is told after an announcement: the greater revision, since announcements come out of order.
    pub(crate) fn next(&self, announced: Revision) -> Self {
        let revision = self.revision.map_or(announced, |known| known.max(announced));
        Self {
            revision: Some(revision),
            event: signal::event(revision).into(),
            outdated: OnceLock::new(),
            fan_out: self.fan_out.clone(),
        }
    }

    /// From now on streams have something newer to take.
    pub(crate) fn outdate(&self) {
        // The first time counts; there is no second.
        let _ = self.outdated.set(Instant::now());
    }

    pub(crate) fn revision(&self) -> Option<Revision> {
        self.revision
    }

    /// The frame of the event; empty if nothing was announced.
    pub(crate) fn event(&self) -> Bytes {
        self.event.clone()
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        if let Some(outdated) = self.outdated.get() {
            self.fan_out.observe(outdated.elapsed().as_secs_f64());
        }
    }
}
