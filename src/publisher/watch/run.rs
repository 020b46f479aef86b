//! Watching, in threads and real time.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use crate::client::Client;
use crate::clock::{Clock, SystemClock};
use crate::publish::Options;
use crate::server_keys::{ServerKeySource, ServerKeysFault, parse_server_keys};
use crate::target::Target;
use crate::watch::{Files, Job, News, Seen, State, Watch};

/// How soon an end is noticed.
const GLANCE: Duration = Duration::from_millis(100);

/// What is watched, and how.
#[derive(Debug)]
pub struct Settings {
    /// Files and directories.
    pub paths: Vec<PathBuf>,
    /// A manifest of server-side keys.
    pub server_keys: Option<PathBuf>,
    pub options: Options,
    /// How often files are looked at.
    pub interval: Duration,
}

/// Publishes whatever changes, until the clock is hurried; then ends with the publications that are under way.
pub fn run(settings: &Settings, target: Target, clock: &SystemClock, mut say: impl FnMut(&News)) {
    let Settings { paths, server_keys: manifest, options, interval } = settings;
    let client = Client::new(target, clock);
    let mut files = Files::new(paths.clone(), manifest.as_deref());
    let mut manifest = Files::new(manifest.iter().cloned().collect(), None);
    let mut watch = Watch::default();
    let mut is_first_round = true;
    let mut next_look = clock.elapsed();
    let (finish, finished) = channel();
    thread::scope(|threads| {
        let begin = |job: Job| {
            let (finish, client) = (finish.clone(), &client);
            threads.spawn(move || {
                // Whoever waits for it does so to the end.
                let _ = finish.send(job.perform(client, options));
            });
        };
        while !clock.is_hurried() {
            let mut news = Vec::new();
            if clock.elapsed() >= next_look {
                next_look = clock.elapsed() + *interval;
                for seen in manifest.look(clock.elapsed()) {
                    match server_keys(seen) {
                        Ok(Some(server_keys)) => watch.has_server_keys(server_keys),
                        Ok(None) => {}
                        Err(trouble) => news.push(trouble),
                    }
                }
                for seen in files.look(clock.elapsed()) {
                    news.extend(watch.saw(seen, clock.elapsed()));
                }
            }
            news.extend(watch.news(clock.elapsed()));
            while let Some(job) = watch.next(clock.elapsed()) {
                begin(job);
            }
            if is_first_round && watch.tried_all() {
                is_first_round = false;
                news.push(News::good(watching(watch.environments())));
            }
            news.iter().for_each(&mut say);
            let until = watch.due().into_iter().fold(next_look, Duration::min);
            let pause = until.saturating_sub(clock.elapsed()).clamp(Duration::from_millis(1), GLANCE);
            match finished.recv_timeout(pause) {
                Ok(done) => watch.done(done, clock.elapsed(), chance()).iter().for_each(&mut say),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
            }
        }
        loop {
            while let Some(job) = watch.last(clock.elapsed()) {
                begin(job);
            }
            if !watch.is_busy() {
                break;
            }
            if let Ok(done) = finished.recv() {
                watch.done(done, clock.elapsed(), chance()).iter().for_each(&mut say);
            }
        }
    });
    for key in watch.unsettled() {
        say(&News::trouble(format!("environment `{key}` is left as it is; watching again settles it")));
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
fn server_keys(seen: Seen) -> Result<Option<BTreeMap<String, Vec<ServerKeySource>>>, News> {
    let Seen { file, state } = seen;
    let stays = |what: &dyn std::fmt::Display| {
        News::trouble_of(&file, format!("{what}; server-side keys stay as they were before"))
    };
    match state {
        State::Content(text) => {
            parse_server_keys(&text).map(Some).map_err(|fault: ServerKeysFault| stays(&fault))
        }
        State::Unreadable(why) => Err(stays(&format!("could not be read: {why}"))),
        State::Gone => Err(stays(&"is gone")),
        State::Missing => Ok(None),
    }
}

/// Different in each process and each time, which is all that it is for.
fn chance() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(())
}
