//! What was announced here and not yet sent to the other replicas: one announcement per environment, the greatest.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use api::{EnvironmentKey, Revision};
use tokio::sync::Notify;

use crate::announced::Announcement;

/// It is bounded, since the hub took everything in it before.
#[derive(Default)]
pub(crate) struct Outbox {
    state: Mutex<OutboxState>,
    added: Notify,
}

#[derive(Default)]
struct OutboxState {
    waiting: HashMap<EnvironmentKey, Announcement>,
    /// Sent, and not known to have arrived.
    sent: HashMap<EnvironmentKey, Announcement>,
}

/// What is to be sent, by kind of message.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct ToSend {
    pub(crate) announced: Vec<(EnvironmentKey, Revision)>,
    pub(crate) ahead: Vec<(EnvironmentKey, Revision)>,
}

impl Outbox {
    /// Never waits.
    pub(crate) fn add(&self, key: &EnvironmentKey, announcement: Announcement) {
        greatest(&mut self.state().waiting, key.clone(), announcement);
        self.added.notify_one();
    }

    /// Comes back once something was added.
    pub(crate) async fn added(&self) {
        self.added.notified().await;
    }

    /// What is to be sent now: also what was taken before without having [arrived](Self::arrived).
    pub(crate) fn take(&self) -> ToSend {
        let mut state = self.state();
        let OutboxState { waiting, sent } = &mut *state;
        for (key, announcement) in waiting.drain() {
            greatest(sent, key, announcement);
        }
        let mut to_send = ToSend::default();
        for (key, announcement) in &*sent {
            let list = if announcement.is_ahead { &mut to_send.ahead } else { &mut to_send.announced };
            list.push((key.clone(), announcement.revision));
        }
        to_send
    }

    /// What was taken last has arrived.
    pub(crate) fn arrived(&self) {
        self.state().sent.clear();
    }

    /// Whether this revision of an environment, or a later one, is still to be sent, or to arrive.
    pub(crate) fn holds(&self, key: &EnvironmentKey, revision: Revision) -> bool {
        let state = self.state();
        let held = [state.waiting.get(key), state.sent.get(key)];
        held.into_iter().flatten().any(|announcement| announcement.revision >= revision)
    }

    pub(crate) fn is_empty(&self) -> bool {
        let state = self.state();
        state.waiting.is_empty() && state.sent.is_empty()
    }

    fn state(&self) -> MutexGuard<'_, OutboxState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn greatest(of: &mut HashMap<EnvironmentKey, Announcement>, key: EnvironmentKey, announcement: Announcement) {
    let known = of.entry(key).or_insert(announcement);
    *known = known.then(announcement);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> EnvironmentKey {
        EnvironmentKey::parse(text).unwrap()
    }

    fn announced(revision: u64) -> Announcement {
        Announcement { revision: Revision(revision), is_ahead: false }
    }

    fn taken(outbox: &Outbox) -> Vec<(String, u64)> {
        let mut taken: Vec<_> = outbox
            .take()
            .announced
            .into_iter()
            .map(|(key, revision)| (key.to_string(), revision.0))
            .collect();
        taken.sort();
        taken
    }

    #[tokio::test]
    async fn what_did_not_arrive_is_sent_again_with_what_came_since() {
        let outbox = Outbox::default();
        assert_eq!(taken(&outbox), []);
        for (environment, revision) in [("a", 2), ("b", 1), ("a", 1)] {
            outbox.add(&key(environment), announced(revision));
        }
        outbox.added().await;
        assert_eq!(taken(&outbox), [("a".to_owned(), 2), ("b".to_owned(), 1)]);
        assert!(!outbox.is_empty());
        let holds = |environment, revision| outbox.holds(&key(environment), Revision(revision));
        assert_eq!([holds("a", 1), holds("a", 2), holds("a", 3), holds("c", 1)], [true, true, false, false]);
        outbox.add(&key("b"), announced(3));
        outbox.add(&key("c"), announced(1));
        assert_eq!(taken(&outbox), [("a".to_owned(), 2), ("b".to_owned(), 3), ("c".to_owned(), 1)]);
        // Announced while those were on their way: it is not taken for one of them.
        outbox.add(&key("a"), announced(2));
        outbox.arrived();
        assert_eq!(taken(&outbox), [("a".to_owned(), 2)]);
        outbox.arrived();
        assert!(outbox.is_empty());
    }

    #[test]
    fn what_is_ahead_is_sent_as_such() {
        let outbox = Outbox::default();
        outbox.add(&key("a"), announced(1));
        outbox.add(&key("b"), Announcement { revision: Revision(2), is_ahead: true });
        let expected =
            ToSend { announced: vec![(key("a"), Revision(1))], ahead: vec![(key("b"), Revision(2))] };
        assert_eq!(outbox.take(), expected);
    }
}
