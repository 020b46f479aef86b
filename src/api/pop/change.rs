//! How a POP changes an identity in the KV store. Other POPs write the same item, and replicas lag: a write counts only if
//! the item is still the one that was read.
//!
//! What this module never does: acknowledge what is not stored, or change an identity as its copy shows it.

use std::time::Duration;

use super::identity::{Copied, Identity};
use super::object::{self, Kind, Value};
use super::ports::{Expected, KvItem, NewItem, PortError, Ports, WriteError};
use crate::identity::{Change, ChangeError, IdentityRecord, Item};

/// How long a request waits while another request of this POP changes the identity.
const WAIT_FOR_TURN: Duration = Duration::from_secs(1);

/// How often, and for how long, it is tried to store a change.
const TRIES: usize = 3;
const TIME: Duration = Duration::from_secs(4);

/// The pause between two tries, and what chance adds to it. A replica shows a write after 300 ms.
const PAUSE: Duration = Duration::from_millis(320);
const MORE_PAUSE: u64 = 256;

/// What one try found.
enum Tried {
    /// The change is stored, or there was nothing to change.
    Done(IdentityRecord),
    /// Nothing was written, and the next try may have more luck.
    NotYet,
    /// Nobody knows whether this was written; what the store held before.
    Unsure(Expected),
}

/// One change of one identity.
pub(super) struct Writer<'a, 'k, P: Ports> {
    pub(super) ports: &'a P,
    pub(super) kind: &'a mut Identity<'k>,
    pub(super) change: &'a Change,
    /// When the request came, in milliseconds since the epoch.
    pub(super) came_at: u64,
    /// How long the KV store keeps what is written.
    pub(super) lifetime: Duration,
}

impl<P: Ports> Writer<'_, '_, P> {
    /// Stores the change; gives the record with it.
    ///
    /// # Errors
    /// A [`ChangeError`]; the change may be stored all the same only with [`ChangeError::Failed`].
    pub(super) fn write(&mut self) -> Result<IdentityRecord, ChangeError> {
        let turn = format!("turn/{}", self.kind.names().store);
        let _turn = self.ports.lock(&turn, WAIT_FOR_TURN).ok_or(ChangeError::NoTurn)?;
        let began = self.ports.elapsed();
        let number = self.ports.random();
        let mut last = ChangeError::Busy;
        let mut unsure = None;
        for tried in 0..TRIES {
            if tried > 0 {
                let more = u64::try_from(self.ports.random() % u128::from(MORE_PAUSE)).unwrap_or_default();
                let pause = PAUSE + Duration::from_millis(more);
                if self.ports.elapsed().saturating_sub(began) + pause > TIME {
                    break;
                }
                self.ports.sleep(pause);
            }
            match self.try_once(number, unsure) {
                Ok(Tried::Done(record)) => return Ok(record),
                Ok(Tried::NotYet) => {
                    last = if unsure.is_some() { ChangeError::Failed } else { ChangeError::Busy }
                }
                Ok(Tried::Unsure(before)) => (unsure, last) = (Some(before), ChangeError::Failed),
                Err(Stop::Failed(error)) => {
                    self.log(&error);
                    last = ChangeError::Failed;
                }
                // An earlier try may have stored it.
                Err(Stop::For(error)) => {
                    return Err(if unsure.is_some() { ChangeError::Failed } else { error });
                }
            }
        }
        Err(last)
    }

    /// `unsure`: what the store held before an earlier try, of which nobody knows whether it wrote.
    fn try_once(&mut self, number: u128, unsure: Option<Expected>) -> Result<Tried, Stop> {
        let store_name = self.kind.names().store;
        let item = self.ports.read(store_name)?;
        let expected =
            item.as_ref().map_or(Expected::Nothing, |item| Expected::Generation(item.generation()));
        let metadata = item.as_ref().and_then(KvItem::metadata).unwrap_or_default();
        let body = item.map(|item| item.into_body(0));
        let stored = body.as_deref().map(IdentityRecord::read).transpose();
        let stored = stored.map_err(|error| PortError(format!("the record is broken: {error}")))?;
        if unsure.is_some() && IdentityRecord::is_of_write(&metadata, number) {
            return Ok(self.done(stored.unwrap_or_default(), body));
        }
        // The change may be part of what others wrote since.
        if unsure.is_some_and(|before| before != expected) && !self.change.is_repeatable() {
            return Err(Stop::For(ChangeError::Failed));
        }
        let there = object::copy_there(self.ports, self.kind)?;
        let counter = stored.as_ref().map(|stored| stored.counter);
        if there.is_some_and(|there| Some(there.counter) > counter && self.kind.is_recent(&there)) {
            // This replica of the store does not show yet what this POP wrote or read before.
            return Ok(Tried::NotYet);
        }
        if stored.as_ref().and_then(|stored| stored.deleted_at).is_some_and(|at| at >= self.came_at) {
            return Err(Stop::For(ChangeError::Deleted));
        }
        let now = crate::time::milliseconds(self.ports.now());
        let next = self.change.apply(stored.as_ref(), now, self.lifetime);
        let Some(mut next) = next.map_err(|refused| Stop::For(ChangeError::Refused(refused)))? else {
            return Ok(self.done(stored.unwrap_or_default(), body));
        };
        // The store forgot the item, and the POP did not.
        next.counter = next.counter.max(there.map_or(0, |there| there.counter + 1));
        let Item { body, metadata } = next.item(number);
        let new = NewItem { body: &body, metadata: &metadata, lifetime: self.lifetime, expected };
        match self.ports.put(self.kind.names().store, &new) {
            Ok(()) => Ok(self.done(next, Some(body))),
            Err(WriteError::Conflict | WriteError::TooMany) => Ok(Tried::NotYet),
            Err(WriteError::Failed(error)) => {
                self.log(&error);
                Ok(Tried::Unsure(expected))
            }
        }
    }

    /// What is stored is read at this POP from now on.
    fn done(&mut self, record: IdentityRecord, body: Option<Vec<u8>>) -> Tried {
        if let Some(body) = body {
            let value = Value { of: Copied::of(&record, &body), body };
            let lock = object::lock(self.ports, self.kind.names().store);
            let inserted = object::insert_locked(self.ports, self.kind, value, lock.as_ref());
            // The change is stored: the copy is due within seconds.
            if let Err(error) = inserted {
                self.log(&error);
            }
        }
        Tried::Done(record)
    }

    fn log(&self, error: &PortError) {
        self.ports.log(format_args!("{}: {error}", self.kind.names().store));
    }
}

/// Why a try ended without a result.
enum Stop {
    Failed(PortError),
    For(ChangeError),
}

impl From<PortError> for Stop {
    fn from(error: PortError) -> Stop {
        Stop::Failed(error)
    }
}
