//! The edge's view of its stores, in the words of this crate.

use std::rc::Rc;

use engine::Compiled;
use jiff::Timestamp;

use crate::bundle::Section;
use crate::key::{EnvironmentKey, ServerKeyHash};
use crate::pop::PopCopy;
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

/// What is read while a request is answered. Chance and time come from here too.
pub trait Store {
    /// The POP's copy of an environment, brought up to date.
    fn environment(&mut self, key: &EnvironmentKey) -> Lookup<PopCopy>;

    /// The record of a server-side key.
    fn server_key(&mut self, key: &ServerKeyHash) -> Lookup<ServerKey>;

    /// The bytes of a section of the copy that [`Store::environment`] gave last.
    ///
    /// # Errors
    /// [`Unavailable`] if they cannot be read, or are not exactly the section.
    fn section(&mut self, section: Section) -> Result<Vec<u8>, Unavailable>;

    /// The compiled environment of the copy that [`Store::environment`] gave last.
    ///
    /// # Errors
    /// [`Unavailable`] if it cannot be read.
    fn compiled(&mut self) -> Result<Rc<Compiled>, Unavailable>;

    fn now(&self) -> Timestamp;

    /// 128 random bits.
    fn random(&mut self) -> u128;
}
