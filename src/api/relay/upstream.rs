//! The connection to the origin: when to connect, and when not to.

use std::time::Duration;

/// Requests to the origin in one part of a stream. The platform allows 32 in one execution, for everything.
pub(super) const REQUESTS: u32 = 8;

/// The pauses before another try: each twice as long as the one before, less a random share.
const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(8);

/// A connection that lasted so long was a good one: its end does not count as one more failure.
const GOOD: Duration = Duration::from_secs(10);

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Upstream {
    state: State,
    left: u32,
    failures: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Connected { since: Duration },
    Away { until: Duration },
}

impl Upstream {
    /// To be connected at once; never, if no request is allowed.
    pub(super) fn new(requests: u32) -> Upstream {
        Upstream { state: State::Away { until: Duration::ZERO }, left: requests, failures: 0 }
    }

    pub(super) fn is_connected(&self) -> bool {
        matches!(self.state, State::Connected { .. })
    }

    /// How long until the next try; nothing while connected, or when no request is left.
    pub(super) fn pause(&self, now: Duration) -> Option<Duration> {
        match self.state {
            State::Away { until } if self.left > 0 => Some(until.saturating_sub(now)),
            State::Away { .. } | State::Connected { .. } => None,
        }
    }

    pub(super) fn requested(&mut self) {
        self.left = self.left.saturating_sub(1);
    }

    pub(super) fn connected(&mut self, now: Duration) {
        self.state = State::Connected { since: now };
    }

    /// The connection broke off, was ended, or could not be made. `chance` is any number.
    pub(super) fn lost(&mut self, now: Duration, chance: u64) {
        if let State::Connected { since } = self.state
            && now.saturating_sub(since) >= GOOD
        {
            self.failures = 0;
        }
        let pause = (SHORTEST * 2_u32.saturating_pow(self.failures)).min(LONGEST);
        self.failures += 1;
        // From a half of it to the whole: the leaders of other POPs lost their connections at the same moment.
        let pause = pause / 2 + pause / 2 * u32::try_from(chance % 1_000).unwrap_or(0) / 1_000;
        self.state = State::Away { until: now + pause };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn second(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn tries_become_rarer_and_end() {
        let mut upstream = Upstream::new(REQUESTS);
        let mut now = Duration::ZERO;
        let mut tries = Vec::new();
        while let Some(pause) = upstream.pause(now) {
            now += pause;
            tries.push(now.as_millis());
            upstream.requested();
            upstream.lost(now, 999);
        }
        assert_eq!(tries, [0, 999, 2_998, 6_996, 14_992, 22_988, 30_984, 38_980]);
    }

    #[test]
    fn chance_takes_up_to_a_half_of_a_pause() {
        let mut upstream = Upstream::new(REQUESTS);
        upstream.lost(Duration::ZERO, 0);
        assert_eq!(upstream.pause(Duration::ZERO), Some(Duration::from_millis(500)));
    }

    #[test]
    fn only_a_short_connection_counts_as_a_failure() {
        let mut upstream = Upstream::new(REQUESTS);
        for (lasted, pause) in [(1, 500), (1, 1_000), (1, 2_000), (10, 500), (9, 1_000)] {
            upstream.connected(second(100));
            assert!(upstream.is_connected());
            assert_eq!(upstream.pause(second(100)), None);
            upstream.lost(second(100 + lasted), 0);
            assert_eq!(
                upstream.pause(second(100 + lasted)),
                Some(Duration::from_millis(pause)),
                "{lasted} s"
            );
        }
    }

    #[test]
    fn without_requests_there_is_no_connection() {
        assert_eq!(Upstream::new(0).pause(second(1)), None);
    }
}
