//! `GET /sse/environments/{key}/stream`: which changes a client hears of.

use percent_encoding::percent_decode_str;

use crate::relay::{self, Channel};
use crate::reply::Reply;
use crate::respond::environment_of;
use crate::route::stream_key;
use crate::store::{Lookup, Store};

/// Never a refusal, whatever the key: an answer that ends is an answer that some SDKs ask for again hundreds of times a
/// second. A key of either kind will do.
pub(crate) fn answer<S: Store>(path: &str, store: &mut S) -> Reply<S::Handle> {
    Reply::Stream(relay::head(), channel(path, store))
}

fn channel<S: Store>(path: &str, store: &mut S) -> Channel {
    let key = stream_key(path).and_then(|key| percent_decode_str(key).decode_utf8().ok());
    let Some(Ok((_, environment))) = key.map(|key| environment_of(&key, store)) else {
        return Channel::Silent;
    };
    match store.environment(&environment) {
        Lookup::Found(copy) if copy.header.tombstone => Channel::Silent,
        Lookup::Unknown => Channel::Silent,
        // Whether the stores know it will turn out; until then nothing is told.
        Lookup::Found(_) | Lookup::Unavailable => Channel::Environment(environment),
    }
}
