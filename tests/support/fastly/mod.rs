//! A stand-in for Fastly's REST API (KV store and purge) and for the origin's `queue-change`: a server on a port of its
//! own that refuses every wrong call, fails by a script or at random, and records all events in order.

mod call;
mod edges;
mod fault;
mod quota;
mod server;
mod store;

pub use call::Kind;
pub use fault::Fault;
pub use store::Stored;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use call::{Call, Expected};
use edges::{Copied, Edges};
use fault::Faults;
use quota::Quota;
use store::Store;

use crate::server::{Server, server};

/// The only token, names and origin token that it accepts.
pub const TOKEN: &str = "local-publisher";
pub const STORE: &str = "store/1";
pub const SERVICE: &str = "service-1";
pub const ORIGIN_TOKEN: &str = "origin-token";

/// Something that happened, in its order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A call was answered; with no status if its connection was cut.
    Called {
        method: String,
        target: String,
        status: Option<u16>,
        fault: Option<Fault>,
    },
    Stored(Stored),
    Purged {
        key: String,
        soft: bool,
    },
    Announced {
        key: String,
        revision: u64,
    },
}

/// A server that stands in for Fastly's.
pub struct FastlyApi {
    server: Server,
    state: Arc<Mutex<State>>,
}

/// A write that was refused since it came too early after the last one of its item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TooEarly {
    pub key: String,
    pub at: Instant,
    /// The last writer got no answer, so it may try again.
    pub is_in_doubt: bool,
}

/// Calls of a kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counted {
    pub calls: u64,
    /// Those that something was wrong with on purpose.
    pub struck: u64,
}

#[derive(Default)]
struct State {
    store: Store,
    faults: Faults,
    quota: Quota,
    edges: Edges,
    events: Vec<Event>,
    wrong: Vec<String>,
    too_early: Vec<TooEarly>,
    counts: BTreeMap<Kind, Counted>,
}

/// Starts a stand-in.
#[track_caller]
pub fn fastly_api() -> FastlyApi {
    let expected = Expected { token: TOKEN, store: STORE, service: SERVICE, origin_token: ORIGIN_TOKEN };
    let state: Arc<Mutex<State>> = Arc::default();
    let shared = Arc::clone(&state);
    FastlyApi { server: server(move |listener| server::accept(listener, expected, shared)), state }
}

impl FastlyApi {
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// The next calls of a kind about a key fail in these ways, one after the other.
    pub fn fail(&self, kind: Kind, key: &str, faults: impl IntoIterator<Item = Fault>) {
        self.state().faults.script(kind, key, faults);
    }

    /// Calls fail at random with this probability, in all ways that there are; reproducible by the seed as far as
    /// the order of calls is. None: all faults end, those of scripts too.
    pub fn fail_at_random(&self, at_random: Option<(u64, f64)>) {
        self.state().faults.at_random(at_random);
    }

    /// So many calls are answered in each such time, and each answer says how many are left.
    pub fn limit_calls(&self, calls: u64, every: Duration) {
        self.state().quota = Quota::new(calls, every);
    }

    /// Each write and purge reaches these edges of the local flavour, `http://host:port`, so long after it was made:
    /// each has a KV store of its own.
    pub fn reach(&self, edges: impl IntoIterator<Item = (String, Duration)>) {
        self.state().edges = Edges::of(edges);
    }

    /// Keeps no more than it has to from now on: of what happened nothing, and of an item what it is.
    pub fn forget(&self) {
        let state = &mut *self.state();
        state.store.forgets = true;
        state.events.clear();
    }

    /// How many calls there were, by kind.
    pub fn counts(&self) -> BTreeMap<Kind, Counted> {
        self.state().counts.clone()
    }

    /// The shortest time between two writes of one item that took place.
    pub fn closest_writes(&self) -> Option<Duration> {
        self.state().store.closest
    }

    /// The writes that were refused since they came too early.
    pub fn too_early(&self) -> Vec<TooEarly> {
        self.state().too_early.clone()
    }

    /// Lists come in pages of so many keys at most.
    pub fn page_by(&self, keys: usize) {
        self.state().store.page = Some(keys);
    }

    /// A key takes one write in so much time.
    pub fn limit_writes(&self, interval: Duration) {
        self.state().store.write_interval = Some(interval);
    }

    /// Writes as somebody else would.
    pub fn write(&self, key: &str, value: &[u8], metadata: Option<&str>) {
        let state = &mut *self.state();
        let stored = state.store.write(key, value.to_vec().into(), metadata.map(str::to_owned));
        state.copy(&Copied::Write(stored.clone()));
        state.happened(Event::Stored(stored));
    }

    /// What is stored under a key now.
    pub fn stored(&self, key: &str) -> Option<Stored> {
        self.state().store.current(key).cloned()
    }

    /// The number of writes of all publishers.
    pub fn writes(&self) -> u64 {
        self.state().store.writes
    }

    /// What happened so far.
    pub fn events(&self) -> Vec<Event> {
        self.state().events.clone()
    }

    /// What happened since this was called last, a line each.
    pub fn story(&self) -> Vec<String> {
        let events = std::mem::take(&mut self.state().events);
        events.iter().map(Event::line).collect()
    }

    /// The calls that Fastly would not have understood, or that a publisher has no business to make.
    pub fn wrong_calls(&self) -> Vec<String> {
        self.state().wrong.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Counts a call, and says what is wrong with it.
    fn next(&mut self, call: &Call) -> Option<Fault> {
        let fault = self.faults.next(call.kind(), call.key());
        let counted = self.counts.entry(call.kind()).or_default();
        counted.calls += 1;
        counted.struck += u64::from(fault.is_some());
        if call.is_of_the_api() {
            self.quota.count();
        }
        fault
    }

    fn happened(&mut self, event: Event) {
        if !self.store.forgets {
            self.events.push(event);
        }
    }

    fn copy(&self, copied: &Copied) {
        self.edges.copy(copied);
    }
}

impl Event {
    fn line(&self) -> String {
        match self {
            Event::Called { method, target, status, .. } => {
                let status = status.map_or_else(|| "cut".to_owned(), |status| status.to_string());
                format!("{method} {target} {status}")
            }
            Event::Stored(stored) => format!("stored {}", stored.key),
            Event::Purged { key, soft: true } => format!("softly purged {key}"),
            Event::Purged { key, soft: false } => format!("purged {key}"),
            Event::Announced { key, revision } => format!("announced {key} {revision}"),
        }
    }
}

impl Drop for FastlyApi {
    fn drop(&mut self) {
        // What it is still in the middle of counts.
        self.server.end();
        if !std::thread::panicking() {
            assert_eq!(self.wrong_calls(), Vec::<String>::new(), "calls that Fastly would not understand");
        }
    }
}

#[cfg(test)]
mod tests;
