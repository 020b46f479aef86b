//! When one kind of work may be done for an environment: it does not wait for failures of another kind.

use std::time::Duration;

use crate::watch::attempt_error::AttemptError;
use crate::watch::backoff::Backoff;

/// Whether it is being done, and when it may be done again.
#[derive(Debug, Default)]
pub(crate) struct WorkSchedule {
    is_busy: bool,
    backoff: Backoff,
    rests_until: Duration,
}

impl WorkSchedule {
    pub(crate) fn is_busy(&self) -> bool {
        self.is_busy
    }

    /// Whether it failed last time.
    pub(crate) fn is_failing(&self) -> bool {
        self.backoff.is_failing()
    }

    /// When it may be done, unless it is being done.
    pub(crate) fn due(&self) -> Option<Duration> {
        (!self.is_busy).then(|| self.backoff.not_before().max(self.rests_until))
    }

    pub(crate) fn begin(&mut self) {
        self.is_busy = true;
    }

    /// It is worth a try now, even if it failed, unless the server asked for a pause.
    pub(crate) fn hurry(&mut self, now: Duration) {
        self.backoff.hurry(now);
    }

    /// It ended with these failures, and rests for so long in any case.
    pub(crate) fn end(&mut self, failures: &[AttemptError], rest: Duration, now: Duration, chance: u64) {
        self.is_busy = false;
        self.rests_until = self.rests_until.max(now + rest);
        self.backoff.came_to(failures, now, chance);
    }
}
