//! Streams in parts, for caches that hand one stream on to many clients (a classic Fastly service, Varnish) where no edge
//! of ours lies between.
//!
//! The first request at a cache begins a *part*, and later ones join it: they get all of it from its beginning, and then
//! what follows. So a part can be joined for a shorter time than it lasts. A part that is over and can still be joined
//! would be answered whole, at once, again and again, to clients that connect again as soon as a stream ends.

use std::time::Duration;

use api::{EnvironmentKey, KeyError, relay, signal};
use axum::response::Response;
use bytes::Bytes;
use http::HeaderValue;
use http::header::CACHE_CONTROL;
use tokio::time::{Instant, timeout_at};

use crate::listener::{Listener, OriginEndedError};

/// How long nothing is written before a comment is. Clients read these bytes themselves, phones among them, which a
/// comment wakes up; and some proxies close a connection after 15 silent seconds.
const PING: Duration = Duration::from_secs(10);

/// The environment of clients whose key has the wrong shape. Nothing is ever announced for it. Their streams stay open
/// like all others, since some SDKs connect again hundreds of times a second when they are refused. `vcl/` knows this
/// name too.
const SILENT: &str = "jackstaff:silent";

/// The environment of a key in a path.
///
/// # Errors
///
/// None: [`SILENT`] is a key.
pub(crate) fn environment(key: &str) -> Result<EnvironmentKey, KeyError> {
    EnvironmentKey::parse(key).or_else(|_| EnvironmentKey::parse(SILENT))
}

/// How long a part of a stream lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamPart(Duration);

impl StreamPart {
    /// The seconds that a part may last.
    pub const SECONDS: (u64, u64) = (5, 90);

    /// A part of so many seconds; none if they are out of range.
    pub fn of_seconds(seconds: u64) -> Option<Self> {
        let (least, most) = Self::SECONDS;
        (least..=most).contains(&seconds).then_some(Self(Duration::from_secs(seconds)))
    }

    /// For how many seconds a part can be joined: three eighths of what it lasts. The last client to join has five eighths
    /// left.
    ///
    /// Less than half, because a cache may stand behind another (a POP behind its shield) and not count how old an object
    /// was when it came: it then keeps it for this time once more, and even so the part is not over.
    fn join_seconds(self) -> u64 {
        self.0.as_secs() * 3 / 8
    }

    /// Lets caches keep the head of a stream, and join others to it.
    pub(crate) fn mark(self, mut response: Response) -> Response {
        let text = format!("public, max-age={}, no-transform", self.join_seconds());
        let value = HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static("no-store"));
        response.headers_mut().insert(CACHE_CONTROL, value);
        response
    }

    /// The part that begins now. `chance` is any number: it spreads when clients connect again.
    pub(crate) fn begin(self, listener: Listener, chance: u64) -> PartWriter {
        let now = Instant::now();
        PartWriter { listener, chance, has_begun: false, ends: now + self.0, ping: now + PING }
    }
}

/// A part that is being written.
pub(crate) struct PartWriter {
    listener: Listener,
    chance: u64,
    has_begun: bool,
    ends: Instant,
    ping: Instant,
}

impl PartWriter {
    /// The next bytes to write, always whole frames; none once the part is over. At first, at once: how long a client
    /// waits before it connects again, and the latest number. Then an event for each announcement (several at once are one
    /// event), whose number is greater than those before.
    ///
    /// # Errors
    ///
    /// Once the origin ends: a part that ends too soon must not look like one that is over.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, OriginEndedError> {
        if !self.has_begun {
            self.has_begun = true;
            let event = self.event();
            return Ok(self.frame([relay::prefix(self.chance).as_bytes(), &event].concat().into()));
        }
        while Instant::now() < self.ends {
            match timeout_at(self.ends.min(self.ping), self.listener.changed()).await {
                Ok(changed) => {
                    changed?;
                    let event = self.event();
                    return Ok(self.frame(event));
                }
                Err(_) if Instant::now() < self.ends => {
                    return Ok(self.frame(Bytes::from_static(b": ping\n\n")));
                }
                Err(_) => {}
            }
        }
        Ok(None)
    }

    /// The event of the latest announcement, which is counted; empty if nothing was announced.
    fn event(&self) -> Bytes {
        let Some(number) = self.listener.number() else { return Bytes::new() };
        self.listener.count_event();
        signal::event_at(&number.to_string()).into()
    }

    /// A frame to write. The next comment is due so long after it.
    fn frame(&mut self, frame: Bytes) -> Option<Bytes> {
        self.ping = Instant::now() + PING;
        Some(frame)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use api::Revision;
    use api::signal::{comment, event, event_at};

    use super::*;
    use crate::announced::Announcement;
    use crate::hub::{Hub, Limits};
    use crate::metrics::Metrics;

    const LENGTH: u64 = 24;

    struct World {
        hub: Arc<Hub>,
        demo: EnvironmentKey,
    }

    impl World {
        fn new() -> Self {
            let hub = Hub::new(Limits { streams: 9, environments: 9 }, Arc::new(Metrics::new()));
            World { hub: Arc::new(hub), demo: environment("demo").unwrap() }
        }

        fn announce(&self, revision: u64) {
            let announcement = Announcement::at_most(Revision(10_000), Revision(revision));
            self.hub.announce(&self.demo, announcement).unwrap();
        }

        /// A part that begins now, and that says `retry: 500`.
        fn begin(&self) -> PartWriter {
            let listener = self.hub.listen(self.demo.clone()).unwrap();
            StreamPart::of_seconds(LENGTH).unwrap().begin(listener, 0)
        }
    }

    /// What is written next, and after how many milliseconds.
    async fn next(part: &mut PartWriter) -> (u128, Option<String>) {
        let start = Instant::now();
        let frame = part.next().await.unwrap();
        (start.elapsed().as_millis(), frame.map(|frame| String::from_utf8(frame.to_vec()).unwrap()))
    }

    #[track_caller]
    fn check((passed, frame): (u128, Option<String>), expected_passed: u128, expected: Option<&str>) {
        assert_eq!(frame.as_deref(), expected);
        // The clock of the tests ticks in milliseconds.
        assert!(passed.abs_diff(expected_passed) <= 2, "{passed} ms, {expected:?}");
    }

    #[test]
    fn a_part_can_be_joined_for_less_than_half_of_its_time() {
        for (seconds, join) in [(4, None), (5, Some(1)), (40, Some(15)), (90, Some(33)), (91, None)] {
            assert_eq!(StreamPart::of_seconds(seconds).map(StreamPart::join_seconds), join, "{seconds}");
        }
        let (least, most) = StreamPart::SECONDS;
        for seconds in least..=most {
            let join = StreamPart::of_seconds(seconds).unwrap().join_seconds();
            assert!(join >= 1 && 2 * join < seconds, "{seconds}: {join}");
        }
        let head = StreamPart::of_seconds(40).unwrap().mark(Response::default());
        assert_eq!(head.headers()[CACHE_CONTROL], "public, max-age=15, no-transform");
    }

    #[tokio::test(start_paused = true)]
    async fn a_part_begins_with_retry_and_the_latest_revision_and_ends_in_time() {
        let world = World::new();
        world.announce(100);
        let mut part = world.begin();
        let first = format!("{}retry: 500\n\n{}", comment("stream"), event(Revision(100)));
        check(next(&mut part).await, 0, Some(&first));
        tokio::time::advance(Duration::from_secs(3)).await;
        world.announce(101);
        check(next(&mut part).await, 0, Some(&event(Revision(101))));
        check(next(&mut part).await, 10_000, Some(": ping\n\n"));
        check(next(&mut part).await, 10_000, Some(": ping\n\n"));
        check(next(&mut part).await, 1_000, None);
        assert_eq!(world.hub.metrics().signals.get(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn each_announcement_gives_an_event_with_a_greater_number() {
        let world = World::new();
        let mut part = world.begin();
        check(next(&mut part).await, 0, Some(": stream\n\nretry: 500\n\n"));
        for (announced, expected) in [
            (100, "100.0"),
            (100, "100.001953125"),
            (99, "100.00390625"),
            (102, "102.0"),
            (102, "102.001953125"),
        ] {
            world.announce(announced);
            check(next(&mut part).await, 0, Some(&event_at(expected)));
            // A client that connects now hears of it too.
            let first = format!(": stream\n\nretry: 500\n\n{}", event_at(expected));
            check(next(&mut world.begin()).await, 0, Some(&first));
        }
        // What another replica knows, and this one does not, moves the number once.
        for known in [103, 103, 102] {
            world.hub.learn(&world.demo, Revision(known), Revision(10_000)).unwrap();
        }
        check(next(&mut part).await, 0, Some(&event(Revision(103))));
        check(next(&mut part).await, 10_000, Some(": ping\n\n"));
    }

    /// Two changes within a second, before a client has read the first event.
    #[tokio::test(start_paused = true)]
    async fn a_client_that_reads_slowly_gets_the_last_number() {
        let world = World::new();
        let mut part = world.begin();
        next(&mut part).await;
        world.announce(100);
        world.announce(100);
        check(next(&mut part).await, 0, Some(&event_at("100.001953125")));
        check(next(&mut part).await, 10_000, Some(": ping\n\n"));
    }

    /// Its own clock ran fast, or one of a publisher did: later changes have lower numbers for ten seconds and more.
    #[tokio::test(start_paused = true)]
    async fn no_change_is_hidden_behind_a_number_that_is_ahead_of_the_clock() {
        let world = World::new();
        let mut part = world.begin();
        next(&mut part).await;
        for (announced, expected) in [
            (u64::MAX, "10000.0"),
            (9_990, "10000.001953125"),
            (9_991, "10000.00390625"),
            (u64::MAX, "10000.005859375"),
        ] {
            world.announce(announced);
            check(next(&mut part).await, 0, Some(&event_at(expected)));
        }
    }

    /// `"ahead"` is for edges, which can look at the store.
    #[tokio::test(start_paused = true)]
    async fn a_client_is_not_told_that_an_announcement_was_ahead() {
        let world = World::new();
        let mut part = world.begin();
        next(&mut part).await;
        world.announce(10_001);
        check(next(&mut part).await, 0, Some(&event(Revision(10_000))));
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_reads_slowly_gets_nothing_after_the_end() {
        let world = World::new();
        let mut part = world.begin();
        next(&mut part).await;
        tokio::time::advance(Duration::from_secs(LENGTH)).await;
        world.announce(100);
        check(next(&mut part).await, 0, None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_part_is_aborted_when_the_origin_ends() {
        let world = World::new();
        let mut part = world.begin();
        next(&mut part).await;
        world.hub.end();
        assert_eq!(part.next().await, Err(OriginEndedError));
    }

    #[test]
    fn a_bad_key_gets_a_silent_stream() {
        for (key, environment) in [
            ("demo", "demo"),
            ("ser.abc", SILENT),
            ("", SILENT),
            ("a b", SILENT),
            (&*"k".repeat(257), SILENT),
        ] {
            assert_eq!(super::environment(key).unwrap().as_str(), environment, "{key}");
        }
    }
}
