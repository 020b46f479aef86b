//! `GET /sse/environments/{key}/stream` (`PROTOCOL.md`, 7).

use crate::listen;
use crate::relay::Protocol;
use crate::reply::Reply;
use crate::store::Store;

pub(super) fn answer<S: Store>(key: &str, store: &mut S) -> Reply<S::Handle> {
    // Clients pass over what they know, so it does not matter what they heard last.
    listen::answer(key, Protocol::Flagsmith, None, store)
}
