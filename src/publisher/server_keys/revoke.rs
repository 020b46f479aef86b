//! Revoking a server-side key by its id, without the key.

use api::{ServerKey, ServerKeyHash};

use crate::call_error::CallError;
use crate::client::{Client, RetryPolicy};
use crate::kv::{Item, StoredItem};
use crate::purge::purge;
use crate::write::{Decision, StoreError, put_if_unchanged};

/// What was done about a key.
#[derive(Debug)]
pub struct Revocation {
    pub done: Revoked,
    /// Of the copies in POPs.
    pub purged: Result<(), CallError>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Revoked {
    Now,
    Before,
    /// A dry run: it would be revoked.
    Planned,
    /// The store has no such record.
    Missing,
}

/// Makes a stored key open nothing. The record stays, so that it can be told from a key that never was; nothing is ever
/// deleted.
///
/// It is purged also if it was revoked before: the purge of then may have failed.
///
/// # Errors
/// If the store could not be written.
pub fn revoke_server_key(client: &Client<'_>, id: &str, dry_run: bool) -> Result<Revocation, StoreError> {
    let calls = &client.calls(RetryPolicy::ONE_SHOT);
    let name = [ServerKeyHash::STORE_PREFIX, id].concat();
    let decide = |stored: Option<&StoredItem>| -> Result<Decision<Revoked>, StoreError> {
        let Some(stored) = stored else { return Ok(Decision::Leave(Revoked::Missing)) };
        let record: Option<ServerKey> = serde_json::from_slice(&stored.item.value).ok();
        if record.as_ref().is_some_and(|record| !record.active) {
            return Ok(Decision::Leave(Revoked::Before));
        }
        if dry_run {
            return Ok(Decision::Leave(Revoked::Planned));
        }
        // Of one that cannot be read nothing is known. A POP may still have a copy from before it was broken.
        let known =
            record.unwrap_or(ServerKey { environment: String::new(), active: false, expires_at: None });
        let value = serde_json::to_vec(&ServerKey { active: false, ..known }).unwrap_or_default();
        Ok(Decision::Write(Item { value, metadata: None }, Revoked::Now))
    };
    let is_later =
        |stored: &StoredItem, _: &Item, replaced: Option<&str>| Some(&*stored.generation) != replaced;
    let done = put_if_unchanged(calls, &name, None, None, decide, is_later)?.about;
    let purged = match done {
        Revoked::Now | Revoked::Before if !dry_run => purge(calls, &name),
        _ => Ok(()),
    };
    Ok(Revocation { done, purged })
}
