//! Reading the KV store.

use api::Fault;
use fastly::KVStore;
use fastly::kv_store::{KVStoreError, LookupResponse};

use crate::names::KV_STORE;

/// An item of the store; its body is read only when asked for.
pub(crate) struct Item(LookupResponse);

impl Item {
    pub(crate) fn metadata(&self) -> Option<bytes::Bytes> {
        self.0.metadata()
    }

    pub(crate) fn into_body(mut self) -> Vec<u8> {
        self.0.take_body_bytes()
    }
}

/// Looks a key up; none if the store does not have it.
///
/// # Errors
/// What the store, or a fault on demand, said.
pub(crate) fn read(key: &str, fault: &Fault) -> Result<Option<Item>, String> {
    #[cfg(feature = "local-api")]
    let key = &crate::fault::strike_read(key, fault)?;
    #[cfg(not(feature = "local-api"))]
    let _ = fault;
    let store = match KVStore::open(KV_STORE) {
        Ok(Some(store)) => store,
        Ok(None) => return Err(format!("there is no KV store {KV_STORE:?}")),
        Err(error) => return Err(error.to_string()),
    };
    match store.lookup(key) {
        Ok(item) => Ok(Some(Item(item))),
        Err(KVStoreError::ItemNotFound) => Ok(None),
        Err(error) => Err(error.to_string()),
    }
}
