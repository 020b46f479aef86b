//! A proxy between an edge and its origin that forwards streams, disturbs them as networks do, and counts. It speaks
//! HTTP on both sides, so that it can also drop single events of a stream.

mod count;
mod pump;
mod serve;

pub use count::{Count, Counts};

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::sync::watch;

use count::Counters;

use crate::server::{Server, server};

/// What the proxy does. Streams that flow already are treated likewise from the moment on that it is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Pass,
    /// Connections are reset as soon as they are made; those that are there stay.
    Refuse,
    /// Connections stay open, and nothing is forwarded: what was said meanwhile comes later.
    Stall,
    /// Requests are accepted and never answered.
    HalfOpen,
    /// So many bytes at a time, with pauses between.
    Slow {
        bytes: usize,
        pause: Duration,
    },
    /// Each request gets this answer.
    Answer(u16),
    /// Each stream ends so long after it began, as if all had been said.
    EndEarly(Duration),
    /// Comments pass, events do not: lost announcements.
    DropEvents,
}

/// A proxy that listens.
pub struct Proxy {
    server: Server,
    ways: watch::Sender<Ways>,
    upstream: watch::Sender<String>,
    counters: Counters,
}

/// Starts a proxy in front of `http://host:port`.
#[track_caller]
pub fn proxy(upstream: &str) -> Proxy {
    let (ways, _) = watch::channel(Ways::default());
    let (upstream, _) = watch::channel(authority(upstream));
    let counters = Counters::default();
    let shared =
        serve::Shared { ways: ways.subscribe(), upstream: upstream.subscribe(), counters: counters.clone() };
    Proxy { server: server(|listener| serve::accept(listener, shared)), ways, upstream, counters }
}

impl Proxy {
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// For everybody.
    pub fn set(&self, mode: Mode) {
        self.ways.send_modify(|ways| {
            ways.all.mode = mode;
            ways.of.values_mut().for_each(|way| way.mode = mode);
        });
    }

    /// For the streams of one environment.
    pub fn set_for(&self, key: &str, mode: Mode) {
        self.ways.send_modify(|ways| ways.of(key).mode = mode);
    }

    /// Resets every connection that there is.
    pub fn cut(&self) {
        self.ways.send_modify(|ways| ways.all.cuts += 1);
    }

    /// Resets the connections of one environment's streams.
    pub fn cut_for(&self, key: &str) {
        self.ways.send_modify(|ways| ways.of(key).cuts += 1);
    }

    /// New connections go to another upstream.
    pub fn forward_to(&self, upstream: &str) {
        self.upstream.send_replace(authority(upstream));
    }

    pub fn counts(&self) -> Counts {
        self.counters.counts()
    }
}

/// What happens on the way to the origin: to all, and to the streams of single environments.
#[derive(Default)]
struct Ways {
    all: Way,
    of: BTreeMap<String, Way>,
}

#[derive(Clone, Copy)]
struct Way {
    mode: Mode,
    /// How often what was there was cut.
    cuts: u64,
}

impl Default for Way {
    fn default() -> Self {
        Way { mode: Mode::Pass, cuts: 0 }
    }
}

impl Ways {
    fn of(&mut self, key: &str) -> &mut Way {
        let all = self.all;
        self.of.entry(key.to_owned()).or_insert(Way { cuts: 0, ..all })
    }

    /// The way of a request to this path.
    fn to(&self, path: &str) -> Way {
        let key = path.strip_prefix("/sse/environments/").and_then(|rest| rest.split('/').next());
        key.and_then(|key| self.of.get(key)).copied().unwrap_or(Way { cuts: 0, ..self.all })
    }
}

fn authority(url: &str) -> String {
    url.trim_start_matches("http://").trim_end_matches('/').to_owned()
}

#[cfg(test)]
mod tests;
