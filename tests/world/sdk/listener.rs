//! SDKs that listen for changes: the values and events that each received, and its requests.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use tests::stream::Protocol;

use super::tap::{Request, Tap};
use super::{OFREP_STREAM, STREAM};

/// An SDK that listens through a tap.
pub(crate) struct Listener {
    #[expect(dead_code, reason = "its drop ends the SDK")]
    pub(crate) life: Life,
    pub(crate) name: &'static str,
    pub(crate) tap: Tap,
    pub(crate) kind: Kind,
    pub(crate) seen: Seen,
}

/// The request that an SDK makes when it receives a change.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kind {
    pub(crate) protocol: Protocol,
    pub(crate) path: &'static str,
    pub(crate) refetches: Refetches,
}

/// How often it makes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refetches {
    /// Once for each change, and so often when it starts.
    PerChange { first: usize },
    /// When it starts, and with every event: also with the one that every connection begins with.
    PerEvent,
}

/// The observations of a listener so far.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seen(Arc<Mutex<Notes>>);

#[derive(Debug, Clone, Default)]
pub(crate) struct Notes {
    /// The values of the feature, each with the time since when it had it.
    pub(crate) values: Vec<(Value, Instant)>,
    /// The events of each connection, where they can be seen.
    pub(crate) events: Vec<(usize, f64)>,
    /// How each of its connections was joined, where that can be seen.
    pub(crate) joined: Vec<String>,
    pub(crate) complaints: Vec<String>,
}

impl Seen {
    pub(crate) fn notes(&self) -> Notes {
        self.0.lock().unwrap().clone()
    }

    pub(crate) fn note(&self, value: Value) {
        let mut notes = self.0.lock().unwrap();
        if notes.values.last().is_none_or(|(last, _)| *last != value) {
            notes.values.push((value, Instant::now()));
        }
    }

    pub(crate) fn hear(&self, connection: usize, updated_at: f64) {
        self.0.lock().unwrap().events.push((connection, updated_at));
    }

    pub(crate) fn join(&self, role: &str) {
        self.0.lock().unwrap().joined.push(role.to_owned());
    }

    pub(crate) fn complain(&self, complaint: String) {
        self.0.lock().unwrap().complaints.push(complaint);
    }

    /// Since when the last value is this one; none if it is another.
    pub(crate) fn since(&self, value: &Value) -> Option<Instant> {
        self.0.lock().unwrap().values.last().filter(|(last, _)| last == value).map(|(_, at)| *at)
    }
}

impl Listener {
    /// The connections to the stream so far.
    pub(crate) fn streams(&self) -> Vec<Request> {
        let stream = match self.kind.protocol {
            Protocol::Flagsmith => STREAM,
            Protocol::Ofrep => OFREP_STREAM,
        };
        self.tap.requests(&format!("GET {stream}"))
    }

    /// How often it asked for the environment so far.
    pub(crate) fn fetches(&self) -> usize {
        let method = match self.kind.protocol {
            Protocol::Flagsmith => "GET",
            Protocol::Ofrep => "POST",
        };
        self.tap.requests(&format!("{method} {}", self.kind.path)).len()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("--- {}: {:?}", self.name, self.seen.notes());
        }
    }
}

/// Starts a script that prints each value as a line of JSON, and everything that goes wrong to standard error; it ends
/// when its input does.
pub(crate) fn start(command: &mut Command) -> (Life, Seen) {
    let seen = Seen::default();
    let mut process = command
        // Some SDKs heed the environment's proxy, which knows nothing of this machine.
        .env("NO_PROXY", "127.0.0.1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let (values, complaints) = (seen.clone(), seen.clone());
    lines(process.stdout.take().unwrap(), move |line| match serde_json::from_str(&line) {
        Ok(value) => values.note(value),
        Err(_) => values.complain(line),
    });
    lines(process.stderr.take().unwrap(), move |line| complaints.complain(line));
    (Life::Process(process), seen)
}

fn lines(from: impl Read + Send + 'static, mut to: impl FnMut(String) + Send + 'static) {
    thread::spawn(move || BufReader::new(from).lines().map_while(Result::ok).for_each(&mut to));
}

/// A thread or a process that ends on drop: the thread by a flag, the process since its input ends.
pub(crate) enum Life {
    Thread(Arc<AtomicBool>),
    Process(Child),
}

impl Drop for Life {
    fn drop(&mut self) {
        match self {
            Life::Thread(stop) => stop.store(true, Ordering::Relaxed),
            Life::Process(process) => {
                // The process ends its browser itself.
                drop(process.stdin.take());
                let deadline = Instant::now() + Duration::from_secs(10);
                while Instant::now() < deadline && !matches!(process.try_wait(), Ok(Some(_))) {
                    thread::sleep(Duration::from_millis(20));
                }
                let _ = process.kill();
                let _ = process.wait();
            }
        }
    }
}
