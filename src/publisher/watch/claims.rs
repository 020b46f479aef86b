//! Which place an environment is published from, as documents come, change, break and go.
//!
//! An environment has one place at a time: of two that hold it, the first. What a place held before it broke stays
//! valid, and nothing is ever removed because a place is. Documents themselves are not kept: a thousand environments
//! would fill the memory with what is stored already. Who is needed again is read again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use api::EnvironmentKey;

use crate::source::{Place, Source};
use crate::watch::news::News;
use crate::watch::seen::{Seen, State, ToPublish};

/// Whoever is writing a file gets this long to come to its end, before it is said that what stands in it is broken.
const BROKEN_AFTER: Duration = Duration::from_secs(1);

/// What is known of places, and which environment is whose.
#[derive(Debug, Default)]
pub(crate) struct Claims {
    places: BTreeMap<Place, Known>,
    owners: BTreeMap<EnvironmentKey, Place>,
}

#[derive(Debug, Default)]
struct Known {
    /// The environment of the last document that could be read and understood.
    environment: Option<EnvironmentKey>,
    is_there: bool,
    broken: Option<Broken>,
}

/// What is wrong with what a place holds.
#[derive(Debug)]
struct Broken {
    why: String,
    since: Duration,
    /// When it last became broken in another way.
    changed: Duration,
    is_said: bool,
}

/// A place whose document is broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Trouble {
    pub(crate) place: Place,
    pub(crate) why: String,
    pub(crate) since: Duration,
}

/// An environment that is to be published from a place.
#[derive(Debug)]
pub(crate) struct Wish {
    pub(crate) place: Place,
    pub(crate) wanted: ToPublish,
}

/// What follows from what was seen.
#[derive(Debug, Default)]
pub(crate) struct Followed {
    pub(crate) wish: Option<Wish>,
    /// A place whose document is needed once more.
    pub(crate) again: Option<Place>,
    pub(crate) news: Vec<News>,
}

impl Claims {
    pub(crate) fn saw(&mut self, seen: Seen, now: Duration) -> Followed {
        let Seen { place, state } = seen;
        let known = self.places.entry(place.clone()).or_default();
        let why = match state {
            State::Answer(wanted) => {
                known.is_there = true;
                known.broken = None;
                return self.holds(&place, wanted);
            }
            State::Content(text) => match Source::parse(&place, &text) {
                Ok(source) => {
                    known.is_there = true;
                    known.broken = None;
                    return self.holds(&place, ToPublish { source: Arc::new(source), basis: None });
                }
                Err(fault) => fault.to_string(),
            },
            State::Broken(why) => why,
            State::Unreadable(why) => format!("{place}: could not be read: {why}"),
            State::Missing => {
                known.is_there = false;
                return Followed::default();
            }
            State::Gone => return self.is_gone(&place),
        };
        known.is_there = true;
        let since = known.broken.as_ref().map_or(now, |broken| broken.since);
        known.broken = Some(Broken { why, since, changed: now, is_said: false });
        Followed::default()
    }

    /// What is broken for so long that it will hardly be whole in a moment.
    pub(crate) fn broken(&mut self, now: Duration) -> Vec<News> {
        let mut news = Vec::new();
        for known in self.places.values_mut() {
            let Some(broken) = known.broken.as_mut().filter(|broken| broken.is_due(now)) else { continue };
            broken.is_said = true;
            let line = match &known.environment {
                Some(key) => format!("{}; environment `{key}` stays as it was before", broken.why),
                None => broken.why.clone(),
            };
            news.push(News::trouble(line));
        }
        news
    }

    /// When [`Claims::broken`] may have something.
    pub(crate) fn due(&self) -> Option<Duration> {
        let broken = self.places.values().filter_map(|known| known.broken.as_ref());
        broken.filter(|broken| !broken.is_said).map(|broken| broken.changed + BROKEN_AFTER).min()
    }

    /// Whether an environment is published from another place.
    pub(crate) fn is_elsewhere(&self, key: &EnvironmentKey, place: &Place) -> bool {
        self.owners.get(key).is_some_and(|owner| owner != place)
    }

    /// All places that are broken, and were said to be.
    pub(crate) fn troubles(&self) -> Vec<Trouble> {
        let troubles = self.places.iter().filter_map(|(place, known)| {
            let broken = known.broken.as_ref().filter(|broken| broken.is_said)?;
            let (why, since) = (broken.why.clone(), broken.since);
            Some(Trouble { place: place.clone(), why, since })
        });
        troubles.collect()
    }

    /// A place holds an environment now.
    fn holds(&mut self, place: &Place, wanted: ToPublish) -> Followed {
        let key = wanted.source.key.clone();
        let before = self.places.entry(place.clone()).or_default().environment.replace(key.clone());
        let mut followed = match before.filter(|before| *before != key) {
            Some(before) => self.leaves(place, &before, &format!("holds environment `{key}` now")),
            None => Followed::default(),
        };
        let owner = self.owners.get(&key).filter(|owner| *owner != place);
        let is_there = |owner: &Place| self.places.get(owner).is_some_and(|known| known.is_there);
        match owner {
            Some(owner) if is_there(owner) => {
                let why = format!("environment `{key}` is that of {owner} too");
                let line = format!("api_key: {why}, from which it goes on being published");
                followed.news.push(News::trouble_of(place, line));
                return followed;
            }
            Some(owner) => {
                let line = format!("holds environment `{key}` in place of {owner}");
                followed.news.push(News::good_of(place, line));
            }
            None => {}
        }
        self.owners.insert(key, place.clone());
        followed.wish = Some(Wish { place: place.clone(), wanted });
        followed
    }

    fn is_gone(&mut self, place: &Place) -> Followed {
        match self.places.remove(place).and_then(|known| known.environment) {
            Some(key) => self.leaves(place, &key, "is gone"),
            None => Followed::default(),
        }
    }

    /// A place holds an environment no more. Another that does takes its place.
    fn leaves(&mut self, place: &Place, key: &EnvironmentKey, how: &str) -> Followed {
        if self.owners.get(key).is_none_or(|owner| owner != place) {
            return Followed::default();
        }
        self.owners.remove(key);
        let is_heir = |known: &Known| known.is_there && known.environment.as_ref() == Some(key);
        let heir = self.places.iter().find(|(_, known)| is_heir(known)).map(|(heir, _)| heir.clone());
        let line = match &heir {
            Some(heir) => {
                self.owners.insert(key.clone(), heir.clone());
                format!("{how}; environment `{key}` is published from {heir}")
            }
            None => format!(
                "{how}; environment `{key}` goes on being served as it is, until `jackstaff unpublish {key}`"
            ),
        };
        Followed { wish: None, again: heir, news: vec![News::trouble_of(place, line)] }
    }
}

impl Broken {
    fn is_due(&self, now: Duration) -> bool {
        !self.is_said && now >= self.changed + BROKEN_AFTER
    }
}
