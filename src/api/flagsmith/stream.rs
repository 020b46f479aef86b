//! `GET /sse/environments/{key}/stream` (`PROTOCOL.md`, 7): which changes a client hears of.

use percent_encoding::percent_decode_str;

use crate::access::environment_of;
use crate::relay::{self, Channel};
use crate::reply::{Reply, ReplyBody};
use crate::store::{Lookup, Store};

/// Never a refusal, whatever the key: some SDKs reconnect hundreds of times a second when an answer ends. A key of either
/// kind will do.
pub(super) fn answer<S: Store>(key: &str, store: &mut S) -> Reply<S::Handle> {
    Reply::new(relay::head(), ReplyBody::Stream(channel(key, store)))
}

fn channel<S: Store>(key: &str, store: &mut S) -> Channel {
    let key = percent_decode_str(key).decode_utf8().ok();
    let Some(Ok((_, environment))) = key.map(|key| environment_of(&key, store)) else {
        return Channel::Silent;
    };
    match store.environment(&environment) {
        Lookup::Found(copy) if copy.header.tombstone => Channel::Silent,
        Lookup::Unknown => Channel::Silent,
        // While no store answers, it is not known whether the environment exists; the stream is silent until one does.
        Lookup::Found(_) | Lookup::Unavailable => Channel::Environment(environment),
    }
}
