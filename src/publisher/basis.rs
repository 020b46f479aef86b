//! What is known of what the store has for an environment: a decision is based on it, and a write replaces it.

use std::collections::BTreeSet;
use std::time::Duration;

use api::bundle::{self, REPLACED, SHORT_HASH};
use api::{Header, Revision};
use jiff::Timestamp;
use serde::Deserialize;

use crate::call_error::CallError;
use crate::client::Calls;
use crate::kv::{self, Item, StoredItem};
use crate::source::DocumentSource;

/// What the store has under an environment's key, and in which generation. It is known from a read or from our own write.
/// A write that is based on it replaces this generation and no other.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Basis {
    /// None if there is nothing.
    pub(crate) generation: Option<String>,
    /// None if what is there is no bundle.
    pub(crate) known: Option<KnownBundle>,
    /// It is known from our own write.
    pub(crate) is_own: bool,
}

/// What is known of a bundle that is stored, as far as it takes part in the decision.
///
/// Read from the metadata, and more leniently than the edge reads it: a revision counts, even if another version of
/// the format wrote it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct KnownBundle {
    pub(crate) revision: Revision,
    #[serde(default)]
    pub(crate) source_updated_at: Option<String>,
    #[serde(default)]
    pub(crate) source_hash: String,
    #[serde(default)]
    pub(crate) replaced: Vec<String>,
    #[serde(default)]
    pub(crate) settings: String,
    #[serde(default)]
    pub(crate) tombstone: bool,
    /// It is whole, and this version can read it.
    #[serde(skip)]
    pub(crate) sound: bool,
}

impl Basis {
    /// Reads it from the store.
    pub(crate) fn read(calls: &Calls<'_>, key: &str) -> Result<Basis, CallError> {
        Ok(Basis::of(kv::get(calls, key)?.as_ref()))
    }

    pub(crate) fn of(stored: Option<&StoredItem>) -> Basis {
        Basis {
            generation: stored.map(|stored| stored.generation.clone()),
            known: stored.and_then(KnownBundle::of),
            is_own: false,
        }
    }

    /// Whether edges serve it.
    pub(crate) fn is_served(&self) -> bool {
        self.known.as_ref().is_some_and(|known| !known.tombstone)
    }

    /// Whether an API's answer may be out of date, as that of a replica, or of a process with a cache of its own.
    pub(crate) fn doubts(&self, answer: &DocumentSource) -> Option<Doubt> {
        let known = self.known.as_ref()?;
        // Without both times there is nothing to compare.
        let (stored, answered) = known.updated_at().zip(answer.updated_at)?;
        if known.source_hash == answer.hash || answered > stored {
            return None;
        }
        // Some changes of overrides do not move the time.
        if known.replaced.contains(&short(&answer.hash)) {
            return Some(Doubt::Replaced);
        }
        (answered < stored).then_some(Doubt::Earlier)
    }
}

/// Why an answer is asked for again before it is believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Doubt {
    /// It was stored once and replaced since, and its time is not later than that of what is stored.
    Replaced,
    /// It is new, with an earlier time than what is stored. Flagsmith's times go backwards by themselves, so this is no
    /// reason to refuse it.
    Earlier,
}

impl Doubt {
    /// For how long every answer has to be the same, of an API that is asked once in an `interval`.
    pub(crate) fn lasts(self, interval: Duration) -> Duration {
        match self {
            Doubt::Replaced => interval,
            Doubt::Earlier => interval.min(Duration::from_secs(1)),
        }
    }
}

impl KnownBundle {
    /// None if what is stored is no bundle.
    pub(crate) fn of(stored: &StoredItem) -> Option<KnownBundle> {
        let item = &stored.item;
        let header = bundle::check(&item.value).ok();
        let metadata = header.as_ref().map(Header::metadata).or_else(|| item.metadata.clone())?;
        let mut known: KnownBundle = serde_json::from_str(&metadata).ok()?;
        // The edge goes by the metadata, so it has to be right, too.
        known.sound = header.is_some() && item.metadata.as_ref() == Some(&metadata);
        Some(known)
    }

    /// Of a bundle that was written, and is stored as it was written.
    pub(crate) fn of_written(item: &Item) -> Option<KnownBundle> {
        let known: KnownBundle = serde_json::from_str(item.metadata.as_deref()?).ok()?;
        Some(KnownBundle { sound: true, ..known })
    }

    /// When the source of what is stored said that it changed last.
    pub(crate) fn updated_at(&self) -> Option<Timestamp> {
        self.source_updated_at.as_deref().and_then(|at| at.parse().ok())
    }

    /// What was stored before a content of this hash that replaces this one, latest first, each once.
    pub(crate) fn replaced_by(&self, hash: &str) -> Vec<String> {
        let mut seen = BTreeSet::from([short(hash)]);
        let before = std::iter::once(short(&self.source_hash)).chain(self.replaced.clone());
        before.filter(|hash| !hash.is_empty() && seen.insert(hash.clone())).take(REPLACED).collect()
    }
}

/// Whether what is stored is of a later revision than a bundle that was written.
pub(crate) fn is_later(stored: &StoredItem, written: &Item) -> bool {
    let revision = |item: &Item| {
        let known: KnownBundle = serde_json::from_str(item.metadata.as_deref()?).ok()?;
        Some(known.revision)
    };
    revision(&stored.item) > revision(written)
}

fn short(hash: &str) -> String {
    hash.chars().take(SHORT_HASH).collect()
}

#[cfg(test)]
mod tests {
    use api::{Label, Provenance, Section};
    use engine::Switches;

    use super::*;
    use crate::source::Place;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn known(hash: &str, replaced: &[&str]) -> KnownBundle {
        KnownBundle {
            revision: Revision(500),
            source_updated_at: Some(at(100).to_string()),
            source_hash: hash.into(),
            replaced: replaced.iter().map(|hash| (*hash).to_owned()).collect(),
            settings: "settings".into(),
            tombstone: false,
            sound: true,
        }
    }

    #[test]
    fn what_is_known_of_what_is_stored() {
        let label = Label {
            revision: Revision(500),
            source_updated_at: Some(at(100).to_string()),
            source_hash: "old".into(),
            source: Some(Provenance::Api),
            replaced: vec!["older".into()],
            settings: "settings".into(),
            switches: Switches::default(),
            tombstone: false,
            steps: None,
        };
        let (header, value) = bundle::write(&label, &[(Section::FlagsClient, b"[]".to_vec())]).unwrap();
        let sound = known("old", &["older"]);
        let unsound = KnownBundle { sound: false, ..sound.clone() };
        let cut = value[..value.len() - 1].to_vec();
        let other = KnownBundle {
            revision: Revision(7),
            source_updated_at: None,
            source_hash: String::new(),
            replaced: Vec::new(),
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
            let stored = StoredItem { generation: "1".into(), item: Item { value, metadata } };
            assert_eq!(KnownBundle::of(&stored), expected, "{situation}");
        }
    }

    #[test]
    fn the_last_eight_that_were_replaced_are_kept_each_once() {
        let long = |n: u8| char::from(b'a' + n).to_string().repeat(64);
        let short = |n: u8| char::from(b'a' + n).to_string().repeat(SHORT_HASH);
        let mut stored = known(&long(0), &[]);
        for n in 1..12 {
            stored = KnownBundle { replaced: stored.replaced_by(&long(n)), source_hash: long(n), ..stored };
        }
        assert_eq!(stored.replaced, [10, 9, 8, 7, 6, 5, 4, 3].map(short));
        assert_eq!(stored.replaced_by(&long(9)), [11, 10, 8, 7, 6, 5, 4, 3].map(short), "what is taken back");
        assert_eq!(stored.replaced_by(&long(11)), stored.replaced, "the same with other settings");
        assert_eq!(known("", &[]).replaced_by(&long(1)), Vec::<String>::new());
    }

    #[test]
    fn an_answer_is_doubted_that_goes_back() {
        let place = Place::new("a");
        let answer = |updated_at: Option<i64>| {
            let updated_at = updated_at.map(|second| at(second).to_string());
            let document = serde_json::json!({ "api_key": "e", "updated_at": updated_at, "feature_states": [],
                "project": { "segments": [] } });
            DocumentSource::parse(&place, &document.to_string()).unwrap()
        };
        let hash = answer(None).hash;
        let basis =
            |known: KnownBundle| Basis { generation: Some("1".into()), known: Some(known), is_own: false };
        let replaced = basis(known("new", &["x", &hash[..SHORT_HASH]]));
        let other = basis(known("new", &["x"]));
        for (situation, basis, updated_at, expected) in [
            ("replaced, and earlier", &replaced, Some(99), Some(Doubt::Replaced)),
            ("replaced, and an override moves no time", &replaced, Some(100), Some(Doubt::Replaced)),
            ("taken back in Flagsmith", &replaced, Some(101), None),
            ("without a time", &replaced, None, None),
            ("new, though its time goes back", &other, Some(99), Some(Doubt::Earlier)),
            ("new, and an override moves no time", &other, Some(100), None),
            ("what is stored", &basis(known(&hash, &["x"])), Some(99), None),
            ("nothing stored", &Basis::default(), Some(99), None),
        ] {
            assert_eq!(basis.doubts(&answer(updated_at)), expected, "{situation}");
        }
    }
}
