//! One connection, and a request that is being answered on it.

use std::sync::Arc;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::{AddressLimitError, Connections, Standing};
use crate::client_address::ClientAddress;

/// A connection, which is counted until it is dropped.
pub(crate) struct Connection {
    pub(super) connections: Arc<Connections>,
    pub(super) number: u64,
    pub(super) close: Arc<Notify>,
    /// None for a connection of a trusted proxy.
    pub(super) address: Option<ClientAddress>,
    pub(super) is_beyond: bool,
}

impl Connection {
    /// Waits until it has to close, because others need its place.
    pub(crate) async fn must_close(&self) {
        loop {
            self.close.notified().await;
            if self.connections.is_closing(self.number) {
                return;
            }
        }
    }

    /// Whether its address had too many connections when it came.
    pub(crate) fn is_beyond(&self) -> bool {
        self.is_beyond
    }

    /// Whether it is of a trusted proxy, so that it is not counted for its own address.
    pub(crate) fn is_of_proxy(&self) -> bool {
        self.address.is_none()
    }

    /// A request came. `client` is whose it is.
    ///
    /// # Errors
    ///
    /// If it shows no token and the address has too many.
    pub(crate) fn request(
        self: &Arc<Self>,
        is_known: bool,
        client: ClientAddress,
        now: Instant,
    ) -> Result<UnderWay, AddressLimitError> {
        let connections = &self.connections;
        let limit = connections.bounds.per_address;
        let mut state = connections.state();
        let next = if is_known { Standing::Known(None) } else { Standing::Stranger(now) };
        connections.stand(&mut state, self.number, next);
        connections.settle(&mut state);
        // A connection is counted already; a request that comes through a proxy is not yet.
        let is_full = match self.address {
            Some(address) => state.count(address) > limit,
            None => state.count(client) >= limit,
        };
        let is_beyond = match state.open.get_mut(&self.number) {
            Some(open) => {
                open.is_beyond &= is_full;
                open.is_beyond
            }
            None => false,
        };
        if !is_known && is_full && (is_beyond || self.is_of_proxy()) {
            connections.metrics.requests_refused.inc();
            return Err(AddressLimitError(limit));
        }
        let claim = (!is_known && self.is_of_proxy()).then_some(client);
        if let Some(client) = claim {
            *state.of_address.entry(client).or_default() += 1;
        }
        Ok(UnderWay { connection: Arc::clone(self), claim })
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let mut state = self.connections.state();
        self.connections.stand(&mut state, self.number, Standing::Closing);
        state.open.remove(&self.number);
        state.closing -= 1;
        self.connections.show(&state);
        self.connections.freed.notify_one();
    }
}

/// A request that is being answered, until it is dropped.
pub(crate) struct UnderWay {
    connection: Arc<Connection>,
    /// The address that it is counted for, if its connection is not.
    claim: Option<ClientAddress>,
}

impl UnderWay {
    /// The answer is a stream, which the hub bounds.
    pub(crate) fn begin_stream(&self) {
        let connections = &self.connection.connections;
        let mut state = connections.state();
        let standing = state.open.get(&self.connection.number).map(|open| open.standing);
        if let Some(Standing::Stranger(_)) = standing {
            connections.stand(&mut state, self.connection.number, Standing::StreamOfStranger);
            connections.show(&state);
            connections.freed.notify_one();
        }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let connections = &self.connection.connections;
        let number = self.connection.number;
        let mut state = connections.state();
        state.release(self.claim);
        match state.open.get(&number).map(|open| open.standing) {
            Some(Standing::StreamOfStranger) => {
                connections.stand(&mut state, number, Standing::Stranger(Instant::now()));
                connections.settle(&mut state);
            }
            Some(Standing::Known(None)) => {
                connections.stand(&mut state, number, Standing::Known(Some(Instant::now())));
                connections.settle(&mut state);
            }
            _ => {}
        }
    }
}
