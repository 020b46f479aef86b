//! Publishing continuously: places → environments → what is due for each → publications, at most one a second each.
//!
//! [`Watch`] decides, and does nothing: observations, results of jobs, the time and chance are arguments. [`Files`] looks at
//! files, [`Polls`] says when Flagsmith is asked, [`Job::perform`] publishes, and [`Session::run`] runs them all in threads
//! and real time. The thread that decides waits for none of the others: no file, no line of the log and no server can stop it.

mod attempt_error;
mod backoff;
mod environment;
mod files;
mod job;
mod log_line;
mod looks;
mod manifest;
mod observation;
mod outage;
mod ownership;
mod polls;
mod record;
mod remote;
mod run;
mod work_schedule;

use std::collections::BTreeMap;
use std::time::Duration;

use api::EnvironmentKey;
use api::progress::{EnvironmentProgress, PlaceTrouble};
use jiff::Timestamp;

use crate::basis::Basis;
use crate::quota::Quota;
use crate::server_keys::ServerKeySource;
use crate::source::Place;
use environment::{Acceptance, AllowedWork, Environment, JobEffects};
use ownership::{Effects, Ownership, PlaceProblem, PlaceToPublish, SourceProblem};

pub use files::{Files, documents};
pub use job::{Finished, Job};
pub use log_line::LogLine;
pub use observation::{Observation, PlaceState, ToPublish};
pub use polls::{Fetch, Fetched, Polls};
pub use remote::Remote;
pub use run::{AtFlagsmith, Session, WatchSettings};

/// How many jobs are under way at once.
const AT_ONCE: usize = 8;
/// How many of them may be slow ones: jobs that wait for a server that does not answer must not delay the others.
const SLOW_AT_ONCE: usize = 4;
/// How often the store is asked whether it still has what is remembered, for one environment after the other: 120 calls
/// an hour, of about 1,000.
const BETWEEN_CHECKS: Duration = Duration::from_secs(30);

/// What there is to publish, and when.
#[derive(Debug, Default)]
pub struct Watch {
    ownership: Ownership,
    environments: BTreeMap<EnvironmentKey, Environment>,
    server_keys: BTreeMap<String, Vec<ServerKeySource>>,
    places_to_read: Vec<Place>,
    source_problems: Vec<SourceProblem>,
    write_budget: WriteBudget,
    next_check: Option<Duration>,
    checked_last: Option<EnvironmentKey>,
}

/// How writes are spread when the API takes few more calls.
#[derive(Debug, Default)]
struct WriteBudget {
    pause: Duration,
    written: Duration,
    is_scarce: bool,
}

impl Watch {
    /// Takes in what was observed at a place.
    pub fn observe(&mut self, seen: Observation, now: Duration) -> Vec<LogLine> {
        let effects = self.ownership.observe(seen, now);
        self.follow(effects, now)
    }

    /// Takes in what one look at files found, all of it at once: of two files with one environment, neither is preferred.
    pub fn look(&mut self, seen: Vec<Observation>, now: Duration) -> Vec<LogLine> {
        let effects = self.ownership.look(seen, now);
        effects.into_iter().flat_map(|effects| self.follow(effects, now)).collect()
    }

    fn follow(&mut self, effects: Effects, now: Duration) -> Vec<LogLine> {
        let Effects { to_publish, contested, read_again, lines } = effects;
        self.places_to_read.extend(read_again);
        if let Some((key, place)) = contested {
            self.expect(key, &place, now).wait(now);
        }
        if let Some(to_publish) = to_publish {
            let PlaceToPublish { place, wanted } = to_publish;
            let environment = self.expect(wanted.source.key.clone(), &place, now);
            if environment.publish(place.clone(), wanted, now) == Acceptance::TooLate {
                self.places_to_read.push(place);
            }
        }
        lines
    }

    /// Takes in what is wrong with folders and with the manifest now.
    pub(crate) fn set_source_problems(&mut self, source_problems: Vec<SourceProblem>) {
        self.source_problems = source_problems;
    }

    /// There is, or will be, an environment: its server-side keys are published before its document is seen.
    pub(crate) fn expect(&mut self, key: EnvironmentKey, place: &Place, now: Duration) -> &mut Environment {
        let server_keys = &self.server_keys;
        self.environments.entry(key).or_insert_with_key(|key| {
            let server_keys = server_keys.get(key.as_str()).cloned().unwrap_or_default();
            Environment::new(key.clone(), place.clone(), server_keys, now)
        })
    }

    /// There are, or will be, all environments that are asked for.
    pub fn expect_all(&mut self, polls: &Polls, now: Duration) {
        for (environment, place) in polls.places() {
            self.expect(environment.clone(), place, now);
        }
    }

    /// What is stored of an environment, for a request to an API that is made now. None as long as that is not known, or is
    /// about to change; then the store is read.
    pub(crate) fn basis(&mut self, key: &EnvironmentKey) -> Option<Basis> {
        self.environments.get_mut(key)?.basis()
    }

    /// Whether an environment is published from another place, or other places hold it.
    pub(crate) fn is_elsewhere(&self, key: &EnvironmentKey, place: &Place) -> bool {
        self.ownership.is_elsewhere(key, place)
    }

    /// Places whose documents are needed once more, though they may not have changed.
    pub fn take_places_to_read(&mut self) -> Vec<Place> {
        std::mem::take(&mut self.places_to_read)
    }

    /// Takes in a manifest of server-side keys. Those of environments that it does not list stay as they were.
    pub fn set_server_keys(&mut self, server_keys: BTreeMap<String, Vec<ServerKeySource>>, now: Duration) {
        for (key, environment) in &mut self.environments {
            if let Some(server_keys) = server_keys.get(key.as_str()) {
                environment.set_server_keys(server_keys.clone(), now);
            }
        }
        self.server_keys = server_keys;
    }

    /// Takes in the quota of the API's last answer.
    pub fn set_quota(&mut self, quota: Quota, time: Timestamp) -> Option<LogLine> {
        self.write_budget.pause = quota.pause(time);
        let was_scarce = std::mem::replace(&mut self.write_budget.is_scarce, quota.is_scarce(time));
        match (was_scarce, self.write_budget.is_scarce) {
            (false, true) => Some(LogLine::warning(format!(
                "the API takes few more calls, so changes are written every {:.1} s until it takes more",
                self.write_budget.pause.as_secs_f64()
            ))),
            (true, false) => Some(LogLine::info("the API takes enough calls again")),
            _ => None,
        }
    }

    /// What is to be logged because time went by.
    pub fn log_lines(&mut self, now: Duration) -> Vec<LogLine> {
        self.ownership.broken(now)
    }

    /// What is to be done now, longest due first; what comes of it is for [`Watch::done`].
    pub fn next(&mut self, now: Duration) -> Option<Job> {
        let allowed = self.allowed()?;
        self.first(now, allowed).or_else(|| self.check(now, allowed))
    }

    /// What is still to be done before the end: purges and announcements of what was written.
    pub fn last(&mut self, now: Duration) -> Option<Job> {
        self.first(now, AllowedWork::AfterWrite)
    }

    /// When there may be something to do or to log, if nothing is observed until then.
    pub fn due(&self) -> Option<Duration> {
        let allowed = self.allowed();
        let stores_from = self.write_budget.stores_from();
        let due = self.environments.values().filter_map(|environment| environment.due(allowed?, stores_from));
        due.chain(self.ownership.due()).min()
    }

    fn first(&mut self, now: Duration, allowed: AllowedWork) -> Option<Job> {
        let stores_from = self.write_budget.stores_from();
        let due = self.environments.iter_mut().filter_map(|(key, environment)| {
            Some((environment.due(allowed, stores_from)?, key, environment))
        });
        let (due, key, environment) = due.min_by_key(|(due, ..)| *due)?;
        if due > now {
            return None;
        }
        let job = Job { key: key.clone(), task: environment.begin(allowed, stores_from)? };
        if job.writes() {
            self.write_budget.written = now;
        }
        Some(job)
    }

    /// Checks whether the store still has what is remembered, for the environment after the one that was checked last.
    fn check(&mut self, now: Duration, allowed: AllowedWork) -> Option<Job> {
        let due = *self.next_check.get_or_insert(now + BETWEEN_CHECKS);
        if now < due || allowed != AllowedWork::All || self.write_budget.is_scarce {
            return None;
        }
        self.next_check = Some(now + BETWEEN_CHECKS);
        let after = |key: &EnvironmentKey| self.checked_last.as_ref().is_none_or(|last| key > last);
        let is_after = self.environments.keys().any(after);
        let key = self.environments.keys().find(|key| !is_after || after(key))?.clone();
        self.checked_last = Some(key.clone());
        let task = self.environments.get_mut(&key)?.begin_check()?;
        Some(Job { key, task })
    }

    /// What may be begun beside what is under way.
    fn allowed(&self) -> Option<AllowedWork> {
        let under_way = self.environments.values().map(Environment::under_way);
        let (jobs, slow) = under_way.fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
        match (jobs < AT_ONCE, slow < SLOW_AT_ONCE) {
            (false, _) => None,
            (true, true) => Some(AllowedWork::All),
            (true, false) => Some(AllowedWork::Quick),
        }
    }

    /// Takes in what came of a job. `chance` spreads what is tried again.
    pub fn done(&mut self, finished: Finished, now: Duration, chance: u64) -> Vec<LogLine> {
        let Some(environment) = self.environments.get_mut(&finished.key) else { return Vec::new() };
        let JobEffects { lines, read_again } = environment.end(finished.outcome, now, chance);
        if read_again {
            self.places_to_read.push(environment.place().clone());
        }
        lines
    }

    /// The environments that there are.
    pub fn environments(&self) -> impl ExactSizeIterator<Item = &EnvironmentKey> {
        self.environments.keys()
    }

    /// How far all environments are, and what is wrong with places.
    pub fn progress(
        &self,
        polls: &Polls,
        time: Timestamp,
        now: Duration,
    ) -> (Vec<EnvironmentProgress>, Vec<PlaceTrouble>) {
        let mut troubles: Vec<PlaceProblem> =
            polls.troubles().into_iter().chain(self.ownership.troubles()).collect();
        let of_sources = self
            .source_problems
            .iter()
            .flat_map(|SourceProblem { problem, places }| places.iter().map(move |place| (place, problem)));
        let mut doubts: BTreeMap<Place, (String, Duration)> = BTreeMap::new();
        for (place, problem) in troubles.iter().map(|trouble| (&trouble.place, trouble)).chain(of_sources) {
            doubts.entry(place.clone()).or_insert((problem.why.clone(), problem.since));
        }
        troubles.extend(self.source_problems.iter().map(|source| source.problem.clone()));
        let progress = |environment: &Environment| {
            environment.progress(doubts.get(environment.place()).cloned(), time, now)
        };
        let environments = self.environments.values().map(progress).collect();
        let troubles = troubles
            .into_iter()
            .map(|trouble| PlaceTrouble { place: trouble.place.to_string(), why: trouble.why });
        let of_environments = self.environments.values().flat_map(Environment::troubles);
        (environments, troubles.chain(of_environments).collect())
    }

    /// Whether what is due for an environment was tried and failed.
    pub(crate) fn is_failing(&self, key: &EnvironmentKey) -> bool {
        self.environments.get(key).is_some_and(Environment::was_tried)
    }

    /// Whether all that there is to do was tried, successfully or not.
    pub fn tried_all(&self) -> bool {
        self.environments.values().all(Environment::was_tried)
    }

    /// Whether any job is under way.
    pub fn is_busy(&self) -> bool {
        self.environments.values().any(|environment| environment.under_way().0 > 0)
    }

    /// The environments for which something is still due.
    pub fn unsettled(&self) -> Vec<&EnvironmentKey> {
        let unsettled = self.environments.iter().filter(|(_, environment)| !environment.is_settled());
        unsettled.map(|(key, _)| key).collect()
    }
}

impl WriteBudget {
    /// Before this moment nothing is written.
    fn stores_from(&self) -> Duration {
        if self.pause.is_zero() { Duration::ZERO } else { self.written + self.pause }
    }
}
