//! Publishing continuously: files → environments → what each is owed → publications, at most one a second each.
//!
//! [`Watch`] decides, and does nothing: what was seen, what came of a job, what time it is and chance are arguments.
//! [`Files`] looks, [`Job::perform`] publishes, and [`run`] brings them together, in threads and real time.

mod claims;
mod environment;
mod failure;
mod files;
mod job;
mod news;
mod pace;
mod run;
mod spell;

use std::collections::BTreeMap;
use std::time::Duration;

use api::EnvironmentKey;

use crate::server_keys::ServerKeySource;
use claims::{Claims, Followed};
use environment::Environment;

pub use files::{Files, Seen, State};
pub use job::{Finished, Job};
pub use news::News;
pub use run::{Settings, run};

/// How many environments are at work at once.
const AT_ONCE: usize = 8;
/// How many of them may be such as failed last time: whoever waits for something that does not answer must not keep
/// the others from their work.
const FAILING_AT_ONCE: usize = 4;

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

    /// What is to be done now, longest due first; it has to be given back by [`Watch::done`].
    pub fn next(&mut self, now: Duration) -> Option<Job> {
        let at_work = self.environments.values().filter(|environment| environment.is_at_work());
        let (at_work, failing) = at_work.fold((0, 0), |(at_work, failing), environment| {
            (at_work + 1, failing + usize::from(environment.is_failing()))
        });
        if at_work >= AT_ONCE {
            return None;
        }
        let may_begin = |environment: &Environment| !environment.is_failing() || failing < FAILING_AT_ONCE;
        let due = self.environments.values_mut().filter(|environment| may_begin(environment));
        let due = due.filter_map(|environment| Some((environment.due()?, environment)));
        let (due, environment) = due.min_by_key(|(due, _)| *due)?;
        (due <= now).then(|| environment.begin(now))
    }

    /// When there may be something to do or to say, if nothing is seen until then.
    pub fn due(&self) -> Option<Duration> {
        let due = self.environments.values().filter_map(Environment::due);
        due.chain(self.claims.due()).min()
    }

    /// Takes in what came of a job. `chance` spreads what is tried again.
    pub fn done(&mut self, finished: Finished, now: Duration, chance: u64) -> Vec<News> {
        match self.environments.get_mut(&finished.key) {
            Some(environment) => environment.end(finished, now, chance),
            None => Vec::new(),
        }
    }

    /// How many environments there are.
    pub fn environments(&self) -> usize {
        self.environments.len()
    }

    /// Whether each environment was tried, successfully or not.
    pub fn tried_all(&self) -> bool {
        self.environments.values().all(Environment::was_tried)
    }

    /// The environments that are not in the state in which they should be, or are not known to be.
    pub fn unsettled(&self) -> Vec<&EnvironmentKey> {
        let unsettled = self.environments.iter().filter(|(_, environment)| !environment.owes_nothing());
        unsettled.map(|(key, _)| key).collect()
    }
}
