//! What the KV store holds of an identity.

use engine::Value;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// The traits of an identity, as they are stored: one JSON object.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct IdentityRecord {
    /// Orders the contents: at each write, the greater of the last one plus one and the time in milliseconds since the epoch.
    pub counter: u64,
    /// When the identity was deleted, in milliseconds since the epoch: what was sent before that is not stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deleted_at: Option<u64>,
    /// In the order in which they were set first.
    #[serde(default)]
    pub traits: Vec<StoredTrait>,
    /// Traits that the control plane set. They count before the others, and no SDK is shown one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub system_traits: Vec<StoredTrait>,
}

/// A trait, as it was sent.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct StoredTrait {
    pub trait_key: String,
    pub trait_value: Box<RawValue>,
}

/// A record as an item of the KV store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    pub body: Vec<u8>,
    pub metadata: String,
}

/// The metadata of an item.
#[derive(Serialize, Deserialize)]
struct Metadata {
    counter: u64,
    /// Which write it was, so that a writer whose answer was lost knows its own.
    write: String,
}

impl IdentityRecord {
    /// Bytes that a record has at most, as Flagsmith's own store has it.
    pub const LIMIT: usize = 400_000;

    /// How long it counts that an identity was deleted, in milliseconds: longer than any request lasts, however clocks
    /// differ.
    pub const DELETION_COUNTS: u64 = 86_400_000;

    /// Reads the body of an item.
    ///
    /// # Errors
    /// If it is no record.
    pub fn read(body: &[u8]) -> Result<IdentityRecord, String> {
        serde_json::from_slice(body).map_err(|error| error.to_string())
    }

    /// The item that a write stores. `write` tells this write from all others.
    pub fn item(&self, write: u128) -> Item {
        let metadata = Metadata { counter: self.counter, write: format!("{write:032x}") };
        Item {
            body: serde_json::to_vec(self).unwrap_or_default(),
            metadata: serde_json::to_string(&metadata).unwrap_or_default(),
        }
    }

    /// A stored trait as the engine takes it; none if its value is not one.
    pub(crate) fn value(stored: &StoredTrait) -> Option<(String, Value)> {
        Some((stored.trait_key.clone(), Value::from_json(stored.trait_value.get())?))
    }

    /// Bytes of keys and values.
    pub(crate) fn bytes(&self) -> usize {
        let traits = self.traits.iter().chain(&self.system_traits);
        traits.map(|stored| stored.trait_key.len() + stored.trait_value.get().len()).sum()
    }

    /// The counter in the metadata of an item.
    pub fn counter_of(metadata: &[u8]) -> Option<u64> {
        serde_json::from_slice(metadata).ok().map(|metadata: Metadata| metadata.counter)
    }

    /// Whether the metadata are of this very write.
    pub fn is_of_write(metadata: &[u8], write: u128) -> bool {
        let metadata = serde_json::from_slice(metadata).ok();
        metadata.is_some_and(|metadata: Metadata| metadata.write == format!("{write:032x}"))
    }

    /// What is stored when the identity is deleted: that it was, and nothing else.
    pub fn deleted(before: Option<&IdentityRecord>, now: u64) -> IdentityRecord {
        IdentityRecord {
            counter: next_counter(before, now),
            deleted_at: Some(now),
            ..IdentityRecord::default()
        }
    }
}

/// The counter of the next write. It never goes back, whatever the clock does.
pub(super) fn next_counter(before: Option<&IdentityRecord>, now: u64) -> u64 {
    before.map_or(now, |before| now.max(before.counter + 1))
}
