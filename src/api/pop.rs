//! The POP's copy of a bundle: what is noted beside it, and what becomes of it when it is time to look at the KV store
//! again. Decisions only; the edge carries them out.

use std::rc::Rc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::bundle::Header;
use crate::revision::Revision;

/// How long a copy is served on when the KV store failed: long enough that not every request tries again.
const AFTER_FAILURE: Duration = Duration::from_secs(5);
/// How long when something is about to arrive: a purge was seen, and the KV store still shows what was there before.
const AFTER_PURGE: Duration = Duration::from_secs(2);
/// How long a key that the KV store does not have is taken to be unknown.
const UNKNOWN: Duration = Duration::from_secs(5);
/// How long a KV store that failed is left alone while there is no copy at all.
const UNAVAILABLE: Duration = Duration::from_secs(1);

/// What is noted beside a POP object, as its user metadata.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Note<T> {
    /// The body is there; with it when the KV store confirmed it last (seconds since the epoch), and whether it
    /// failed to do so since.
    Copy {
        of: T,
        checked_at: u64,
        #[serde(default)]
        stale: bool,
    },
    Unknown,
    Unavailable,
}

impl<T: Serialize> Note<T> {
    pub fn to_metadata(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }
}

impl<T: for<'a> Deserialize<'a>> Note<T> {
    /// What cannot be read counts as not there.
    pub fn from_metadata(metadata: &[u8]) -> Option<Note<T>> {
        serde_json::from_slice(metadata).ok()
    }
}

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

/// What the KV store said about a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KvAnswer {
    /// It has a sound bundle of this revision.
    Has(Revision),
    Missing,
    /// It gave an error, or a bundle that is broken.
    Failed,
}

/// What becomes of the POP's copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refresh {
    /// What the KV store has replaces it.
    Insert,
    /// It stays, for so long; confirmed, or past its time.
    Renew {
        lifetime: Duration,
        confirmed: bool,
    },
    /// There is nothing, and for so long nobody needs to look again.
    NoteUnknown(Duration),
    NoteUnavailable(Duration),
}

/// Decides on a copy that is due for a look at the KV store.
///
/// `copy` is the revision of the POP's copy, if there is one; `purged`, whether a purge made it due before its time.
/// Nothing goes backwards: an older bundle never replaces a newer copy, and a key that vanished from the KV store is a
/// failure while there is a copy (an environment is removed by a tombstone, not by absence).
pub fn refresh(copy: Option<Revision>, purged: bool, kv: KvAnswer, fresh: Duration) -> Refresh {
    match (copy, kv) {
        (None, KvAnswer::Has(_)) => Refresh::Insert,
        (None, KvAnswer::Missing) => Refresh::NoteUnknown(UNKNOWN),
        (None, KvAnswer::Failed) => Refresh::NoteUnavailable(UNAVAILABLE),
        (Some(copy), KvAnswer::Has(revision)) if revision > copy => Refresh::Insert,
        (Some(copy), KvAnswer::Has(revision)) if revision == copy => {
            let lifetime = if purged { AFTER_PURGE.min(fresh) } else { fresh };
            Refresh::Renew { lifetime, confirmed: true }
        }
        (Some(_), KvAnswer::Has(_)) => Refresh::Renew { lifetime: AFTER_PURGE, confirmed: false },
        (Some(_), KvAnswer::Missing | KvAnswer::Failed) => {
            Refresh::Renew { lifetime: AFTER_FAILURE, confirmed: false }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_becomes_of_a_copy() {
        let fresh = Duration::from_secs(60);
        let renew = |seconds, confirmed| Refresh::Renew { lifetime: Duration::from_secs(seconds), confirmed };
        let (old, new) = (Revision(1), Revision(2));
        for (situation, copy, purged, kv, expected) in [
            ("first read", None, false, KvAnswer::Has(old), Refresh::Insert),
            ("nobody has it", None, false, KvAnswer::Missing, Refresh::NoteUnknown(UNKNOWN)),
            ("nobody answers", None, false, KvAnswer::Failed, Refresh::NoteUnavailable(UNAVAILABLE)),
            ("unchanged", Some(old), false, KvAnswer::Has(old), renew(60, true)),
            ("purged, and not there yet", Some(old), true, KvAnswer::Has(old), renew(2, true)),
            ("newer", Some(old), false, KvAnswer::Has(new), Refresh::Insert),
            ("a KV replica behind the POP", Some(new), false, KvAnswer::Has(old), renew(2, false)),
            ("vanished", Some(old), false, KvAnswer::Missing, renew(5, false)),
            ("failing", Some(old), true, KvAnswer::Failed, renew(5, false)),
        ] {
            assert_eq!(refresh(copy, purged, kv, fresh), expected, "{situation}");
        }
    }
}
