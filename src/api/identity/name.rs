//! Under which name the traits of an identity are stored.

use std::fmt;

use base16ct::lower;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::key::EnvironmentKey;
use crate::secret::{Secret, SecretError};

/// The secret `identity_key`, by which identifiers become names.
///
/// Identifiers are e-mail addresses more often than not, and a bare hash of one is found by trying. Without the key nobody
/// can try, and with another key no stored trait is found any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentityKey(Secret);

/// The name of an identity in the KV store, of its copy in a POP, and of its surrogate key:
/// `identity/<environment>/<HMAC-SHA-256 of the identifier, in hexadecimal>`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct IdentityName(String);

impl IdentityKey {
    /// Characters that the key has at least: 32 hexadecimal digits are 128 bits.
    pub const LEAST: usize = 32;

    /// # Errors
    /// If the secret is too short to be one.
    pub fn new(secret: Secret) -> Result<IdentityKey, SecretError> {
        if secret.reveal().chars().count() < Self::LEAST {
            return Err(SecretError::TooShort { least: Self::LEAST });
        }
        Ok(IdentityKey(secret))
    }

    /// The name of the identity with this identifier.
    pub fn name(&self, environment: &EnvironmentKey, identifier: &str) -> IdentityName {
        // A key of any length is taken.
        let hash = Hmac::<Sha256>::new_from_slice(self.0.reveal().as_bytes());
        let digits =
            hash.map(|hash| lower::encode_string(&hash.chain_update(identifier).finalize().into_bytes()));
        IdentityName([&IdentityName::prefix(environment), digits.unwrap_or_default().as_str()].concat())
    }
}

impl IdentityName {
    /// What the names of all identities of an environment begin with.
    pub fn prefix(environment: &EnvironmentKey) -> String {
        format!("identity/{environment}/")
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for IdentityName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_keyed_hash() {
        let key = |text: &str| IdentityKey::new(Secret::parse(text).unwrap());
        let environment = EnvironmentKey::parse("demo").unwrap();
        let name = key(&"0b".repeat(20)).unwrap().name(&environment, "Hi There");
        // printf 'Hi There' | openssl dgst -sha256 -hmac 0b0b… (forty digits)
        let digits = "0dff03eeb5bca6b9fd6b52d08cfc8ac04e169a3d0233fbff72b5b844fba0f96b";
        assert_eq!(name.as_str(), format!("identity/demo/{digits}"));
        let other = key(&"0c".repeat(20)).unwrap().name(&environment, "Hi There");
        assert_ne!(name, other);
        assert_eq!(key("short"), Err(SecretError::TooShort { least: 32 }));
    }
}
