//! Identities in a POP: where their names come from, what is read of them, and what becomes of changes that nobody waits for.

use std::fmt;

use super::Pop;
use super::change::Writer;
use super::identity::{Copied, Identity};
use super::object::{self, Opened};
use super::ports::{Found, PortError, Ports};
use crate::identity::{Change, ChangeError, IdentityKey, IdentityName, IdentityRecord, TraitsWrite};
use crate::secret::Secret;
use crate::store::{Lookup, Store as _, Unavailable};

/// How many changes were not stored, and why.
#[derive(Debug, Default)]
pub(super) struct Unstored {
    /// The client has written too often.
    limited: u64,
    /// Other requests were changing the identity.
    dropped: u64,
    failed: u64,
}

impl<P: Ports> Pop<P> {
    /// The secret `identity_key`. A sandbox reads it once.
    pub(super) fn identity_key(&mut self) -> Result<&IdentityKey, Unavailable> {
        if self.identity_key.is_none() {
            match self.read_identity_key() {
                Ok(key) => self.identity_key = Some(key),
                Err(error) => {
                    self.log_seldom(&format!("traits are not stored: {error}"));
                }
            }
        }
        self.identity_key.as_ref().ok_or(Unavailable)
    }

    fn read_identity_key(&self) -> Result<IdentityKey, String> {
        let stored = self.ports.identity_key().map_err(|error| format!("the secret store: {error}"))?;
        let stored = stored.ok_or("the secret store has no `identity_key`")?;
        let text = String::from_utf8(stored).map_err(|_| "the secret `identity_key` is not UTF-8")?;
        let key = Secret::parse(&text).and_then(IdentityKey::new);
        key.map_err(|error| format!("the secret `identity_key` {error}"))
    }

    pub(super) fn read_identity(&self, name: &IdentityName) -> Lookup<IdentityRecord> {
        let mut kind = self.identity_of(name);
        let opened = object::open(&self.ports, &mut kind);
        let record = match opened {
            Ok(Lookup::Found(opened)) => read(&opened).or_else(|_| {
                // A request that ended in the middle of its insertion leaves such a copy.
                match object::replace_unreadable(&self.ports, &mut kind)? {
                    Lookup::Found(opened) => read(&opened),
                    Lookup::Unknown | Lookup::Unavailable => Err(PortError("the copy is damaged".to_owned())),
                }
            }),
            Ok(Lookup::Unknown) => return Lookup::Unknown,
            Ok(Lookup::Unavailable) => return Lookup::Unavailable,
            Err(error) => Err(error),
        };
        match record {
            Ok(record) => Lookup::Found(record),
            Err(error) => {
                self.ports.log(format_args!("{name}: {error}"));
                Lookup::Unavailable
            }
        }
    }

    pub(super) fn write_identity(
        &self,
        name: &IdentityName,
        change: &Change,
        came_at: u64,
    ) -> Result<IdentityRecord, ChangeError> {
        let lifetime = self.settings.traits_lifetime;
        Writer { ports: &self.ports, kind: &mut self.identity_of(name), change, came_at, lifetime }.write()
    }

    /// Stores a change that nobody waits for. One that is not stored is counted, and logged.
    pub(crate) fn store_traits(&mut self, write: &TraitsWrite) {
        if write.limited.is_some_and(|client| self.is_over_write_limit(client, 1)) {
            self.unstored.limited += 1;
        } else {
            match self.write_identity(&write.identity, &write.change, write.came_at) {
                // The identity was deleted since: nothing is lost.
                Ok(_) | Err(ChangeError::Deleted) => return,
                Err(ChangeError::NoTurn | ChangeError::Busy) => self.unstored.dropped += 1,
                Err(ChangeError::Refused(_) | ChangeError::Failed) => self.unstored.failed += 1,
            }
        }
        let line = self.unstored.to_string();
        if self.log_seldom(&line) {
            self.unstored = Unstored::default();
        }
    }

    fn identity_of<'n>(&self, name: &'n IdentityName) -> Identity<'n> {
        Identity::new(name, &self.settings, crate::time::milliseconds(self.ports.now()))
    }
}

fn read<F: Found>(opened: &Opened<Copied, F>) -> Result<IdentityRecord, PortError> {
    let body = opened.found.read(0..opened.of.length)?;
    IdentityRecord::read(&body).map_err(PortError)
}

impl fmt::Display for Unstored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Unstored { limited, dropped, failed } = self;
        write!(
            f,
            "traits of requests that were not stored: {dropped} while others changed the identity, {limited} of \
             clients with too many writes, {failed} for errors"
        )
    }
}
