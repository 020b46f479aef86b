//! Publishing continuously: files → environments → what each is owed → publications, at most one a second each.
//!
//! [`Watch`] decides, and does nothing: what was seen, what came of a job, what time it is and chance are arguments.
//! [`Files`] looks, [`Job::perform`] publishes, and [`run`] brings them together, in threads and real time.

mod claims;
mod environment;
mod failure;
mod files;
mod job;
mod lane;
mod news;
mod pace;
mod run;
mod spell;

use std::collections::BTreeMap;
use std::time::Duration;

use api::EnvironmentKey;

use crate::server_keys::ServerKeySource;
use claims::{Claims, Followed};
use environment::{Allowed, Environment};

pub use files::{Files, Seen, State};
pub use job::{Finished, Job};
pub use news::News;
pub use run::{Settings, run};

/// How many jobs are under way at once.
const AT_ONCE: usize = 8;
/// How many of them may be such as may take long: whoever waits for somebody who does not answer must not keep the
/// others from their work.
const SLOW_AT_ONCE: usize = 4;

/// What there is to publish, and when.
#[derive(Debug, Default)]
pub struct Watch {
    claims: Claims,
    environments: BTreeMap<EnvironmentKey, Environment>,
    server_keys: BTreeMap<String, Vec<ServerKeySource>>,
}

impl Watch {
    /// Takes in what became of a file.
    pub fn saw(&mut self, seen: Seen, now: Duration) -> Vec<News> {
        let Followed { wishes, news } = self.claims.saw(seen, now);
        for wish in wishes {
            let key = &wish.source.key;
            match self.environments.get_mut(key) {
                Some(environment) => environment.publish(wish.file, wish.source),
                None => {
                    let server_keys = self.server_keys.get(key.as_str()).cloned().unwrap_or_default();
                    let key = key.clone();
                    let environment = Environment::new(wish.file, wish.source, server_keys);
                    self.environments.insert(key, environment);
                }
            }
        }
        news
    }

    /// Takes in a manifest of server-side keys. Those of environments that it does not list stay as they were.
    pub fn has_server_keys(&mut self, server_keys: BTreeMap<String, Vec<ServerKeySource>>) {
        for (key, environment) in &mut self.environments {
            if let Some(server_keys) = server_keys.get(key.as_str()) {
                environment.has_server_keys(server_keys.clone());
            }
        }
        self.server_keys = server_keys;
    }

    /// What there is to say because time went by.
    pub fn news(&mut self, now: Duration) -> Vec<News> {
        self.claims.broken(now)
    }

    /// What is to be done now, longest due first; what comes of it is for [`Watch::done`].
    pub fn next(&mut self, now: Duration) -> Option<Job> {
        let allowed = self.allowed()?;
        self.first(now, allowed)
    }

    /// What is still to be done when all is to end: whoever has to hear of what was written.
    pub fn last(&mut self, now: Duration) -> Option<Job> {
        self.first(now, Allowed::Telling)
    }

    /// When there may be something to do or to say, if nothing is seen until then.
    pub fn due(&self) -> Option<Duration> {
        let allowed = self.allowed();
        let due = self.environments.values().filter_map(|environment| environment.due(allowed?));
        due.chain(self.claims.due()).min()
    }

    fn first(&mut self, now: Duration, allowed: Allowed) -> Option<Job> {
        let due = self.environments.iter_mut();
        let due = due.filter_map(|(key, environment)| Some((environment.due(allowed)?, key, environment)));
        let (due, key, environment) = due.min_by_key(|(due, ..)| *due)?;
        if due > now {
            return None;
        }
        Some(Job { key: key.clone(), task: environment.begin(allowed)? })
    }

    /// What may be begun beside what is under way.
    fn allowed(&self) -> Option<Allowed> {
        let under_way = self.environments.values().map(Environment::under_way);
        let (jobs, slow) = under_way.fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
        match (jobs < AT_ONCE, slow < SLOW_AT_ONCE) {
            (false, _) => None,
            (true, true) => Some(Allowed::All),
            (true, false) => Some(Allowed::Swift),
        }
    }

    /// Takes in what came of a job. `chance` spreads what is tried again.
    pub fn done(&mut self, finished: Finished, now: Duration, chance: u64) -> Vec<News> {
        match self.environments.get_mut(&finished.key) {
            Some(environment) => environment.end(finished.outcome, now, chance),
            None => Vec::new(),
        }
    }

    /// How many environments there are.
    pub fn environments(&self) -> usize {
        self.environments.len()
    }

    /// Whether all that there is to do was tried, successfully or not.
    pub fn tried_all(&self) -> bool {
        self.environments.values().all(Environment::was_tried)
    }

    /// Whether any job is under way.
    pub fn is_busy(&self) -> bool {
        self.environments.values().any(|environment| environment.under_way().0 > 0)
    }

    /// The environments that are not in the state in which they should be, or are not known to be.
    pub fn unsettled(&self) -> Vec<&EnvironmentKey> {
        let unsettled = self.environments.iter().filter(|(_, environment)| !environment.is_settled());
        unsettled.map(|(key, _)| key).collect()
    }
}
