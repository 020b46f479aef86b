//! When something that failed is tried again.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};

use crate::watch::attempt_error::AttemptError;

const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// Chance adds up to as much again, so that many environments are not tried at the same moment.
const LONGEST_PAUSE: Duration = Duration::from_secs(15);
/// A longer `Retry-After` is cut to this: a mistaken answer must not stop everything.
const LONGEST_ASKED: Duration = Duration::from_secs(600);

/// When something may be tried: at once, as long as it does not fail; after growing pauses, if it does.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    pauses: Option<ExponentialBackoff>,
    not_before: Duration,
    asked_until: Duration,
}

impl Backoff {
    pub(crate) fn not_before(&self) -> Duration {
        self.not_before.max(self.asked_until)
    }

    pub(crate) fn is_failing(&self) -> bool {
        self.pauses.is_some()
    }

    /// It is worth a try now.
    pub(crate) fn hurry(&mut self, now: Duration) {
        self.not_before = self.not_before.min(now);
    }

    /// It was tried, with these failures. `chance` spreads the pauses.
    pub(crate) fn came_to(&mut self, failures: &[AttemptError], now: Duration, chance: u64) {
        if failures.is_empty() {
            *self = Backoff::default();
            return;
        }
        let asked = failures.iter().filter_map(|failure| failure.asked).max();
        let pauses = self.pauses.get_or_insert_with(|| {
            ExponentialBuilder::default()
                .with_min_delay(FIRST_PAUSE)
                .with_max_delay(LONGEST_PAUSE)
                .without_max_times()
                .with_jitter()
                .with_jitter_seed(chance)
                .build()
        });
        let pause = pauses.next().unwrap_or(LONGEST_PAUSE);
        self.not_before = now + pause;
        self.asked_until = now + asked.unwrap_or_default().min(LONGEST_ASKED);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(asked: Option<u64>) -> [AttemptError; 1] {
        [AttemptError { kind: "x".into(), text: "x".into(), asked: asked.map(Duration::from_secs) }]
    }

    #[test]
    fn pauses_grow_to_an_end_and_begin_anew_after_a_success() {
        let mut backoff = Backoff::default();
        let mut pauses: Vec<Duration> = Vec::new();
        for _ in 0..12 {
            backoff.came_to(&failure(None), Duration::ZERO, 7);
            pauses.push(backoff.not_before());
        }
        for (number, pause) in pauses.iter().enumerate() {
            let least = (FIRST_PAUSE * (1 << number)).min(LONGEST_PAUSE);
            assert!(*pause >= least && *pause <= least * 2, "{number}: {pauses:?}");
        }
        backoff.came_to(&[], Duration::ZERO, 7);
        assert_eq!(backoff.not_before(), Duration::ZERO);
        backoff.came_to(&failure(None), Duration::ZERO, 7);
        assert!(backoff.not_before() <= FIRST_PAUSE * 2);
    }

    #[test]
    fn a_pause_that_a_server_asks_for_is_kept_up_to_a_limit() {
        for (asked, expected) in [(60, 60), (86_400, 600)] {
            let mut backoff = Backoff::default();
            backoff.came_to(&failure(Some(asked)), Duration::from_secs(5), 7);
            assert_eq!(backoff.not_before(), Duration::from_secs(5 + expected));
        }
    }
}
