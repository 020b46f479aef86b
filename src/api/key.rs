//! Environment keys. A key is parsed once, where it enters; a text of another shape is unknown without a look at any
//! store.

use std::fmt;

use base16ct::lower;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use thiserror::Error;

/// A client-side key: the `api_key` of an environment. Letters, digits, `_`, `.`, `:` and `-`, at most 256, so that
/// it is a KV key and a surrogate key as it stands.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EnvironmentKey(String);

/// Which of an environment's keys a request carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyKind {
    /// Public: it is in every page and app.
    Client,
    /// Secret: it starts with `ser.`.
    Server,
}

/// Why a text is not an environment key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum KeyError {
    #[error("empty")]
    Empty,
    #[error("longer than {} characters", EnvironmentKey::LIMIT)]
    TooLong,
    #[error("only letters, digits, `_`, `.`, `:` and `-` may stand in it")]
    Character,
    #[error("starts with `ser.`, which is how server-side keys start")]
    ServerSide,
}

impl EnvironmentKey {
    const LIMIT: usize = 256;

    /// # Errors
    /// A [`KeyError`] that says which rule the text breaks.
    pub fn parse(text: &str) -> Result<EnvironmentKey, KeyError> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_.:-".contains(&byte);
        if text.is_empty() {
            Err(KeyError::Empty)
        } else if text.len() > Self::LIMIT {
            Err(KeyError::TooLong)
        } else if !text.bytes().all(allowed) || text.starts_with('.') {
            Err(KeyError::Character)
        } else if text.starts_with(ServerKeyHash::PREFIX) {
            Err(KeyError::ServerSide)
        } else {
            Ok(EnvironmentKey(text.to_owned()))
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name of the environment's bundle in the KV store, of its copy in a POP, and of its surrogate key.
    pub fn store_key(&self) -> String {
        ["environment/", &self.0].concat()
    }
}

impl TryFrom<String> for EnvironmentKey {
    type Error = KeyError;

    fn try_from(text: String) -> Result<EnvironmentKey, KeyError> {
        EnvironmentKey::parse(&text)
    }
}

impl From<EnvironmentKey> for String {
    fn from(key: EnvironmentKey) -> String {
        key.0
    }
}

impl fmt::Display for EnvironmentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What is kept of a server-side key: its SHA-256 in hexadecimal. The key itself is never stored or logged.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ServerKeyHash(String);

impl ServerKeyHash {
    /// How every server-side key starts.
    pub const PREFIX: &str = "ser.";
    /// What the names of records begin with in the KV store.
    pub const STORE_PREFIX: &str = "server-key/";
    const LIMIT: usize = 512;

    /// Hashes a server-side key; none if the text is not shaped like one.
    pub fn of(key: &str) -> Option<ServerKeyHash> {
        let shaped =
            key.starts_with(Self::PREFIX) && key.len() <= Self::LIMIT && key.len() > Self::PREFIX.len();
        shaped.then(|| ServerKeyHash(lower::encode_string(&Sha256::digest(key))))
    }

    /// The name of the key's record in the KV store, of its copy in a POP, and of its surrogate key.
    pub fn store_key(&self) -> String {
        [Self::STORE_PREFIX, &self.0].concat()
    }

    /// The 64 hexadecimal digits.
    pub fn hex(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn environment_keys() {
        for (text, expected) in [
            ("n3xVq8wTtClientKey01", None),
            ("demo-1_2.3:4", None),
            ("", Some(KeyError::Empty)),
            ("a/b", Some(KeyError::Character)),
            ("..", Some(KeyError::Character)),
            ("schlüssel", Some(KeyError::Character)),
            ("ser.abc", Some(KeyError::ServerSide)),
        ] {
            assert_eq!(EnvironmentKey::parse(text).err(), expected, "{text:?}");
        }
        assert_eq!(EnvironmentKey::parse(&"x".repeat(257)), Err(KeyError::TooLong));
    }

    #[test]
    fn server_keys_are_hashed() {
        let hash = ServerKeyHash::of("ser.abc").unwrap();
        let sha256 = "313647aab0735b3cd7a5922a531e9ea3f9a7789253c0fffd2e2c1669a2e3f4d8";
        assert_eq!(hash.store_key(), format!("server-key/{sha256}"));
        assert_eq!(ServerKeyHash::of("abc"), None);
        assert_eq!(ServerKeyHash::of("ser."), None);
    }
}
