//! A handle for other threads: to say that something may have changed, and to ask how far everything is.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use api::EnvironmentKey;
use api::progress::{Changed, Progress};
use jiff::Timestamp;

use crate::watch::job::Finished;
use crate::watch::looks::Looked;
use crate::watch::polls::Fetched;

/// How long an answer may take. It takes milliseconds.
const ANSWER_TIMEOUT: Duration = Duration::from_millis(500);

/// What reaches the thread that decides.
pub(crate) enum Message {
    Finished(Finished),
    Fetched(Fetched),
    Looked(Looked),
    Changed(Changed),
    Report(Sender<Progress>),
}

/// A handle of a watch, for any thread.
#[derive(Debug, Clone)]
pub struct Remote {
    messages: Sender<Message>,
    known: Arc<Mutex<WatchedEnvironments>>,
    /// When the thread that decides was last seen to work, in milliseconds since 1970.
    seen: Arc<AtomicI64>,
    /// What it answered last. That thread never locks it.
    answered: Arc<Mutex<Progress>>,
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
        let seen = Arc::new(AtomicI64::new(Timestamp::now().as_millisecond()));
        (Remote { messages, known: Arc::default(), seen, answered: Arc::default() }, heard)
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

    /// How far everything is. If the watch has ended, or does not answer soon, what it answered before, and since when it has
    /// been silent.
    pub fn progress(&self) -> Progress {
        let (answer, answered) = channel();
        let asked = self.messages.send(Message::Report(answer)).is_ok();
        let progress = asked.then(|| answered.recv_timeout(ANSWER_TIMEOUT).ok()).flatten();
        let mut last = self.answered.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(progress) = progress else {
            let seen = Timestamp::from_millisecond(self.seen.load(Ordering::Relaxed)).unwrap_or_default();
            return Progress { silent_since: Some(seen), ..last.clone() };
        };
        *last = progress.clone();
        progress
    }

    /// The thread that decides works.
    pub(crate) fn is_seen(&self, time: Timestamp) {
        self.seen.store(time.as_millisecond(), Ordering::Relaxed);
    }

    pub(crate) fn sender(&self) -> Sender<Message> {
        self.messages.clone()
    }

    pub(crate) fn known(&self) -> MutexGuard<'_, WatchedEnvironments> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::thread;
    use std::time::Instant;

    use super::*;

    /// Silence was told as "all is well": no environment was behind.
    #[test]
    fn a_watch_that_does_not_answer_is_said_to_be_silent() {
        let (remote, heard) = Remote::new();
        let working: Timestamp = "2026-03-02T11:22:33.25Z".parse().unwrap();
        remote.is_seen(working);
        let asking = remote.clone();
        let asked = thread::spawn(move || asking.progress());
        let Ok(Message::Report(answer)) = heard.recv() else { panic!("no question came") };
        let told = Progress { api_calls: 7, ..Progress::default() };
        answer.send(told.clone()).unwrap();
        assert_eq!(asked.join().unwrap(), told);
        // Now it is stuck, and then it has ended.
        let silent = Progress { silent_since: Some(working), ..told };
        let begun = Instant::now();
        assert_eq!(remote.progress(), silent);
        assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
        drop(heard);
        assert_eq!(remote.progress(), silent);
    }
}
