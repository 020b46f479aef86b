//! What a POP remembers beside a copy, in the metadata of its cache object.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// The state of a POP's copy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum CopyState<T> {
    /// The body is there; with it when the KV store confirmed it last (seconds since the epoch), and whether the store
    /// failed to do so since.
    Copy {
        of: T,
        checked_at: u64,
        #[serde(default)]
        stale: bool,
    },
    /// The KV store does not have it.
    Unknown,
    /// The KV store failed, and there is no copy.
    Unavailable,
}

impl<T> CopyState<T> {
    /// The copy, if there is one.
    pub(super) fn copy(self) -> Option<T> {
        match self {
            CopyState::Copy { of, .. } => Some(of),
            CopyState::Unknown | CopyState::Unavailable => None,
        }
    }

    pub(super) fn as_ref(&self) -> CopyState<&T> {
        match self {
            CopyState::Copy { of, checked_at, stale } => {
                CopyState::Copy { of, checked_at: *checked_at, stale: *stale }
            }
            CopyState::Unknown => CopyState::Unknown,
            CopyState::Unavailable => CopyState::Unavailable,
        }
    }

    pub(super) fn map<U>(self, f: impl FnOnce(T) -> U) -> CopyState<U> {
        match self {
            CopyState::Copy { of, checked_at, stale } => CopyState::Copy { of: f(of), checked_at, stale },
            CopyState::Unknown => CopyState::Unknown,
            CopyState::Unavailable => CopyState::Unavailable,
        }
    }
}

impl<T: Serialize> CopyState<T> {
    pub(super) fn to_metadata(&self) -> Bytes {
        serde_json::to_vec(self).unwrap_or_default().into()
    }
}

impl<T: for<'a> Deserialize<'a>> CopyState<T> {
    /// What cannot be read counts as not there.
    pub(super) fn from_metadata(metadata: &[u8]) -> Option<CopyState<T>> {
        serde_json::from_slice(metadata).ok()
    }
}
