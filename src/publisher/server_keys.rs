//! Server-side keys: where they come from, and how their records get into the store. What is stored of a key is its hash;
//! the key itself is sent to its Flagsmith alone.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use api::{EnvironmentKey, Secret, ServerKey, ServerKeyHash};
use jiff::Timestamp;
use serde::Deserialize;
use thiserror::Error;

use crate::call_error::CallError;
use crate::client::{Calls, Client, RetryPolicy};
use crate::kv::{Item, StoredItem};
use crate::options::PublishOptions;
use crate::purge::purge;
use crate::source::without_mark;
use crate::write::{Decision, StoreError, put_if_unchanged};

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

    /// The key that an environment's source is asked with: the first that opens it now.
    pub fn first_open(keys: &[ServerKeySource], now: Timestamp) -> Option<&Secret> {
        keys.iter().find(|source| source.opens(now)).map(|source| &source.key)
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

/// A key on its own, or with what there is to say about it.
#[derive(Deserialize)]
#[serde(untagged)]
enum ManifestKey {
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

/// A manifest in one of its shapes.
enum ManifestShape {
    Environments(BTreeMap<String, Vec<ManifestKey>>),
    Pairs(Vec<Pair>),
}

/// An environment of Flagsmith's edge-proxy.
#[derive(Deserialize)]
struct Pair {
    server_key: String,
    client_key: String,
}

/// The configuration of Flagsmith's edge-proxy, as far as it is of interest.
#[derive(Deserialize)]
struct EdgeProxy {
    environment_key_pairs: Vec<Pair>,
}

impl ManifestShape {
    fn parse(text: &str) -> Result<ManifestShape, serde_json::Error> {
        if text.trim_start().starts_with('[') {
            return serde_json::from_str(text).map(ManifestShape::Pairs);
        }
        // No client-side key has this name.
        let members: BTreeMap<String, serde::de::IgnoredAny> = serde_json::from_str(text)?;
        if members.contains_key("environment_key_pairs") {
            let proxy: EdgeProxy = serde_json::from_str(text)?;
            return Ok(ManifestShape::Pairs(proxy.environment_key_pairs));
        }
        serde_json::from_str(text).map(ManifestShape::Environments)
    }

    fn environments(self) -> BTreeMap<String, Vec<ManifestKey>> {
        match self {
            ManifestShape::Environments(environments) => environments,
            ManifestShape::Pairs(pairs) => {
                let mut environments: BTreeMap<String, Vec<ManifestKey>> = BTreeMap::new();
                for pair in pairs {
                    environments.entry(pair.client_key).or_default().push(ManifestKey::Key(pair.server_key));
                }
                environments
            }
        }
    }
}

/// Why a manifest of server-side keys is refused. No message shows a key.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ServerKeysError {
    #[error("not a manifest of server-side keys: {0}")]
    Json(String),
    #[error("environment `{environment}`: key {number} does not start with `ser.`, or is too long")]
    Shape { environment: String, number: usize },
    #[error("environment `{environment}`: key {number}: expires_at is not an ISO 8601 time with a zone")]
    ExpiresAt { environment: String, number: usize },
    #[error("environment `{environment}`: key {number} is also key {other_number} of environment `{other}`")]
    Twice { environment: String, number: usize, other: String, other_number: usize },
}

/// Reads a manifest: `{"<client-side key>": ["ser.…", {"key": "ser.…", "active": true, "expires_at": null}]}`, or one of
/// Flagsmith's edge-proxy: `[{"server_key": "ser.…", "client_key": "…"}]`, on its own or as the
/// `environment_key_pairs` of its configuration.
///
/// # Errors
/// A [`ServerKeysError`] that names the place.
pub fn parse_server_keys(text: &str) -> Result<BTreeMap<String, Vec<ServerKeySource>>, ServerKeysError> {
    // The parser's own words may quote a key; its place does not.
    let manifest = ManifestShape::parse(without_mark(text)).map_err(|error| {
        ServerKeysError::Json(format!("line {}, column {}", error.line(), error.column()))
    })?;
    let mut places: BTreeMap<ServerKeyHash, (String, usize)> = BTreeMap::new();
    let mut sources = BTreeMap::new();
    for (environment, keys) in manifest.environments() {
        let mut of_one = Vec::new();
        for (written, number) in keys.into_iter().zip(1..) {
            let source = source(written, &environment, number)?;
            match places.entry(source.hash.clone()) {
                Entry::Vacant(place) => place.insert((environment.clone(), number)),
                Entry::Occupied(place) => {
                    let (other, other_number) = place.get().clone();
                    return Err(ServerKeysError::Twice { environment, number, other, other_number });
                }
            };
            of_one.push(source);
        }
        sources.insert(environment, of_one);
    }
    Ok(sources)
}

fn source(
    written: ManifestKey,
    environment: &str,
    number: usize,
) -> Result<ServerKeySource, ServerKeysError> {
    let environment = || environment.to_owned();
    let (key, active, expires_at) = match written {
        ManifestKey::Key(key) => (key, true, None),
        ManifestKey::Full { key, active, expires_at } => (key, active, expires_at),
    };
    let key = Secret::parse_token(&key).ok();
    let hashed = key.and_then(|key| Some((ServerKeyHash::of(key.reveal())?, key)));
    let (hash, key) = hashed.ok_or_else(|| ServerKeysError::Shape { environment: environment(), number })?;
    let expires_at = expires_at.map(|at| at.parse()).transpose();
    let expires_at =
        expires_at.map_err(|_| ServerKeysError::ExpiresAt { environment: environment(), number })?;
    Ok(ServerKeySource { key, hash, active, expires_at })
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
    let written = match put_if_unchanged(calls, &name, None, decide, is_later)?.about {
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
    fn manifests() {
        let manifest = parse_server_keys(
            r#"{"e": ["ser.a", {"key": "ser.b", "active": false, "expires_at": "2030-01-01T00:00:00Z"}]}"#,
        );
        let keys = &manifest.unwrap()["e"];
        assert!(keys[0].active && keys[0].expires_at.is_none());
        assert!(!keys[1].active && keys[1].expires_at.is_some());

        for text in [
            r#" [{"server_key": "ser.b", "client_key": "e"}, {"server_key": "ser.a", "client_key": "d"}]"#,
            r#"{"environment_key_pairs": [{"server_key": "ser.b", "client_key": "e"},
                {"server_key": "ser.a", "client_key": "d"}], "api_url": "https://host/api/v1"}"#,
        ] {
            let expected = parse_server_keys(r#"{"d": ["ser.a"], "e": ["ser.b"]}"#);
            assert_eq!(parse_server_keys(text), expected);
            assert_eq!(parse_server_keys(&format!("\u{feff}{text}")), expected, "behind a byte order mark");
        }

        for (text, expected) in [
            ("[", "not a manifest of server-side keys: line 1, column 1"),
            (r#"{"e": ["abc"]}"#, "environment `e`: key 1 does not start with `ser.`, or is too long"),
            (
                r#"{"e": ["ser.a", {"key": "ser.b", "expires_at": "soon"}]}"#,
                "environment `e`: key 2: expires_at is not an ISO 8601 time with a zone",
            ),
            (
                r#"{"d": ["ser.b", "ser.a"], "e": ["ser.a"]}"#,
                "environment `e`: key 1 is also key 2 of environment `d`",
            ),
        ] {
            assert_eq!(parse_server_keys(text).err().unwrap().to_string(), expected);
        }
    }

    #[test]
    fn the_key_that_a_source_is_asked_with() {
        let manifest = parse_server_keys(
            r#"{"e": [
                {"key": "ser.a", "active": false},
                {"key": "ser.b", "expires_at": "2026-03-02T11:22:33Z"},
                {"key": "ser.c", "expires_at": "2026-03-02T11:22:34Z"},
                "ser.d"
            ]}"#,
        );
        let keys = &manifest.unwrap()["e"];
        for (now, expected) in [
            ("2026-03-02T11:22:32Z", "ser.b"),
            ("2026-03-02T11:22:33Z", "ser.c"),
            ("2026-03-02T11:22:34Z", "ser.d"),
        ] {
            let key = ServerKeySource::first_open(keys, now.parse().unwrap());
            assert_eq!(key.map(Secret::reveal), Some(expected), "{now}");
        }
        assert_eq!(ServerKeySource::first_open(&keys[..1], Timestamp::UNIX_EPOCH), None);
        assert!(!format!("{keys:?}").contains("ser."));
    }

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
