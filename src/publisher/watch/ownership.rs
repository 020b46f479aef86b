//! Which place an environment is published from, as documents come, change, break and go.
//!
//! An environment has one place at a time: of two that hold it, the first. What a place held before it broke stays
//! published, and no environment is removed because its place is. Documents are not kept: a thousand environments would
//! fill the memory with what is stored already. A document that is needed again is read again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use api::EnvironmentKey;

use crate::source::{DocumentSource, Place};
use crate::watch::log_line::LogLine;
use crate::watch::observation::{Observation, PlaceState, ToPublish};

/// A program that is writing a file gets this long to finish it, before the file is logged as broken.
const BROKEN_AFTER: Duration = Duration::from_secs(1);

/// What is known of places, and which place each environment is published from.
#[derive(Debug, Default)]
pub(crate) struct Ownership {
    places: BTreeMap<Place, KnownPlace>,
    owners: BTreeMap<EnvironmentKey, Place>,
}

#[derive(Debug, Default)]
struct KnownPlace {
    /// The environment of the last document that could be read and understood.
    environment: Option<EnvironmentKey>,
    is_there: bool,
    broken: Option<BrokenDocument>,
}

/// What is wrong with what a place holds.
#[derive(Debug)]
struct BrokenDocument {
    why: String,
    since: Duration,
    /// When it last became broken in another way.
    changed: Duration,
    is_logged: bool,
}

/// A place whose document is broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PlaceProblem {
    pub(crate) place: Place,
    pub(crate) why: String,
    pub(crate) since: Duration,
}

/// An environment that is to be published from a place.
#[derive(Debug)]
pub(crate) struct PlaceToPublish {
    pub(crate) place: Place,
    pub(crate) wanted: ToPublish,
}

/// What follows from an observation.
#[derive(Debug, Default)]
pub(crate) struct Effects {
    pub(crate) to_publish: Option<PlaceToPublish>,
    /// A place whose document has to be read again.
    pub(crate) read_again: Option<Place>,
    pub(crate) lines: Vec<LogLine>,
}

impl Ownership {
    pub(crate) fn observe(&mut self, seen: Observation, now: Duration) -> Effects {
        let Observation { place, state } = seen;
        let known = self.places.entry(place.clone()).or_default();
        let why = match state {
            PlaceState::Answer(wanted) => {
                known.is_there = true;
                known.broken = None;
                return self.holds(&place, wanted);
            }
            PlaceState::Content(text) => match DocumentSource::parse(&place, &text) {
                Ok(source) => {
                    known.is_there = true;
                    known.broken = None;
                    return self.holds(&place, ToPublish { source: Arc::new(source), basis: None });
                }
                Err(fault) => fault.to_string(),
            },
            PlaceState::Unusable(why) => why,
            PlaceState::Unreadable(why) => format!("{place}: could not be read: {why}"),
            PlaceState::Missing => {
                known.is_there = false;
                return Effects::default();
            }
            PlaceState::Gone => return self.forget(&place),
        };
        known.is_there = true;
        let since = known.broken.as_ref().map_or(now, |broken| broken.since);
        known.broken = Some(BrokenDocument { why, since, changed: now, is_logged: false });
        Effects::default()
    }

    /// Logs documents that are broken for so long that nothing is likely to be writing them still.
    pub(crate) fn broken(&mut self, now: Duration) -> Vec<LogLine> {
        let mut lines = Vec::new();
        for known in self.places.values_mut() {
            let Some(broken) = known.broken.as_mut().filter(|broken| broken.is_due(now)) else { continue };
            broken.is_logged = true;
            let line = match &known.environment {
                Some(key) => format!("{}; environment `{key}` stays as it was before", broken.why),
                None => broken.why.clone(),
            };
            lines.push(LogLine::warning(line));
        }
        lines
    }

    /// When [`Ownership::broken`] may have something.
    pub(crate) fn due(&self) -> Option<Duration> {
        let broken = self.places.values().filter_map(|known| known.broken.as_ref());
        broken.filter(|broken| !broken.is_logged).map(|broken| broken.changed + BROKEN_AFTER).min()
    }

    /// Whether an environment is published from another place.
    pub(crate) fn is_elsewhere(&self, key: &EnvironmentKey, place: &Place) -> bool {
        self.owners.get(key).is_some_and(|owner| owner != place)
    }

    /// All places that are broken, and were logged as such.
    pub(crate) fn troubles(&self) -> Vec<PlaceProblem> {
        let troubles = self.places.iter().filter_map(|(place, known)| {
            let broken = known.broken.as_ref().filter(|broken| broken.is_logged)?;
            let (why, since) = (broken.why.clone(), broken.since);
            Some(PlaceProblem { place: place.clone(), why, since })
        });
        troubles.collect()
    }

    /// A place holds an environment now.
    fn holds(&mut self, place: &Place, wanted: ToPublish) -> Effects {
        let key = wanted.source.key.clone();
        let before = self.places.entry(place.clone()).or_default().environment.replace(key.clone());
        let mut effects = match before.filter(|before| *before != key) {
            Some(before) => self.leaves(place, &before, &format!("holds environment `{key}` now")),
            None => Effects::default(),
        };
        let owner = self.owners.get(&key).filter(|owner| *owner != place);
        let is_there = |owner: &Place| self.places.get(owner).is_some_and(|known| known.is_there);
        match owner {
            Some(owner) if is_there(owner) => {
                let why = format!("environment `{key}` is already published from {owner}");
                let line = format!("api_key: {why}, and stays so");
                effects.lines.push(LogLine::warning_of(place, line));
                return effects;
            }
            Some(owner) => {
                let line = format!("holds environment `{key}` in place of {owner}");
                effects.lines.push(LogLine::info_of(place, line));
            }
            None => {}
        }
        self.owners.insert(key, place.clone());
        effects.to_publish = Some(PlaceToPublish { place: place.clone(), wanted });
        effects
    }

    fn forget(&mut self, place: &Place) -> Effects {
        match self.places.remove(place).and_then(|known| known.environment) {
            Some(key) => self.leaves(place, &key, "is gone"),
            None => Effects::default(),
        }
    }

    /// A place no longer holds an environment. Another place that does takes over.
    fn leaves(&mut self, place: &Place, key: &EnvironmentKey, how: &str) -> Effects {
        if self.owners.get(key).is_none_or(|owner| owner != place) {
            return Effects::default();
        }
        self.owners.remove(key);
        let is_heir = |known: &KnownPlace| known.is_there && known.environment.as_ref() == Some(key);
        let heir = self.places.iter().find(|(_, known)| is_heir(known)).map(|(heir, _)| heir.clone());
        let line = match &heir {
            Some(heir) => {
                self.owners.insert(key.clone(), heir.clone());
                format!("{how}; environment `{key}` is published from {heir}")
            }
            None => {
                format!("{how}; environment `{key}` stays served as it is, until `jackstaff unpublish {key}`")
            }
        };
        Effects { to_publish: None, read_again: heir, lines: vec![LogLine::warning_of(place, line)] }
    }
}

impl BrokenDocument {
    fn is_due(&self, now: Duration) -> bool {
        !self.is_logged && now >= self.changed + BROKEN_AFTER
    }
}
