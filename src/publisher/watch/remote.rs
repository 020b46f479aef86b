//! A handle for other threads: to say that something may have changed, and to ask how far everything is.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use api::EnvironmentKey;
use api::progress::{Changed, Progress};

use crate::watch::job::Finished;
use crate::watch::polls::Fetched;

/// How long an answer may take. A look at thousands of files takes tens of milliseconds.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// What reaches the thread that decides.
pub(crate) enum Message {
    Finished(Finished),
    Fetched(Fetched),
    Changed(Changed),
    Report(Sender<Progress>),
}

/// A handle of a watch, for any thread.
#[derive(Debug, Clone)]
pub struct Remote {
    messages: Sender<Message>,
    known: Arc<Mutex<WatchedEnvironments>>,
}

/// Which environments are watched.
#[derive(Debug, Default)]
pub(crate) struct WatchedEnvironments {
    pub(crate) environments: BTreeSet<EnvironmentKey>,
    /// By Flagsmith's ids; of those that were not asked for yet, there are none.
    pub(crate) numbers: BTreeMap<EnvironmentKey, Option<u64>>,
}

impl Remote {
    /// A handle, and the receiver of its messages.
    pub(crate) fn new() -> (Remote, Receiver<Message>) {
        let (messages, heard) = channel();
        (Remote { messages, known: Arc::default() }, heard)
    }

    /// Says that something may have changed at the source. Returns whether it is watched here.
    pub fn changed(&self, what: Changed) -> bool {
        let is_known = {
            let known = self.known();
            match &what {
                Changed::Environment(key) => {
                    known.environments.contains(key) || known.numbers.contains_key(key)
                }
                Changed::Number(number) => {
                    known.numbers.values().any(|known| known.is_none_or(|known| known == *number))
                }
                Changed::Anything => true,
            }
        };
        is_known && self.messages.send(Message::Changed(what)).is_ok()
    }

    /// How far everything is; none if the watch has ended, or does not answer in time.
    pub fn progress(&self) -> Option<Progress> {
        let (answer, answered) = channel();
        self.messages.send(Message::Report(answer)).ok()?;
        answered.recv_timeout(ANSWER_TIMEOUT).ok()
    }

    pub(crate) fn sender(&self) -> Sender<Message> {
        self.messages.clone()
    }

    pub(crate) fn known(&self) -> MutexGuard<'_, WatchedEnvironments> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
