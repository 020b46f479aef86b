//! Watching a Flagsmith with the quirks of real ones, in simulated time: answers that come late, from processes that
//! lag, with times that go backwards and random UUIDs; and several publishers.

mod order;
mod removed;
mod stale;
mod unchanged;

use std::collections::BTreeMap;
use std::time::Duration;

use api::progress::{Changed, EnvironmentProgress};
use api::{EnvironmentKey, Header, bundle};
use jiff::{SignedDuration, Timestamp};
use publisher::watch::{Fetch, LogLine, Polls, Watch};
use publisher::{Client, Clock, DocumentSource, Place, PublishOptions, parse_server_keys};
use serde_json::{Value, json};
use tests::SimulatedClock;
use tests::fastly::Event;

use super::world::{World, target};

const STEP: Duration = Duration::from_millis(100);
const POLL: Duration = Duration::from_secs(5);

/// One or more publishers of what one Flagsmith has.
struct Asking {
    world: World,
    flagsmith: Simulated,
    publishers: Vec<Publisher>,
}

/// A Flagsmith, as it was at any time.
struct Simulated {
    /// The versions of its documents, each with the time of its change.
    documents: BTreeMap<String, Vec<(Duration, Value)>>,
    /// How far each of its processes is behind; they answer in turn.
    processes: Vec<Duration>,
    asked: usize,
    rng: fastrand::Rng,
}

struct Publisher {
    watch: Watch,
    polls: Polls,
    options: PublishOptions,
    /// How long an answer is on its way.
    delay: Duration,
    /// How far its clock is ahead.
    ahead: SignedDuration,
    on_their_way: Vec<(Duration, Fetch, String)>,
    said: Vec<String>,
}

/// A clock that is ahead of the others.
struct Ahead<'a>(&'a SimulatedClock, SignedDuration);

impl Clock for Ahead<'_> {
    fn now(&self) -> Timestamp {
        self.0.now() + self.1
    }

    fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }

    fn sleep(&self, pause: Duration) {
        self.0.sleep(pause);
    }
}

/// The key of an environment.
fn key(environment: usize) -> String {
    format!("e{environment}")
}

fn document(environment: usize, value: u64) -> Value {
    let state = |value: &Value| {
        json!({ "feature": { "id": 1, "name": "f", "type": "STANDARD" }, "enabled": true, "django_id": 5,
                "feature_state_value": value, "multivariate_feature_state_values": [] })
    };
    let identity = |name: &str| json!({ "identifier": name, "identity_features": [state(&json!(name))] });
    json!({
        "id": environment + 1,
        "api_key": key(environment),
        "project": { "segments": [] },
        "feature_states": [state(&json!(value))],
        "identity_overrides": [identity("ann"), identity("bert")],
    })
}

impl Simulated {
    fn answer(&mut self, environment: &str, now: Duration) -> String {
        let behind = self.processes[self.asked % self.processes.len()];
        self.asked += 1;
        let then = now.saturating_sub(behind);
        let history = &self.documents[environment];
        let shown = history.iter().rev().find(|(from, _)| *from <= then).unwrap_or(&history[0]);
        let mut document = shown.1.clone();
        for identity in document["identity_overrides"].as_array_mut().into_iter().flatten() {
            identity["identity_uuid"] = json!(format!("{:032x}", self.rng.u128(..)));
        }
        document.to_string()
    }
}

impl Asking {
    /// So many environments, in which nothing was edited yet.
    fn new(environments: usize) -> Asking {
        let rng = fastrand::Rng::with_seed(7);
        let flagsmith =
            Simulated { documents: BTreeMap::new(), processes: vec![Duration::ZERO], asked: 0, rng };
        let mut asking = Asking { world: World::new(), flagsmith, publishers: Vec::new() };
        for environment in 0..environments {
            asking.set(environment, 0, document(environment, 0));
        }
        asking
    }

    /// Another publisher, with answers that take so long and a clock that is so many seconds ahead.
    fn another(&mut self, delay: Duration, ahead: i64) -> &mut Publisher {
        let keys: Value =
            self.flagsmith.documents.keys().map(|key| (key.clone(), json!([format!("ser.{key}")]))).collect();
        let now = self.world.clock.elapsed();
        let mut publisher = Publisher {
            watch: Watch::default(),
            polls: Polls::new("flagsmith", POLL),
            options: PublishOptions { keep_removed: true, hold_unknown: true, ..PublishOptions::default() },
            delay,
            ahead: SignedDuration::from_secs(ahead),
            on_their_way: Vec::new(),
            said: Vec::new(),
        };
        publisher.polls.set_manifest(&parse_server_keys(&keys.to_string()).unwrap(), now);
        publisher.watch.expect_all(&publisher.polls, now);
        self.publishers.push(publisher);
        self.publishers.last_mut().unwrap()
    }

    /// From now on, this is the document of an environment, said to be changed so many milliseconds ago.
    fn set(&mut self, environment: usize, ago: i64, mut document: Value) {
        let time = self.world.clock.now() - SignedDuration::from_millis(ago);
        document["updated_at"] = json!(time.to_string());
        let now = self.world.clock.elapsed();
        self.flagsmith.documents.entry(key(environment)).or_default().push((now, document));
    }

    fn edit(&mut self, environment: usize, value: u64) {
        self.set(environment, 0, document(environment, value));
    }

    /// All publishers get the signal that an environment may have changed.
    fn signal(&mut self, environment: usize) {
        let changed = Changed::Environment(EnvironmentKey::parse(&key(environment)).unwrap());
        let now = self.world.clock.elapsed();
        for publisher in &mut self.publishers {
            publisher.polls.changed(&changed, now);
        }
    }

    fn pass(&mut self, time: Duration) {
        let until = self.world.clock.elapsed() + time;
        loop {
            for publisher in &mut self.publishers {
                publisher.work(&self.world, &mut self.flagsmith);
            }
            if self.world.clock.elapsed() >= until {
                return;
            }
            self.world.clock.advance(STEP);
        }
    }

    fn elapsed(&self) -> Duration {
        self.world.clock.elapsed()
    }

    fn pass_seconds(&mut self, seconds: u64) {
        self.pass(Duration::from_secs(seconds));
    }

    /// What was stored of an environment from the first on: values and hashes.
    fn stored(&self, environment: usize) -> Vec<(u64, String)> {
        let item = format!("environment/{}", key(environment));
        let events = self.world.api.events();
        let stored = events.iter().filter_map(|event| match event {
            Event::Stored(stored) if stored.key == item => read(&stored.value),
            _ => None,
        });
        stored.map(|(value, header)| (value, header.source_hash)).collect()
    }

    /// The value that is stored last.
    #[track_caller]
    fn last(&self, environment: usize) -> u64 {
        self.stored(environment).last().unwrap().0
    }

    /// How many writes, purges and announcements there were.
    fn stir(&self) -> usize {
        let events = self.world.api.events();
        events.iter().filter(|event| !matches!(event, Event::Called { .. })).count()
    }
}

impl Publisher {
    fn work(&mut self, world: &World, flagsmith: &mut Simulated) {
        let clock = &Ahead(&world.clock, self.ahead);
        let mut said: Vec<LogLine> = self.watch.log_lines(clock.elapsed());
        while let Some(fetch) = self.polls.next(clock.now(), clock.elapsed(), &mut self.watch) {
            let text = flagsmith.answer(fetch.environment().as_str(), clock.elapsed());
            self.on_their_way.push((clock.elapsed() + self.delay, fetch, text));
        }
        let come: Vec<(Duration, Fetch, String)> =
            self.on_their_way.extract_if(.., |(due, ..)| *due <= clock.elapsed()).collect();
        for (_, fetch, text) in come {
            let (seen, lines) = self.polls.done(fetch.answered(&text), clock.now(), clock.elapsed(), 7);
            said.extend(lines);
            said.extend(seen.into_iter().flat_map(|seen| self.watch.observe(seen, clock.elapsed())));
        }
        while let Some(job) = self.watch.next(clock.elapsed()) {
            let finished = job.perform(&Client::new(target(&world.api), clock), &self.options);
            said.extend(self.watch.done(finished, clock.elapsed(), 7));
        }
        for place in self.watch.take_places_to_read() {
            assert!(self.polls.report_again(&place, clock.elapsed()));
        }
        self.said.extend(said.into_iter().map(|lines| lines.line));
    }

    fn progress(&self, world: &World) -> Vec<EnvironmentProgress> {
        self.watch.progress(&self.polls, world.clock.now(), world.clock.elapsed()).0
    }
}

/// The value in a bundle, and its header; none if it is a tombstone.
#[track_caller]
fn read(value: &[u8]) -> Option<(u64, Header)> {
    let header = bundle::check(value).unwrap();
    let span = header.span(api::Section::FlagsClient)?;
    let flags: Value = serde_json::from_slice(bundle::section_of(value, span)).unwrap();
    Some((flags[0]["feature_state_value"].as_u64().unwrap(), header))
}

/// A document as Flagsmith's API would answer it.
fn answered(document: &Value) -> DocumentSource {
    let key = EnvironmentKey::parse(document["api_key"].as_str().unwrap()).unwrap();
    DocumentSource::fetched(&Place::new("flagsmith"), &document.to_string(), &key).unwrap()
}
