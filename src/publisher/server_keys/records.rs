//! The records of server-side keys that the store has, and which of them a manifest names.

use std::collections::{BTreeMap, BTreeSet};

use api::{EnvironmentKey, ServerKey, ServerKeyHash};
use jiff::Timestamp;

use super::ServerKeySource;
use crate::call_error::CallError;
use crate::client::{Client, RetryPolicy};
use crate::each::each;
use crate::kv;

/// Characters of an id that are shown: as good as none is shown by chance for two keys.
const SHORT: usize = 12;

/// What the store has of a server-side key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRecord {
    /// The key's SHA-256 in hexadecimal.
    pub id: String,
    /// None if it cannot be read.
    pub record: Option<ServerKey>,
}

/// What a record lets its key do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyState {
    /// It opens its environment.
    Open,
    Expired,
    Revoked,
    /// The record cannot be read. It opens nothing.
    Broken,
}

/// The server-side keys that a manifest names.
#[derive(Debug, Default)]
pub struct NamedKeys {
    /// The environment that each is for, and whether it is active, by its id.
    keys: BTreeMap<String, (String, bool)>,
}

impl KeyRecord {
    pub fn short_id(&self) -> &str {
        self.id.get(..SHORT).unwrap_or(&self.id)
    }

    pub fn environment(&self) -> Option<&str> {
        self.record.as_ref().map(|record| &*record.environment)
    }

    pub fn is_of(&self, environment: &EnvironmentKey) -> bool {
        self.environment() == Some(environment.as_str())
    }

    pub fn state(&self, now: Timestamp) -> KeyState {
        match &self.record {
            None => KeyState::Broken,
            Some(record) if !record.active => KeyState::Revoked,
            Some(record) if record.opens(now).is_some() => KeyState::Open,
            // An expiry that cannot be read counts as passed, at an edge as well.
            Some(record) if record.expires_at.is_some() => KeyState::Expired,
            // For no environment that there can be.
            Some(_) => KeyState::Broken,
        }
    }
}

impl NamedKeys {
    pub fn of(manifest: &BTreeMap<String, Vec<ServerKeySource>>) -> NamedKeys {
        let named = manifest.iter().flat_map(|(environment, keys)| {
            keys.iter().map(|key| (key.hash.hex().to_owned(), (environment.clone(), key.active)))
        });
        NamedKeys { keys: named.collect() }
    }

    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The environment that the manifest names a key for.
    pub fn environment_of(&self, id: &str) -> Option<&str> {
        self.keys.get(id).map(|(environment, _)| &**environment)
    }

    /// Whether publishing this manifest again makes a key active.
    pub fn would_publish(&self, id: &str) -> bool {
        self.keys.get(id).is_some_and(|(_, is_active)| *is_active)
    }
}

/// The records of all server-side keys that the store has.
///
/// # Errors
/// If the store does not answer.
pub fn stored_keys(client: &Client<'_>) -> Result<Vec<KeyRecord>, CallError> {
    read(client, &ids(client)?)
}

/// The records of those that a manifest does not name. No other is read.
///
/// # Errors
/// If the store does not answer.
pub(crate) fn unnamed_records(client: &Client<'_>, named: &NamedKeys) -> Result<Vec<KeyRecord>, CallError> {
    let mut ids = ids(client)?;
    ids.retain(|id| !named.keys.contains_key(id));
    read(client, &ids)
}

fn ids(client: &Client<'_>) -> Result<BTreeSet<String>, CallError> {
    let names = kv::list(&client.calls(RetryPolicy::WATCHING), ServerKeyHash::STORE_PREFIX)?;
    let ids = names.iter().filter_map(|name| name.strip_prefix(ServerKeyHash::STORE_PREFIX));
    // What is not named as a hash is no record: no edge ever looks for it.
    Ok(ids.filter(|id| is_hash(id)).map(str::to_owned).collect())
}

fn is_hash(id: &str) -> bool {
    id.len() == 64 && id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn read(client: &Client<'_>, ids: &BTreeSet<String>) -> Result<Vec<KeyRecord>, CallError> {
    let ids: Vec<&String> = ids.iter().collect();
    let records = each(&ids, |id| {
        let calls = client.calls(RetryPolicy::WATCHING);
        let stored = kv::get(&calls, &[ServerKeyHash::STORE_PREFIX, id].concat())?;
        Ok(stored.map(|stored| KeyRecord {
            id: (*id).clone(),
            record: serde_json::from_slice(&stored.item.value).ok(),
        }))
    });
    // One that was deleted since it was listed is left out.
    records.into_iter().filter_map(Result::transpose).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server_keys::parse_server_keys;

    #[test]
    fn states_of_records() {
        let now: Timestamp = "2026-03-02T11:22:33Z".parse().unwrap();
        let state = |record: &str| {
            KeyRecord { id: String::new(), record: serde_json::from_str(record).ok() }.state(now)
        };
        for (record, expected) in [
            (r#"{"environment": "e", "active": true, "expires_at": null}"#, KeyState::Open),
            (r#"{"environment": "e", "active": true, "expires_at": "2026-03-02T11:22:34Z"}"#, KeyState::Open),
            (
                r#"{"environment": "e", "active": true, "expires_at": "2026-03-02T11:22:33Z"}"#,
                KeyState::Expired,
            ),
            (r#"{"environment": "e", "active": true, "expires_at": "soon"}"#, KeyState::Expired),
            (r#"{"environment": "e", "active": false, "expires_at": "soon"}"#, KeyState::Revoked),
            (r#"{"environment": "a b", "active": true, "expires_at": null}"#, KeyState::Broken),
            ("?", KeyState::Broken),
        ] {
            assert_eq!(state(record), expected, "{record}");
        }
    }

    #[test]
    fn keys_that_a_manifest_names() {
        let manifest = parse_server_keys(r#"{"e": ["ser.a", {"key": "ser.b", "active": false}]}"#).unwrap();
        let named = NamedKeys::of(&manifest);
        let looked_up = |key: &str| {
            let hash = ServerKeyHash::of(key).unwrap();
            (named.environment_of(hash.hex()).map(str::to_owned), named.would_publish(hash.hex()))
        };
        for (key, environment, would_publish) in
            [("ser.a", Some("e"), true), ("ser.b", Some("e"), false), ("ser.c", None, false)]
        {
            assert_eq!(looked_up(key), (environment.map(str::to_owned), would_publish), "{key}");
        }
        assert!(!named.is_empty() && NamedKeys::default().is_empty());
        assert!(!format!("{named:?}").contains("ser."));
    }
}
