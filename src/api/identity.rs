//! Stored traits: what the KV store holds of an identity, and what a request changes in it. This module knows no protocol,
//! and reads no store.
//!
//! What it never does: keep the identifier of an identity, in a name or in a value.

mod change;
mod name;
mod record;
mod write;

pub use change::{Change, ChangeError, RefusedChange, Update};
pub use name::{IdentityKey, IdentityName};
pub use record::{IdentityRecord, Item, StoredTrait};
pub use write::{ClientAddress, TraitsWrite};
