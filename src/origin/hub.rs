//! The latest revision of each environment. No HTTP and no clock in here.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use api::EnvironmentKey;

/// What was announced: one revision per environment, the greatest, and how many announcements there were.
///
/// An environment exists from its first announcement on. Nothing is ever forgotten, hence the bound.
pub(crate) struct Hub {
    revisions: Mutex<HashMap<EnvironmentKey, u64>>,
    max_environments: usize,
    announcements: AtomicU64,
}

/// The hub already knows as many environments as it may, and this is another one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("environment {key} is new, and this origin already has {limit} environments, its limit")]
pub(crate) struct Full {
    pub(crate) key: EnvironmentKey,
    pub(crate) limit: usize,
}

impl Hub {
    pub(crate) fn new(max_environments: usize) -> Self {
        Self { revisions: Mutex::default(), max_environments, announcements: AtomicU64::new(0) }
    }

    /// Takes an announcement and returns the revision that now stands, in whole seconds since the epoch.
    ///
    /// Announcements come out of order, from task queues that retry, so the greatest stays. A revision after
    /// `now` is taken for `now`: one wrong clock must not set a mark that no later change gets past. Every
    /// announcement counts, also one that changes no number: it says that somebody wrote something.
    ///
    /// # Errors
    ///
    /// [`Full`] for an environment beyond the limit; those known already are still served.
    pub(crate) fn announce(&self, key: &EnvironmentKey, revision: u64, now: u64) -> Result<u64, Full> {
        let mut revisions = self.revisions();
        if revisions.len() >= self.max_environments && !revisions.contains_key(key) {
            return Err(Full { key: key.clone(), limit: self.max_environments });
        }
        let latest = revisions.entry(key.clone()).or_default();
        *latest = revision.min(now).max(*latest);
        self.announcements.fetch_add(1, Ordering::Relaxed);
        Ok(*latest)
    }

    /// The number of announcements taken since the start.
    pub(crate) fn announcements(&self) -> u64 {
        self.announcements.load(Ordering::Relaxed)
    }

    /// The number of environments announced since the start.
    pub(crate) fn environments(&self) -> usize {
        self.revisions().len()
    }

    /// No code under this lock can panic halfway through a change, so a poisoned one is as good as any.
    fn revisions(&self) -> MutexGuard<'_, HashMap<EnvironmentKey, u64>> {
        self.revisions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> EnvironmentKey {
        EnvironmentKey::parse(text).unwrap()
    }

    #[test]
    fn the_greatest_revision_stays_and_none_is_after_now() {
        let hub = Hub::new(10);
        // (environment, announced, now, what stands)
        for (number, (environment, revision, now, stands)) in [
            ("a", 100, 200, 100),
            ("a", 90, 200, 100),
            ("a", 100, 200, 100),
            ("b", 50, 200, 50),
            ("a", u64::MAX, 201, 201),
            ("a", 202, 202, 202),
            // The origin's own clock was set back: what was told is not taken back.
            ("a", 190, 180, 202),
        ]
        .into_iter()
        .enumerate()
        {
            assert_eq!(hub.announce(&key(environment), revision, now), Ok(stands), "announcement {number}");
        }
        assert_eq!((hub.announcements(), hub.environments()), (7, 2));
    }

    #[test]
    fn one_environment_too_many_is_refused_and_the_others_go_on() {
        let hub = Hub::new(2);
        assert_eq!(hub.announce(&key("a"), 1, 9), Ok(1));
        assert_eq!(hub.announce(&key("b"), 1, 9), Ok(1));
        assert_eq!(hub.announce(&key("c"), 1, 9), Err(Full { key: key("c"), limit: 2 }));
        assert_eq!(hub.announce(&key("a"), 2, 9), Ok(2));
        assert_eq!((hub.announcements(), hub.environments()), (3, 2));
    }

    #[test]
    fn announcements_from_many_threads_leave_the_maximum() {
        let hub = Hub::new(1);
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let hub = &hub;
                scope.spawn(move || {
                    for n in 0..250 {
                        hub.announce(&key("a"), n * 4 + thread, 10_000).unwrap();
                    }
                });
            }
        });
        assert_eq!((hub.announce(&key("a"), 0, 10_000), hub.announcements()), (Ok(999), 1001));
    }
}
