//! Traits that are to be stored, without anybody who waits for it.

use std::net::IpAddr;

use super::change::Change;
use super::name::IdentityName;

/// What a request left for the time after its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraitsWrite {
    pub identity: IdentityName,
    pub change: Change,
    /// When the request came, in milliseconds since the epoch.
    pub came_at: u64,
    /// Whose writes are limited; nobody's with a server-side key.
    pub limited: Option<ClientAddress>,
}

/// Where a request came from: an extension of the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientAddress(pub IpAddr);
