//! How many calls Fastly's API still takes, and how to make them last.
//!
//! An account has about 1,000 calls an hour. Each answer says how many are left, and when there are new ones.

use std::time::Duration;

use jiff::Timestamp;
use ureq::http::HeaderMap;

/// As long as more are left, writes are not spread.
const AMPLE: u64 = 100;
/// What a change costs: a write, a read to see that it is there, a purge.
const CALLS_PER_CHANGE: u64 = 3;

/// How many more calls the API takes, and until when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    remaining: u64,
    /// Seconds since the epoch.
    resets_at: u64,
}

impl Quota {
    /// So many calls until a moment, in seconds since the epoch.
    pub fn new(remaining: u64, resets_at: u64) -> Quota {
        Quota { remaining, resets_at }
    }

    /// As an answer's headers say it.
    pub(crate) fn of(headers: &HeaderMap) -> Option<Quota> {
        let number = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse().ok();
        Some(Quota {
            remaining: number("fastly-ratelimit-remaining")?,
            resets_at: number("fastly-ratelimit-reset")?,
        })
    }

    /// Whether there are so few calls left that they are to be spread.
    pub(crate) fn is_scarce(self, now: Timestamp) -> bool {
        !self.pause(now).is_zero()
    }

    /// How long one change is to wait for the one before, so that changes last until there are new calls.
    pub(crate) fn pause(self, now: Timestamp) -> Duration {
        if self.remaining >= AMPLE {
            return Duration::ZERO;
        }
        let now = u64::try_from(now.as_second()).unwrap_or_default();
        let until_reset = Duration::from_secs(self.resets_at.saturating_sub(now));
        let changes = u32::try_from(self.remaining / CALLS_PER_CHANGE).unwrap_or(u32::MAX);
        until_reset / changes.max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_spread_when_calls_run_out() {
        let now = Timestamp::from_second(1_000).unwrap();
        for (remaining, resets_at, expected) in [
            (1_000, 4_600, 0),
            (100, 4_600, 0),
            (99, 1_330, 10),
            (30, 1_330, 33),
            (2, 1_330, 330),
            (0, 1_330, 330),
            (0, 900, 0),
        ] {
            let quota = Quota { remaining, resets_at };
            assert_eq!(quota.pause(now), Duration::from_secs(expected), "{quota:?}");
        }
    }

    #[test]
    fn an_answer_may_not_say_it() {
        let headers = |reset: &str| -> HeaderMap {
            [("fastly-ratelimit-remaining", "7"), ("fastly-ratelimit-reset", reset)]
                .into_iter()
                .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
                .collect()
        };
        assert_eq!(Quota::of(&headers("1330")), Some(Quota { remaining: 7, resets_at: 1_330 }));
        assert_eq!(Quota::of(&headers("soon")), None);
        assert_eq!(Quota::of(&HeaderMap::new()), None);
    }
}
