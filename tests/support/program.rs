//! A running program and its output.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::eventually;

/// How long a program may take to say something or to end on a machine that does much else.
const PATIENCE: Duration = Duration::from_secs(30);

/// A program that runs, killed on drop.
pub struct Program {
    name: String,
    process: Mutex<Child>,
    id: u32,
    said: Arc<Mutex<Vec<String>>>,
    readers: Vec<JoinHandle<()>>,
}

/// Starts a program. Its input stays open until it is dropped.
#[track_caller]
pub fn program(name: &str, command: &mut Command) -> Program {
    let spawned = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut process = spawned.unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said: Arc<Mutex<Vec<String>>> = Arc::default();
    let read = |from: Box<dyn Read + Send>| {
        let said = Arc::clone(&said);
        thread::spawn(move || {
            for line in BufReader::new(from).lines().map_while(Result::ok) {
                lock(&said).push(line);
            }
        })
    };
    let readers =
        vec![read(Box::new(process.stdout.take().unwrap())), read(Box::new(process.stderr.take().unwrap()))];
    let id = process.id();
    Program { name: name.to_owned(), process: Mutex::new(process), id, said, readers }
}

impl Program {
    /// All lines so far, of its output and of its errors.
    pub fn said(&self) -> Vec<String> {
        lock(&self.said).clone()
    }

    /// How many lines so far have this in them.
    pub fn count(&self, what: &str) -> usize {
        lock(&self.said).iter().filter(|line| line.contains(what)).count()
    }

    /// Waits for a line with this in it, and gives the first.
    #[track_caller]
    pub fn says(&self, what: &str) -> String {
        eventually(&format!("{what:?}, said by {}", self.name), PATIENCE, || {
            lock(&self.said).iter().find(|line| line.contains(what)).cloned()
        })
    }

    /// Where it listens, as it says itself.
    #[track_caller]
    pub fn url(&self) -> String {
        let line = self.says("listening on http://");
        line.split_whitespace().find(|word| word.starts_with("http://")).unwrap_or_default().to_owned()
    }

    /// For what the system tells of a process.
    pub fn process_id(&self) -> u32 {
        self.id
    }

    /// Ends it at once, in the middle of whatever it does.
    pub fn kill(&self) {
        let mut process = lock(&self.process);
        // It may have ended by itself.
        let _ = process.kill();
        let _ = process.wait();
    }

    /// Asks it to end, as a service manager does, and waits until it has.
    #[track_caller]
    pub fn terminate(&self) -> ExitStatus {
        self.end("-TERM")
    }

    /// Asks it to end by a signal, and waits until it has, if it has not ended before.
    #[track_caller]
    pub fn end(&self, signal: &str) -> ExitStatus {
        if let Some(status) = lock(&self.process).try_wait().unwrap() {
            return status;
        }
        assert!(Command::new("kill").args([signal, &self.id.to_string()]).status().unwrap().success());
        eventually(&format!("{} ended", self.name), PATIENCE, || lock(&self.process).try_wait().unwrap())
    }
}

/// Bytes of a process that are in memory, where there is `/proc`.
#[track_caller]
pub fn resident(process: u32) -> f64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    let kilobytes: f64 = line.trim().trim_end_matches(" kB").parse().unwrap();
    kilobytes * 1024.0
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Drop for Program {
    fn drop(&mut self) {
        self.kill();
        for reader in self.readers.drain(..) {
            let _ = reader.join();
        }
        if thread::panicking() {
            let said = self.said();
            let last = said[said.len().saturating_sub(200)..].join("\n");
            eprintln!("--- said by {}, the last of {} lines\n{last}", self.name, said.len());
        }
    }
}
