//! Manifests of server-side keys: Jackstaff's own, and the configuration of Flagsmith's edge-proxy, which is read as
//! edge-proxy reads it (2.x and its version in Rust).

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use api::{Secret, ServerKeyHash};
use serde::Deserialize;
use serde::de::IgnoredAny;
use thiserror::Error;

use super::ServerKeySource;
use crate::source::without_mark;

/// The member of edge-proxy's configuration with its keys. No client-side key has this name.
const PAIRS: &str = "environment_key_pairs";

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
    #[error("environment_key_pairs[{index}].{member}: missing or empty")]
    Pair { index: usize, member: &'static str },
}

impl From<serde_json::Error> for ServerKeysError {
    /// The parser's own words may quote a key; its place does not.
    fn from(error: serde_json::Error) -> ServerKeysError {
        ServerKeysError::Json(format!("line {}, column {}", error.line(), error.column()))
    }
}

/// The keys of each environment, by its client-side key.
type Manifest<K> = BTreeMap<String, Vec<K>>;

/// Reads a manifest: `{"<client-side key>": ["ser.…", {"key": "ser.…", "active": true, "expires_at": null}]}`, or one of
/// Flagsmith's edge-proxy: its `config.json`, or its variable `ENVIRONMENT_KEY_PAIRS`.
///
/// # Errors
/// A [`ServerKeysError`] that names the place.
pub fn parse_server_keys(text: &str) -> Result<Manifest<ServerKeySource>, ServerKeysError> {
    let mut places: BTreeMap<ServerKeyHash, (String, usize)> = BTreeMap::new();
    let mut sources = BTreeMap::new();
    for (environment, keys) in read(without_mark(text))? {
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

/// A manifest in any of its shapes.
fn read(text: &str) -> Result<Manifest<ManifestKey>, ServerKeysError> {
    if text.trim_start().starts_with('[') {
        return of_pairs(serde_json::from_str(text)?);
    }
    let members: BTreeMap<String, IgnoredAny> = serde_json::from_str(text)?;
    if members.contains_key(PAIRS) {
        let proxy: EdgeProxy = serde_json::from_str(text)?;
        return of_pairs(proxy.environment_key_pairs);
    }
    Ok(serde_json::from_str(text)?)
}

/// The configuration of edge-proxy, as far as it is of interest.
#[derive(Deserialize)]
struct EdgeProxy {
    environment_key_pairs: Vec<Pair>,
}

/// An environment of edge-proxy.
#[derive(Deserialize)]
struct Pair {
    server_side_key: Option<String>,
    client_side_key: Option<String>,
}

/// Edge-proxy leaves out the blanks around keys, and takes the same pair twice.
fn of_pairs(pairs: Vec<Pair>) -> Result<Manifest<ManifestKey>, ServerKeysError> {
    let mut keys: Manifest<String> = BTreeMap::new();
    for (pair, index) in pairs.into_iter().zip(0..) {
        let client = present(pair.client_side_key, index, "client_side_key")?;
        let server = present(pair.server_side_key, index, "server_side_key")?;
        let of_one = keys.entry(client).or_default();
        if !of_one.contains(&server) {
            of_one.push(server);
        }
    }
    let keys = keys.into_iter();
    Ok(keys.map(|(client, of_one)| (client, of_one.into_iter().map(ManifestKey::Key).collect())).collect())
}

fn present(key: Option<String>, index: usize, member: &'static str) -> Result<String, ServerKeysError> {
    let key = key.unwrap_or_default().trim().to_owned();
    if key.is_empty() { Err(ServerKeysError::Pair { index, member }) } else { Ok(key) }
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

    /// Configurations with the members that <https://docs.flagsmith.com/deployment-self-hosting/edge-proxy> describes,
    /// and what edge-proxy makes of them.
    #[test]
    fn configurations_of_edge_proxy() {
        let all_members = r#"{
            "environment_key_pairs": [
                {"server_side_key": "ser.production", "client_side_key": "production"},
                {"server_side_key": "ser.staging", "client_side_key": "staging"}
            ],
            "api_url": "https://flags.example.com/api/v1",
            "api_poll_frequency_seconds": 5,
            "api_poll_timeout_seconds": 5,
            "allow_origins": ["https://www.example.com"],
            "endpoint_caches": {
                "flags": {"use_cache": true, "cache_max_size": 1000},
                "identities": {"use_cache": false}
            },
            "logging": {"log_level": "DEBUG", "log_format": "json", "override": {"handlers": {}}},
            "server": {"host": "0.0.0.0", "port": 8000, "proxy_headers": true, "reload": false},
            "health_check": {"environment_update_grace_period_seconds": null}
        }"#;
        let as_variable = r#"[{"server_side_key":"ser.production","client_side_key":"production"},
            {"server_side_key":"ser.staging","client_side_key":"staging"}]"#;
        let with_blanks = r#"{"environment_key_pairs": [
            {"client_side_key": " production\t", "server_side_key": "\n ser.production "},
            {"client_side_key": "staging", "server_side_key": "ser.staging", "name": "of the author"},
            {"client_side_key": "production", "server_side_key": "ser.production"}]}"#;
        let expected = parse_server_keys(r#"{"production": ["ser.production"], "staging": ["ser.staging"]}"#);
        for text in [all_members, as_variable, with_blanks] {
            assert_eq!(parse_server_keys(text), expected, "{text}");
            assert_eq!(parse_server_keys(&format!("\u{feff}{text}")), expected, "behind a byte order mark");
        }
        let several = parse_server_keys(
            r#"[{"server_side_key": "ser.old", "client_side_key": "e"}, {"server_side_key": "ser.new", "client_side_key": "e"}]"#,
        );
        assert_eq!(several, parse_server_keys(r#"{"e": ["ser.old", "ser.new"]}"#));
        assert_eq!(parse_server_keys(r#"{"environment_key_pairs": []}"#), Ok(BTreeMap::new()));

        let twice = "environment `e`: key 1 is also key 1 of environment `d`";
        for (text, expected) in [
            (
                r#"[{"server_side_key": "ser.a"}]"#,
                "environment_key_pairs[0].client_side_key: missing or empty",
            ),
            (
                r#"{"environment_key_pairs": [{"server_side_key": "ser.a", "client_side_key": "a"},
                    {"server_side_key": " ", "client_side_key": "b"}]}"#,
                "environment_key_pairs[1].server_side_key: missing or empty",
            ),
            (
                r#"[{"server_side_key": "456", "client_side_key": "abc123"}]"#,
                "environment `abc123`: key 1 does not start with `ser.`, or is too long",
            ),
            (
                r#"[{"server_side_key": "ser.a", "client_side_key": "d"}, {"server_side_key": "ser.a", "client_side_key": "e"}]"#,
                twice,
            ),
            (r#"{"environment_key_pairs": {}}"#, "not a manifest of server-side keys: line 1, column 26"),
        ] {
            assert_eq!(parse_server_keys(text).err().unwrap().to_string(), expected);
        }
    }
}
