//! Watching, in threads and real time.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::thread::{self, Scope};
use std::time::Duration;

use api::progress::{Changed, Progress};

use crate::client::Client;
use crate::clock::{Clock, SystemClock};
use crate::flagsmith::Flagsmith;
use crate::options::PublishOptions;
use crate::server_keys::ServerKeySource;
use crate::target::Target;
use crate::watch::looks::{Found, Looks};
use crate::watch::manifest::Manifest;
use crate::watch::ownership::SourceProblem;
use crate::watch::remote::Message;
use crate::watch::{Fetch, Job, LogLine, Observation, Polls, Remote, Watch};

/// How soon a hurried clock is noticed.
const LONGEST_WAIT: Duration = Duration::from_millis(100);

/// What is watched, and how.
#[derive(Debug)]
pub struct WatchSettings {
    /// Files and directories.
    pub paths: Vec<PathBuf>,
    pub flagsmith: Option<AtFlagsmith>,
    /// What a manifest of server-side keys says that is not in a file.
    pub server_keys: BTreeMap<String, Vec<ServerKeySource>>,
    /// A manifest of server-side keys in a file, which is watched, too.
    pub server_keys_file: Option<PathBuf>,
    pub options: PublishOptions,
    /// How often files are looked at.
    pub interval: Duration,
}

/// The environments of the manifest are asked for at a Flagsmith.
#[derive(Debug)]
pub struct AtFlagsmith {
    pub api: Flagsmith,
    /// How it is called in the log.
    pub name: String,
    /// How often each environment is asked for.
    pub interval: Duration,
}

/// A watch that takes messages.
#[derive(Debug)]
pub struct Session {
    settings: WatchSettings,
    remote: Remote,
    inbox: Receiver<Message>,
}

impl Session {
    pub fn new(settings: WatchSettings) -> Session {
        let (remote, inbox) = Remote::new();
        Session { settings, remote, inbox }
    }

    /// A handle for other threads.
    pub fn remote(&self) -> Remote {
        self.remote.clone()
    }

    /// Publishes what changes, until the clock is hurried; then ends with the publications that are under way.
    pub fn run(self, target: Target, clock: &Arc<SystemClock>, mut log: impl FnMut(&LogLine)) {
        let Session { settings, remote, inbox } = self;
        let WatchSettings { paths, flagsmith, server_keys, server_keys_file, options, interval } = settings;
        let client = Client::new(target, &**clock);
        let (api, polls) = match flagsmith {
            Some(at) => (Some(Arc::new(at.api)), Polls::new(&at.name, at.interval)),
            None => (None, Polls::new("", Duration::MAX)),
        };
        thread::scope(|threads| {
            let mut running = RunningSession {
                threads,
                client: &client,
                clock,
                options: &options,
                api,
                looks: Looks::start(paths, server_keys_file.as_deref(), interval, clock, &remote.sender()),
                first_seen: Some(Vec::new()),
                manifest: Manifest::default(),
                polls,
                watch: Watch::default(),
                lines: Vec::new(),
                remote,
            };
            running.set_server_keys(server_keys);
            running.watch(&inbox, &mut log);
            running.end(&inbox, &mut log);
        });
    }
}

struct RunningSession<'scope, 'env> {
    threads: &'scope Scope<'scope, 'env>,
    client: &'env Client<'env>,
    clock: &'env Arc<SystemClock>,
    options: &'env PublishOptions,
    api: Option<Arc<Flagsmith>>,
    remote: Remote,
    looks: Looks,
    /// What was found so far, until all was looked at once: of two files with one environment neither is preferred because
    /// the look at it was quicker.
    first_seen: Option<Vec<Observation>>,
    manifest: Manifest,
    polls: Polls,
    watch: Watch,
    lines: Vec<LogLine>,
}

impl RunningSession<'_, '_> {
    fn watch(&mut self, inbox: &Receiver<Message>, log: &mut impl FnMut(&LogLine)) {
        let mut is_first_round = true;
        while !self.clock.is_hurried() {
            self.remote.is_seen(self.clock.now());
            let now = self.clock.elapsed();
            self.looks.begin(now);
            self.take_first_seen(now);
            for place in self.watch.take_places_to_read() {
                if !self.looks.report_again(&place) {
                    self.polls.report_again(&place, now);
                }
            }
            if let Some(quota) = self.client.quota() {
                self.lines.extend(self.watch.set_quota(quota, self.clock.now()));
            }
            self.lines.extend(self.looks.log_lines(now));
            self.lines.extend(self.manifest.log_line(now));
            self.lines.extend(self.watch.log_lines(now));
            self.lines.extend(self.polls.check_keys(self.clock.now(), now));
            // A file that has an environment goes before a Flagsmith that has it, too.
            while self.first_seen.is_none()
                && let Some(fetch) = self.polls.next(self.clock.now(), self.clock.elapsed(), &mut self.watch)
            {
                self.fetch(fetch);
            }
            while let Some(job) = self.watch.next(self.clock.elapsed()) {
                self.begin(job);
            }
            let asked_all = || self.polls.asked_all(|key| self.watch.is_failing(key));
            if is_first_round && self.first_seen.is_none() && asked_all() && self.watch.tried_all() {
                is_first_round = false;
                self.lines.push(LogLine::info(watching(self.watch.environments().len())));
            }
            self.write_log(log);
            let due = [self.watch.due(), self.polls.due(), self.looks.due()].into_iter().flatten();
            let until = due.min().unwrap_or(Duration::MAX);
            let pause =
                until.saturating_sub(self.clock.elapsed()).clamp(Duration::from_millis(1), LONGEST_WAIT);
            // Without a message, only what is due by now is done.
            if let Ok(message) = inbox.recv_timeout(pause) {
                self.receive(message);
            }
            while let Ok(message) = inbox.try_recv() {
                self.receive(message);
            }
        }
    }

    /// Finishes what is under way, and purges and announces what was written.
    fn end(&mut self, inbox: &Receiver<Message>, log: &mut impl FnMut(&LogLine)) {
        loop {
            self.remote.is_seen(self.clock.now());
            while let Some(job) = self.watch.last(self.clock.elapsed()) {
                self.begin(job);
            }
            if !self.watch.is_busy() {
                break;
            }
            if let Ok(message) = inbox.recv() {
                self.receive(message);
            }
            self.write_log(log);
        }
        for key in self.watch.unsettled() {
            let line = format!("environment `{key}` is left as it is; watching again settles it");
            self.lines.push(LogLine::warning(line));
        }
        self.write_log(log);
    }

    fn write_log(&mut self, log: &mut impl FnMut(&LogLine)) {
        self.lines.drain(..).for_each(|lines| log(&lines));
    }

    fn take_first_seen(&mut self, now: Duration) {
        if self.looks.have_begun(now)
            && let Some(seen) = self.first_seen.take()
        {
            self.take_documents(seen, now);
        }
    }

    fn take_found(&mut self, found: Found, now: Duration) {
        match found {
            Found::Documents(seen) => match &mut self.first_seen {
                Some(first_seen) => first_seen.extend(seen),
                None => self.take_documents(seen, now),
            },
            Found::Manifest(seen) => {
                for seen in seen {
                    if let Some(server_keys) = self.manifest.observe(seen, now) {
                        self.set_server_keys(server_keys);
                    }
                }
            }
        }
    }

    fn take_documents(&mut self, seen: Vec<Observation>, now: Duration) {
        let lines = self.watch.look(seen, now);
        self.lines.extend(lines);
        self.note_environments();
        self.polls.pause_elsewhere(|environment, place| self.watch.is_elsewhere(environment, place), now);
    }

    fn set_server_keys(&mut self, server_keys: BTreeMap<String, Vec<ServerKeySource>>) {
        let now = self.clock.elapsed();
        if self.api.is_some() {
            for seen in self.polls.set_manifest(&server_keys, now) {
                self.observe(seen);
            }
            self.note_numbers();
        }
        self.watch.set_server_keys(server_keys, now);
        self.watch.expect_all(&self.polls, now);
    }

    fn observe(&mut self, seen: Observation) {
        let lines = self.watch.observe(seen, self.clock.elapsed());
        self.lines.extend(lines);
        self.note_environments();
    }

    fn note_environments(&self) {
        let mut known = self.remote.known();
        if known.environments.len() != self.watch.environments().len() {
            known.environments = self.watch.environments().cloned().collect();
        }
    }

    fn note_numbers(&self) {
        let numbers = self.polls.environments().map(|(environment, number)| (environment.clone(), number));
        self.remote.known().numbers = numbers.collect();
    }

    fn receive(&mut self, message: Message) {
        let now = self.clock.elapsed();
        match message {
            Message::Finished(finished) => {
                let lines = self.watch.done(finished, now, chance());
                self.lines.extend(lines);
            }
            Message::Looked(looked) => {
                if let Some(found) = self.looks.done(looked, now) {
                    self.take_found(found, now);
                }
            }
            Message::Fetched(fetched) => {
                let (seen, lines) = self.polls.done(fetched, self.clock.now(), now, chance());
                self.lines.extend(lines);
                if let Some(seen) = seen {
                    self.observe(seen);
                    self.note_numbers();
                }
            }
            Message::Changed(what) => {
                let is_polled = self.polls.changed(&what, now);
                if !is_polled || what == Changed::Anything {
                    self.looks.hurry(now);
                }
            }
            Message::Report(answer) => {
                let of_manifest = self.manifest.problem().cloned().map(SourceProblem::alone);
                self.watch.set_source_problems(self.looks.late(now).into_iter().chain(of_manifest).collect());
                let (environments, troubles) = self.watch.progress(&self.polls, self.clock.now(), now);
                let api_calls = self.client.api_calls();
                // The request may have timed out.
                let _ = answer.send(Progress { environments, troubles, api_calls, silent_since: None });
            }
        }
    }

    fn begin(&self, job: Job) {
        let (messages, client, options) = (self.remote.sender(), self.client, self.options);
        self.threads.spawn(move || {
            let panicked = job.panicked();
            let done = catch_unwind(AssertUnwindSafe(|| job.perform(client, options)));
            // The receiver lives until all jobs have ended.
            let _ = messages.send(Message::Finished(done.unwrap_or(panicked)));
        });
    }

    /// The end does not wait for it: nothing depends on the answer.
    fn fetch(&self, fetch: Fetch) {
        let Some(api) = self.api.clone() else { return };
        let (messages, clock) = (self.remote.sender(), Arc::clone(self.clock));
        thread::spawn(move || {
            let panicked = fetch.panicked();
            let done = catch_unwind(AssertUnwindSafe(|| fetch.perform(&api, &*clock)));
            // The watch may have ended by now.
            let _ = messages.send(Message::Fetched(done.unwrap_or(panicked)));
        });
    }
}

fn watching(environments: usize) -> String {
    match environments {
        0 => "watching; there is no environment yet".into(),
        1 => "watching 1 environment".into(),
        environments => format!("watching {environments} environments"),
    }
}

/// A number that differs in each process and at each call.
fn chance() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(())
}
