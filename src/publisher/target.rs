//! Where bundles go, and who is told.

use std::fmt;

use thiserror::Error;

/// Where bundles go, and who is told.
#[derive(Debug, Clone)]
pub struct Target {
    /// Base of Fastly's REST API, or of an edge that answers in its place.
    pub api: String,
    pub token: Secret,
    /// The id of the KV store.
    pub store: String,
    /// The id of the service whose copies are purged; none are without it.
    pub service: Option<String>,
    /// Base of the origin of change signals; nobody is told without it.
    pub origin: Option<String>,
    pub origin_token: Option<Secret>,
}

/// A token. It shows itself to nobody.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

/// Why a text is no token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SecretFault {
    #[error("an empty token")]
    Empty,
    #[error("a token holds visible ASCII characters only")]
    Character,
}

impl Secret {
    /// # Errors
    /// If the text cannot stand in a header.
    pub fn parse(text: &str) -> Result<Secret, SecretFault> {
        if text.is_empty() {
            Err(SecretFault::Empty)
        } else if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            Err(SecretFault::Character)
        } else {
            Ok(Secret(text.to_owned()))
        }
    }

    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}
