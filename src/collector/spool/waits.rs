//! What the threads of a collector wait for.

use std::sync::PoisonError;
use std::time::{Duration, Instant};

use super::Spool;
use crate::batch::Kind;

impl Spool {
    /// The number of the next segment behind that one in which this kind is not finished. Waits for it; none once the process
    /// ends.
    pub(crate) fn next_segment(&self, kind: Kind) -> Option<u64> {
        let mut state = self.state();
        loop {
            if state.is_ending {
                return None;
            }
            let next = state.sealed.iter().find(|(_, sealed)| !sealed.finished.contains(&kind));
            if let Some((number, _)) = next {
                return Some(*number);
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Waits until everything is forwarded, or the process ends. Returns whether it is.
    pub(crate) fn wait_until_empty(&self) -> bool {
        self.seal_if_older(Duration::ZERO);
        let mut state = self.state();
        while !state.sealed.is_empty() && !state.is_ending {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.sealed.is_empty()
    }

    /// Ends all waits, those to come too.
    pub(crate) fn end(&self) {
        self.state().is_ending = true;
        self.changed.notify_all();
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.state().is_ending
    }

    /// Waits so long, or until the process ends. Returns whether it goes on.
    pub(crate) fn pause(&self, pause: Duration) -> bool {
        let until = Instant::now() + pause;
        let mut state = self.state();
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if state.is_ending || left.is_zero() {
                return !state.is_ending;
            }
            let waited = self.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}
