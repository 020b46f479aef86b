//! Which environment a key opens, and as whom. This module knows no protocol: a protocol takes the key from
//! where its requests carry it, and has its own words for a key that opens nothing.

use engine::{Identity, Value};

use crate::key::{EnvironmentKey, KeyKind, ServerKeyHash};
use crate::revision::Revision;
use crate::settings::Settings;
use crate::store::{Lookup, PopCopy, Store};

/// What a key opened.
pub(crate) struct Access<H> {
    pub(crate) environment: EnvironmentKey,
    pub(crate) kind: KeyKind,
    pub(crate) copy: PopCopy<H>,
}

/// Why a key opens nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AccessError {
    NoKey,
    /// Not shaped like a key, in no store, revoked, or expired.
    UnknownKey,
    /// The environment was removed.
    Removed,
    /// The organisation of the environment is blocked.
    Blocked,
    /// The stores do not answer, and there is no copy.
    Unavailable,
}

/// Opens the environment of the key that a request carries.
pub(crate) fn open<S: Store>(key: Option<&[u8]>, store: &mut S) -> Result<Access<S::Handle>, AccessError> {
    let key = key.filter(|key| !key.is_empty()).ok_or(AccessError::NoKey)?;
    let key = std::str::from_utf8(key).map_err(|_| AccessError::UnknownKey)?;
    let (kind, environment) = environment_of(key, store)?;
    let copy = found(store.environment(&environment))?;
    if copy.header.tombstone {
        return Err(AccessError::Removed);
    }
    Ok(Access { environment, kind, copy })
}

/// The environment that a key names, or is on record for.
pub(crate) fn environment_of<S: Store>(
    key: &str,
    store: &mut S,
) -> Result<(KeyKind, EnvironmentKey), AccessError> {
    Ok(match ServerKeyHash::of(key) {
        Some(hash) => {
            let record = found(store.server_key(&hash))?;
            (KeyKind::Server, record.opens(store.now()).ok_or(AccessError::UnknownKey)?)
        }
        None => (KeyKind::Client, EnvironmentKey::parse(key).map_err(|_| AccessError::UnknownKey)?),
    })
}

impl<H> Access<H> {
    /// The same, with a copy of this revision or of a later one, if there is one within a short time.
    ///
    /// # Errors
    /// As for [`open`].
    pub(crate) fn at_least<S: Store<Handle = H>>(
        self,
        revision: Revision,
        store: &mut S,
    ) -> Result<Access<H>, AccessError> {
        if self.copy.header.revision >= revision {
            return Ok(self);
        }
        let copy = found(store.environment_at_least(&self.environment, revision))?;
        if copy.header.tombstone { Err(AccessError::Removed) } else { Ok(Access { copy, ..self }) }
    }

    /// Who is asked about, for the engine.
    pub(crate) fn identity(&self, identifier: String, traits: Vec<(String, Value)>) -> Identity {
        Identity {
            key: (!self.copy.header.switches.composite_key).then(|| identifier.clone()),
            identifier,
            traits,
            // A client-side key is in every page: a trait that comes with it must not stand in for a flag.
            traits_answer_paths: self.kind == KeyKind::Server,
            ignore_own_overrides: false,
        }
    }

    /// Whether traits of this environment are stored.
    pub(crate) fn stores_traits(&self, settings: &Settings) -> bool {
        self.copy.header.switches.persist_traits && settings.stored_traits.contains(&self.environment)
    }

    /// Whether traits that come with this key count.
    pub(crate) fn may_send_traits(&self) -> bool {
        self.kind == KeyKind::Server || self.copy.header.switches.evaluates_client_traits()
    }

    /// Whether traits that come with this key may be stored.
    pub(crate) fn may_store_traits(&self) -> bool {
        self.kind == KeyKind::Server || self.copy.header.switches.allow_client_traits
    }

    /// # Errors
    /// [`AccessError::Blocked`] if nothing of the environment may be served.
    pub(crate) fn check_not_blocked(&self) -> Result<(), AccessError> {
        if self.copy.header.switches.stop_serving_flags { Err(AccessError::Blocked) } else { Ok(()) }
    }
}

fn found<T>(lookup: Lookup<T>) -> Result<T, AccessError> {
    match lookup {
        Lookup::Found(found) => Ok(found),
        Lookup::Unknown => Err(AccessError::UnknownKey),
        Lookup::Unavailable => Err(AccessError::Unavailable),
    }
}
