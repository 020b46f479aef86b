//! Server-side keys: where they come from, and how they get into the store.

use std::collections::BTreeMap;

use api::{EnvironmentKey, ServerKey, ServerKeyHash};
use jiff::Timestamp;
use serde::Deserialize;
use thiserror::Error;

use crate::client::CallFailed;
use crate::kv::{Condition, KvStore};
use crate::purge::purge;

/// A server-side key that an environment shall have.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "Written")]
pub struct ServerKeySource {
    pub key: String,
    pub active: bool,
    /// ISO 8601, with a zone.
    pub expires_at: Option<String>,
}

/// A key on its own, or with what there is to say about it.
#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Key(String),
    Full {
        key: String,
        #[serde(default = "yes")]
        active: bool,
        #[serde(default)]
        expires_at: Option<String>,
    },
}

fn yes() -> bool {
    true
}

impl From<Written> for ServerKeySource {
    fn from(written: Written) -> Self {
        match written {
            Written::Key(key) => ServerKeySource { key, active: true, expires_at: None },
            Written::Full { key, active, expires_at } => ServerKeySource { key, active, expires_at },
        }
    }
}

/// Why a manifest of server-side keys is refused. No message shows a key.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ServerKeysFault {
    #[error("not a manifest of server-side keys: {0}")]
    Json(String),
    #[error("environment `{environment}`: key {number} does not start with `ser.`, or is too long")]
    Shape { environment: String, number: usize },
    #[error("environment `{environment}`: key {number}: expires_at is not an ISO 8601 time with a zone")]
    ExpiresAt { environment: String, number: usize },
}

/// Reads a manifest: `{"<client-side key>": ["ser.…", {"key": "ser.…", "active": true, "expires_at": null}]}`.
///
/// # Errors
/// A [`ServerKeysFault`] that names the place.
pub fn parse_server_keys(text: &str) -> Result<BTreeMap<String, Vec<ServerKeySource>>, ServerKeysFault> {
    // The parser's own words may quote a key; its place does not.
    let manifest: BTreeMap<String, Vec<ServerKeySource>> = serde_json::from_str(text).map_err(|error| {
        ServerKeysFault::Json(format!("line {}, column {}", error.line(), error.column()))
    })?;
    for (environment, keys) in &manifest {
        for (key, number) in keys.iter().zip(1..) {
            let environment = || environment.clone();
            if ServerKeyHash::of(&key.key).is_none() {
                return Err(ServerKeysFault::Shape { environment: environment(), number });
            }
            let expires_at = key.expires_at.as_deref();
            if expires_at.is_some_and(|at| at.parse::<Timestamp>().is_err()) {
                return Err(ServerKeysFault::ExpiresAt { environment: environment(), number });
            }
        }
    }
    Ok(manifest)
}

/// Writes a key's record, unless the store has it already. Gives whether it was written.
pub(crate) fn write(
    store: &KvStore<'_>,
    environment: &EnvironmentKey,
    source: &ServerKeySource,
) -> Result<bool, CallFailed> {
    let Some(hash) = ServerKeyHash::of(&source.key) else { return Ok(false) };
    let name = hash.store_key();
    let record = ServerKey {
        environment: environment.to_string(),
        active: source.active,
        expires_at: source.expires_at.clone(),
    };
    if let Some(stored) = store.get(&name)?
        && serde_json::from_slice::<ServerKey>(&stored.into_body()?).is_ok_and(|stored| stored == record)
    {
        return Ok(false);
    }
    let value = serde_json::to_vec(&record).unwrap_or_default();
    store.put(&name, &value, None, Condition::None)?;
    purge(store.agent, store.target, &name)?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn manifests() {
        let manifest = parse_server_keys(
            r#"{"e": ["ser.a", {"key": "ser.b", "active": false, "expires_at": "2030-01-01T00:00:00Z"}]}"#,
        );
        let keys = &manifest.unwrap()["e"];
        assert!(keys[0].active && keys[0].expires_at.is_none());
        assert!(!keys[1].active && keys[1].expires_at.is_some());

        for (text, expected) in [
            ("[", "not a manifest of server-side keys: line 1, column 0"),
            (r#"{"e": ["abc"]}"#, "environment `e`: key 1 does not start with `ser.`, or is too long"),
            (
                r#"{"e": ["ser.a", {"key": "ser.b", "expires_at": "soon"}]}"#,
                "environment `e`: key 2: expires_at is not an ISO 8601 time with a zone",
            ),
        ] {
            assert_eq!(parse_server_keys(text).err().unwrap().to_string(), expected);
        }
    }
}
