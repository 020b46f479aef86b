//! The KV store of the stand-in: items with generations, each version kept.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bytes::Bytes;

/// A version of an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    pub key: String,
    pub value: Bytes,
    pub metadata: Option<String>,
    /// Different for each write, in no order.
    pub generation: u64,
}

/// What must hold for a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Condition {
    Add,
    Generation(u64),
}

#[derive(Default)]
pub(crate) struct Store {
    /// A key takes one write in so much time.
    pub(crate) write_interval: Option<Duration>,
    items: BTreeMap<String, Vec<Stored>>,
    written: BTreeMap<String, Instant>,
    /// How many there were.
    pub(crate) writes: u64,
}

impl Store {
    pub(crate) fn current(&self, key: &str) -> Option<&Stored> {
        self.items.get(key)?.last()
    }

    /// What was stored before, as a cache somewhere may still have it.
    pub(crate) fn previous(&self, key: &str) -> Option<&Stored> {
        let versions = self.items.get(key)?;
        versions.get(versions.len().checked_sub(2)?)
    }

    pub(crate) fn holds(&self, key: &str, condition: Condition) -> bool {
        match (condition, self.current(key)) {
            (Condition::Add, current) => current.is_none(),
            (Condition::Generation(generation), current) => {
                current.is_some_and(|current| current.generation == generation)
            }
        }
    }

    /// Whether a write would come too early after the last one.
    pub(crate) fn is_too_early(&self, key: &str) -> bool {
        let last = self.written.get(key);
        self.write_interval.zip(last).is_some_and(|(interval, last)| last.elapsed() < interval)
    }

    pub(crate) fn write(&mut self, key: &str, value: Bytes, metadata: Option<String>) -> Stored {
        self.writes += 1;
        // Spread over all 64 bits, so that nobody takes it for an order.
        let generation = self.writes.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let stored = Stored { key: key.to_owned(), value, metadata, generation };
        self.items.entry(key.to_owned()).or_default().push(stored.clone());
        self.written.insert(key.to_owned(), Instant::now());
        stored
    }
}
