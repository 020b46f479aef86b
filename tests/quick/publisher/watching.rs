//! Watching: bursts, outages, broken and removed files, in simulated time against the stand-in.

mod calls;
mod dear;
mod documents;
mod outages;

use std::collections::BTreeMap;
use std::time::Duration;

use api::progress::{EnvironmentProgress, PlaceTrouble};
use publisher::watch::{LogLine, Observation, PlaceState, Polls, Watch};
use publisher::{Client, Clock, Place, PublishOptions};
use serde_json::Value;
use tests::fastly::Event;

use super::world::{World, target};

const MARCH: &str = "2026-03-01T00:00:00Z";
const STEP: Duration = Duration::from_millis(100);

/// A watch that does one thing after the other, and what it said and did so far.
struct Watching {
    world: World,
    watch: Watch,
    options: PublishOptions,
    said: Vec<String>,
    /// When jobs that wrote began and ended.
    writings: Vec<(Duration, Duration)>,
    /// What files hold.
    files: BTreeMap<String, String>,
}

impl Watching {
    fn new() -> Watching {
        Watching {
            world: World::new(),
            watch: Watch::default(),
            options: PublishOptions::default(),
            said: Vec::new(),
            writings: Vec::new(),
            files: BTreeMap::new(),
        }
    }

    fn say(&mut self, lines: Vec<LogLine>) {
        self.said.extend(lines.into_iter().map(|lines| lines.line));
    }

    fn observe(&mut self, file: &str, state: PlaceState) {
        if let PlaceState::Content(text) = &state {
            self.files.insert(file.to_owned(), text.clone());
        }
        let seen = Observation { place: Place::new(file), state };
        let lines = self.watch.observe(seen, self.world.clock.elapsed());
        self.say(lines);
    }

    fn put(&mut self, file: &str, document: &Value) {
        self.observe(file, PlaceState::Content(document.to_string()));
    }

    /// Finds files in one look.
    fn find(&mut self, files: &[(&str, &Value)]) {
        let seen = files.iter().map(|(file, document)| {
            let text = document.to_string();
            self.files.insert((*file).to_owned(), text.clone());
            Observation { place: Place::new(*file), state: PlaceState::Content(text) }
        });
        let seen = seen.collect();
        let lines = self.watch.look(seen, self.world.clock.elapsed());
        self.say(lines);
    }

    /// Does what is due.
    fn work(&mut self) {
        let clock = &self.world.clock;
        let mut said = self.watch.log_lines(clock.elapsed());
        while let Some(job) = self.watch.next(clock.elapsed()) {
            let client = Client::new(target(&self.world.api), clock);
            let (began, before) = (clock.elapsed(), self.world.api.writes());
            let finished = job.perform(&client, &self.options);
            if self.world.api.writes() > before {
                self.writings.push((began, clock.elapsed()));
            }
            said.extend(self.watch.done(finished, clock.elapsed(), 7));
        }
        self.say(said);
        for place in self.watch.take_places_to_read() {
            let text = self.files[&place.to_string()].clone();
            self.observe(&place.to_string(), PlaceState::Content(text));
        }
    }

    /// Lets so much time pass, and does what is due meanwhile.
    fn pass(&mut self, time: Duration) {
        let until = self.world.clock.elapsed() + time;
        self.work();
        while self.world.clock.elapsed() < until {
            self.world.clock.advance(STEP);
            self.work();
        }
    }

    fn pass_seconds(&mut self, seconds: u64) {
        self.pass(Duration::from_secs(seconds));
    }

    /// What was said since this was asked last.
    fn said(&mut self) -> Vec<String> {
        std::mem::take(&mut self.said)
    }

    /// What happened to the stand-in, calls that were refused left out.
    fn story(&self) -> Vec<String> {
        let story = self.world.api.story();
        story.into_iter().filter(|line| !line.contains(" /")).collect()
    }

    /// How far environments are, and what is wrong with files.
    fn progress(&self) -> (Vec<EnvironmentProgress>, Vec<PlaceTrouble>) {
        let clock = &self.world.clock;
        self.watch.progress(&Polls::new("", STEP), clock.now(), clock.elapsed())
    }

    fn writes(&self) -> Vec<String> {
        let events = self.world.api.events();
        let stored = events.iter().filter_map(|event| match event {
            Event::Stored(stored) => Some(value(&stored.value)),
            _ => None,
        });
        stored.collect()
    }
}

/// What a stored bundle answers for its one flag.
fn value(bundle: &[u8]) -> String {
    let text = String::from_utf8_lossy(bundle);
    let found = text.split("\"feature_state_value\":\"").nth(1).and_then(|rest| rest.split('"').next());
    found.unwrap_or_default().to_owned()
}
