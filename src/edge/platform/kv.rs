//! The KV store.

use std::io::Read as _;

use api::pop::ports::{KvItem, KvStore, PortError};
use bytes::Bytes;
use fastly::kv_store::{KVStoreError, LookupResponse};

use super::{Host, port_error};
use crate::names::KV_STORE;

/// Bytes that a value of the store has at most.
const LARGEST: u64 = 25 << 20;

/// An item of the store.
pub(crate) struct Item(LookupResponse);

impl KvStore for Host {
    type Item = Item;

    fn read(&self, key: &str) -> Result<Option<Item>, PortError> {
        let store = fastly::KVStore::open(KV_STORE).map_err(port_error)?;
        let store = store.ok_or_else(|| PortError(format!("there is no KV store {KV_STORE:?}")))?;
        match store.lookup(key) {
            Ok(item) => Ok(Some(Item(item))),
            Err(KVStoreError::ItemNotFound) => Ok(None),
            Err(error) => Err(port_error(error)),
        }
    }
}

impl KvItem for Item {
    fn metadata(&self) -> Option<Bytes> {
        self.0.metadata()
    }

    fn into_body(mut self, expected: u64) -> Vec<u8> {
        let expected = usize::try_from(expected.min(LARGEST)).unwrap_or_default();
        let Some(mut body) = self.0.try_take_body() else { return Vec::new() };
        // A buffer of the right size lets the host give all of it in one piece.
        let mut bytes = vec![0; expected];
        let mut filled = 0;
        while filled < expected {
            match body.read(&mut bytes[filled..]) {
                Ok(0) | Err(_) => break,
                Ok(read) => filled += read,
            }
        }
        bytes.truncate(filled);
        // What is more than was expected.
        let _ = body.read_to_end(&mut bytes);
        bytes
    }
}
