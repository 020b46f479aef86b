//! The record of a server-side key.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::key::EnvironmentKey;

/// Stored as JSON under the key's hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerKey {
    /// The client-side key of the environment that it opens.
    pub environment: String,
    pub active: bool,
    /// ISO 8601, with a zone.
    pub expires_at: Option<String>,
}

impl ServerKey {
    /// The environment that the key opens now; none if it is revoked or has expired. An expiry that cannot be read
    /// counts as passed.
    pub fn opens(&self, now: Timestamp) -> Option<EnvironmentKey> {
        let expired = match &self.expires_at {
            None => false,
            Some(at) => at.parse::<Timestamp>().map_or(true, |at| at <= now),
        };
        if self.active && !expired { EnvironmentKey::parse(&self.environment).ok() } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_opens_while_it_is_active_and_not_expired() {
        let now: Timestamp = "2026-03-02T11:22:33Z".parse().unwrap();
        let opens = |active, expires_at: Option<&str>| {
            let key = ServerKey { environment: "e".into(), active, expires_at: expires_at.map(Into::into) };
            key.opens(now).is_some()
        };
        assert!(opens(true, None));
        assert!(opens(true, Some("2026-03-02T11:22:34+00:00")));
        assert!(!opens(true, Some("2026-03-02T11:22:33+00:00")));
        assert!(!opens(true, Some("some day")));
        assert!(!opens(false, None));
    }
}
