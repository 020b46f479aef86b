//! Environments at Flagsmith, asked again and again.
//!
//! Each is asked for once an interval, without conditions, and the answers are compared: a change of an override does not
//! always move `updated_at`. After a signal that something may have changed, it is asked for at once, and a few times soon
//! after, since a webhook may come before the document changes. When Flagsmith is away, one environment at a time tries it
//! for all.

mod fetch;
mod poll;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::Duration;

use api::EnvironmentKey;
use api::progress::Changed;
use jiff::Timestamp;

use crate::basis::Basis;
use crate::server_keys::{KeyChoice, ServerKeySource};
use crate::source::Place;
use crate::watch::Watch;
use crate::watch::log_line::LogLine;
use crate::watch::observation::{Observation, PlaceState};
use crate::watch::outage::Outage;
use crate::watch::ownership::PlaceProblem;
use fetch::FetchFailure;
use poll::Poll;

pub use fetch::{Fetch, Fetched};

/// How many are asked at once.
const AT_ONCE: usize = 8;
/// After so many failures in a row, of any environments, Flagsmith is taken to be away.
const AWAY_AFTER: usize = 8;

/// What is asked of Flagsmith, and when.
#[derive(Debug)]
pub struct Polls {
    name: String,
    interval: Duration,
    environments: BTreeMap<EnvironmentKey, Poll>,
    failures_in_a_row: usize,
}

impl Polls {
    /// Of a Flagsmith of this name.
    pub fn new(name: &str, interval: Duration) -> Polls {
        Polls { name: name.to_owned(), interval, environments: BTreeMap::new(), failures_in_a_row: 0 }
    }

    /// Takes in a manifest of server-side keys. An environment is asked for unless all its keys were revoked.
    pub fn set_manifest(
        &mut self,
        manifest: &BTreeMap<String, Vec<ServerKeySource>>,
        now: Duration,
    ) -> Vec<Observation> {
        let wanted: BTreeMap<EnvironmentKey, &[ServerKeySource]> = manifest
            .iter()
            .filter(|(_, keys)| keys.iter().any(|key| key.active))
            .filter_map(|(name, keys)| Some((EnvironmentKey::parse(name).ok()?, keys.as_slice())))
            .collect();
        let mut seen = Vec::new();
        self.environments.retain(|environment, poll| {
            let stays = wanted.contains_key(environment);
            if !stays {
                seen.push(Observation { place: poll.place.clone(), state: PlaceState::Gone });
            }
            stays
        });
        for (environment, keys) in wanted {
            let name = &self.name;
            let poll = self.environments.entry(environment).or_insert_with_key(|environment| {
                Poll::new(Place::at_flagsmith(name, environment.as_str()), KeyChoice::new(keys), now)
            });
            if poll.keys.keys() != keys {
                poll.set_keys(KeyChoice::new(keys), now);
            }
        }
        seen
    }

    /// Looks which environments no key opens now: those are not asked for, and are a trouble.
    pub fn check_keys(&mut self, time: Timestamp, now: Duration) -> Vec<LogLine> {
        self.environments.values_mut().filter_map(|poll| poll.check_keys(time, now)).collect()
    }

    /// Says which environments are published from elsewhere: those are not asked for.
    pub(crate) fn pause_elsewhere(
        &mut self,
        is_elsewhere: impl Fn(&EnvironmentKey, &Place) -> bool,
        now: Duration,
    ) {
        for (environment, poll) in &mut self.environments {
            let is_elsewhere = is_elsewhere(environment, &poll.place);
            if is_elsewhere && !poll.is_elsewhere {
                poll.trouble = None;
                poll.outage = Outage::default();
            } else if poll.is_elsewhere && !is_elsewhere {
                poll.seen_answer = None;
                poll.due = now;
            }
            poll.is_elsewhere = is_elsewhere;
        }
    }

    /// What is to be asked now; the answer is for [`Polls::done`]. An environment waits until the watch knows what is
    /// stored of it.
    pub fn next(&mut self, time: Timestamp, now: Duration, watch: &mut Watch) -> Option<Fetch> {
        self.next_on(time, now, |environment| watch.basis(environment))
    }

    fn next_on(
        &mut self,
        time: Timestamp,
        now: Duration,
        mut basis: impl FnMut(&EnvironmentKey) -> Option<Basis>,
    ) -> Option<Fetch> {
        let at_once = if self.is_away() { 1 } else { AT_ONCE };
        let busy = self.environments.values().filter(|poll| poll.is_busy).count();
        if busy >= at_once {
            return None;
        }
        let waiting = self.environments.iter_mut().filter(|(_, poll)| poll.waits() && poll.due() <= now);
        let ready = waiting.filter_map(|(environment, poll)| {
            let basis = basis(environment);
            poll.awaits_basis = basis.is_none();
            Some((environment, poll, basis?))
        });
        let interval = self.interval;
        let (environment, poll, basis) = ready.min_by_key(|(_, poll, _)| poll.rank(now, interval))?;
        let key = poll.keys.choose(time)?;
        poll.begins(now);
        Some(Fetch {
            environment: environment.clone(),
            place: poll.place.clone(),
            key,
            connection: poll.connection(),
            basis,
            seen_answer: poll.seen_answer.clone(),
        })
    }

    /// When there may be something to ask, if nothing happens until then.
    pub fn due(&self) -> Option<Duration> {
        let waiting = self.environments.values().filter(|poll| poll.waits() && !poll.awaits_basis);
        waiting.map(Poll::due).min()
    }

    /// Takes in what came of it. `chance` spreads what is tried again.
    pub fn done(
        &mut self,
        fetched: Fetched,
        time: Timestamp,
        now: Duration,
        chance: u64,
    ) -> (Option<Observation>, Vec<LogLine>) {
        let Some(poll) = self.environments.get_mut(&fetched.environment) else { return (None, Vec::new()) };
        poll.is_busy = false;
        let answer = match fetched.result {
            Ok(answer) => answer,
            Err(FetchFailure { error, refused: Some(number) }) => {
                let lines = poll.refused(number, error, time, now, chance);
                self.is_there(now);
                return (None, lines);
            }
            Err(FetchFailure { error, refused: None }) => {
                self.failures_in_a_row += 1;
                return (None, poll.failed(error, now, chance));
            }
        };
        let lines = poll.answered(now, self.interval, answer.is_some());
        self.is_there(now);
        let Some(poll) = self.environments.get_mut(&fetched.environment) else { return (None, lines) };
        let Some(answer) = answer else {
            poll.repeats_itself();
            return (None, lines);
        };
        poll.number = answer.number.or(poll.number);
        if !poll.believes(&answer, now, self.interval) {
            return (None, lines);
        }
        poll.seen_answer = Some(answer.seen_answer);
        (Some(Observation { place: poll.place.clone(), state: answer.state }), lines)
    }

    /// Flagsmith has answered. If it was away, it is back, for all environments.
    fn is_there(&mut self, now: Duration) {
        if self.is_away() {
            self.environments.values_mut().for_each(|poll| poll.backoff.hurry(now));
        }
        self.failures_in_a_row = 0;
    }

    /// Something may have changed: it is asked for at once. Returns whether it is among these environments.
    pub fn changed(&mut self, what: &Changed, now: Duration) -> bool {
        let mut is_known = false;
        for (environment, poll) in &mut self.environments {
            let is_meant = match what {
                Changed::Environment(key) => environment == key,
                // An environment that was not fetched yet may have this number.
                Changed::Number(number) => poll.number.is_none_or(|own| own == *number),
                Changed::Anything => true,
            };
            if is_meant {
                is_known = true;
                poll.changed(now);
            }
        }
        is_known
    }

    /// Reports a place again, as if it were new. Returns whether it is one of these.
    pub fn report_again(&mut self, place: &Place, now: Duration) -> bool {
        let mut polls = self.environments.values_mut().filter(|poll| poll.place == *place);
        let Some(poll) = polls.next() else { return false };
        poll.seen_answer = None;
        poll.changed(now);
        true
    }

    /// Environments that cannot be fetched, and since when.
    pub(crate) fn troubles(&self) -> Vec<PlaceProblem> {
        let troubles = self.environments.values().filter_map(|poll| {
            let (why, since) = poll.trouble()?;
            Some(PlaceProblem { place: poll.place.clone(), why, since })
        });
        troubles.collect()
    }

    /// Whether each was asked for once at least, except those for which the store cannot be read.
    pub(crate) fn asked_all(&self, is_stuck: impl Fn(&EnvironmentKey) -> bool) -> bool {
        self.environments.iter().all(|(environment, poll)| {
            let was_asked = poll.is_elsewhere || poll.seen_answer.is_some() || poll.trouble().is_some();
            was_asked || (poll.awaits_basis && is_stuck(environment))
        })
    }

    /// All environments, with what is known of Flagsmith's ids of them.
    pub(crate) fn environments(&self) -> impl Iterator<Item = (&EnvironmentKey, Option<u64>)> {
        self.environments.iter().map(|(environment, poll)| (environment, poll.number))
    }

    /// All environments, with what they are called.
    pub(crate) fn places(&self) -> impl Iterator<Item = (&EnvironmentKey, &Place)> {
        self.environments.iter().map(|(environment, poll)| (environment, &poll.place))
    }

    fn is_away(&self) -> bool {
        self.failures_in_a_row >= AWAY_AFTER
    }
}
