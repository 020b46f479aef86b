//! Time, as an argument: tests wait without waiting.

use std::thread;
use std::time::{Duration, Instant};

use jiff::Timestamp;

/// What time it is, and how it passes.
pub trait Clock {
    fn now(&self) -> Timestamp;
    /// How long it has been since some moment; unlike [`Clock::now`], it never goes back.
    fn elapsed(&self) -> Duration;
    fn sleep(&self, pause: Duration);
}

/// The machine's own clock.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock {
    started: Instant,
}

impl SystemClock {
    pub fn start() -> SystemClock {
        SystemClock { started: Instant::now() }
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
        thread::sleep(pause);
    }
}
