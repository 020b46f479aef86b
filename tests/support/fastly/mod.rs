//! A stand-in for Fastly's REST API (KV store and purge) and for the origin's `queue-change`: a server on a port of its
//! own that takes no call with anything wrong about it, fails as told, and remembers in which order what happened.

mod call;
mod fault;
mod server;
mod store;

pub use call::Kind;
pub use fault::Fault;
pub use store::Stored;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use call::Expected;
use fault::Faults;
use store::Store;

use crate::server::{Server, server};

/// What a caller has to bring, and nothing else.
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

struct State {
    store: Store,
    faults: Faults,
    events: Vec<Event>,
    wrong: Vec<String>,
}

/// Starts a stand-in.
#[track_caller]
pub fn fastly_api() -> FastlyApi {
    let expected = Expected { token: TOKEN, store: STORE, service: SERVICE, origin_token: ORIGIN_TOKEN };
    let state =
        State { store: Store::default(), faults: Faults::default(), events: Vec::new(), wrong: Vec::new() };
    let state = Arc::new(Mutex::new(state));
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
    /// the order of calls is. None: they stop failing, as told or at random.
    pub fn fail_at_random(&self, at_random: Option<(u64, f64)>) {
        self.state().faults.at_random(at_random);
    }

    /// A key takes one write in so much time.
    pub fn limit_writes(&self, interval: Duration) {
        self.state().store.write_interval = Some(interval);
    }

    /// Writes as somebody else would.
    pub fn write(&self, key: &str, value: &[u8], metadata: Option<&str>) {
        let state = &mut *self.state();
        let stored = state.store.write(key, value.to_vec().into(), metadata.map(str::to_owned));
        state.events.push(Event::Stored(stored));
    }

    /// What is stored under a key now.
    pub fn stored(&self, key: &str) -> Option<Stored> {
        self.state().store.current(key).cloned()
    }

    /// How many writes took place, whoever made them.
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
