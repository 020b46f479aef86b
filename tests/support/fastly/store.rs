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
    /// Whether it keeps nothing of an item but what it is.
    pub(crate) forgets: bool,
    /// Keys of a page of a list, at most.
    pub(crate) page: Option<usize>,
    items: BTreeMap<String, Vec<Stored>>,
    written: BTreeMap<String, Written>,
    /// How many there were.
    pub(crate) writes: u64,
    /// The shortest time between two writes of one item.
    pub(crate) closest: Option<Duration>,
}

/// The last write of an item.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Written {
    pub(crate) at: Instant,
    /// The writer got no answer.
    pub(crate) is_in_doubt: bool,
}

impl Store {
    /// The keys with a prefix after another key, in order.
    pub(crate) fn keys(&self, prefix: &str, after: Option<&str>) -> Vec<String> {
        let keys = self.items.keys().filter(|key| key.starts_with(prefix));
        keys.filter(|key| after.is_none_or(|after| key.as_str() > after)).cloned().collect()
    }

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

    /// The last write, if another would come too early after it.
    pub(crate) fn too_early_after(&self, key: &str) -> Option<Written> {
        let (interval, last) = (self.write_interval?, self.written.get(key)?);
        (last.at.elapsed() < interval).then_some(*last)
    }

    /// Marks the last write of an item as one whose writer got no answer.
    pub(crate) fn leave_in_doubt(&mut self, key: &str) {
        if let Some(last) = self.written.get_mut(key) {
            last.is_in_doubt = true;
        }
    }

    pub(crate) fn write(&mut self, key: &str, value: Bytes, metadata: Option<String>) -> Stored {
        self.writes += 1;
        // Spread over all 64 bits, so that nobody takes it for an order.
        let generation = self.writes.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let stored = Stored { key: key.to_owned(), value, metadata, generation };
        let versions = self.items.entry(key.to_owned()).or_default();
        versions.push(stored.clone());
        if self.forgets {
            versions.drain(..versions.len() - 1);
        }
        let at = Instant::now();
        if let Some(last) = self.written.insert(key.to_owned(), Written { at, is_in_doubt: false }) {
            let between = at - last.at;
            self.closest = Some(self.closest.map_or(between, |closest| closest.min(between)));
        }
        stored
    }
}
