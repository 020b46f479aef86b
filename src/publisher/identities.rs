//! Stored traits, for people who are asked what is known of somebody, or to delete it. Edges write them; see `api::identity`.
//!
//! What this module never does: learn an identifier from the store. Nothing there holds one.

use std::time::Duration;

use api::identity::{IdentityName, IdentityRecord};
use api::{EnvironmentKey, milliseconds};

use crate::call_error::CallError;
use crate::client::{Client, RetryPolicy};
use crate::each::each;
use crate::kv::{self, Item, StoredItem};
use crate::purge::purge;
use crate::write::{Decision, StoreError, put_if_unchanged};

/// How long it stays known that an identity was deleted: as long as that counts for writes.
const MARKER_LIFETIME: Duration = Duration::from_millis(IdentityRecord::DELETION_COUNTS);

/// Edges mark their writes with random numbers.
const NO_EDGE: u128 = 0;

/// What the store has of an identity.
#[derive(Debug)]
pub struct StoredIdentity {
    /// Its name in the store.
    pub name: String,
    pub bytes: usize,
    /// None if it cannot be read.
    pub record: Option<IdentityRecord>,
}

/// Some of the identities of an environment.
#[derive(Debug)]
pub struct StoredIdentities {
    pub first: Vec<StoredIdentity>,
    /// How many there are in all.
    pub all: usize,
}

/// What was done about an identity.
#[derive(Debug)]
pub struct Deletion {
    /// Whether the store had traits of it.
    pub was_there: bool,
    /// Of the copies in POPs.
    pub purged: Result<(), CallError>,
}

/// What the store has of one identity, if it has something.
///
/// # Errors
/// If the store does not answer.
pub fn stored_identity(client: &Client<'_>, name: &str) -> Result<Option<StoredIdentity>, CallError> {
    let stored = kv::get(&client.calls(RetryPolicy::WATCHING), name)?;
    Ok(stored.map(|stored| StoredIdentity {
        name: name.to_owned(),
        bytes: stored.item.value.len(),
        record: IdentityRecord::read(&stored.item.value).ok(),
    }))
}

/// The first identities of an environment, by their names; each is a call of the API.
///
/// # Errors
/// If the store does not answer.
pub fn stored_identities(
    client: &Client<'_>,
    environment: &EnvironmentKey,
    limit: usize,
) -> Result<StoredIdentities, CallError> {
    let names = kv::list(&client.calls(RetryPolicy::WATCHING), &IdentityName::prefix(environment))?;
    let shown: Vec<&String> = names.iter().take(limit).collect();
    let identities = each(&shown, |name| stored_identity(client, name));
    // One that has expired since it was listed is left out.
    let first = identities.into_iter().filter_map(Result::transpose).collect::<Result<_, CallError>>()?;
    Ok(StoredIdentities { first, all: names.len() })
}

/// Deletes the traits of an identity. What is left for a day says only that it was deleted, so that no write that was under
/// way stores anything of before.
///
/// # Errors
/// If the store could not be written.
pub fn delete_identity(
    client: &Client<'_>,
    name: &IdentityName,
    dry_run: bool,
) -> Result<Deletion, StoreError> {
    let calls = &client.calls(RetryPolicy::ONE_SHOT);
    let decide = |stored: Option<&StoredItem>| -> Result<Decision<bool>, StoreError> {
        let record = stored.map(|stored| IdentityRecord::read(&stored.item.value).unwrap_or_default());
        let was_there = stored.is_some() && record.as_ref().is_none_or(holds_traits);
        if dry_run {
            return Ok(Decision::Leave(was_there));
        }
        let item = IdentityRecord::deleted(record.as_ref(), milliseconds(calls.now())).item(NO_EDGE);
        Ok(Decision::Write(Item { value: item.body, metadata: Some(item.metadata) }, was_there))
    };
    // What an edge writes after a deletion was sent after it.
    let is_later =
        |stored: &StoredItem, _: &Item, replaced: Option<&str>| Some(&*stored.generation) != replaced;
    let was_there =
        put_if_unchanged(calls, name.as_str(), Some(MARKER_LIFETIME), None, decide, is_later)?.about;
    let purged = if dry_run { Ok(()) } else { purge(calls, name.as_str()) };
    Ok(Deletion { was_there, purged })
}

fn holds_traits(record: &IdentityRecord) -> bool {
    !(record.traits.is_empty() && record.system_traits.is_empty())
}
