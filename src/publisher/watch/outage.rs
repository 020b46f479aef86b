//! An outage: the first failure of a kind is logged, and further ones rarely.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::watch::attempt_error::AttemptError;

/// After what time a failure is logged again; each further time after twice as long.
const FIRST_REMINDER: Duration = Duration::from_secs(60);
const LONGEST_REMINDER: Duration = Duration::from_secs(3_600);

/// What failed since the last success.
#[derive(Debug, Default)]
pub(crate) struct Outage {
    began: Option<Duration>,
    tries: usize,
    kinds: BTreeMap<String, Reminder>,
}

#[derive(Debug)]
struct Reminder {
    due: Duration,
    pause: Duration,
}

impl Outage {
    /// Counts a try that failed, whole or in part.
    pub(crate) fn tried(&mut self, now: Duration) {
        self.began.get_or_insert(now);
        self.tries += 1;
    }

    /// What is to be logged of a failure.
    pub(crate) fn failed(&mut self, failure: &AttemptError, now: Duration) -> Option<String> {
        let text = &failure.text;
        let Some(reminder) = self.kinds.get_mut(&failure.kind) else {
            self.kinds
                .insert(failure.kind.clone(), Reminder { due: now + FIRST_REMINDER, pause: FIRST_REMINDER });
            return Some(format!("{text}; it is tried again until it succeeds"));
        };
        if now < reminder.due {
            return None;
        }
        reminder.pause = (reminder.pause * 2).min(LONGEST_REMINDER);
        reminder.due = now + reminder.pause;
        Some(format!("still, {}: {text}", self.so_far(now)))
    }

    /// Ends it. Gives how many tries and how long it took, if there was one.
    pub(crate) fn end(&mut self, now: Duration) -> Option<String> {
        let said = self.began.map(|_| self.so_far(now));
        *self = Outage::default();
        said
    }

    fn so_far(&self, now: Duration) -> String {
        let tries = if self.tries == 1 { "try" } else { "tries" };
        let seconds = now.saturating_sub(self.began.unwrap_or(now)).as_secs();
        format!("after {} failed {tries} in {seconds} s", self.tries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(kind: &str) -> AttemptError {
        AttemptError { kind: kind.into(), text: kind.into(), asked: None }
    }

    #[test]
    fn the_same_failure_is_logged_rarely() {
        let mut outage = Outage::default();
        let mut said = Vec::new();
        // Every 10 seconds for two hours.
        for second in (0..7_200).step_by(10) {
            let now = Duration::from_secs(second);
            outage.tried(now);
            said.extend(outage.failed(&failure("writing: 503"), now).map(|_| second));
        }
        assert_eq!(said, [0, 60, 180, 420, 900, 1_860, 3_780]);
        let now = Duration::from_secs(7_200);
        assert_eq!(
            outage.failed(&failure("writing: 401"), now).as_deref(),
            Some("writing: 401; it is tried again until it succeeds"),
            "another one is logged at once"
        );
        assert_eq!(outage.end(now).as_deref(), Some("after 720 failed tries in 7200 s"));
        assert_eq!(outage.end(now), None);
    }
}
