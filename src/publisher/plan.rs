//! What to do about a document, given what is stored (design, section 3). A decision, and nothing else.

use std::fmt;

use api::{Header, Revision, bundle};
use jiff::Timestamp;
use serde::Deserialize;

use crate::kv::{Item, Stored};

/// What is known of a bundle that is stored, as far as it takes part in the decision.
///
/// Read from the metadata, and more leniently than the edge reads it: a revision counts, even if another version of
/// the format wrote it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Known {
    pub(crate) revision: Revision,
    #[serde(default)]
    pub(crate) source_updated_at: Option<String>,
    #[serde(default)]
    pub(crate) source_hash: String,
    #[serde(default)]
    pub(crate) settings: String,
    #[serde(default)]
    pub(crate) tombstone: bool,
    /// It is whole, and this version can read it.
    #[serde(skip)]
    pub(crate) sound: bool,
}

impl Known {
    /// None if what is stored is no bundle.
    pub(crate) fn of(stored: &Stored) -> Option<Known> {
        let item = &stored.item;
        let header = bundle::check(&item.value).ok();
        let metadata = header.as_ref().map(Header::metadata).or_else(|| item.metadata.clone())?;
        let mut known: Known = serde_json::from_str(&metadata).ok()?;
        // The metadata is what the edge goes by, so that has to be right, too.
        known.sound = header.is_some() && item.metadata.as_ref() == Some(&metadata);
        Some(known)
    }

    /// Of a bundle that was written, and is stored as it was written.
    pub(crate) fn of_written(item: &Item) -> Option<Known> {
        let known: Known = serde_json::from_str(item.metadata.as_deref()?).ok()?;
        Some(Known { sound: true, ..known })
    }
}

/// Whether what is stored is of a later revision than a bundle that was written.
pub(crate) fn is_later(stored: &Stored, written: &Item) -> bool {
    let revision = |item: &Item| {
        let known: Known = serde_json::from_str(item.metadata.as_deref()?).ok()?;
        Some(known.revision)
    };
    revision(&stored.item) > revision(written)
}

/// What is wanted, as far as it takes part in the decision.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted<'a> {
    pub(crate) hash: &'a str,
    pub(crate) settings: &'a str,
    pub(crate) updated_at: Option<Timestamp>,
}

/// What happens to an environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Plan {
    /// The store has it already: nothing is written, and it is announced again.
    Unchanged(Revision),
    /// It is written, with this revision.
    Publish { revision: Revision, warning: Option<PlanWarning> },
    /// The store has a later state of the source.
    Refuse { stored: Timestamp, given: Timestamp },
}

/// What is odd about a document that is published all the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlanWarning {
    InTheFuture(Timestamp),
    OlderThanStored(Timestamp),
}

impl fmt::Display for PlanWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PlanWarning::InTheFuture(at) => write!(f, "updated_at is in the future: {at}"),
            PlanWarning::OlderThanStored(at) => {
                write!(f, "what is stored has a later updated_at, {at}, and is replaced all the same")
            }
        }
    }
}

/// Decides. With `force`, an older document replaces a newer one.
pub(crate) fn plan(stored: Option<&Known>, wanted: Wanted<'_>, now: Timestamp, force: bool) -> Plan {
    let revision = Revision::next(stored.map(|stored| stored.revision), now);
    let in_the_future = wanted.updated_at.filter(|at| *at > now).map(PlanWarning::InTheFuture);
    let publish = Plan::Publish { revision, warning: in_the_future };
    let Some(stored) = stored else { return publish };
    let same = stored.source_hash == wanted.hash && stored.settings == wanted.settings && !stored.tombstone;
    if same && stored.sound {
        return Plan::Unchanged(stored.revision);
    }
    let stored_at: Option<Timestamp> = stored.source_updated_at.as_deref().and_then(|at| at.parse().ok());
    match (stored_at, wanted.updated_at) {
        (Some(stored), Some(given)) if given < stored => {
            if !force {
                return Plan::Refuse { stored, given };
            }
            Plan::Publish { revision, warning: Some(PlanWarning::OlderThanStored(stored)) }
        }
        _ => publish,
    }
}

/// Decides what happens to an environment that is to be removed: a tombstone is published with this revision, or is
/// there already.
pub(crate) fn plan_removal(stored: Option<&Known>, now: Timestamp) -> Plan {
    match stored {
        Some(stored) if stored.tombstone && stored.sound => Plan::Unchanged(stored.revision),
        stored => {
            let revision = Revision::next(stored.map(|stored| stored.revision), now);
            Plan::Publish { revision, warning: None }
        }
    }
}

#[cfg(test)]
mod tests {
    use api::{Label, Section};
    use engine::Switches;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn stored(updated_at: Option<i64>, tombstone: bool) -> Known {
        Known {
            revision: Revision(500),
            source_updated_at: updated_at.map(|second| at(second).to_string()),
            source_hash: "old".into(),
            settings: "settings".into(),
            tombstone,
            sound: true,
        }
    }

    #[test]
    fn the_decision_table() {
        let now = at(1_000);
        let publish = |revision| Plan::Publish { revision: Revision(revision), warning: None };
        let future =
            Plan::Publish { revision: Revision(1_000), warning: Some(PlanWarning::InTheFuture(at(2_000))) };
        let (old, newer) = (("old", "settings"), ("new", "settings"));
        let refuse = Plan::Refuse { stored: at(100), given: at(99) };
        let damaged = Known { sound: false, ..stored(Some(100), false) };
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
            let wanted = Wanted { hash, settings, updated_at: updated_at.map(at) };
            assert_eq!(plan(stored.as_ref(), wanted, now, false), expected, "{situation}");
        }
    }

    #[test]
    fn an_older_document_can_be_forced() {
        let wanted = Wanted { hash: "new", settings: "settings", updated_at: Some(at(99)) };
        let stored = stored(Some(100), false);
        let expected =
            Plan::Publish { revision: Revision(501), warning: Some(PlanWarning::OlderThanStored(at(100))) };
        assert_eq!(plan(Some(&stored), wanted, at(400), true), expected);
    }

    #[test]
    fn removals() {
        let publish = |revision| Plan::Publish { revision: Revision(revision), warning: None };
        let damaged = Known { sound: false, ..stored(None, true) };
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

    #[test]
    fn what_is_known_of_what_is_stored() {
        let label = Label {
            revision: Revision(500),
            source_updated_at: Some(at(100).to_string()),
            source_hash: "old".into(),
            settings: "settings".into(),
            switches: Switches::default(),
            tombstone: false,
        };
        let (header, value) = bundle::write(&label, &[(Section::FlagsClient, b"[]".to_vec())]).unwrap();
        let sound = stored(Some(100), false);
        let unsound = Known { sound: false, ..sound.clone() };
        let cut = value[..value.len() - 1].to_vec();
        let other = Known {
            revision: Revision(7),
            source_updated_at: None,
            source_hash: String::new(),
            settings: String::new(),
            tombstone: false,
            sound: false,
        };
        for (situation, value, metadata, expected) in [
            ("a bundle", value.clone(), Some(header.metadata()), Some(sound)),
            ("cut short", cut, Some(header.metadata()), Some(unsound.clone())),
            ("without metadata", value, None, Some(unsound)),
            ("of a later version", b"?".to_vec(), Some(r#"{"revision":7,"x":1}"#.into()), Some(other)),
            ("something else", b"?".to_vec(), Some("?".into()), None),
            ("something else, without metadata", b"?".to_vec(), None, None),
        ] {
            let stored = Stored { generation: "1".into(), item: Item { value, metadata } };
            assert_eq!(Known::of(&stored), expected, "{situation}");
        }
    }
}
