//! Many clients at once, on a thread of their own.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use api::relay::Protocol;
use tokio::sync::{oneshot, watch};
use tokio::task::AbortHandle;
use tokio::time::sleep_until;

use super::client::Client;
use super::history::History;
use super::refetch::Pool;
use crate::eventually;

/// When a client connects again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reconnect {
    /// At once after any answer that ended, a second after a failure: as the Python SDK.
    AtOnce,
    /// After the time that the stream asked for: as a browser, but for ever.
    AfterRetry,
    Never,
}

/// Who listens, to what, and how.
#[derive(Debug, Clone)]
pub struct Listening {
    /// `http://host:port` of an edge, or of an origin.
    pub url: String,
    pub key: String,
    pub clients: usize,
    pub reconnect: Reconnect,
    /// How many of them ask for the flags when they hear of a change.
    pub refetching: usize,
    /// Connections over which they ask.
    pub connections: usize,
    /// Over how long a time they come.
    pub over: Duration,
    pub protocol: Protocol,
    /// Where they ask for flags, if not where they listen: they have moved to another POP.
    pub asking: Option<String>,
}

impl Listening {
    /// So many clients that connect at once and always, and do not ask for flags.
    pub fn to(url: impl Into<String>, key: &str, clients: usize) -> Listening {
        Listening {
            url: url.into(),
            key: key.to_owned(),
            clients,
            reconnect: Reconnect::AtOnce,
            refetching: 0,
            connections: 16,
            over: Duration::ZERO,
            protocol: Protocol::Flagsmith,
            asking: None,
        }
    }
}

/// Clients that listen until they are dropped.
pub struct Clients {
    histories: Vec<Arc<Mutex<History>>>,
    tasks: Vec<AbortHandle>,
    pending: watch::Receiver<usize>,
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// Starts clients.
#[track_caller]
pub fn clients(listening: &Listening) -> Clients {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (pending_sender, pending) = watch::channel(0);
    let authority = authority(&listening.url);
    let asked = listening.asking.as_deref().map_or_else(|| authority.clone(), self::authority);
    let histories: Vec<Arc<Mutex<History>>> = (0..listening.clients).map(|_| Arc::default()).collect();
    let guard = runtime.enter();
    let pool = (listening.refetching > 0).then(|| Pool::start(&asked, listening, pending_sender));
    let start = tokio::time::Instant::now();
    let spawn = |(index, history): (usize, &Arc<Mutex<History>>)| {
        let client = Client {
            authority: authority.clone(),
            path: path(listening.protocol, &listening.key),
            protocol: listening.protocol,
            reconnect: listening.reconnect,
            history: Arc::clone(history),
            refetch: pool.clone().filter(|_| index < listening.refetching),
        };
        let parts = u32::try_from(listening.clients).unwrap_or(u32::MAX);
        let turn = start + listening.over / parts * u32::try_from(index).unwrap_or(u32::MAX);
        let task = runtime.spawn(async move {
            sleep_until(turn).await;
            client.listen().await;
        });
        task.abort_handle()
    };
    let tasks = histories.iter().enumerate().map(spawn).collect();
    drop(guard);
    let (end, ended) = oneshot::channel::<()>();
    let thread = thread::spawn(move || {
        runtime.block_on(async {
            // Only the other end is dropped; nothing is ever sent.
            let _ = ended.await;
        });
    });
    Clients { histories, tasks, pending, end: Some(end), thread: Some(thread) }
}

fn authority(url: &str) -> String {
    url.trim_start_matches("http://").trim_end_matches('/').to_owned()
}

fn path(protocol: Protocol, key: &str) -> String {
    match protocol {
        Protocol::Flagsmith => format!("/sse/environments/{key}/stream"),
        Protocol::Ofrep => format!("/ofrep/v1/environments/{key}/stream"),
    }
}

impl Clients {
    /// What each of them heard so far.
    pub fn histories(&self) -> Vec<History> {
        self.histories.iter().map(|history| lock(history).clone()).collect()
    }

    /// What one of them heard so far.
    pub fn history(&self, client: usize) -> History {
        lock(&self.histories[client]).clone()
    }

    /// How many of them something holds of.
    pub fn count(&self, holds: impl Fn(&History) -> bool) -> usize {
        self.histories.iter().filter(|history| holds(&lock(history))).count()
    }

    /// Waits until all that did not leave have a stream.
    #[track_caller]
    pub fn wait_until_connected(&self, within: Duration) {
        self.wait_for_all("all clients have a stream", within, History::is_listening);
    }

    /// Waits until all that did not leave have heard of a revision, or of a later one.
    #[track_caller]
    pub fn wait_until_signalled(&self, revision: u64, within: Duration) {
        let knows_it = |history: &History| history.latest() >= Some(revision);
        self.wait_for_all(&format!("all clients hear of {revision}"), within, knows_it);
    }

    /// Waits until all questions for flags were answered.
    #[track_caller]
    pub fn wait_until_refetched(&self, within: Duration) {
        eventually("all questions for flags are answered", within, || {
            (*self.pending.borrow() == 0).then_some(())
        });
    }

    /// Waits until something holds of all that did not leave.
    #[track_caller]
    pub fn wait_for_all(&self, what: &str, within: Duration, holds: impl Fn(&History) -> bool) {
        let holds = |history: &History| history.left.is_some() || holds(history);
        let deadline = Instant::now() + within;
        while Instant::now() < deadline {
            if self.count(holds) == self.histories.len() {
                return;
            }
            thread::sleep(Duration::from_millis(20));
        }
        let but: Vec<usize> =
            (0..self.histories.len()).filter(|client| !holds(&lock(&self.histories[*client]))).collect();
        let first = but.first().map(|client| self.history(*client));
        panic!("waited {within:?} in vain: {what}, but for {} of them, such as {first:#?}", but.len());
    }

    /// One of them goes away, in the middle of whatever it does.
    pub fn leave(&self, client: usize) {
        self.tasks[client].abort();
        lock(&self.histories[client]).left = Some(Instant::now());
    }
}

pub(super) fn lock(history: &Mutex<History>) -> MutexGuard<'_, History> {
    history.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Drop for Clients {
    fn drop(&mut self) {
        drop(self.end.take());
        let _ = self.thread.take().map(JoinHandle::join);
    }
}
