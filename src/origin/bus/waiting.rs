//! What was announced here and not yet told to the others: one revision per environment, the greatest.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use api::{EnvironmentKey, Revision};
use tokio::sync::Notify;

/// It is bounded, since whatever waits was taken by the hub before.
#[derive(Default)]
pub(crate) struct Waiting {
    state: Mutex<State>,
    bell: Notify,
}

#[derive(Default)]
struct State {
    waiting: HashMap<EnvironmentKey, Revision>,
    /// Sent, and not known to have arrived.
    sent: HashMap<EnvironmentKey, Revision>,
}

impl Waiting {
    /// Never waits for anybody.
    pub(crate) fn add(&self, key: &EnvironmentKey, revision: Revision) {
        greatest(&mut self.state().waiting, key.clone(), revision);
        self.bell.notify_one();
    }

    /// Comes back once something was added.
    pub(crate) async fn added(&self) {
        self.bell.notified().await;
    }

    /// What is to be sent now: also what was taken before without having [arrived](Self::arrived).
    pub(crate) fn take(&self) -> Vec<(EnvironmentKey, Revision)> {
        let mut state = self.state();
        let State { waiting, sent } = &mut *state;
        for (key, revision) in waiting.drain() {
            greatest(sent, key, revision);
        }
        sent.iter().map(|(key, revision)| (key.clone(), *revision)).collect()
    }

    /// What was taken last has arrived.
    pub(crate) fn arrived(&self) {
        self.state().sent.clear();
    }

    pub(crate) fn is_empty(&self) -> bool {
        let state = self.state();
        state.waiting.is_empty() && state.sent.is_empty()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn greatest(of: &mut HashMap<EnvironmentKey, Revision>, key: EnvironmentKey, revision: Revision) {
    let known = of.entry(key).or_insert(revision);
    *known = revision.max(*known);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> EnvironmentKey {
        EnvironmentKey::parse(text).unwrap()
    }

    fn taken(waiting: &Waiting) -> Vec<(String, u64)> {
        let mut taken: Vec<_> =
            waiting.take().into_iter().map(|(key, revision)| (key.to_string(), revision.0)).collect();
        taken.sort();
        taken
    }

    #[tokio::test]
    async fn what_did_not_arrive_is_sent_again_with_what_came_since() {
        let waiting = Waiting::default();
        assert_eq!(taken(&waiting), []);
        for (environment, revision) in [("a", 2), ("b", 1), ("a", 1)] {
            waiting.add(&key(environment), Revision(revision));
        }
        waiting.added().await;
        assert_eq!(taken(&waiting), [("a".to_owned(), 2), ("b".to_owned(), 1)]);
        assert!(!waiting.is_empty());
        waiting.add(&key("b"), Revision(3));
        waiting.add(&key("c"), Revision(1));
        assert_eq!(taken(&waiting), [("a".to_owned(), 2), ("b".to_owned(), 3), ("c".to_owned(), 1)]);
        // Announced while those were on their way: it is not taken for one of them.
        waiting.add(&key("a"), Revision(2));
        waiting.arrived();
        assert_eq!(taken(&waiting), [("a".to_owned(), 2)]);
        waiting.arrived();
        assert!(waiting.is_empty());
    }
}
