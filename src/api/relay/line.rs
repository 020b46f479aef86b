//! The line to the origin: when to connect, and when not to.

use std::time::Duration;

/// Requests to the origin in one segment. The platform allows 32 in one execution, for everything.
pub(super) const REQUESTS: u32 = 8;

/// The pauses before another try: each twice the one before, and none exactly so long.
const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(8);

/// A connection that lasted so long was a good one: what follows it is not taken for one more failure.
const GOOD: Duration = Duration::from_secs(10);

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    state: State,
    left: u32,
    failures: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Connected { since: Duration },
    Away { until: Duration },
}

impl Line {
    /// To be connected at once; never, if there are to be no requests.
    pub(super) fn new(requests: u32) -> Line {
        Line { state: State::Away { until: Duration::ZERO }, left: requests, failures: 0 }
    }

    pub(super) fn is_connected(&self) -> bool {
        matches!(self.state, State::Connected { .. })
    }

    /// How long until the next try; none if there is nothing to try.
    pub(super) fn pause(&self, now: Duration) -> Option<Duration> {
        match self.state {
            State::Away { until } if self.left > 0 => Some(until.saturating_sub(now)),
            State::Away { .. } | State::Connected { .. } => None,
        }
    }

    pub(super) fn asked(&mut self) {
        self.left = self.left.saturating_sub(1);
    }

    pub(super) fn connected(&mut self, now: Duration) {
        self.state = State::Connected { since: now };
    }

    /// It broke off, was ended, or did not come about. `chance` is any number.
    pub(super) fn lost(&mut self, now: Duration, chance: u64) {
        if let State::Connected { since } = self.state
            && now.saturating_sub(since) >= GOOD
        {
            self.failures = 0;
        }
        let pause = (SHORTEST * 2_u32.saturating_pow(self.failures)).min(LONGEST);
        self.failures += 1;
        // From a half of it to the whole: the leaders of other POPs lost theirs at the same moment.
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
        let mut line = Line::new(REQUESTS);
        let mut now = Duration::ZERO;
        let mut tries = Vec::new();
        while let Some(pause) = line.pause(now) {
            now += pause;
            tries.push(now.as_millis());
            line.asked();
            line.lost(now, 999);
        }
        assert_eq!(tries, [0, 999, 2_998, 6_996, 14_992, 22_988, 30_984, 38_980]);
    }

    #[test]
    fn chance_takes_up_to_a_half_of_a_pause() {
        let mut line = Line::new(REQUESTS);
        line.lost(Duration::ZERO, 0);
        assert_eq!(line.pause(Duration::ZERO), Some(Duration::from_millis(500)));
    }

    #[test]
    fn a_short_connection_is_a_failure_and_a_long_one_is_none() {
        let mut line = Line::new(REQUESTS);
        for (lasted, pause) in [(1, 500), (1, 1_000), (1, 2_000), (10, 500), (9, 1_000)] {
            line.connected(second(100));
            assert!(line.is_connected());
            assert_eq!(line.pause(second(100)), None);
            line.lost(second(100 + lasted), 0);
            assert_eq!(line.pause(second(100 + lasted)), Some(Duration::from_millis(pause)), "{lasted} s");
        }
    }

    #[test]
    fn without_requests_there_is_no_line() {
        assert_eq!(Line::new(0).pause(second(1)), None);
    }
}
