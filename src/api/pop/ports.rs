//! What the platform can do for a POP, in the words of this crate. The edge implements these traits for Fastly, and tests
//! for a POP in memory. None of their methods decides anything.

use std::fmt;
use std::ops::Range;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use thiserror::Error;

/// The platform could not do what it was asked to do. The text is the platform's own.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct PortError(pub String);

/// All that a POP needs to serve environments.
pub trait Ports:
    Cache + KvStore + Locks + Clock + Chance + Config + Secrets + RateLimits + Log + Records
{
}

impl<P: Cache + KvStore + Locks + Clock + Chance + Config + Secrets + RateLimits + Log + Records> Ports
    for P
{
}

/// The cache of the POP: named objects with metadata, a lifetime and a body.
pub trait Cache {
    /// An object that was found. It stays readable while it is held, whatever is inserted meanwhile.
    type Found: Found;
    /// The duty to refresh an object. One request has it at a time. Given up when it is dropped, or when its sandbox
    /// ends.
    type Obligation;

    /// Looks an object up.
    ///
    /// # Errors
    /// If the cache fails.
    fn look_up(&self, name: &str) -> Result<Option<Self::Found>, PortError>;

    /// Looks an object up, and takes the obligation if the object is missing or no longer fresh, and no other request has
    /// it. Waits for the request that has it only if there is nothing to serve meanwhile.
    ///
    /// # Errors
    /// If the cache fails, or the other request takes longer than `wait`.
    fn look_up_to_refresh(
        &self,
        name: &str,
        wait: Duration,
    ) -> Result<LookedUp<Self::Found, Self::Obligation>, PortError>;

    /// Inserts an object, in place of what is there. Uses the obligation up, if there is one.
    ///
    /// # Errors
    /// If the cache fails.
    fn insert(
        &self,
        obligation: Option<Self::Obligation>,
        object: &Object<'_>,
        body: &[u8],
    ) -> Result<(), PortError>;

    /// Gives an object new metadata and a new lifetime; its body stays.
    ///
    /// # Errors
    /// If the cache fails.
    fn renew(&self, obligation: Self::Obligation, object: &Object<'_>) -> Result<(), PortError>;

    /// Gives an obligation up without a change.
    ///
    /// # Errors
    /// If the cache fails.
    fn give_up(&self, obligation: Self::Obligation) -> Result<(), PortError>;
}

/// What a look-up gives that may take the obligation.
#[derive(Debug)]
pub struct LookedUp<F, O> {
    /// The object, fresh or not.
    pub found: Option<F>,
    pub obligation: Option<O>,
}

/// An object to be put into the cache.
#[derive(Debug, Clone)]
pub struct Object<'a> {
    pub name: &'a str,
    /// The surrogate key by which it is purged.
    pub purged_by: &'a str,
    pub metadata: Bytes,
    /// How long it is fresh.
    pub lifetime: Duration,
    /// How long it may be served after that.
    pub usable_stale: Duration,
}

/// An object of the cache.
pub trait Found {
    /// A part of its body, not yet read.
    type Stream;

    fn metadata(&self) -> Bytes;

    /// How long ago it was inserted or renewed.
    fn age(&self) -> Duration;

    /// How long it was to be fresh.
    fn lifetime(&self) -> Duration;

    /// Whether it is no longer fresh: its lifetime is over, or it was purged.
    fn is_stale(&self) -> bool;

    /// Reads a part of the body: exactly these bytes.
    ///
    /// # Errors
    /// If they cannot be read, or what came is longer.
    fn read(&self, range: Range<u64>) -> Result<Vec<u8>, PortError>;

    /// A part of the body, for the host to send.
    ///
    /// # Errors
    /// If the platform refuses the range.
    fn stream(&self, range: Range<u64>) -> Result<Self::Stream, PortError>;
}

/// The KV store. Publishers write environments and records of keys to it, and edges the traits of identities.
pub trait KvStore {
    type Item: KvItem;

    /// Looks a key up. What was written lately may not be seen yet.
    ///
    /// # Errors
    /// If the store fails.
    fn read(&self, key: &str) -> Result<Option<Self::Item>, PortError>;

    /// Writes a value, if the store holds of this key what is expected.
    ///
    /// # Errors
    /// A [`WriteError`], which says whether the value may have been written all the same.
    fn put(&self, key: &str, value: &NewItem<'_>) -> Result<(), WriteError>;
}

/// A value to be written to the KV store.
#[derive(Debug, Clone)]
pub struct NewItem<'a> {
    pub body: &'a [u8],
    pub metadata: &'a str,
    /// How long the store keeps it.
    pub lifetime: Duration,
    pub expected: Expected,
}

/// What the KV store holds of a key, as far as its writer knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    Nothing,
    /// The item with this generation.
    Generation(u64),
}

/// Why a value was not written, or perhaps not.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum WriteError {
    /// The store holds something else than was expected: nothing was written.
    #[error("another write was first")]
    Conflict,
    /// Too many writes, to this key or at all: nothing was written.
    #[error("the store takes no more writes at the moment")]
    TooMany,
    /// Nobody knows whether it was written.
    #[error(transparent)]
    Failed(#[from] PortError),
}

/// An item of the KV store. Its body is read only when it is asked for.
pub trait KvItem {
    fn metadata(&self) -> Option<Bytes>;

    /// Which write of its key it is. Generations have no order.
    fn generation(&self) -> u64;

    /// The whole body; quicker if it has the `expected` number of bytes. A body that breaks off is given as far as it came.
    fn into_body(self, expected: u64) -> Vec<u8>;
}

/// Locks of the POP. A lock is released when it is dropped, or when its sandbox ends.
pub trait Locks {
    type Lock;

    /// Takes a lock. Nothing if another request held it for longer than `wait`, or if the cache fails.
    fn lock(&self, name: &str, wait: Duration) -> Option<Self::Lock>;
}

pub trait Clock {
    fn now(&self) -> Timestamp;

    /// The time since a moment that stays the same while the sandbox lives.
    fn elapsed(&self) -> Duration;

    fn sleep(&self, time: Duration);
}

pub trait Chance {
    /// 128 random bits.
    fn random(&self) -> u128;
}

pub trait Config {
    /// The settings as they are written in the config store; nothing if there are none.
    ///
    /// # Errors
    /// If the store fails.
    fn settings(&self) -> Result<Option<String>, PortError>;
}

pub trait Secrets {
    /// The secret that identifiers are hashed with, as it is stored; nothing if there is none.
    ///
    /// # Errors
    /// If the secret store fails.
    fn identity_key(&self) -> Result<Option<Vec<u8>>, PortError>;
}

pub trait RateLimits {
    /// Counts so many more writes of this client, and says whether there were more than `limit` a second lately. A limiter
    /// that fails limits nobody.
    fn is_over_limit(&self, client: &str, writes: u32, limit: u32) -> bool;
}

pub trait Log {
    fn log(&self, line: fmt::Arguments<'_>);

    /// Only for measurements: nothing in a release package.
    fn trace(&self, _line: fmt::Arguments<'_>) {}
}

/// Logs beside that of the POP itself, by name. Their lines leave the platform for wherever their owner has them sent.
pub trait Records {
    /// Writes a line to a log.
    ///
    /// # Errors
    /// If there can be no log of this name.
    fn record(&self, log: &str, line: &str) -> Result<(), PortError>;
}
