//! Identities as kept objects: small, ordered by their counters, and never served for long once they are due.

use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::environment::cache_name;
use super::object::{Kind, Names, Taken, Value};
use super::ports::KvItem;
use super::refresh::{Absence, Rules};
use super::state::CopyState;
use crate::identity::{IdentityName, IdentityRecord};
use crate::settings::Settings;

/// The layout of records. Another build may have another one, and keeps copies of its own.
const FORMAT: u32 = 1;

/// How long a copy is usable once it is no longer fresh, and served while the KV store fails. Not for a day: a person may have
/// asked for its deletion.
const USABLE_STALE: Duration = Duration::from_secs(50);

/// How long a replica of the KV store may show what was there before a write, in milliseconds.
const LAG: u64 = 60_000;

/// An identity, while a request opens, refreshes or changes it.
pub(super) struct Identity<'a> {
    name: &'a IdentityName,
    cache_name: String,
    rules: Rules,
    /// Milliseconds since the epoch.
    now: u64,
}

/// What a copy is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Copied {
    pub(super) counter: u64,
    /// Bytes of the record.
    pub(super) length: u64,
}

impl<'a> Identity<'a> {
    pub(super) fn new(name: &'a IdentityName, settings: &Settings, now: u64) -> Identity<'a> {
        let rules = Rules {
            fresh: settings.identity_fresh,
            usable_stale: USABLE_STALE,
            unconfirmed: settings.identity_fresh + USABLE_STALE,
            // Absence is a state of an identity like any other.
            unknown: settings.identity_fresh,
            // A copy is due within seconds, and each look costs a read of the KV store.
            looks_afterwards: 0,
        };
        Identity { name, cache_name: cache_name(name.as_str(), FORMAT), rules, now }
    }

    /// Whether the KV store may not show yet what this copy is of.
    pub(super) fn is_recent(&self, copy: &Copied) -> bool {
        copy.counter.saturating_add(LAG) > self.now
    }
}

impl Copied {
    pub(super) fn of(record: &IdentityRecord, body: &[u8]) -> Copied {
        Copied { counter: record.counter, length: body.len() as u64 }
    }
}

impl Kind for Identity<'_> {
    type Of = Copied;

    fn names(&self) -> Names<'_> {
        Names { store: self.name.as_str(), cache: &self.cache_name }
    }

    fn rules(&self) -> Rules {
        self.rules
    }

    /// An identity expires. Deletion leaves a record, so what was written lately is merely not seen yet.
    fn absence(&self, copy: &Copied) -> Absence {
        if self.is_recent(copy) { Absence::Failure } else { Absence::Removal }
    }

    fn is_newer(first: &Copied, second: &Copied) -> bool {
        first.counter > second.counter
    }

    fn read_state(&mut self, metadata: Bytes) -> Option<CopyState<Copied>> {
        CopyState::from_metadata(&metadata)
    }

    fn write_state(&mut self, state: CopyState<Copied>) -> Bytes {
        state.to_metadata()
    }

    fn take<I: KvItem>(&mut self, item: I, copy: Option<&Copied>) -> Result<Taken<Copied>, String> {
        let announced = item.metadata().and_then(|metadata| IdentityRecord::counter_of(&metadata));
        // The body of an item that is no newer need not be read.
        if let Some(taken) = announced.and_then(|counter| not_newer(counter, copy)) {
            return Ok(taken);
        }
        let body = item.into_body(0);
        let record = IdentityRecord::read(&body)?;
        let of = Copied::of(&record, &body);
        Ok(not_newer(record.counter, copy).unwrap_or(Taken::Newer(Value { of, body })))
    }
}

fn not_newer(counter: u64, copy: Option<&Copied>) -> Option<Taken<Copied>> {
    let copy = copy?;
    (counter <= copy.counter).then_some(if counter == copy.counter { Taken::Same } else { Taken::Older })
}
