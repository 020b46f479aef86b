//! Which environment a key opens, and as whom. This module knows no protocol: a protocol takes the key from
//! where its requests carry it, and has its own words for a key that opens nothing.

use http::HeaderValue;

use crate::key::{EnvironmentKey, KeyKind, ServerKeyHash};
use crate::store::PopCopy;
use crate::store::{Lookup, Store};

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
    /// Not shaped like a key, in no store, revoked, expired, or of an environment that was removed.
    UnknownKey,
    /// The organisation of the environment is blocked.
    Blocked,
    /// The stores do not answer, and there is no copy.
    Unavailable,
}

/// Opens the environment of the key that a request carries.
pub(crate) fn open<S: Store>(
    key: Option<&HeaderValue>,
    store: &mut S,
) -> Result<Access<S::Handle>, AccessError> {
    let key = key.filter(|key| !key.is_empty()).ok_or(AccessError::NoKey)?;
    let key = key.to_str().map_err(|_| AccessError::UnknownKey)?;
    let (kind, environment) = environment_of(key, store)?;
    let copy = found(store.environment(&environment))?;
    if copy.header.tombstone {
        return Err(AccessError::UnknownKey);
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
