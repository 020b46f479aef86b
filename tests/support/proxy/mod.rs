//! A proxy that stands between an edge and its origin, forwards what is said or does to it what networks do, and counts.
//! It speaks HTTP on both sides, so that it can also do what only somebody who understands the stream could.

mod count;
mod pump;
mod serve;

pub use count::{Count, Counts};

use std::net::SocketAddr;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::{oneshot, watch};

use count::Counters;

/// What the proxy does. Streams that flow already are treated likewise from the moment on that it is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Pass,
    /// Connections are reset as soon as they are made; those that are there stay.
    Refuse,
    /// Connections stay open, and nothing is forwarded: what was said meanwhile comes later.
    Stall,
    /// Requests are taken, and nobody ever answers.
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
    address: SocketAddr,
    mode: watch::Sender<Mode>,
    upstream: watch::Sender<String>,
    cuts: watch::Sender<u64>,
    counters: Counters,
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// Starts a proxy in front of `http://host:port`.
#[track_caller]
pub fn proxy(upstream: &str) -> Proxy {
    let (mode, _) = watch::channel(Mode::Pass);
    let (upstream, _) = watch::channel(authority(upstream));
    let (cuts, _) = watch::channel(0);
    let (end, ended) = oneshot::channel();
    let counters = Counters::default();
    let shared = serve::Shared {
        mode: mode.subscribe(),
        upstream: upstream.subscribe(),
        cuts: cuts.subscribe(),
        counters: counters.clone(),
    };
    let (address, thread) = serve::start(shared, ended);
    Proxy { address, mode, upstream, cuts, counters, end: Some(end), thread: Some(thread) }
}

impl Proxy {
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn set(&self, mode: Mode) {
        self.mode.send_replace(mode);
    }

    /// Resets every connection that there is.
    pub fn cut(&self) {
        self.cuts.send_modify(|cuts| *cuts += 1);
    }

    /// New connections go to another upstream.
    pub fn forward_to(&self, upstream: &str) {
        self.upstream.send_replace(authority(upstream));
    }

    pub fn counts(&self) -> Counts {
        self.counters.counts()
    }
}

fn authority(url: &str) -> String {
    url.trim_start_matches("http://").trim_end_matches('/').to_owned()
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // The server may have ended by itself.
        drop(self.end.take());
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

#[cfg(test)]
mod tests;
