//! Which connections are open, and which of them are closed to make room for others. No sockets in here.
//!
//! A connection is *known* while its latest request carried a token, and a stranger's otherwise. What files allow is divided:
//! strangers never take the part of known connections, nor of streams, which the hub bounds. Where a stranger's place is wanted
//! and all are taken, the new connection gets it, since only its first request tells whether it is a stranger's; and the one
//! that has been silent for longest is closed.

mod connection;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

use crate::client_address::ClientAddress;
use crate::metrics::Metrics;

pub(crate) use connection::{Connection, UnderWay};

/// How long a stranger's connection keeps its place at least. A client sends the head of its request as soon as it is connected,
/// so by then it has come, unless the client is slow. It need not have been read: a connection that has to close is read once
/// more before. The shorter this is, the more new connections are taken in a second while all places are taken.
const LEAST: Duration = Duration::from_millis(5);

/// How many connections there may be, beside those that are streams.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Connections that have shown no token.
    strangers: usize,
    /// Connections that were told to close. Their files are open until the runtime has dropped them.
    closing: usize,
    /// Known connections between two requests.
    idle: usize,
    /// Connections, streams among them, of a stranger's address; and requests that come for it through a trusted proxy.
    per_address: usize,
}

impl Bounds {
    /// Bounds for so many connections in total, beside streams and known connections that are at work.
    pub(crate) fn of(connections: usize, per_address: usize) -> Self {
        let sixth = (connections / 6).max(1);
        let strangers = connections.saturating_sub(2 * sixth).max(1);
        Self { strangers, closing: sixth, idle: sixth, per_address }
    }
}

/// The connections that are open.
pub(crate) struct Connections {
    bounds: Bounds,
    state: Mutex<State>,
    /// A place may have become free.
    freed: Notify,
    metrics: Arc<Metrics>,
}

/// Since when a connection is silent, and its number.
type Silence = (Instant, u64);

#[derive(Default)]
struct State {
    latest: u64,
    open: HashMap<u64, Open>,
    /// Connections of strangers that are no streams. A request that is being answered does not count as a sign of life: its body
    /// may be slow.
    strangers: BTreeMap<Silence, Option<ClientAddress>>,
    /// Known connections between two requests.
    idle: BTreeMap<Silence, ()>,
    of_address: HashMap<ClientAddress, usize>,
    closing: usize,
}

struct Open {
    /// None for a connection of a trusted proxy.
    address: Option<ClientAddress>,
    standing: Standing,
    /// Whether its address had too many already. Then it may only show a token.
    is_beyond: bool,
    close: Arc<Notify>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// Since it connected, or sent its latest request.
    Stranger(Instant),
    StreamOfStranger,
    /// Since its latest answer; none while it is answered, or is a stream.
    Known(Option<Instant>),
    Closing,
}

/// An address has as many connections, or requests under way, as a stranger's may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this address already has {0} connections or requests without a token, its limit")]
pub(crate) struct AddressLimitError(usize);

impl Connections {
    pub(crate) fn new(bounds: Bounds, metrics: Arc<Metrics>) -> Self {
        Self { bounds, state: Mutex::default(), freed: Notify::new(), metrics }
    }

    /// Takes a connection in, once there is room: at once, or within about [`LEAST`]. `address` is none for that of a trusted proxy.
    pub(crate) async fn enter(self: &Arc<Self>, address: Option<ClientAddress>) -> Arc<Connection> {
        loop {
            match self.try_enter(address, Instant::now()) {
                Ok(connection) => return connection,
                Err(wait) => {
                    let _ = timeout(wait, self.freed.notified()).await;
                }
            }
        }
    }

    /// # Errors
    ///
    /// How long to wait before the next try, if there is no room.
    fn try_enter(
        self: &Arc<Self>,
        address: Option<ClientAddress>,
        now: Instant,
    ) -> Result<Arc<Connection>, Duration> {
        let mut state = self.state();
        if state.closing >= self.bounds.closing {
            return Err(LEAST);
        }
        let is_long = |since: Instant| now.saturating_duration_since(since) >= LEAST;
        if address.is_some_and(|address| state.count(address) >= self.bounds.per_address) {
            let own = state.strangers.iter().find(|(_, of)| **of == address).map(|(silence, _)| *silence);
            if let Some((_, number)) = own.filter(|(since, _)| is_long(*since)) {
                self.close(&mut state, number);
            }
        }
        if state.strangers.len() >= self.bounds.strangers
            && let Some((&(since, number), _)) = state.strangers.first_key_value()
        {
            if !is_long(since) {
                return Err((since + LEAST).saturating_duration_since(now));
            }
            self.close(&mut state, number);
        }
        state.latest += 1;
        let number = state.latest;
        let close = Arc::new(Notify::new());
        let standing = Standing::Stranger(now);
        state.open.insert(number, Open { address, standing, is_beyond: false, close: Arc::clone(&close) });
        state.strangers.insert((now, number), address);
        let is_beyond = self.claim(&mut state, number);
        self.metrics.connections.inc();
        self.show(&state);
        Ok(Arc::new(Connection { connections: Arc::clone(self), number, close, address, is_beyond }))
    }

    /// Closes the stranger's connection that has been silent for longest, or else the known one that has been idle for longest.
    pub(crate) fn close_one(&self) {
        let mut state = self.state();
        let strangers = state.strangers.first_key_value().map(|(silence, _)| silence.1);
        let longest = strangers.or_else(|| state.idle.first_key_value().map(|(silence, ())| silence.1));
        if let Some(number) = longest {
            self.close(&mut state, number);
        }
        self.show(&state);
    }

    fn is_closing(&self, number: u64) -> bool {
        self.state().open.get(&number).is_some_and(|open| open.standing == Standing::Closing)
    }

    fn close(&self, state: &mut State, number: u64) {
        self.stand(state, number, Standing::Closing);
        if let Some(open) = state.open.get(&number) {
            open.close.notify_one();
            self.metrics.connections_closed.inc();
        }
    }

    /// Counts a stranger's connection for its address, and returns whether that has too many.
    fn claim(&self, state: &mut State, number: u64) -> bool {
        let Some(Open { address: Some(address), .. }) = state.open.get(&number) else { return false };
        let count = state.of_address.entry(*address).or_default();
        *count += 1;
        let is_beyond = *count > self.bounds.per_address;
        if let Some(open) = state.open.get_mut(&number) {
            open.is_beyond = is_beyond;
        }
        is_beyond
    }

    /// Changes the standing of a connection, and with it what it is counted as. One that was told to close stays if a request came
    /// before it did.
    fn stand(&self, state: &mut State, number: u64, next: Standing) {
        let Some(open) = state.open.get_mut(&number) else { return };
        let address = open.address;
        let before = mem::replace(&mut open.standing, next);
        match before {
            Standing::Stranger(since) => drop(state.strangers.remove(&(since, number))),
            Standing::Known(Some(since)) => drop(state.idle.remove(&(since, number))),
            Standing::Closing => state.closing -= 1,
            Standing::Known(None) | Standing::StreamOfStranger => {}
        }
        match next {
            Standing::Stranger(since) => drop(state.strangers.insert((since, number), address)),
            Standing::Known(Some(since)) => drop(state.idle.insert((since, number), ())),
            Standing::Closing => state.closing += 1,
            Standing::Known(None) | Standing::StreamOfStranger => {}
        }
        match (before.is_of_stranger(), next.is_of_stranger()) {
            (true, false) => state.release(address),
            (false, true) => drop(self.claim(state, number)),
            _ => {}
        }
    }

    /// A connection that became idle, or a stranger's again, takes the place of another.
    fn settle(&self, state: &mut State) {
        let strangers = state.strangers.len() > self.bounds.strangers;
        let idle = state.idle.len() > self.bounds.idle;
        let strangers = strangers.then(|| state.strangers.first_key_value().map(|(silence, _)| silence.1));
        let idle = idle.then(|| state.idle.first_key_value().map(|(silence, ())| silence.1));
        for number in [strangers, idle].into_iter().flatten().flatten() {
            self.close(state, number);
        }
        self.show(state);
        self.freed.notify_one();
    }

    fn show(&self, state: &State) {
        let number = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        self.metrics.open_connections.set(number(state.open.len()));
        self.metrics.strangers.set(number(state.strangers.len()));
    }

    /// No code under this lock can panic halfway through a change, so what a poisoned lock holds is sound.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn count(&self, address: ClientAddress) -> usize {
        self.of_address.get(&address).copied().unwrap_or(0)
    }

    fn release(&mut self, address: Option<ClientAddress>) {
        let Some(address) = address else { return };
        if let Some(count) = self.of_address.get_mut(&address) {
            *count -= 1;
            if *count == 0 {
                self.of_address.remove(&address);
            }
        }
    }
}

impl Standing {
    fn is_of_stranger(self) -> bool {
        matches!(self, Self::Stranger(_) | Self::StreamOfStranger)
    }
}
