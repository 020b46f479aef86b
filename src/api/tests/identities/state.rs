//! What the platform holds: one KV store, and the caches of several POPs.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use api::pop::ports::{Expected, NewItem, PortError, WriteError};
use bytes::Bytes;

/// How long a replica shows what was there before a write, at most.
pub(crate) const LAG: Duration = Duration::from_millis(300);

/// How often of a hundred times something goes wrong.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Faults {
    /// A read fails.
    pub(crate) read: u64,
    /// A read shows what was there before, within [`LAG`].
    pub(crate) lag: u64,
    /// A write is refused as if another had been first.
    pub(crate) conflict: u64,
    /// A write is refused since there are too many.
    pub(crate) too_many: u64,
    /// A write fails, and is not done.
    pub(crate) failed: u64,
    /// A write is done, and fails all the same.
    pub(crate) lost: u64,
}

/// One version of an item.
#[derive(Debug, Clone)]
pub(crate) struct Version {
    pub(crate) at: Duration,
    pub(crate) generation: u64,
    pub(crate) body: Arc<[u8]>,
    pub(crate) metadata: String,
    /// The request that wrote it.
    pub(crate) request: usize,
}

#[derive(Debug, Clone)]
pub(crate) struct Object {
    pub(crate) metadata: Bytes,
    pub(crate) inserted_at: Duration,
    pub(crate) lifetime: Duration,
    pub(crate) usable_stale: Duration,
    pub(crate) purged: bool,
    pub(crate) body: Arc<[u8]>,
}

/// The cache of one POP.
#[derive(Default)]
pub(crate) struct Cache {
    pub(crate) objects: BTreeMap<String, Object>,
    /// Names of obligations and of locks that a request has.
    pub(crate) held: BTreeMap<String, u64>,
}

#[derive(Default)]
pub(crate) struct State {
    pub(crate) now: Duration,
    pub(crate) faults: Faults,
    pub(crate) items: BTreeMap<String, Vec<Version>>,
    pub(crate) pops: Vec<Cache>,
    /// When requests came: when they looked at the clock first.
    pub(crate) came: BTreeMap<usize, Duration>,
    numbers: u64,
    chance: u64,
}

impl State {
    pub(crate) fn new(pops: usize, seed: u64) -> State {
        let pops = (0..pops).map(|_| Cache::default()).collect();
        // Whatever is stored has a counter of this time.
        let now = Duration::from_secs(1_772_450_553);
        State { pops, now, chance: seed, ..State::default() }
    }

    /// Any number, the same in each run with the same seed.
    pub(crate) fn chance(&mut self) -> u64 {
        self.chance =
            self.chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.chance >> 33
    }

    fn strikes(&mut self, of_a_hundred: u64) -> bool {
        of_a_hundred > 0 && self.chance() % 100 < of_a_hundred
    }

    pub(crate) fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    /// What is stored of a key.
    pub(crate) fn stored(&self, key: &str) -> Option<&Version> {
        self.items.get(key)?.last()
    }

    pub(crate) fn read(&mut self, key: &str) -> Result<Option<Version>, PortError> {
        let Some(versions) = self.items.get(key) else { return Ok(None) };
        if !key.starts_with("identity/") {
            return Ok(versions.last().cloned());
        }
        if self.strikes(self.faults.read) {
            return Err(PortError("the store fails".to_owned()));
        }
        let lags = self.strikes(self.faults.lag);
        let chance = usize::try_from(self.chance()).unwrap();
        let Some(versions) = self.items.get(key) else { return Ok(None) };
        if !lags {
            return Ok(versions.last().cloned());
        }
        // Any state since the oldest that a replica may still show.
        let seen = versions.iter().filter(|version| version.at + LAG <= self.now).count();
        let shown = seen + chance % (versions.len() - seen + 1);
        Ok(shown.checked_sub(1).map(|place| versions[place].clone()))
    }

    pub(crate) fn put(&mut self, key: &str, new: &NewItem<'_>, request: usize) -> Result<(), WriteError> {
        if self.strikes(self.faults.too_many) {
            return Err(WriteError::TooMany);
        }
        let expected = match self.stored(key) {
            None => Expected::Nothing,
            Some(version) => Expected::Generation(version.generation),
        };
        if expected != new.expected || self.strikes(self.faults.conflict) {
            return Err(WriteError::Conflict);
        }
        let failed = || WriteError::Failed(PortError("the store fails".to_owned()));
        if self.strikes(self.faults.failed) {
            return Err(failed());
        }
        self.write(key, new.body, new.metadata, request);
        if self.strikes(self.faults.lost) { Err(failed()) } else { Ok(()) }
    }

    pub(crate) fn write(&mut self, key: &str, body: &[u8], metadata: &str, request: usize) {
        // Generations have no order.
        let generation = self.number().wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let version =
            Version { at: self.now, generation, body: body.into(), metadata: metadata.to_owned(), request };
        self.items.entry(key.to_owned()).or_default().push(version);
    }
}

impl Object {
    pub(crate) fn is_fresh(&self, now: Duration) -> bool {
        !self.purged && now < self.inserted_at + self.lifetime
    }

    pub(crate) fn is_usable(&self, now: Duration) -> bool {
        now < self.inserted_at + self.lifetime + self.usable_stale
    }
}
