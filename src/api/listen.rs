//! Which changes a client hears of that opens a stream with a key. This module knows no protocol.

use percent_encoding::percent_decode_str;

use crate::access::environment_of;
use crate::relay::{self, Channel, Protocol, Subscription};
use crate::reply::{Reply, ReplyBody};
use crate::revision::Revision;
use crate::store::{Lookup, Store};

/// Never a refusal, whatever the key: some SDKs reconnect hundreds of times a second when an answer ends. A key of either
/// kind will do.
pub(crate) fn answer<S: Store>(
    key: &str,
    protocol: Protocol,
    heard: Option<Revision>,
    store: &mut S,
) -> Reply<S::Handle> {
    let channel = channel(key, store);
    Reply::new(relay::head(), ReplyBody::Stream(Subscription { channel, protocol, heard }))
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
