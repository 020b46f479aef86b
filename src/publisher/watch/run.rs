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
use crate::server_keys::{ServerKeySource, parse_server_keys};
use crate::target::Target;
use crate::watch::remote::Message;
use crate::watch::{Fetch, Files, Job, LogLine, Observation, PlaceState, Polls, Remote, Watch};

/// How soon an end is noticed.
const GLANCE: Duration = Duration::from_millis(100);

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
    /// As it is called in what is said.
    pub name: String,
    /// How often each environment is asked for.
    pub interval: Duration,
}

/// A watch that can be talked to.
#[derive(Debug)]
pub struct Session {
    settings: WatchSettings,
    remote: Remote,
    heard: Receiver<Message>,
}

impl Session {
    pub fn new(settings: WatchSettings) -> Session {
        let (remote, heard) = Remote::new();
        Session { settings, remote, heard }
    }

    /// A handle for other threads.
    pub fn remote(&self) -> Remote {
        self.remote.clone()
    }

    /// Publishes whatever changes, until the clock is hurried; then ends with the publications that are under way.
    pub fn run(self, target: Target, clock: &Arc<SystemClock>, mut say: impl FnMut(&LogLine)) {
        let Session { settings, remote, heard } = self;
        let WatchSettings { paths, flagsmith, server_keys, server_keys_file, options, interval } = settings;
        let client = Client::new(target, &**clock);
        let (api, polls) = match flagsmith {
            Some(at) => (Some(Arc::new(at.api)), Polls::new(&at.name, at.interval)),
            None => (None, Polls::new("", Duration::MAX)),
        };
        thread::scope(|threads| {
            let mut running = Running {
                threads,
                client: &client,
                clock,
                options: &options,
                api,
                remote,
                files: Files::new(paths, server_keys_file.as_deref()),
                manifest: Files::new(server_keys_file.into_iter().collect(), None),
                polls,
                watch: Watch::default(),
                news: Vec::new(),
                next_look: clock.elapsed(),
                interval,
            };
            running.set_server_keys(server_keys);
            running.watch(&heard, &mut say);
            running.end(&heard, &mut say);
        });
    }
}

struct Running<'scope, 'env> {
    threads: &'scope Scope<'scope, 'env>,
    client: &'env Client<'env>,
    clock: &'env Arc<SystemClock>,
    options: &'env PublishOptions,
    api: Option<Arc<Flagsmith>>,
    remote: Remote,
    files: Files,
    manifest: Files,
    polls: Polls,
    watch: Watch,
    news: Vec<LogLine>,
    next_look: Duration,
    interval: Duration,
}

impl Running<'_, '_> {
    fn watch(&mut self, heard: &Receiver<Message>, say: &mut impl FnMut(&LogLine)) {
        let mut is_first_round = true;
        while !self.clock.is_hurried() {
            if self.clock.elapsed() >= self.next_look {
                self.look();
            }
            let now = self.clock.elapsed();
            for place in self.watch.again() {
                let _ = self.files.again(&place) || self.polls.again(&place, now);
            }
            if let Some(quota) = self.client.quota() {
                self.news.extend(self.watch.set_quota(quota, self.clock.now()));
            }
            self.news.extend(self.watch.news(now));
            while let Some(fetch) = self.polls.next(self.clock.elapsed(), &mut self.watch) {
                self.fetch(fetch);
            }
            while let Some(job) = self.watch.next(self.clock.elapsed()) {
                self.begin(job);
            }
            let asked_all = || self.polls.asked_all(|key| self.watch.is_failing(key));
            if is_first_round && asked_all() && self.watch.tried_all() {
                is_first_round = false;
                self.news.push(LogLine::info(watching(self.watch.environments().len())));
            }
            self.say(say);
            let due = [self.watch.due(), self.polls.due()].into_iter().flatten();
            let until = due.fold(self.next_look, Duration::min);
            let pause = until.saturating_sub(self.clock.elapsed()).clamp(Duration::from_millis(1), GLANCE);
            // Nothing was heard: whatever is due by now is done.
            if let Ok(message) = heard.recv_timeout(pause) {
                self.hear(message);
            }
            while let Ok(message) = heard.try_recv() {
                self.hear(message);
            }
        }
    }

    /// Ends what is under way, and tells whoever has to hear of what was written.
    fn end(&mut self, heard: &Receiver<Message>, say: &mut impl FnMut(&LogLine)) {
        loop {
            while let Some(job) = self.watch.last(self.clock.elapsed()) {
                self.begin(job);
            }
            if !self.watch.is_busy() {
                break;
            }
            if let Ok(message) = heard.recv() {
                self.hear(message);
            }
            self.say(say);
        }
        for key in self.watch.unsettled() {
            let line = format!("environment `{key}` is left as it is; watching again settles it");
            self.news.push(LogLine::warning(line));
        }
        self.say(say);
    }

    fn say(&mut self, say: &mut impl FnMut(&LogLine)) {
        self.news.drain(..).for_each(|news| say(&news));
    }

    fn look(&mut self) {
        let now = self.clock.elapsed();
        self.next_look = now + self.interval;
        for seen in self.manifest.look(now) {
            match server_keys(seen) {
                Ok(Some(server_keys)) => self.set_server_keys(server_keys),
                Ok(None) => {}
                Err(trouble) => self.news.push(trouble),
            }
        }
        for seen in self.files.look(now) {
            self.saw(seen);
        }
        self.polls.rest(|environment, place| self.watch.is_elsewhere(environment, place), now);
    }

    fn set_server_keys(&mut self, server_keys: BTreeMap<String, Vec<ServerKeySource>>) {
        let now = self.clock.elapsed();
        if self.api.is_some() {
            for seen in self.polls.has(&server_keys, self.clock.now(), now) {
                self.saw(seen);
            }
            self.note_numbers();
        }
        self.watch.set_server_keys(server_keys, now);
        self.watch.expect_all(&self.polls, now);
    }

    fn saw(&mut self, seen: Observation) {
        let news = self.watch.saw(seen, self.clock.elapsed());
        self.news.extend(news);
        let mut known = self.remote.known();
        if known.environments.len() != self.watch.environments().len() {
            known.environments = self.watch.environments().cloned().collect();
        }
    }

    fn note_numbers(&self) {
        let numbers = self.polls.environments().map(|(environment, number)| (environment.clone(), number));
        self.remote.known().numbers = numbers.collect();
    }

    fn hear(&mut self, message: Message) {
        let now = self.clock.elapsed();
        match message {
            Message::Finished(finished) => {
                let news = self.watch.done(finished, now, chance());
                self.news.extend(news);
            }
            Message::Fetched(fetched) => {
                let (seen, news) = self.polls.done(fetched, now, chance());
                self.news.extend(news);
                if let Some(seen) = seen {
                    self.saw(seen);
                    self.note_numbers();
                }
            }
            Message::Changed(what) => {
                let is_polled = self.polls.changed(&what, now);
                if !is_polled || what == Changed::Anything {
                    self.next_look = now;
                }
            }
            Message::Report(answer) => {
                let (environments, troubles) = self.watch.progress(&self.polls, self.clock.now(), now);
                let api_calls = self.client.api_calls();
                // Whoever asked may have lost policy.
                let _ = answer.send(Progress { environments, troubles, api_calls });
            }
        }
    }

    fn begin(&self, job: Job) {
        let (messages, client, options) = (self.remote.sender(), self.client, self.options);
        self.threads.spawn(move || {
            let panicked = job.panicked();
            let done = catch_unwind(AssertUnwindSafe(|| job.perform(client, options)));
            // Whoever waits for it does so to the end.
            let _ = messages.send(Message::Finished(done.unwrap_or(panicked)));
        });
    }

    /// Nobody waits for it in the end: nothing depends on what was asked.
    fn fetch(&self, fetch: Fetch) {
        let Some(api) = self.api.clone() else { return };
        let (messages, clock) = (self.remote.sender(), Arc::clone(self.clock));
        thread::spawn(move || {
            let panicked = fetch.panicked();
            let done = catch_unwind(AssertUnwindSafe(|| fetch.perform(&api, &*clock)));
            // All may have ended by now.
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

/// The keys of a manifest that was seen; none while it is away, and what was known stays.
fn server_keys(seen: Observation) -> Result<Option<BTreeMap<String, Vec<ServerKeySource>>>, LogLine> {
    let Observation { place, state } = seen;
    let stays = |what: &dyn std::fmt::Display| {
        LogLine::warning_of(&place, format!("{what}; server-side keys stay as they were before"))
    };
    match state {
        PlaceState::Content(text) => parse_server_keys(&text).map(Some).map_err(|fault| stays(&fault)),
        PlaceState::Unreadable(why) => Err(stays(&format!("could not be read: {why}"))),
        PlaceState::Unusable(why) => Err(stays(&why)),
        PlaceState::Gone => Err(stays(&"is gone")),
        PlaceState::Missing | PlaceState::Answer(_) => Ok(None),
    }
}

/// Different in each process and each time, which is all that it is for.
fn chance() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(())
}
