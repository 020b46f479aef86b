//! Which place an environment is published from, as documents come, change, break and go.
//!
//! An environment has one place at a time: of two that hold it, the one that held it before. Of two that are found in one
//! look, as at a start, none is chosen: a copy beside the original may be older. What a place held before it broke stays
//! published, and no environment is removed because its place is. Documents are not kept: a thousand environments would
//! fill the memory with what is stored already. A document that is needed again is read again.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use api::EnvironmentKey;

use crate::source::Place;
use crate::watch::log_line::LogLine;
use crate::watch::observation::{Observation, PlaceState, ToPublish, understood};

/// A program that is writing a file gets this long to finish it, before the file is logged as broken.
pub(crate) const BROKEN_AFTER: Duration = Duration::from_secs(1);

/// What is known of places, and which place each environment is published from.
#[derive(Debug, Default)]
pub(crate) struct Ownership {
    places: BTreeMap<Place, KnownPlace>,
    owners: BTreeMap<EnvironmentKey, Place>,
    /// The places of environments that several were found to hold at once, so that none is the owner.
    contested: BTreeMap<EnvironmentKey, BTreeSet<Place>>,
}

#[derive(Debug, Default)]
struct KnownPlace {
    /// The environment of the last document that could be read and understood.
    environment: Option<EnvironmentKey>,
    /// Since when it holds that environment.
    since: Duration,
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

/// What was found at a place.
enum Found {
    Document(ToPublish),
    Broken(String),
    Missing,
    Gone,
}

/// A place whose document is not published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PlaceProblem {
    pub(crate) place: Place,
    pub(crate) why: String,
    pub(crate) since: Duration,
}

/// What is wrong with a folder, or with the manifest.
#[derive(Debug)]
pub(crate) struct SourceProblem {
    pub(crate) problem: PlaceProblem,
    /// The places whose documents may have changed meanwhile.
    pub(crate) places: Vec<Place>,
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
    /// An environment that is published from no place, since several hold it; and one of them.
    pub(crate) contested: Option<(EnvironmentKey, Place)>,
    /// A place whose document has to be read again.
    pub(crate) read_again: Option<Place>,
    pub(crate) lines: Vec<LogLine>,
}

impl Ownership {
    pub(crate) fn observe(&mut self, seen: Observation, now: Duration) -> Effects {
        let Observation { place, state } = seen;
        let found = Found::of(&place, state);
        self.take(&place, found, now)
    }

    /// Takes in what one look at files found.
    pub(crate) fn look(&mut self, seen: Vec<Observation>, now: Duration) -> Vec<Effects> {
        let found = seen.into_iter().map(|Observation { place, state }| {
            let found = Found::of(&place, state);
            (place, found)
        });
        let found: Vec<(Place, Found)> = found.collect();
        let mut holders: BTreeMap<&EnvironmentKey, BTreeSet<&Place>> = BTreeMap::new();
        for (place, found) in &found {
            if let Found::Document(ToPublish { source, .. }) = found
                && !self.owners.contains_key(&source.key)
            {
                holders.entry(&source.key).or_default().insert(place);
            }
        }
        for (key, places) in holders.into_iter().filter(|(_, places)| places.len() > 1) {
            self.contested.entry(key.clone()).or_default().extend(places.into_iter().cloned());
        }
        found.into_iter().map(|(place, found)| self.take(&place, found, now)).collect()
    }

    fn take(&mut self, place: &Place, found: Found, now: Duration) -> Effects {
        let known = self.places.entry(place.clone()).or_default();
        match found {
            Found::Document(wanted) => {
                known.is_there = true;
                known.broken = None;
                self.holds(place, wanted, now)
            }
            Found::Broken(why) => {
                known.is_there = true;
                let since = known.broken.as_ref().map_or(now, |broken| broken.since);
                known.broken = Some(BrokenDocument { why, since, changed: now, is_logged: false });
                Effects::default()
            }
            Found::Missing => {
                known.is_there = false;
                Effects::default()
            }
            Found::Gone => self.forget(place),
        }
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

    /// Whether an environment is published from another place, or other places hold it.
    pub(crate) fn is_elsewhere(&self, key: &EnvironmentKey, place: &Place) -> bool {
        self.owners.get(key).is_some_and(|owner| owner != place)
            || self.contested.get(key).is_some_and(|places| !places.contains(place))
    }

    /// All places that are broken, and were logged as such; and those that hold the environment of another.
    pub(crate) fn troubles(&self) -> Vec<PlaceProblem> {
        let problem = |place: &Place, why: String, since| PlaceProblem { place: place.clone(), why, since };
        let broken = self.places.iter().filter_map(|(place, known)| {
            let broken = known.broken.as_ref().filter(|broken| broken.is_logged)?;
            Some(problem(place, broken.why.clone(), broken.since))
        });
        let in_vain = self.places.iter().filter_map(|(place, known)| {
            let key = known.environment.as_ref().filter(|_| known.is_there && known.broken.is_none())?;
            Some(problem(place, format!("{place}: {}", self.why_not(place, key)?), known.since))
        });
        broken.chain(in_vain).collect()
    }

    /// Why a place that holds an environment is not where it is published from.
    fn why_not(&self, place: &Place, key: &EnvironmentKey) -> Option<String> {
        if let Some(places) = self.contested.get(key) {
            let others = places.iter().filter(|other| *other != place);
            let others: Vec<String> = others.map(ToString::to_string).collect();
            let others = others.join(" and ");
            return Some(format!(
                "api_key: environment `{key}` is in {others}, too, so it is published from none of them, and stays as it was \
                 before"
            ));
        }
        let owner = self.owners.get(key).filter(|owner| *owner != place)?;
        Some(format!("api_key: environment `{key}` is already published from {owner}, and stays so"))
    }

    /// A place holds an environment now.
    fn holds(&mut self, place: &Place, wanted: ToPublish, now: Duration) -> Effects {
        let key = wanted.source.key.clone();
        let known = self.places.entry(place.clone()).or_default();
        if known.environment.as_ref() != Some(&key) {
            known.since = now;
        }
        let before = known.environment.replace(key.clone());
        let mut effects = match before.filter(|before| *before != key) {
            Some(before) => self.leaves(place, &before, &format!("holds environment `{key}` now")),
            None => Effects::default(),
        };
        let owner = self.owners.get(&key).filter(|owner| *owner != place);
        if let Some(places) = self.contested.get_mut(&key) {
            places.insert(place.clone());
            effects.contested = Some((key.clone(), place.clone()));
        } else if let Some(owner) = owner.filter(|owner| !self.is_there(owner)) {
            let line = format!("holds environment `{key}` in place of {owner}");
            effects.lines.push(LogLine::info_of(place, line));
            self.owners.insert(key.clone(), place.clone());
        } else if owner.is_none() {
            self.owners.insert(key.clone(), place.clone());
        }
        match self.why_not(place, &key) {
            Some(why) => effects.lines.push(LogLine::warning_of(place, why)),
            None => effects.to_publish = Some(PlaceToPublish { place: place.clone(), wanted }),
        }
        effects
    }

    fn is_there(&self, place: &Place) -> bool {
        self.places.get(place).is_some_and(|known| known.is_there)
    }

    fn forget(&mut self, place: &Place) -> Effects {
        match self.places.remove(place).and_then(|known| known.environment) {
            Some(key) => self.leaves(place, &key, "is gone"),
            None => Effects::default(),
        }
    }

    /// A place no longer holds an environment. Another place that does takes over, unless several do.
    fn leaves(&mut self, place: &Place, key: &EnvironmentKey, how: &str) -> Effects {
        let heir = if let Some(places) = self.contested.get_mut(key) {
            places.remove(place);
            if places.len() > 1 {
                return Effects::default();
            }
            let heir = places.pop_first();
            self.contested.remove(key);
            heir
        } else if self.owners.get(key) == Some(place) {
            self.owners.remove(key);
            let is_heir = |known: &KnownPlace| known.is_there && known.environment.as_ref() == Some(key);
            self.places.iter().find(|(_, known)| is_heir(known)).map(|(heir, _)| heir.clone())
        } else {
            return Effects::default();
        };
        let line = match &heir {
            Some(heir) => {
                self.owners.insert(key.clone(), heir.clone());
                format!("{how}; environment `{key}` is published from {heir}")
            }
            None => {
                format!("{how}; environment `{key}` stays served as it is, until `jackstaff unpublish {key}`")
            }
        };
        Effects { read_again: heir, lines: vec![LogLine::warning_of(place, line)], ..Effects::default() }
    }
}

impl SourceProblem {
    /// It leaves the documents alone.
    pub(crate) fn alone(problem: PlaceProblem) -> SourceProblem {
        SourceProblem { problem, places: Vec::new() }
    }
}

impl Found {
    fn of(place: &Place, state: PlaceState) -> Found {
        match state {
            PlaceState::Document(wanted) => Found::Document(wanted),
            PlaceState::Content(text) => Found::of(place, understood(place, &text)),
            PlaceState::Unusable(why) => Found::Broken(why),
            PlaceState::Unreadable(why) => Found::Broken(format!("{place}: could not be read: {why}")),
            PlaceState::Missing => Found::Missing,
            PlaceState::Gone => Found::Gone,
        }
    }
}

impl BrokenDocument {
    fn is_due(&self, now: Duration) -> bool {
        !self.is_logged && now >= self.changed + BROKEN_AFTER
    }
}
