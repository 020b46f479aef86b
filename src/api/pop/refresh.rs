//! What becomes of a POP's copy when it is time to look at the KV store again. Decisions only.

use std::time::Duration;

/// How long a copy is served on when the KV store failed: long enough that not every request tries again.
pub(super) const AFTER_ERROR: Duration = Duration::from_secs(5);
/// How long when something is about to arrive, or has just arrived: a purge was seen, or a write. A replica of the KV store
/// may still show what was there before.
pub(super) const AFTER_PURGE: Duration = Duration::from_secs(2);
/// How long a KV store that failed is left alone while there is no copy at all.
pub(super) const UNAVAILABLE: Duration = Duration::from_secs(1);

/// What holds for all objects of a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rules {
    /// How long a copy is fresh.
    pub fresh: Duration,
    /// How long it is usable after that.
    pub usable_stale: Duration,
    /// How long it is served in all, while the KV store does not confirm it.
    pub unconfirmed: Duration,
    /// How long it is remembered that the KV store does not have the key.
    pub unknown: Duration,
    /// How often the KV store is looked at after an insertion, at most.
    pub looks_afterwards: usize,
}

impl Rules {
    /// The rules of what publishers write, and purge then: the KV store is looked at again after an insertion.
    pub(super) fn looked_at_twice(fresh: Duration) -> Rules {
        Rules {
            fresh,
            usable_stale: Duration::from_secs(86_400),
            unconfirmed: Duration::MAX,
            unknown: Duration::from_secs(5),
            // Once is the rule: a key is written once a second.
            looks_afterwards: 3,
        }
    }
}

/// What it means that the KV store does not have the key of a copy any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Absence {
    /// The store fails: objects of this kind are removed by another value, never by absence.
    Failure,
    /// It was removed.
    Removal,
}

/// What the KV store has, compared with the POP's copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KvAnswer {
    /// A sound value; newer than the copy, or there is no copy.
    Newer,
    /// The value that the copy is of.
    Same,
    Older,
    Missing,
    /// It gave an error, or a value that is broken.
    Failed,
}

/// What becomes of the POP's copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refresh {
    /// What the KV store has replaces it.
    Insert {
        lifetime: Duration,
    },
    /// It stays, for so long; confirmed, or past its time.
    Renew {
        lifetime: Duration,
        confirmed: bool,
    },
    /// There is nothing, and for so long nobody needs to look again.
    Unknown {
        lifetime: Duration,
    },
    Unavailable {
        lifetime: Duration,
    },
}

/// Decides on a copy that is due for a look at the KV store.
///
/// `copy`: what its absence would mean, if the POP has a copy; `purged`: whether a purge made it due before its time. Nothing
/// goes backwards: an older value never replaces a newer copy.
pub(super) fn refresh(rules: &Rules, copy: Option<Absence>, purged: bool, kv: KvAnswer) -> Refresh {
    let has_copy = copy.is_some();
    let fresh = if purged { AFTER_PURGE.min(rules.fresh) } else { rules.fresh };
    match kv {
        KvAnswer::Newer => Refresh::Insert { lifetime: fresh },
        KvAnswer::Missing if copy != Some(Absence::Failure) => Refresh::Unknown { lifetime: rules.unknown },
        KvAnswer::Failed if !has_copy => Refresh::Unavailable { lifetime: UNAVAILABLE },
        KvAnswer::Same => Refresh::Renew { lifetime: fresh, confirmed: true },
        KvAnswer::Older => Refresh::Renew { lifetime: AFTER_PURGE, confirmed: false },
        KvAnswer::Missing | KvAnswer::Failed => Refresh::Renew { lifetime: AFTER_ERROR, confirmed: false },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRESH: Duration = Duration::from_secs(60);

    fn insert(seconds: u64) -> Refresh {
        Refresh::Insert { lifetime: Duration::from_secs(seconds) }
    }

    fn renew(seconds: u64, confirmed: bool) -> Refresh {
        Refresh::Renew { lifetime: Duration::from_secs(seconds), confirmed }
    }

    #[test]
    fn what_becomes_of_an_environment() {
        for (situation, has_copy, purged, kv, expected) in [
            ("first read", false, false, KvAnswer::Newer, insert(60)),
            (
                "an unknown key",
                false,
                false,
                KvAnswer::Missing,
                Refresh::Unknown { lifetime: Duration::from_secs(5) },
            ),
            (
                "a store that fails",
                false,
                false,
                KvAnswer::Failed,
                Refresh::Unavailable { lifetime: UNAVAILABLE },
            ),
            ("unchanged", true, false, KvAnswer::Same, renew(60, true)),
            ("purged, and not there yet", true, true, KvAnswer::Same, renew(2, true)),
            ("newer", true, false, KvAnswer::Newer, insert(60)),
            ("purged, and newer, which another write may follow", true, true, KvAnswer::Newer, insert(2)),
            ("a KV replica behind the POP", true, false, KvAnswer::Older, renew(2, false)),
            ("vanished", true, false, KvAnswer::Missing, renew(5, false)),
            ("failing", true, true, KvAnswer::Failed, renew(5, false)),
        ] {
            let copy = has_copy.then_some(Absence::Failure);
            assert_eq!(refresh(&Rules::looked_at_twice(FRESH), copy, purged, kv), expected, "{situation}");
        }
    }

    #[test]
    fn what_becomes_of_the_record_of_a_server_side_key() {
        for (situation, purged, kv, expected) in [
            ("another value", false, KvAnswer::Newer, insert(60)),
            ("purged, and another value, which may be older", true, KvAnswer::Newer, insert(2)),
            ("purged, and not there yet", true, KvAnswer::Same, renew(2, true)),
            ("removed", false, KvAnswer::Missing, Refresh::Unknown { lifetime: Duration::from_secs(5) }),
            ("failing", false, KvAnswer::Failed, renew(5, false)),
        ] {
            assert_eq!(
                refresh(&Rules::looked_at_twice(FRESH), Some(Absence::Removal), purged, kv),
                expected,
                "{situation}"
            );
        }
    }
}
