//! A clock on which pauses take no time.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use jiff::Timestamp;
use publisher::Clock;

/// A clock that advances only while a thread sleeps, or by [`advance`](Self::advance).
pub struct SimulatedClock {
    start: Timestamp,
    microseconds: AtomicU64,
}

impl SimulatedClock {
    pub fn at(start: Timestamp) -> SimulatedClock {
        SimulatedClock { start, microseconds: AtomicU64::new(0) }
    }

    pub fn advance(&self, by: Duration) {
        self.microseconds.fetch_add(u64::try_from(by.as_micros()).unwrap(), Ordering::Relaxed);
    }
}

impl Clock for SimulatedClock {
    fn now(&self) -> Timestamp {
        self.start + self.elapsed()
    }

    fn elapsed(&self) -> Duration {
        Duration::from_micros(self.microseconds.load(Ordering::Relaxed))
    }

    fn sleep(&self, pause: Duration) {
        self.advance(pause);
        // Other threads get a chance to run.
        thread::yield_now();
    }
}
