//! Server-side keys: where they come from, and how their records get into the store. What is stored of a key is its hash;
//! the key itself is sent to its Flagsmith alone.

mod choice;
mod manifest;
mod records;
mod revoke;

use api::{EnvironmentKey, Secret, ServerKey, ServerKeyHash};
use jiff::Timestamp;
use thiserror::Error;

use crate::call_error::CallError;
use crate::client::{Calls, Client, RetryPolicy};
use crate::kv::{Item, StoredItem};
use crate::options::PublishOptions;
use crate::purge::purge;
use crate::write::{Decision, StoreError, put_if_unchanged};

pub use choice::{ChosenKey, KeyChoice};
pub use manifest::{ServerKeysError, parse_server_keys};
pub(crate) use records::unnamed_records;
pub use records::{KeyRecord, KeyState, NamedKeys, stored_keys};
pub use revoke::{Revocation, Revoked, revoke_server_key};

/// A server-side key that an environment shall have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerKeySource {
    pub(crate) key: Secret,
    pub hash: ServerKeyHash,
    /// Whether it opens anything; one that was revoked does not.
    pub active: bool,
    pub expires_at: Option<Timestamp>,
}

impl ServerKeySource {
    /// Whether it opens its environment now.
    pub fn opens(&self, now: Timestamp) -> bool {
        self.active && self.expires_at.is_none_or(|at| at > now)
    }
}

/// What was done about the server-side keys of an environment.
#[derive(Debug, Default)]
pub struct ServerKeysReport {
    /// How many records were written, or would be.
    pub written: usize,
    /// Why records are not in the store.
    pub failed: Vec<StoreError>,
    /// How many were not tried after the first of these.
    pub not_tried: usize,
    /// Keys that open another environment, and are left as they are.
    pub repointed: Vec<RepointedKey>,
    /// Purges that failed.
    pub after: Vec<CallError>,
}

/// A key that the manifest lists for one environment, while the store has it for another. The servers that use the key
/// would be served other flags without a word, so a change of its environment needs `--force`.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "server-side key {number} of the manifest opens environment `{stored}`, which is stored, so it is not made to open \
     `{listed}`; `--force` makes it so"
)]
pub struct RepointedKey {
    /// Its place among the keys of its environment, from 1.
    pub number: usize,
    pub stored: String,
    pub listed: EnvironmentKey,
}

/// Writes the records of an environment's keys, those that were revoked first. After a store that failed the rest is not
/// tried.
pub(crate) fn write_all(
    client: &Client<'_>,
    policy: RetryPolicy,
    environment: &EnvironmentKey,
    sources: &[ServerKeySource],
    options: &PublishOptions,
) -> ServerKeysReport {
    let mut report = ServerKeysReport::default();
    let mut sources: Vec<(&ServerKeySource, usize)> = sources.iter().zip(1..).collect();
    sources.sort_by_key(|(source, _)| source.active);
    for ((source, number), done) in sources.iter().zip(0..) {
        match write(&client.calls(policy), environment, source, options) {
            Ok(KeyWrite::OpensAnother(stored)) => {
                let listed = environment.clone();
                report.repointed.push(RepointedKey { number: *number, stored, listed });
            }
            Ok(KeyWrite::Done { written, purged }) => {
                report.written += usize::from(written);
                report.after.extend(purged.err());
            }
            Err(failed) => {
                let unreachable = !matches!(failed, StoreError::Contended { .. });
                report.failed.push(failed);
                if unreachable {
                    report.not_tried = sources.len() - done - 1;
                    break;
                }
            }
        }
    }
    report
}

/// What was done about a key's record.
enum KeyWrite {
    Done {
        written: bool,
        purged: Result<(), CallError>,
    },
    /// Nothing: the store has it for this other environment.
    OpensAnother(String),
}

/// What is decided about a key's record.
enum KeyDecision {
    Same,
    Written,
    OpensAnother(String),
}

/// Writes a key's record, unless the store has it already.
///
/// The record of a revoked key is purged each time: a POP would go on opening the environment if the purge that went
/// with the write failed.
fn write(
    calls: &Calls<'_>,
    environment: &EnvironmentKey,
    source: &ServerKeySource,
    options: &PublishOptions,
) -> Result<KeyWrite, StoreError> {
    let name = source.hash.store_key();
    let record = ServerKey {
        environment: environment.to_string(),
        active: source.active,
        expires_at: source.expires_at.map(|at| at.to_string()),
    };
    let decide = |stored: Option<&StoredItem>| -> Result<Decision<KeyDecision>, StoreError> {
        if stored.is_some_and(|stored| means(stored, &record)) {
            return Ok(Decision::Leave(KeyDecision::Same));
        }
        let other = stored.and_then(environment_of).filter(|other| *other != record.environment);
        if let Some(other) = other.filter(|_| !options.force) {
            return Ok(Decision::Leave(KeyDecision::OpensAnother(other)));
        }
        if options.dry_run {
            return Ok(Decision::Leave(KeyDecision::Written));
        }
        let value = serde_json::to_vec(&record).unwrap_or_default();
        Ok(Decision::Write(Item { value, metadata: None }, KeyDecision::Written))
    };
    // Records have no order. Ours replaced one generation; any other generation is ours, or was written later.
    let is_later =
        |stored: &StoredItem, _: &Item, replaced: Option<&str>| Some(&*stored.generation) != replaced;
    let written = match put_if_unchanged(calls, &name, None, None, decide, is_later)?.about {
        KeyDecision::OpensAnother(other) => return Ok(KeyWrite::OpensAnother(other)),
        KeyDecision::Same => false,
        KeyDecision::Written => true,
    };
    let purged = if options.dry_run || (!written && source.active) { Ok(()) } else { purge(calls, &name) };
    Ok(KeyWrite::Done { written, purged })
}

/// The environment that a stored record is of; none if it is no record.
fn environment_of(stored: &StoredItem) -> Option<String> {
    serde_json::from_slice(&stored.item.value).ok().map(|stored: ServerKey| stored.environment)
}

/// Whether a stored record means the same, however it is written.
fn means(stored: &StoredItem, record: &ServerKey) -> bool {
    let time = |record: &ServerKey| record.expires_at.as_deref().map(str::parse::<Timestamp>);
    serde_json::from_slice::<ServerKey>(&stored.item.value).is_ok_and(|stored| {
        let same_expiry = match (time(&stored), time(record)) {
            (None, None) => true,
            (Some(Ok(stored)), Some(Ok(given))) => stored == given,
            _ => false,
        };
        stored.environment == record.environment && stored.active == record.active && same_expiry
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_that_say_the_same() {
        let record = |expires_at: Option<&str>| ServerKey {
            environment: "e".into(),
            active: true,
            expires_at: expires_at.map(Into::into),
        };
        let at = record(Some("2030-01-01T00:00:00Z"));
        for (stored, wanted, expected) in [
            (r#"{"environment":"e","active":true,"expires_at":null}"#, &record(None), true),
            (r#"{"environment":"e","active":true,"expires_at":"2030-01-01T01:00:00+01:00"}"#, &at, true),
            (r#"{"environment":"e","active":true,"expires_at":"2030-01-01T00:00:01Z"}"#, &at, false),
            (r#"{"environment":"e","active":true,"expires_at":null}"#, &at, false),
            (r#"{"environment":"e","active":false,"expires_at":null}"#, &record(None), false),
            (r#"{"environment":"f","active":true,"expires_at":null}"#, &record(None), false),
            ("?", &record(None), false),
        ] {
            let item = Item { value: stored.into(), metadata: None };
            assert_eq!(means(&StoredItem { generation: "1".into(), item }, wanted), expected, "{stored}");
        }
    }
}
