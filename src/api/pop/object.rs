//! The protocol of a kept object: how a POP opens a copy, whose turn it is to refresh it, and what replaces it.
//!
//! A request that refreshes a copy may be slow, and the world goes on beside it. Two things can go wrong:
//! - Another request inserts a newer copy meanwhile. So the copy is looked at once more, and comparing and inserting happen
//!   under a lock: nothing goes backwards.
//! - The object is written and purged after the KV store was read and before the insertion, and what is inserted would
//!   count as fresh. So the KV store is looked at once more after the insertion. A replica that lags may hide the write from
//!   that look too: then the older copy stays until it is due.

use std::time::Duration;

use bytes::Bytes;

use super::ports::{Cache, Found, KvItem, KvStore, LookedUp, Object, PortError, Ports};
use super::refresh::{AFTER_PURGE, Absence, KvAnswer, Refresh, Rules, refresh};
use super::seconds;
use super::state::CopyState;
use crate::store::{Lookup, Source};

/// How long a request waits for another one that reads the KV store for the first time.
const WAIT_FOR_FIRST_READ: Duration = Duration::from_secs(5);

/// How long a request waits for a lock, which is held for milliseconds. A request that has waited longer goes on without:
/// what it may put back, the next look at the KV store replaces.
const WAIT_FOR_LOCK: Duration = Duration::from_secs(1);

/// A kind of object that a POP keeps copies of.
pub(super) trait Kind {
    /// What the metadata of a copy hold of its value.
    type Of: Clone;

    fn names(&self) -> Names<'_>;

    fn rules(&self) -> Rules;

    /// What it means that the KV store does not have the key of this copy any more.
    fn absence(&self, copy: &Self::Of) -> Absence;

    /// Whether the first is newer than the second. Never, for kinds without an order.
    fn is_newer(first: &Self::Of, second: &Self::Of) -> bool;

    /// Reads the state of a copy from its metadata; nothing if they cannot be read.
    fn read_state(&mut self, metadata: Bytes) -> Option<CopyState<Self::Of>>;

    fn write_state(&mut self, state: CopyState<Self::Of>) -> Bytes;

    /// Takes an item of the KV store: compares it with the copy, and checks it from end to end if it is newer.
    ///
    /// # Errors
    /// Why the item cannot be served.
    fn take<I: KvItem>(&mut self, item: I, copy: Option<&Self::Of>) -> Result<Taken<Self::Of>, String>;
}

/// The names of a kept object.
#[derive(Debug, Clone, Copy)]
pub(super) struct Names<'a> {
    /// In the KV store, as a surrogate key, and as a lock.
    pub(super) store: &'a str,
    /// In the cache.
    pub(super) cache: &'a str,
}

/// An item of the KV store, compared with the copy.
pub(super) enum Taken<T> {
    Newer(Value<T>),
    Same,
    Older,
}

/// A sound value of the KV store.
pub(super) struct Value<T> {
    pub(super) of: T,
    pub(super) body: Vec<u8>,
}

/// A copy that was opened.
pub(super) struct Opened<T, F> {
    pub(super) of: T,
    pub(super) source: Source,
    /// Seconds since the KV store confirmed it.
    pub(super) age: u64,
    pub(super) found: F,
}

/// A change of the cache object.
enum Change<T> {
    Insert { value: Value<T>, lifetime: Duration },
    Renew { state: CopyState<T>, lifetime: Duration },
    NoCopy { state: CopyState<T>, lifetime: Duration },
}

type OpenedBy<K, P> = Opened<<K as Kind>::Of, <P as Cache>::Found>;

/// Opens the POP's copy. The one request whose turn it is refreshes it first.
pub(super) fn open<P: Ports, K: Kind>(ports: &P, kind: &mut K) -> Result<Lookup<OpenedBy<K, P>>, PortError> {
    let LookedUp { found, obligation } = ports.look_up_to_refresh(kind.names().cache, WAIT_FOR_FIRST_READ)?;
    match (obligation, found) {
        (Some(obligation), found) => refresh_copy(ports, kind, obligation, found.as_ref()),
        (None, Some(found)) => {
            let source = if found.is_stale() { Source::Stale } else { Source::Pop };
            Ok(opened(ports, kind, found, source))
        }
        (None, None) => Ok(Lookup::Unavailable),
    }
}

/// Opens the POP's copy as it is at this moment, and leaves it as it is.
pub(super) fn open_as_it_is<P: Ports, K: Kind>(
    ports: &P,
    kind: &mut K,
    source: Source,
) -> Result<Lookup<OpenedBy<K, P>>, PortError> {
    let found = ports.look_up(kind.names().cache)?;
    Ok(found.map_or(Lookup::Unavailable, |found| opened(ports, kind, found, source)))
}

/// What the POP's copy is of at this moment.
pub(super) fn copy_there<P: Ports, K: Kind>(ports: &P, kind: &mut K) -> Result<Option<K::Of>, PortError> {
    let found = ports.look_up(kind.names().cache)?;
    Ok(found.and_then(|found| kind.read_state(found.metadata())?.copy()))
}

/// Inserts a value of the KV store under a lock, unless a newer copy is there. Not for long: nobody looks at the KV store
/// afterwards.
pub(super) fn insert_locked<P: Ports, K: Kind>(
    ports: &P,
    kind: &mut K,
    value: Value<K::Of>,
    lock: Option<&P::Lock>,
) -> Result<(), PortError> {
    let lifetime = lifetime_without_look(kind.rules());
    change_locked(ports, kind, Change::Insert { value, lifetime }, None, lock)
}

/// Reads the KV store again and inserts what it has, whatever the copy. For a copy that cannot be read: a request that ended
/// in the middle of its insertion leaves such a copy, and it would count as fresh.
pub(super) fn replace_unreadable<P: Ports, K: Kind>(
    ports: &P,
    kind: &mut K,
) -> Result<Lookup<OpenedBy<K, P>>, PortError> {
    let (_, Some(value)) = ask_kv(ports, kind, None) else { return Ok(Lookup::Unavailable) };
    let lifetime = lifetime_without_look(kind.rules());
    change(ports, kind, Change::Insert { value, lifetime }, None)?;
    open_as_it_is(ports, kind, Source::Kv)
}

/// Takes the lock of a kept object.
pub(super) fn lock<P: Ports>(ports: &P, name: &str) -> Option<P::Lock> {
    ports.lock(name, WAIT_FOR_LOCK)
}

fn opened<P: Ports, K: Kind>(
    ports: &P,
    kind: &mut K,
    found: P::Found,
    source: Source,
) -> Lookup<OpenedBy<K, P>> {
    match kind.read_state(found.metadata()) {
        Some(CopyState::Copy { of, checked_at, stale }) => {
            let age = seconds(ports.now()).saturating_sub(checked_at);
            if age > kind.rules().unconfirmed.as_secs() {
                return Lookup::Unavailable;
            }
            let source = if stale { Source::Stale } else { source };
            Lookup::Found(Opened { of, source, age, found })
        }
        Some(CopyState::Unknown) => Lookup::Unknown,
        Some(CopyState::Unavailable) | None => Lookup::Unavailable,
    }
}

fn refresh_copy<P: Ports, K: Kind>(
    ports: &P,
    kind: &mut K,
    obligation: P::Obligation,
    found: Option<&P::Found>,
) -> Result<Lookup<OpenedBy<K, P>>, PortError> {
    let state = found.and_then(|found| kind.read_state(found.metadata()));
    let copy = match state {
        Some(CopyState::Copy { of, checked_at, .. }) => Some((of, checked_at)),
        Some(CopyState::Unknown | CopyState::Unavailable) | None => None,
    };
    let purged = found.is_some_and(|found| found.age() < found.lifetime());
    let (answer, value) = ask_kv(ports, kind, copy.as_ref().map(|(of, _)| of));
    let absence = copy.as_ref().map(|(of, _)| kind.absence(of));
    let decided = match (refresh(&kind.rules(), absence, purged, answer), value, copy) {
        (Refresh::Insert { lifetime }, Some(value), _) => Change::Insert { value, lifetime },
        (Refresh::Renew { lifetime, confirmed }, _, Some((of, checked_at))) => {
            let checked_at = if confirmed { seconds(ports.now()) } else { checked_at };
            Change::Renew { state: CopyState::Copy { of, checked_at, stale: !confirmed }, lifetime }
        }
        (Refresh::Unknown { lifetime }, ..) => Change::NoCopy { state: CopyState::Unknown, lifetime },
        (Refresh::Unavailable { lifetime }, ..) => Change::NoCopy { state: CopyState::Unavailable, lifetime },
        (Refresh::Insert { .. } | Refresh::Renew { .. }, ..) => return Ok(Lookup::Unavailable),
    };
    change(ports, kind, decided, Some(obligation))?;
    // A key that nobody has costs one look at the KV store, not two.
    if !matches!(answer, KvAnswer::Missing | KvAnswer::Failed) {
        look_afterwards(ports, kind)?;
    }
    open_as_it_is(ports, kind, Source::Kv)
}

/// Inserts what came into the KV store while the copy was refreshed.
fn look_afterwards<P: Ports, K: Kind>(ports: &P, kind: &mut K) -> Result<(), PortError> {
    for _ in 0..kind.rules().looks_afterwards {
        let there = copy_there(ports, kind)?;
        let rules = kind.rules();
        let decided = match ask_kv(ports, kind, there.as_ref()) {
            (KvAnswer::Newer, Some(value)) => {
                Change::Insert { value, lifetime: lifetime_without_look(rules) }
            }
            (KvAnswer::Missing, _) if there.is_some_and(|there| kind.absence(&there) == Absence::Removal) => {
                Change::NoCopy { state: CopyState::Unknown, lifetime: rules.unknown }
            }
            _ => break,
        };
        change(ports, kind, decided, None)?;
    }
    Ok(())
}

/// How long a copy is fresh if the KV store is not looked at after its insertion: the object may have been written, and
/// purged, between the read and the insertion.
fn lifetime_without_look(rules: Rules) -> Duration {
    if rules.looks_afterwards == 0 { rules.fresh } else { AFTER_PURGE.min(rules.fresh) }
}

/// Changes the cache object, unless a newer copy is there by now.
fn change<P: Ports, K: Kind>(
    ports: &P,
    kind: &mut K,
    change: Change<K::Of>,
    obligation: Option<P::Obligation>,
) -> Result<(), PortError> {
    let lock = lock(ports, kind.names().store);
    change_locked(ports, kind, change, obligation, lock.as_ref())
}

fn change_locked<P: Ports, K: Kind>(
    ports: &P,
    kind: &mut K,
    change: Change<K::Of>,
    obligation: Option<P::Obligation>,
    _lock: Option<&P::Lock>,
) -> Result<(), PortError> {
    let there = copy_there(ports, kind)?;
    if there.is_some_and(|there| change.is_overtaken_by(kind, &there)) {
        return obligation.map_or(Ok(()), |obligation| ports.give_up(obligation));
    }
    match (change, obligation) {
        (Change::Insert { value, lifetime }, obligation) => {
            let state = CopyState::Copy { of: value.of, checked_at: seconds(ports.now()), stale: false };
            let metadata = kind.write_state(state);
            ports.insert(
                obligation,
                &object(kind.names(), metadata, lifetime, kind.rules().usable_stale),
                &value.body,
            )
        }
        (Change::Renew { state, lifetime }, Some(obligation)) => {
            let metadata = kind.write_state(state);
            ports.renew(obligation, &object(kind.names(), metadata, lifetime, kind.rules().usable_stale))
        }
        (Change::NoCopy { state, lifetime }, obligation) => {
            let metadata = kind.write_state(state);
            ports.insert(obligation, &object(kind.names(), metadata, lifetime, Duration::ZERO), &[])
        }
        // Only the request that has the obligation can renew.
        (Change::Renew { .. }, None) => Ok(()),
    }
}

impl<T> Change<T> {
    /// Whether the copy that is there now is to stay.
    fn is_overtaken_by<K: Kind<Of = T>>(&self, kind: &K, there: &T) -> bool {
        match self {
            Change::Insert { value: Value { of, .. }, .. }
            | Change::Renew { state: CopyState::Copy { of, .. }, .. } => K::is_newer(there, of),
            Change::NoCopy { state: CopyState::Unknown, .. } => kind.absence(there) == Absence::Failure,
            Change::Renew { .. } | Change::NoCopy { .. } => true,
        }
    }
}

fn object<'a>(names: Names<'a>, metadata: Bytes, lifetime: Duration, usable_stale: Duration) -> Object<'a> {
    Object { name: names.cache, purged_by: names.store, metadata, lifetime, usable_stale }
}

/// What the KV store has; the value comes with the answer if it is newer than the copy, and sound.
fn ask_kv<P: Ports, K: Kind>(
    ports: &P,
    kind: &mut K,
    copy: Option<&K::Of>,
) -> (KvAnswer, Option<Value<K::Of>>) {
    let item = match ports.read(kind.names().store) {
        Ok(Some(item)) => item,
        Ok(None) => return (KvAnswer::Missing, None),
        Err(error) => {
            ports.log(format_args!("{} could not be read: {error}", kind.names().store));
            return (KvAnswer::Failed, None);
        }
    };
    match take(ports, kind, item, copy) {
        Some(Taken::Newer(value)) => (KvAnswer::Newer, Some(value)),
        Some(Taken::Same) => (KvAnswer::Same, None),
        Some(Taken::Older) => (KvAnswer::Older, None),
        None => (KvAnswer::Failed, None),
    }
}

/// Takes an item of the KV store; nothing if it cannot be served, which is logged.
pub(super) fn take<P: Ports, K: Kind>(
    ports: &P,
    kind: &mut K,
    item: <P as KvStore>::Item,
    copy: Option<&K::Of>,
) -> Option<Taken<K::Of>> {
    let taken = kind.take(item, copy);
    taken
        .map_err(|error| {
            ports.log(format_args!("{} in the KV store is refused: {error}", kind.names().store));
        })
        .ok()
}
