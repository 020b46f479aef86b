//! How many there are of something, and were.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Count {
    pub open: u64,
    /// The most that were open at any time.
    pub most: u64,
    /// All that were ever opened.
    pub total: u64,
}

/// What passed a proxy.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    pub connections: Count,
    /// Requests for an event stream, whatever became of them.
    pub streams: Count,
}

#[derive(Clone, Default)]
pub(crate) struct Counters {
    connections: Counter,
    streams: Counter,
}

#[derive(Clone, Default)]
pub(crate) struct Counter(Arc<Mutex<Count>>);

/// One that is open, until it is dropped.
pub(crate) struct Open(Counter);

impl Counters {
    pub(crate) fn counts(&self) -> Counts {
        Counts { connections: *self.connections.lock(), streams: *self.streams.lock() }
    }

    pub(crate) fn connection(&self) -> Open {
        self.connections.open()
    }

    pub(crate) fn stream(&self) -> Open {
        self.streams.open()
    }
}

impl Counter {
    fn open(&self) -> Open {
        let mut count = self.lock();
        count.open += 1;
        count.total += 1;
        count.most = count.most.max(count.open);
        Open(self.clone())
    }

    fn lock(&self) -> MutexGuard<'_, Count> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.lock().open -= 1;
    }
}
