//! The edge's view of its stores, in the words of this crate.

use std::ops::Range;
use std::rc::Rc;

use engine::Compiled;
use jiff::Timestamp;

use crate::bundle::{Header, Section};
use crate::identity::{Change, ChangeError, ClientAddress, IdentityName, IdentityRecord};
use crate::key::{EnvironmentKey, ServerKeyHash};
use crate::revision::Revision;
use crate::server_key::ServerKey;

/// What the stores know of a key.
#[derive(Debug)]
pub enum Lookup<T> {
    Found(T),
    /// The stores answer, and do not have it.
    Unknown,
    /// The stores do not answer, and there is no copy of what they had.
    Unavailable,
}

/// A store failed where something was found before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unavailable;

/// An environment as a request meets it: a POP's copy of its bundle, opened.
#[derive(Debug, Clone)]
pub struct PopCopy<H> {
    pub header: Rc<Header>,
    pub source: Source,
    /// Seconds since the KV store confirmed it.
    pub age: u64,
    /// What the store that opened it reads its sections by.
    pub handle: H,
}

/// Where an answer comes from, as `jackstaff-source` tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The POP's copy, within its time.
    Pop,
    /// The KV store, just now.
    Kv,
    /// The POP's copy, past its time: the KV store failed, or another request is looking right now.
    Stale,
}

impl Source {
    pub fn as_str(self) -> &'static str {
        match self {
            Source::Pop => "pop",
            Source::Kv => "kv",
            Source::Stale => "stale",
        }
    }
}

/// The body of a request, which is read only where a route wants one.
pub trait Body {
    /// Reads the body, but no more than `limit` bytes and one: that one shows that it is too long. A body that breaks off is
    /// given as far as it came.
    fn read(&mut self, limit: usize) -> Vec<u8>;
}

/// A body that is in memory already.
impl Body for &[u8] {
    fn read(&mut self, limit: usize) -> Vec<u8> {
        self[..self.len().min(limit + 1)].to_vec()
    }
}

/// What is read while a request is answered. Chance and time come from here too.
pub trait Store {
    /// What the store needs to read the sections of a copy that it opened.
    type Handle;

    /// The POP's copy of an environment, brought up to date.
    fn environment(&mut self, key: &EnvironmentKey) -> Lookup<PopCopy<Self::Handle>>;

    /// The same, of this revision or of a later one as soon as the KV store has it; after a while what there is, labelled stale.
    fn environment_at_least(
        &mut self,
        key: &EnvironmentKey,
        revision: Revision,
    ) -> Lookup<PopCopy<Self::Handle>>;

    /// The record of a server-side key.
    fn server_key(&mut self, key: &ServerKeyHash) -> Lookup<ServerKey>;

    /// The bytes of a section of a copy.
    ///
    /// # Errors
    /// [`Unavailable`] if they cannot be read, or are not exactly the section.
    fn section(&mut self, copy: &mut PopCopy<Self::Handle>, section: Section)
    -> Result<Vec<u8>, Unavailable>;

    /// The bytes of a part of a section; the range is from the section's start.
    ///
    /// # Errors
    /// [`Unavailable`] if they cannot be read, or are not within the section.
    fn part(
        &mut self,
        copy: &mut PopCopy<Self::Handle>,
        section: Section,
        part: Range<u64>,
    ) -> Result<Vec<u8>, Unavailable>;

    /// The compiled environment of a copy.
    ///
    /// # Errors
    /// [`Unavailable`] if it cannot be read.
    fn compiled(&mut self, copy: &mut PopCopy<Self::Handle>) -> Result<Rc<Compiled>, Unavailable>;

    /// The name under which the traits of an identity are stored.
    ///
    /// # Errors
    /// [`Unavailable`] without the secret that names are made with.
    fn identity_name(
        &mut self,
        environment: &EnvironmentKey,
        identifier: &str,
    ) -> Result<IdentityName, Unavailable>;

    /// The stored traits of an identity, as the POP's copy shows them.
    fn identity(&mut self, name: &IdentityName) -> Lookup<IdentityRecord>;

    /// Changes the stored traits of an identity; the record with the change. `came_at`: when the request came, in
    /// milliseconds since the epoch.
    ///
    /// # Errors
    /// A [`ChangeError`]. With any other than [`ChangeError::Failed`] nothing was stored.
    fn change_identity(
        &mut self,
        name: &IdentityName,
        change: &Change,
        came_at: u64,
    ) -> Result<IdentityRecord, ChangeError>;

    /// Counts so many more writes of a client, and says whether it has too many.
    fn is_over_write_limit(&mut self, client: ClientAddress, writes: usize) -> bool;

    fn now(&self) -> Timestamp;

    /// 128 random bits.
    fn random(&mut self) -> u128;
}
