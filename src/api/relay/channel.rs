//! What clients listen to, and what each of them is given by itself.

use std::time::Duration;

use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, Response};

use super::join::Role;
use crate::key::EnvironmentKey;
use crate::signal;

/// What a client listens to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Channel {
    /// The changes of an environment.
    Environment(EnvironmentKey),
    /// Nothing: a key that opens no environment. It is held like any other, for whoever is sent away comes back at once,
    /// some SDKs hundreds of times a second.
    Silent,
}

impl Channel {
    /// The name of the cache object of its `n`th segment.
    pub fn segment(&self, n: u32) -> String {
        match self {
            Channel::Environment(key) => format!("stream/{key}/{n}"),
            Channel::Silent => format!("silent/{n}"),
        }
    }
}

/// The first frame of every segment. A follower reads it before it answers: what cannot be read is dead.
pub const FIRST: &str = ": segment\n\n";

/// From how long to how long a client is asked to wait before it connects again. Each is told another time, so that
/// those of an ended segment do not come back at once.
pub const RETRY: (Duration, Duration) = (Duration::from_millis(500), Duration::from_millis(3_500));

/// What stands before the shared segment, for one client alone: nothing that has a revision. `chance` is any number.
pub fn prefix(chance: u64) -> String {
    let (from, to) = RETRY;
    let spread = u64::try_from((to - from).as_millis()).unwrap_or(1);
    let retry = from + Duration::from_millis(chance % spread);
    // The comment makes whatever buffers on the way let go of the head.
    format!("{}{}", signal::comment("stream"), signal::retry(retry))
}

/// Says how a client was joined.
const SEGMENT: HeaderName = HeaderName::from_static("jackstaff-segment");

/// The head of every answer with a stream.
pub fn head() -> Response<()> {
    let mut response = Response::new(());
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream; charset=utf-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache, no-transform"));
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    response
}

/// Labels the head with what became of the request: `leader 0`, `follower 2`, `alone`; with `silent` before it where
/// nothing will be told.
pub fn label<O, S>(head: &mut Response<()>, channel: &Channel, role: &Role<O, S>) {
    let role = match role {
        Role::Leader(n, _) => format!("leader {n}"),
        Role::Follower(n, _) => format!("follower {n}"),
        Role::Alone => "alone".to_owned(),
    };
    let text = if *channel == Channel::Silent { format!("silent {role}") } else { role };
    if let Ok(value) = HeaderValue::from_str(&text) {
        head.headers_mut().insert(SEGMENT, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_of_different_channels_never_share_a_name() {
        let environment = |key| Channel::Environment(EnvironmentKey::parse(key).unwrap());
        assert_eq!(environment("demo").segment(2), "stream/demo/2");
        assert_eq!(environment("silent").segment(0), "stream/silent/0");
        assert_eq!(Channel::Silent.segment(0), "silent/0");
    }

    #[test]
    fn clients_are_asked_to_wait_for_different_times() {
        assert_eq!(prefix(0), ": stream\n\nretry: 500\n\n");
        assert_eq!(prefix(2_999), ": stream\n\nretry: 3499\n\n");
        assert_eq!(prefix(3_000), ": stream\n\nretry: 500\n\n");
        assert_eq!(FIRST, signal::comment("segment"));
    }

    #[test]
    fn the_label_tells_how_a_client_was_joined() {
        let environment = Channel::Environment(EnvironmentKey::parse("demo").unwrap());
        for (channel, role, expected) in [
            (&environment, Role::Leader(0, ()), "leader 0"),
            (&environment, Role::Follower(2, ()), "follower 2"),
            (&environment, Role::Alone, "alone"),
            (&Channel::Silent, Role::Leader(1, ()), "silent leader 1"),
        ] {
            let mut head = head();
            label(&mut head, channel, &role);
            assert_eq!(head.headers()["jackstaff-segment"], expected);
        }
    }
}
