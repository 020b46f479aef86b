//! What to do about a document, given what is stored. A decision, and nothing else.

use std::fmt;

use api::{Provenance, Revision};
use jiff::{SignedDuration, Timestamp};

use crate::basis::KnownBundle;
use crate::cost::DearWarning;

/// The last second of the year 9999. No document, header or signal can state a later revision.
const LATEST: Revision = Revision(253_402_300_799);

/// How far a revision may be ahead of the clock without a warning. Changes in quick succession can put it some seconds
/// ahead; beyond, the origin takes an announcement for an earlier revision than it is.
const LEAD: SignedDuration = SignedDuration::from_secs(10);

/// What is wanted, as far as it takes part in the decision.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted<'a> {
    pub(crate) hash: &'a str,
    pub(crate) settings: &'a str,
    pub(crate) updated_at: Option<Timestamp>,
    pub(crate) provenance: Provenance,
    /// An older file replaces a newer document.
    pub(crate) force: bool,
    /// What was removed stays so, unless it is a file that changed since.
    pub(crate) keep_removed: bool,
}

/// What happens to an environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Plan {
    /// The store has it already: nothing is written, and it is announced again.
    Unchanged(Revision),
    /// It is written, with this revision.
    Publish { revision: Revision, warning: Option<PlanWarning> },
    /// The store has a later state of the file.
    Refuse { stored: Timestamp, given: Timestamp },
    /// It was removed by this revision, and stays so.
    Removed(Revision),
    /// It is stored with this revision, and no revision can follow it.
    NoRevisionLeft(Revision),
}

/// What is odd about a document that is published all the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlanWarning {
    /// A request may cost more than a tenth of what the platform allows.
    Dear(DearWarning),
    InTheFuture(Timestamp),
    OlderThanStored(Timestamp),
    /// The revision is so many seconds ahead of this machine's clock.
    RevisionAhead {
        revision: Revision,
        seconds: u64,
    },
}

impl fmt::Display for PlanWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PlanWarning::Dear(warning) => warning.fmt(f),
            PlanWarning::InTheFuture(at) => write!(f, "updated_at is in the future: {at}"),
            PlanWarning::OlderThanStored(at) => {
                write!(f, "what is stored has a later updated_at, {at}, and is replaced all the same")
            }
            PlanWarning::RevisionAhead { revision, seconds } => write!(
                f,
                "revision {revision} is {seconds} s ahead of this machine's clock, so this clock is behind, or that of a \
                 publisher is or was ahead; until it is caught up, edges may hear of changes seconds later"
            ),
        }
    }
}

/// Decides. Only a file is held to its `updated_at`: what an API answers is ordered by when it was asked, since its
/// times go backwards by themselves.
pub(crate) fn plan(stored: Option<&KnownBundle>, wanted: Wanted<'_>, now: Timestamp) -> Plan {
    let is_file = wanted.provenance == Provenance::File;
    let revision = match next_revision(stored, now) {
        Ok(revision) => revision,
        Err(no_revision_left) => return no_revision_left,
    };
    let in_the_future = wanted.updated_at.filter(|at| is_file && *at > now).map(PlanWarning::InTheFuture);
    let publish = Plan::Publish { revision, warning: in_the_future };
    let Some(stored) = stored else { return publish };
    let is_same = stored.source_hash == wanted.hash;
    if is_same && stored.settings == wanted.settings && !stored.tombstone && stored.sound {
        return Plan::Unchanged(stored.revision);
    }
    let times = stored.updated_at().zip(wanted.updated_at);
    if stored.tombstone && wanted.keep_removed {
        let is_later = times.is_some_and(|(stored, given)| given > stored);
        if !(is_file && (!is_same || is_later)) {
            return Plan::Removed(stored.revision);
        }
    }
    match times {
        Some((stored, given)) if is_file && given < stored => {
            if !wanted.force {
                return Plan::Refuse { stored, given };
            }
            Plan::Publish { revision, warning: Some(PlanWarning::OlderThanStored(stored)) }
        }
        _ => publish,
    }
}

/// Decides what happens to an environment that is to be removed: a tombstone is published with this revision, or is
/// there already.
pub(crate) fn plan_removal(stored: Option<&KnownBundle>, now: Timestamp) -> Plan {
    match (stored, next_revision(stored, now)) {
        (_, Err(no_revision_left)) => no_revision_left,
        (Some(stored), Ok(_)) if stored.tombstone && stored.sound => Plan::Unchanged(stored.revision),
        (_, Ok(revision)) => Plan::Publish { revision, warning: None },
    }
}

/// Whether a revision can follow this one.
pub(crate) fn can_be_followed(stored: Revision) -> bool {
    stored < LATEST
}

/// A warning for a revision that is far ahead of the clock.
pub(crate) fn warn_if_ahead(revision: Revision, now: Timestamp) -> Option<PlanWarning> {
    let now = u64::try_from((now + LEAD).as_second()).unwrap_or_default();
    let seconds = revision.0.checked_sub(now).filter(|beyond| *beyond > 0)? + LEAD.as_secs().unsigned_abs();
    Some(PlanWarning::RevisionAhead { revision, seconds })
}

fn next_revision(stored: Option<&KnownBundle>, now: Timestamp) -> Result<Revision, Plan> {
    match stored.map(|stored| stored.revision) {
        Some(stored) if !can_be_followed(stored) => Err(Plan::NoRevisionLeft(stored)),
        stored => Ok(Revision::next(stored, now)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn stored(updated_at: Option<i64>, tombstone: bool) -> KnownBundle {
        KnownBundle {
            revision: Revision(500),
            source_updated_at: updated_at.map(|second| at(second).to_string()),
            source_hash: "old".into(),
            replaced: Vec::new(),
            settings: "settings".into(),
            tombstone,
            sound: true,
        }
    }

    fn wanted<'a>(hash: &'a str, settings: &'a str, updated_at: Option<i64>) -> Wanted<'a> {
        let updated_at = updated_at.map(at);
        Wanted { hash, settings, updated_at, provenance: Provenance::File, force: false, keep_removed: false }
    }

    fn publish(revision: u64) -> Plan {
        Plan::Publish { revision: Revision(revision), warning: None }
    }

    #[test]
    fn the_decision_table() {
        let now = at(1_000);
        let future =
            Plan::Publish { revision: Revision(1_000), warning: Some(PlanWarning::InTheFuture(at(2_000))) };
        let (old, newer) = (("old", "settings"), ("new", "settings"));
        let refuse = Plan::Refuse { stored: at(100), given: at(99) };
        let damaged = KnownBundle { sound: false, ..stored(Some(100), false) };
        for (situation, stored, (hash, settings), updated_at, expected) in [
            ("nothing stored", None, newer, None, publish(1_000)),
            ("the same", Some(stored(Some(100), false)), old, Some(100), Plan::Unchanged(Revision(500))),
            ("the same, damaged", Some(damaged), old, Some(100), publish(1_000)),
            ("the same, once removed", Some(stored(Some(100), true)), old, Some(100), publish(1_000)),
            ("other settings", Some(stored(Some(100), false)), ("old", "other"), Some(100), publish(1_000)),
            ("changed, same time", Some(stored(Some(100), false)), newer, Some(100), publish(1_000)),
            ("changed, later", Some(stored(Some(100), false)), newer, Some(101), publish(1_000)),
            ("changed, no time stored", Some(stored(None, false)), newer, Some(1), publish(1_000)),
            ("changed, no time given", Some(stored(Some(100), false)), newer, None, publish(1_000)),
            ("changed, earlier", Some(stored(Some(100), false)), newer, Some(99), refuse.clone()),
            ("earlier than its removal", Some(stored(Some(100), true)), newer, Some(99), refuse),
            ("from the future", Some(stored(Some(100), false)), newer, Some(2_000), future),
        ] {
            let wanted = wanted(hash, settings, updated_at);
            assert_eq!(plan(stored.as_ref(), wanted, now), expected, "{situation}");
        }
    }

    /// Its times are those of audit records, whose tasks run in any order.
    #[test]
    fn what_an_api_answers_is_not_held_to_its_time() {
        for (situation, stored, hash, updated_at, expected) in [
            ("the same", stored(Some(100), false), "old", Some(99), Plan::Unchanged(Revision(500))),
            ("changed, later", stored(Some(100), false), "new", Some(101), publish(1_000)),
            ("changed, earlier", stored(Some(100), false), "new", Some(1), publish(1_000)),
            ("from the future", stored(Some(100), false), "new", Some(2_000), publish(1_000)),
            ("once removed, by a call of `publish`", stored(Some(100), true), "old", Some(1), publish(1_000)),
        ] {
            let wanted = Wanted { provenance: Provenance::Api, ..wanted(hash, "settings", updated_at) };
            assert_eq!(plan(Some(&stored), wanted, at(1_000)), expected, "{situation}");
        }
    }

    #[test]
    fn a_watch_keeps_an_environment_removed() {
        let removed = Plan::Removed(Revision(500));
        let refuse = Plan::Refuse { stored: at(100), given: at(99) };
        for (situation, provenance, hash, updated_at, expected) in [
            ("an API, the same", Provenance::Api, "old", Some(100), removed.clone()),
            ("an API, something else", Provenance::Api, "new", Some(900), removed.clone()),
            ("the same file", Provenance::File, "old", Some(100), removed.clone()),
            ("the same file, without a time", Provenance::File, "old", None, removed),
            ("a file that changed since", Provenance::File, "new", Some(100), publish(1_000)),
            ("a file that was dated anew", Provenance::File, "old", Some(101), publish(1_000)),
            ("a file that is older", Provenance::File, "new", Some(99), refuse),
        ] {
            let wanted = Wanted { provenance, keep_removed: true, ..wanted(hash, "settings", updated_at) };
            assert_eq!(plan(Some(&stored(Some(100), true)), wanted, at(1_000)), expected, "{situation}");
        }
    }

    #[test]
    fn no_revision_follows_the_last_that_can_be_stated() {
        let of = |revision: u64| KnownBundle { revision: Revision(revision), ..stored(Some(100), false) };
        for (revision, expected) in [
            (LATEST.0 - 1, publish(LATEST.0)),
            (LATEST.0, Plan::NoRevisionLeft(LATEST)),
            (u64::MAX, Plan::NoRevisionLeft(Revision(u64::MAX))),
        ] {
            let new = wanted("new", "settings", Some(101));
            assert_eq!(plan(Some(&of(revision)), new, at(1_000)), expected, "{revision}");
            assert_eq!(plan_removal(Some(&of(revision)), at(1_000)), expected, "{revision}");
        }
        // Not even what is unchanged: a later change could not be published.
        let same = wanted("old", "settings", Some(100));
        assert_eq!(plan(Some(&of(u64::MAX)), same, at(1_000)), Plan::NoRevisionLeft(Revision(u64::MAX)));
        let removed = KnownBundle { tombstone: true, ..of(u64::MAX) };
        assert_eq!(plan_removal(Some(&removed), at(1_000)), Plan::NoRevisionLeft(Revision(u64::MAX)));
    }

    #[test]
    fn a_revision_that_is_more_than_ten_seconds_ahead_is_warned_of() {
        for (revision, seconds) in [(1_000, None), (1_010, None), (1_011, Some(11)), (1_600, Some(600))] {
            let revision = Revision(revision);
            let expected = seconds.map(|seconds| PlanWarning::RevisionAhead { revision, seconds });
            assert_eq!(warn_if_ahead(revision, at(1_000)), expected, "{revision}");
        }
        let warning = warn_if_ahead(Revision(1_600), at(1_000)).unwrap().to_string();
        assert!(
            warning.starts_with("revision 1600 is 600 s ahead of this machine's clock, so "),
            "{warning}"
        );
    }

    #[test]
    fn an_older_document_can_be_forced() {
        let wanted = Wanted { force: true, ..wanted("new", "settings", Some(99)) };
        let stored = stored(Some(100), false);
        let expected =
            Plan::Publish { revision: Revision(501), warning: Some(PlanWarning::OlderThanStored(at(100))) };
        assert_eq!(plan(Some(&stored), wanted, at(400)), expected);
    }

    #[test]
    fn removals() {
        let damaged = KnownBundle { sound: false, ..stored(None, true) };
        for (situation, stored, now, expected) in [
            ("served", Some(stored(Some(100), false)), 1_000, publish(1_000)),
            ("served, by a clock that is ahead", Some(stored(Some(100), false)), 400, publish(501)),
            ("removed already", Some(stored(Some(100), true)), 1_000, Plan::Unchanged(Revision(500))),
            ("removed, and damaged", Some(damaged), 1_000, publish(1_000)),
            ("no bundle at all", None, 1_000, publish(1_000)),
        ] {
            assert_eq!(plan_removal(stored.as_ref(), at(now)), expected, "{situation}");
        }
    }
}
