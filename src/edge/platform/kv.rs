//! The KV store.

use std::io::Read as _;

use api::pop::ports::{Expected, KvItem, KvStore, NewItem, PortError, WriteError};
use bytes::Bytes;
use fastly::KVStore;
use fastly::kv_store::{InsertMode, KVStoreError, LookupResponse};

use super::{Host, port_error};
use crate::names::KV_STORE;

/// Bytes that a value of the store has at most.
const LARGEST: u64 = 25 << 20;

/// An item of the store.
pub(crate) struct Item(LookupResponse);

impl KvStore for Host {
    type Item = Item;

    fn read(&self, key: &str) -> Result<Option<Item>, PortError> {
        match store()?.lookup(key) {
            Ok(item) => Ok(Some(Item(item))),
            Err(KVStoreError::ItemNotFound) => Ok(None),
            Err(error) => Err(port_error(error)),
        }
    }

    fn put(&self, key: &str, value: &NewItem<'_>) -> Result<(), WriteError> {
        let store = store()?;
        let insert = store.build_insert().metadata(value.metadata).time_to_live(value.lifetime);
        let insert = match value.expected {
            Expected::Nothing => insert.mode(InsertMode::Add),
            Expected::Generation(generation) => insert.if_generation_match(generation),
        };
        insert.execute(key, value.body).map_err(|error| match error {
            KVStoreError::ItemPreconditionFailed => WriteError::Conflict,
            KVStoreError::TooManyRequests => WriteError::TooMany,
            error => port_error(error).into(),
        })
    }
}

fn store() -> Result<KVStore, PortError> {
    let store = KVStore::open(KV_STORE).map_err(port_error)?;
    store.ok_or_else(|| PortError(format!("there is no KV store {KV_STORE:?}")))
}

impl KvItem for Item {
    fn metadata(&self) -> Option<Bytes> {
        self.0.metadata()
    }

    fn generation(&self) -> u64 {
        self.0.current_generation()
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
