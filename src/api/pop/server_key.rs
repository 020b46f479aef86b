//! Records of server-side keys as kept objects: small, so that the metadata of a copy hold all of it, and without an
//! order, since they carry no revision.

use bytes::Bytes;

use super::environment::cache_name;
use super::object::{Kind, Names, Taken, Value};
use super::ports::KvItem;
use super::refresh::{Absence, Rules};
use super::state::CopyState;
use crate::key::ServerKeyHash;
use crate::server_key::ServerKey;
use crate::settings::Settings;

/// A server-side key, while a request opens or refreshes the copy of its record.
pub(super) struct Record {
    store_name: String,
    cache_name: String,
    rules: Rules,
}

impl Record {
    pub(super) fn new(key: &ServerKeyHash, format: u32, settings: &Settings) -> Record {
        let store_name = key.store_key();
        let cache_name = cache_name(&store_name, format);
        let rules = Rules::looked_at_twice(settings.fresh);
        Record { store_name, cache_name, rules }
    }
}

impl Kind for Record {
    type Of = ServerKey;

    fn names(&self) -> Names<'_> {
        Names { store: &self.store_name, cache: &self.cache_name }
    }

    fn rules(&self) -> Rules {
        self.rules
    }

    /// A record that was removed is a key that was revoked.
    fn absence(&self, _: &ServerKey) -> Absence {
        Absence::Removal
    }

    fn is_newer(_: &ServerKey, _: &ServerKey) -> bool {
        false
    }

    fn read_state(&mut self, metadata: Bytes) -> Option<CopyState<ServerKey>> {
        CopyState::from_metadata(&metadata)
    }

    fn write_state(&mut self, state: CopyState<ServerKey>) -> Bytes {
        state.to_metadata()
    }

    fn take<I: KvItem>(&mut self, item: I, copy: Option<&ServerKey>) -> Result<Taken<ServerKey>, String> {
        let of = serde_json::from_slice(&item.into_body(0)).map_err(|error| error.to_string())?;
        Ok(if copy == Some(&of) { Taken::Same } else { Taken::Newer(Value { of, body: Vec::new() }) })
    }
}
