//! Reading the KV store.

use std::io::Read as _;

use api::Fault;
use fastly::KVStore;
use fastly::kv_store::{KVStoreError, LookupResponse};

use crate::names::KV_STORE;

/// Bytes that a value of the store has at most.
const LARGEST: u64 = 25 << 20;

/// An item of the store; its body is read only when asked for.
pub(crate) struct Item(LookupResponse);

impl Item {
    pub(crate) fn metadata(&self) -> Option<bytes::Bytes> {
        self.0.metadata()
    }

    /// The whole body; quicker if it is `announced` to have so many bytes. One that breaks off is given as far as it came.
    pub(crate) fn into_body(mut self, announced: u64) -> Vec<u8> {
        let announced = usize::try_from(announced.min(LARGEST)).unwrap_or_default();
        let Some(mut body) = self.0.try_take_body() else { return Vec::new() };
        // A buffer of the right size lets the host give all of it in one piece.
        let mut bytes = vec![0; announced];
        let mut filled = 0;
        while filled < announced {
            match body.read(&mut bytes[filled..]) {
                Ok(0) | Err(_) => break,
                Ok(read) => filled += read,
            }
        }
        bytes.truncate(filled);
        // What is more than was announced.
        let _ = body.read_to_end(&mut bytes);
        bytes
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
