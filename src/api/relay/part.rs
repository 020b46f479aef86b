//! What clients listen to, and the parts of a stream.

use std::time::Duration;

use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, Response};

use crate::key::EnvironmentKey;
use crate::signal;

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
    /// The name of the cache object of the `n`th part of the channel's stream.
    pub fn part(&self, n: u32) -> String {
        match self {
            Channel::Environment(key) => format!("stream/{key}/{n}"),
            Channel::Silent => format!("silent/{n}"),
        }
    }
}

/// The first frame of every part. A follower reads it before it answers: a part whose first frame cannot be read is dead.
pub(crate) const FIRST: &str = ": part\n\n";

/// From how long to how long a client is asked to wait before it connects again. Each is given another time, so that the
/// clients of a part that ended do not come back at once.
const RETRY: (Duration, Duration) = (Duration::from_millis(500), Duration::from_millis(3_500));

/// What stands before the shared part, for one client alone: nothing that has a revision. `chance` is any number.
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
        assert_eq!(environment("demo").part(2), "stream/demo/2");
        assert_eq!(environment("silent").part(0), "stream/silent/0");
        assert_eq!(Channel::Silent.part(0), "silent/0");
    }

    #[test]
    fn clients_are_asked_to_wait_for_different_times() {
        assert_eq!(prefix(0), ": stream\n\nretry: 500\n\n");
        assert_eq!(prefix(2_999), ": stream\n\nretry: 3499\n\n");
        assert_eq!(prefix(3_000), ": stream\n\nretry: 500\n\n");
        assert_eq!(FIRST, signal::comment("part"));
    }
}
