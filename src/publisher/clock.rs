//! Time, as an argument: tests wait without waiting.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;

/// What time it is, and how it passes.
pub trait Clock: Sync {
    fn now(&self) -> Timestamp;
    /// How long it has been since some moment; unlike [`Clock::now`], it never goes back.
    fn elapsed(&self) -> Duration;
    fn sleep(&self, pause: Duration);
}

/// The machine's own clock.
#[derive(Debug)]
pub struct SystemClock {
    started: Instant,
    hurried: Mutex<bool>,
    bell: Condvar,
}

impl SystemClock {
    pub fn start() -> SystemClock {
        SystemClock { started: Instant::now(), hurried: Mutex::new(false), bell: Condvar::new() }
    }

    /// Ends all pauses, those to come too, so that work under way comes to its end.
    pub fn hurry(&self) {
        *self.hurried.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.bell.notify_all();
    }

    pub fn is_hurried(&self) -> bool {
        *self.hurried.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    fn sleep(&self, pause: Duration) {
        let hurried = self.hurried.lock().unwrap_or_else(PoisonError::into_inner);
        // Whether it timed out makes no difference.
        let _ = self.bell.wait_timeout_while(hurried, pause, |hurried| !*hurried);
    }
}
