//! What becomes of a POP's copy when it is time to look at the KV store again. Decisions only.

use std::time::Duration;

/// How long a copy is served on when the KV store failed: long enough that not every request tries again.
pub(super) const AFTER_ERROR: Duration = Duration::from_secs(5);
/// How long when something is about to arrive, or has just arrived: a purge was seen, or a write. A replica of the KV store
/// may still show what was there before.
pub(super) const AFTER_PURGE: Duration = Duration::from_secs(2);
/// How long a key that the KV store does not have is taken to be unknown.
pub(super) const UNKNOWN: Duration = Duration::from_secs(5);
/// How long a KV store that failed is left alone while there is no copy at all.
pub(super) const UNAVAILABLE: Duration = Duration::from_secs(1);

/// What holds for all objects of a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rules {
    /// How long a copy is fresh.
    pub fresh: Duration,
    /// What it means that the KV store does not have the key any more.
    pub absence: Absence,
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
/// `has_copy`: whether the POP has a copy; `purged`: whether a purge made it due before its time. Nothing goes backwards:
/// an older value never replaces a newer copy.
pub(super) fn refresh(rules: &Rules, has_copy: bool, purged: bool, kv: KvAnswer) -> Refresh {
    let fresh = if purged { AFTER_PURGE.min(rules.fresh) } else { rules.fresh };
    match kv {
        KvAnswer::Newer => Refresh::Insert { lifetime: fresh },
        KvAnswer::Missing if !has_copy || rules.absence == Absence::Removal => {
            Refresh::Unknown { lifetime: UNKNOWN }
        }
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
    const ENVIRONMENT: Rules = Rules { fresh: FRESH, absence: Absence::Failure };
    const RECORD: Rules = Rules { fresh: FRESH, absence: Absence::Removal };

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
            ("an unknown key", false, false, KvAnswer::Missing, Refresh::Unknown { lifetime: UNKNOWN }),
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
            assert_eq!(refresh(&ENVIRONMENT, has_copy, purged, kv), expected, "{situation}");
        }
    }

    #[test]
    fn what_becomes_of_the_record_of_a_server_side_key() {
        for (situation, purged, kv, expected) in [
            ("another value", false, KvAnswer::Newer, insert(60)),
            ("purged, and another value, which may be older", true, KvAnswer::Newer, insert(2)),
            ("purged, and not there yet", true, KvAnswer::Same, renew(2, true)),
            ("removed", false, KvAnswer::Missing, Refresh::Unknown { lifetime: UNKNOWN }),
            ("failing", false, KvAnswer::Failed, renew(5, false)),
        ] {
            assert_eq!(refresh(&RECORD, true, purged, kv), expected, "{situation}");
        }
    }
}
