//! Streams in parts, for caches that hand one stream on to many clients (a classic Fastly service, Varnish) where no
//! relay lies between.
//!
//! The first request at a cache begins a *part*, and later ones join it: they are given all of it from its
//! beginning, and then what comes. So a part can be joined for a shorter time than it lasts. One that is over and can
//! still be joined is given whole, at once, again and again, to clients that come back as soon as a stream ends.

use std::time::Duration;

use api::{EnvironmentKey, KeyFault, Revision, relay};
use axum::response::Response;
use bytes::Bytes;
use http::HeaderValue;
use http::header::CACHE_CONTROL;
use tokio::time::{Instant, timeout_at};

use crate::listener::{Aborted, Listener};

/// How long nothing is written before a comment is. Clients read these bytes themselves, phones among them, which a
/// comment wakes up; some proxies close what says nothing for 15 s.
const PING: Duration = Duration::from_secs(10);

/// What is listened to by those whose key has the wrong shape, and can never be told of anything. They are held like all
/// others, since some SDKs come back hundreds of times a second when they are sent away. `vcl/` knows this name too.
const SILENT: &str = "jackstaff:silent";

/// The environment of a key in a path.
///
/// # Errors
///
/// None: the name is one that can be parsed.
pub(crate) fn environment(key: &str) -> Result<EnvironmentKey, KeyFault> {
    EnvironmentKey::parse(key).or_else(|_| EnvironmentKey::parse(SILENT))
}

/// How long parts last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamPart(Duration);

impl StreamPart {
    /// The seconds that a part may last: the range of the edge's setting of that name.
    pub const SECONDS: (u64, u64) = (5, 90);

    /// A part of so many seconds; none if they are out of range.
    pub fn of_seconds(seconds: u64) -> Option<Self> {
        let (least, most) = Self::SECONDS;
        (least..=most).contains(&seconds).then_some(Self(Duration::from_secs(seconds)))
    }

    /// For how many seconds a part can be joined: three eighths of what it lasts. Whoever joins has five eighths left.
    ///
    /// Less than half, because a cache may stand behind another (a POP behind its shield) and not count how old an
    /// object came to it: it then keeps it for this time once more, and even so the part is not over.
    fn join(self) -> u64 {
        self.0.as_secs() * 3 / 8
    }

    /// Lets caches keep the head of a stream, and join others to it.
    pub(crate) fn mark(self, mut response: Response) -> Response {
        let text = format!("public, max-age={}, no-transform", self.join());
        let value = HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static("no-store"));
        response.headers_mut().insert(CACHE_CONTROL, value);
        response
    }

    /// The part that begins now. `chance` is any number: it spreads when clients come back.
    pub(crate) fn begin(self, listener: Listener, chance: u64) -> Writing {
        let now = Instant::now();
        Writing { listener, chance, begun: false, last: None, ends: now + self.0, ping: now + PING }
    }
}

/// A part that is being written.
pub(crate) struct Writing {
    listener: Listener,
    chance: u64,
    begun: bool,
    /// The revision that was told last.
    last: Option<Revision>,
    ends: Instant,
    ping: Instant,
}

impl Writing {
    /// The next thing to write, always of whole frames; none once the part is over. At first, at once: how long to
    /// wait before coming back, and what stands.
    ///
    /// An announcement that changes no number is not told. It makes relays look at the KV store; a client would only
    /// ask for the flags that it has.
    ///
    /// # Errors
    ///
    /// Once the origin ends: a part that ends too soon must not look like one that is over.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, Aborted> {
        if !self.begun {
            self.begun = true;
            let event = self.told().unwrap_or_default();
            return Ok(self.write([relay::prefix(self.chance).as_bytes(), &event].concat().into()));
        }
        while Instant::now() < self.ends {
            match timeout_at(self.ends.min(self.ping), self.listener.changed()).await {
                Ok(changed) => {
                    changed?;
                    if let Some(event) = self.told() {
                        return Ok(self.write(event));
                    }
                }
                Err(_) if Instant::now() < self.ends => {
                    return Ok(self.write(Bytes::from_static(b": ping\n\n")));
                }
                Err(_) => {}
            }
        }
        Ok(None)
    }

    /// The event of what stands, if it was not told yet.
    fn told(&mut self) -> Option<Bytes> {
        let stands = self.listener.stands();
        if stands <= self.last {
            return None;
        }
        self.last = stands;
        Some(self.listener.tell())
    }

    /// The next comment is due so long after this frame.
    fn write(&mut self, frame: Bytes) -> Option<Bytes> {
        self.ping = Instant::now() + PING;
        Some(frame)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use api::signal::{comment, event};

    use super::*;
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
            self.hub.announce(&self.demo, Revision(revision), Revision(10_000)).unwrap();
        }

        /// A part that begins now, and that says `retry: 500`.
        fn begin(&self) -> Writing {
            let listener = self.hub.listen(self.demo.clone()).unwrap();
            StreamPart::of_seconds(LENGTH).unwrap().begin(listener, 0)
        }
    }

    /// What is written next, and after how many milliseconds.
    async fn next(writing: &mut Writing) -> (u128, Option<String>) {
        let start = Instant::now();
        let frame = writing.next().await.unwrap();
        (start.elapsed().as_millis(), frame.map(|frame| String::from_utf8(frame.to_vec()).unwrap()))
    }

    #[track_caller]
    fn check((passed, frame): (u128, Option<String>), expected_passed: u128, expected: Option<&str>) {
        assert_eq!(frame.as_deref(), expected);
        // The clock of the tests ticks in milliseconds.
        assert!(passed.abs_diff(expected_passed) <= 2, "{passed} ms, {expected:?}");
    }

    #[test]
    fn it_can_be_joined_for_less_than_half_of_its_time() {
        for (seconds, join) in [(4, None), (5, Some(1)), (40, Some(15)), (90, Some(33)), (91, None)] {
            assert_eq!(StreamPart::of_seconds(seconds).map(StreamPart::join), join, "{seconds}");
        }
        let (least, most) = StreamPart::SECONDS;
        for seconds in least..=most {
            let join = StreamPart::of_seconds(seconds).unwrap().join();
            assert!(join >= 1 && 2 * join < seconds, "{seconds}: {join}");
        }
        let head = StreamPart::of_seconds(40).unwrap().mark(Response::default());
        assert_eq!(head.headers()[CACHE_CONTROL], "public, max-age=15, no-transform");
    }

    #[tokio::test(start_paused = true)]
    async fn a_part_says_when_to_come_back_and_what_stands_and_ends_in_time() {
        let world = World::new();
        world.announce(100);
        let mut writing = world.begin();
        let first = format!("{}retry: 500\n\n{}", comment("stream"), event(Revision(100)));
        check(next(&mut writing).await, 0, Some(&first));
        tokio::time::advance(Duration::from_secs(3)).await;
        world.announce(101);
        check(next(&mut writing).await, 0, Some(&event(Revision(101))));
        check(next(&mut writing).await, 10_000, Some(": ping\n\n"));
        check(next(&mut writing).await, 10_000, Some(": ping\n\n"));
        check(next(&mut writing).await, 1_000, None);
        assert_eq!(world.hub.metrics().signals.get(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_told_twice_or_backwards() {
        let world = World::new();
        let mut writing = world.begin();
        check(next(&mut writing).await, 0, Some(": stream\n\nretry: 500\n\n"));
        for announced in [100, 100, 99] {
            world.announce(announced);
        }
        check(next(&mut writing).await, 0, Some(&event(Revision(100))));
        tokio::time::advance(Duration::from_secs(1)).await;
        // It moves neither the next comment nor the end.
        world.announce(100);
        check(next(&mut writing).await, 9_000, Some(": ping\n\n"));
        world.announce(102);
        check(next(&mut writing).await, 0, Some(&event(Revision(102))));
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_was_slow_to_read_is_told_no_more_after_the_end() {
        let world = World::new();
        let mut writing = world.begin();
        next(&mut writing).await;
        tokio::time::advance(Duration::from_secs(LENGTH)).await;
        world.announce(100);
        check(next(&mut writing).await, 0, None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_part_is_aborted_with_the_origin_and_not_ended() {
        let world = World::new();
        let mut writing = world.begin();
        next(&mut writing).await;
        world.hub.end();
        assert_eq!(writing.next().await, Err(Aborted));
    }

    #[test]
    fn whoever_has_a_bad_key_listens_to_nothing() {
        for (key, listened_to) in [
            ("demo", "demo"),
            ("ser.abc", SILENT),
            ("", SILENT),
            ("a b", SILENT),
            (&*"k".repeat(257), SILENT),
        ] {
            assert_eq!(environment(key).unwrap().as_str(), listened_to, "{key}");
        }
    }
}
