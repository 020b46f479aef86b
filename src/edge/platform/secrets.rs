//! The secret store.

use api::pop::ports::{PortError, Secrets};
use fastly::secret_store::{OpenError, SecretStore};

use super::{Host, port_error};
use crate::names::{IDENTITY_KEY, SECRET_STORE};

impl Secrets for Host {
    fn identity_key(&self) -> Result<Option<Vec<u8>>, PortError> {
        secret(IDENTITY_KEY)
    }
}

/// A secret; nothing if there is none of this name, or no store.
pub(super) fn secret(name: &str) -> Result<Option<Vec<u8>>, PortError> {
    let store = match SecretStore::open(SECRET_STORE) {
        Ok(store) => store,
        Err(OpenError::SecretStoreDoesNotExist(_)) => return Ok(None),
        Err(error) => return Err(port_error(error)),
    };
    let Some(secret) = store.try_get(name).map_err(port_error)? else { return Ok(None) };
    Ok(Some(secret.try_plaintext().map_err(port_error)?.into()))
}
