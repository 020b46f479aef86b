//! One kind of work for an environment, in its own time: nothing of it waits for what fails of another kind.

use std::time::Duration;

use crate::watch::attempt_error::AttemptError;
use crate::watch::backoff::Backoff;

/// Whether somebody is at it, and when it may be done again.
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

    /// When it may be done, if somebody wants it.
    pub(crate) fn due(&self) -> Option<Duration> {
        (!self.is_busy).then(|| self.backoff.not_before().max(self.rests_until))
    }

    pub(crate) fn begin(&mut self) {
        self.is_busy = true;
    }

    /// It is worth a try now, even if it failed, unless somebody asked for a pause.
    pub(crate) fn hurry(&mut self, now: Duration) {
        self.backoff.hurry(now);
    }

    /// It came to these failures, and rests for so long in any case.
    pub(crate) fn end(&mut self, failures: &[AttemptError], rest: Duration, now: Duration, chance: u64) {
        self.is_busy = false;
        self.rests_until = self.rests_until.max(now + rest);
        self.backoff.came_to(failures, now, chance);
    }
}
