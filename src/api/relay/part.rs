//! What clients listen to, and the parts of a stream.

use std::time::Duration;

use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, Response};

use super::frames::Protocol;
use crate::key::EnvironmentKey;
use crate::revision::Revision;
use crate::signal;

/// What a client asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    pub channel: Channel,
    pub protocol: Protocol,
    /// The last revision that it heard of, as it says; for protocols whose clients say so.
    pub heard: Option<Revision>,
}

/// What a client listens to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Channel {
    /// The changes of an environment.
    Environment(EnvironmentKey),
    /// Nothing: the key opens no environment. The stream is held open like any other, since clients come back at once when
    /// an answer ends, some SDKs hundreds of times a second.
    Silent,
}

impl Channel {
    /// The name of the cache object of the `n`th part of the channel's stream, with the frames of a protocol. In silence there
    /// are none, so one object is for all.
    pub(super) fn part(&self, n: u32, protocol: Protocol) -> String {
        match self {
            Channel::Environment(key) => format!("stream/{key}/{n}{}", protocol.frames().suffix),
            Channel::Silent => format!("silent/{n}"),
        }
    }

    /// The protocols, beside Flagsmith's, that have an object of their own in each part.
    pub(super) fn further_protocols(&self) -> &'static [Protocol] {
        match self {
            Channel::Environment(_) => &[Protocol::Ofrep],
            Channel::Silent => &[],
        }
    }
}

/// The first frame of every part. A follower reads it before it answers: a part whose first frame cannot be read is dead.
pub(crate) const FIRST: &str = ": part\n\n";

/// From how long to how long a client is asked to wait before it connects again. Each is given another time, so that the
/// clients of a part that ended do not come back at once.
const RETRY: (Duration, Duration) = (Duration::from_millis(500), Duration::from_millis(3_500));

/// What stands before the shared part, for one client alone. `chance` is any number.
pub fn prefix(chance: u64) -> String {
    let (from, to) = RETRY;
    let spread = u64::try_from((to - from).as_millis()).unwrap_or(1);
    let retry = from + Duration::from_millis(chance % spread);
    // The comment makes proxies that buffer pass the head on.
    format!("{}{}", signal::comment("stream"), signal::retry(retry))
}

/// The head of every answer with a stream.
pub fn head() -> Response<()> {
    let mut response = Response::new(());
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream; charset=utf-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache, no-transform"));
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_different_channels_never_share_a_name() {
        let environment = |key| Channel::Environment(EnvironmentKey::parse(key).unwrap());
        assert_eq!(environment("demo").part(2, Protocol::Flagsmith), "stream/demo/2");
        assert_eq!(environment("demo").part(2, Protocol::Ofrep), "stream/demo/2/ofrep");
        assert_eq!(environment("silent").part(0, Protocol::Flagsmith), "stream/silent/0");
        for protocol in [Protocol::Flagsmith, Protocol::Ofrep] {
            assert_eq!(Channel::Silent.part(0, protocol), "silent/0");
        }
    }

    #[test]
    fn clients_are_asked_to_wait_for_different_times() {
        assert_eq!(prefix(0), ": stream\n\nretry: 500\n\n");
        assert_eq!(prefix(2_999), ": stream\n\nretry: 3499\n\n");
        assert_eq!(prefix(3_000), ": stream\n\nretry: 500\n\n");
        assert_eq!(FIRST, signal::comment("part"));
    }
}
