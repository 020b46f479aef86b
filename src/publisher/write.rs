//! Writing one item of the store while others may write it, too: read, decide, write if the item has not changed since, and
//! read back.

use std::time::Duration;

use thiserror::Error;

use crate::call_error::CallError;
use crate::client::Calls;
use crate::kv::{self, Item, StoredItem, Write};

/// How often a write is decided again because the store had something else by then.
pub(crate) const TRIES: usize = 8;
/// The pauses between: what was read may have been out of date, and becomes current by itself.
const TRY_PAUSE: Duration = Duration::from_millis(50);
/// How often, and with which pauses between, an item is read back until the store shows it: 20 seconds in all.
const READ_BACKS: u32 = 14;
/// How often an item is read that may not have been written at all: 3 seconds in all.
const READS_IN_DOUBT: u32 = 6;
const READ_BACK_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_READ_BACK_PAUSE: Duration = Duration::from_secs(2);

/// What happens to an item, and what is reported about it.
pub(crate) enum Decision<T> {
    Leave(T),
    Write(Item, T),
}

/// A write that was decided already, from what is known: it replaces this generation, or nothing.
pub(crate) struct First<T> {
    pub(crate) replaced: Option<String>,
    pub(crate) item: Item,
    pub(crate) about: T,
}

/// What happened.
#[derive(Debug)]
pub(crate) struct WriteOutcome<T> {
    pub(crate) about: T,
    /// The generation that our write made; none if nothing was written, or if another publisher wrote after us.
    pub(crate) written: Option<String>,
}

/// Why the store does not have what it should, or is not known to.
#[derive(Debug, Error)]
pub enum StoreError {
    #[error(transparent)]
    Call(#[from] CallError),
    /// A write that failed may have taken place, or still do so.
    #[error("{0}; whether it was written is not known, and publishing again settles it")]
    InDoubt(CallError),
    #[error("{name}: other publishers wrote first, {TRIES} times in a row")]
    Contended { name: String },
    #[error("{name} was written, and the store does not show it: {why}")]
    NotReadBack { name: String, why: ReadBackError },
}

impl StoreError {
    /// The call that failed, if it was a call.
    pub(crate) fn call(&self) -> Option<&CallError> {
        match self {
            StoreError::Call(failed)
            | StoreError::InDoubt(failed)
            | StoreError::NotReadBack { why: ReadBackError::Call(failed), .. } => Some(failed),
            StoreError::Contended { .. } | StoreError::NotReadBack { .. } => None,
        }
    }
}

/// Why an item could not be read back.
#[derive(Debug, Error)]
pub enum ReadBackError {
    #[error("it shows something older")]
    Older,
    #[error(transparent)]
    Call(CallError),
}

/// Writes an item, provided that what is stored has not changed since it was decided. With a `first` write, which is based
/// on what is known already, the store is not read before. `decide` gets what is stored: at once, or after a write that
/// found something else there. `is_later` says whether a stored item was written after ours; it gets the generation that
/// ours replaced. What is written has a `lifetime`, or stays.
///
/// A write that seemed to fail, or that met a mismatch when it was tried again, may have taken place. So what is found is
/// compared with what was attempted before anything is decided again.
pub(crate) fn put_if_unchanged<T, E: From<StoreError>>(
    calls: &Calls<'_>,
    name: &str,
    lifetime: Option<Duration>,
    mut first: Option<First<T>>,
    mut decide: impl FnMut(Option<&StoredItem>) -> Result<Decision<T>, E>,
    is_later: impl Fn(&StoredItem, &Item, Option<&str>) -> bool,
) -> Result<WriteOutcome<T>, E> {
    let mut attempted: Vec<(Item, T)> = Vec::new();
    let mut pause = TRY_PAUSE;
    for _ in 0..TRIES {
        let (item, about, replaced) = if let Some(First { replaced, item, about }) = first.take() {
            (item, about, replaced)
        } else {
            let stored = kv::get(calls, name).map_err(StoreError::from)?;
            if let Some(stored) = &stored
                && let Some(own) = attempted.iter().position(|(item, _)| item.value == stored.item.value)
            {
                let about = attempted.swap_remove(own).1;
                return Ok(WriteOutcome { about, written: Some(stored.generation.clone()) });
            }
            match decide(stored.as_ref())? {
                Decision::Leave(about) => return Ok(WriteOutcome { about, written: None }),
                Decision::Write(item, about) => (item, about, stored.map(|stored| stored.generation)),
            }
        };
        match kv::put(calls, name, &item, replaced.as_deref(), lifetime) {
            Ok(Write::Done) => {
                let shown =
                    |stored: &StoredItem| stored.item == item || is_later(stored, &item, replaced.as_deref());
                return match read_back(calls, name, READ_BACKS, shown) {
                    Ok(stored) => {
                        let written = (stored.item == item).then_some(stored.generation);
                        Ok(WriteOutcome { about, written })
                    }
                    Err(why) => Err(StoreError::NotReadBack { name: name.to_owned(), why }.into()),
                };
            }
            Ok(Write::Mismatch) => {
                attempted.push((item, about));
                calls.sleep(pause);
                pause *= 2;
            }
            Err(failed) if failed.may_have_happened() => {
                return match read_back(calls, name, READS_IN_DOUBT, |stored| stored.item == item) {
                    Ok(stored) => Ok(WriteOutcome { about, written: Some(stored.generation) }),
                    Err(_) => Err(StoreError::InDoubt(failed).into()),
                };
            }
            Err(failed) => return Err(StoreError::from(failed).into()),
        }
    }
    Err(StoreError::Contended { name: name.to_owned() }.into())
}

/// Reads an item until the store shows it, so many times at most.
fn read_back(
    calls: &Calls<'_>,
    name: &str,
    times: u32,
    shown: impl Fn(&StoredItem) -> bool,
) -> Result<StoredItem, ReadBackError> {
    let mut pause = READ_BACK_PAUSE;
    for time in 0..times {
        if time > 0 {
            calls.sleep(pause);
            pause = (pause * 2).min(LONGEST_READ_BACK_PAUSE);
        }
        if let Some(stored) = kv::get(calls, name).map_err(ReadBackError::Call)?.filter(&shown) {
            return Ok(stored);
        }
    }
    Err(ReadBackError::Older)
}
