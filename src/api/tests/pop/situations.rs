//! The situations that schedules explore: what runs beside one another, chosen by a seed.

use std::ops::RangeInclusive;
use std::time::Duration;

use api::EnvironmentKey;
use api::relay::{Subscription, head, serve};

use crate::model::{
    Driver as _, Event, KEY, State, Task, Together, by_flagsmith, by_ofrep, read_environment, sandbox,
};

/// A leader looks for the record of the signalled revision every four seconds, and wakes every five seconds at the latest.
pub(crate) const UNTIL_RECORDED: Duration = Duration::from_secs(10);

/// What happens in a schedule.
pub(crate) struct Situation {
    pub(crate) seed: u64,
    chance: fastrand::Rng,
    pub(crate) tasks: Vec<Task>,
    pub(crate) state: State,
    /// How often time comes although a request could go on.
    pub(crate) slow_steps: u32,
    /// The revision that the publisher writes last.
    pub(crate) last: u64,
    /// For how many milliseconds after a write the KV store may show what was there before.
    pub(crate) lag: u64,
}

impl Situation {
    /// The KV store and the POP have revision 1.
    fn new(seed: u64) -> Situation {
        Situation {
            seed,
            chance: fastrand::Rng::with_seed(seed),
            tasks: Vec::new(),
            state: State::new(Some(1)),
            slow_steps: 0,
            last: 1,
            lag: 0,
        }
    }

    /// Whether something happens that does in one of so many schedules.
    fn one_in(&mut self, n: u32) -> bool {
        self.chance.u32(0..n) == 0
    }

    fn add(&mut self, task: impl FnOnce(&Together) + Send + 'static) {
        self.tasks.push(Box::new(task));
    }

    /// Pauses between the steps of a task.
    fn pauses(&mut self, count: u64) -> Vec<Duration> {
        (0..count).map(|_| Duration::from_millis(self.chance.u64(0..4))).collect()
    }

    /// A publisher writes revisions, purges, and announces them.
    fn publisher(&mut self, revisions: RangeInclusive<u64>) {
        self.last = *revisions.end();
        let pauses = self.pauses(revisions.end() - revisions.start() + 1);
        let lag = self.lag;
        self.add(move |driver| {
            for (revision, pause) in revisions.zip(pauses) {
                driver.sleep(pause);
                driver.step(|state| state.happen(Event::WrittenWithLag(revision, lag)));
                driver.step(|state| state.happen(Event::Purged));
                driver.step(|state| state.happen(Event::Announced(revision)));
            }
        });
    }

    /// A sandbox that answers a few requests, one after the other.
    fn reader(&mut self, number: u32) {
        let reads = self.chance.u32(1..6);
        self.add(move |driver| {
            let mut pop = sandbox(driver, number);
            for _ in 0..reads {
                read_environment(&mut pop);
            }
        });
    }

    /// A sandbox that answers a few requests, with pauses.
    fn slow_reader(&mut self, number: u32) {
        let pauses = self.pauses(4);
        self.add(move |driver| {
            let mut pop = sandbox(driver, number);
            for pause in pauses {
                read_environment(&mut pop);
                driver.sleep(pause);
            }
        });
    }

    /// A client of the stream, of either protocol.
    fn listener(&mut self, number: u32) {
        let subscription = match self.chance.u8(0..4) {
            0 => by_ofrep(None),
            // What the POP has at the beginning.
            1 => by_ofrep(Some(1)),
            _ => by_flagsmith(),
        };
        self.listener_of(number, subscription);
    }

    fn listener_of(&mut self, number: u32, subscription: Subscription) {
        self.add(move |driver| serve(head(), &subscription, &mut sandbox(driver, number)));
    }

    /// A leader's looks at the KV store. They need no obligation.
    fn looks(&mut self, number: u32) {
        let looks = self.chance.u32(1..3);
        self.add(move |driver| {
            let mut pop = sandbox(driver, number);
            let key = EnvironmentKey::parse(KEY).unwrap();
            for _ in 0..looks {
                let copy = pop.copy_revision(&key);
                pop.refresh_if_newer(&key, copy);
            }
        });
    }

    /// Ends a sandbox at some step.
    fn killer(&mut self, number: u32) {
        let steps = self.chance.u32(0..60);
        self.add(move |driver| {
            for _ in 0..steps {
                driver.step(|_| ());
            }
            driver.step(|state| state.kill(number));
        });
    }
}

/// Readers, with a publisher beside them.
pub(crate) fn readers(seed: u64) -> Situation {
    let mut situation = Situation::new(seed);
    let last = situation.chance.u64(2..7);
    situation.lag = if situation.one_in(4) { situation.chance.u64(1..1_500) } else { 0 };
    if situation.one_in(3) {
        situation.state.happen(Event::Evicted);
    }
    if situation.one_in(2) {
        situation.state.happen(Event::Purged);
    }
    situation.slow_steps = if situation.one_in(2) { 0 } else { situation.chance.u32(1..5) };
    let readers = situation.chance.u32(3..6);
    situation.publisher(2..=last);
    (0..readers).for_each(|number| situation.reader(number));
    if situation.one_in(4) {
        let number = situation.chance.u32(0..readers);
        situation.killer(number);
    }
    situation
}

/// Clients of the stream, of which the first leads, beside readers and a publisher.
pub(crate) fn listeners(seed: u64) -> Situation {
    let mut situation = Situation::new(seed);
    let last = situation.chance.u64(2..4);
    situation.lag = if situation.one_in(4) { situation.chance.u64(1..1_500) } else { 0 };
    situation.slow_steps = if situation.one_in(2) { 0 } else { situation.chance.u32(1..5) };
    situation.publisher(2..=last);
    let listeners = situation.chance.u32(1..4);
    (0..listeners).for_each(|number| situation.listener(number));
    (0..situation.chance.u32(1..3)).for_each(|number| situation.reader(10 + number));
    if situation.one_in(3) {
        let number = situation.chance.u32(0..listeners);
        situation.killer(number);
        // It comes after the leader's death.
        situation.listener(listeners);
    }
    situation.state.settings = Some(r#"{"stream_seconds": 5, "join_seconds": 2}"#.to_owned());
    situation.state.ensures_record = situation.slow_steps == 0;
    situation
}

/// Two leaders that look at the KV store at once, while a publisher writes: few tasks with few steps, so that many of their
/// orders are explored.
pub(crate) fn leaders(seed: u64) -> Situation {
    let mut situation = Situation::new(seed);
    if situation.one_in(2) {
        situation.state.kv_read_takes = Duration::ZERO;
    }
    situation.publisher(2..=3);
    (0..2).for_each(|number| situation.looks(number));
    situation.slow_reader(2);
    situation
}

/// Two clients of OFREP, of which one leads, while another request refreshes the copy: few tasks with few steps.
pub(crate) fn joiners(seed: u64) -> Situation {
    let mut situation = Situation::new(seed);
    situation.state.kv_read_takes = Duration::ZERO;
    situation.state.settings = Some(r#"{"stream_seconds": 5, "join_seconds": 2}"#.to_owned());
    (situation.last, situation.state.ensures_record) = (2, false);
    situation.state.happen(Event::Written(2));
    for number in 0..2 {
        situation.listener_of(number, by_ofrep(Some(1)));
    }
    situation.looks(2);
    situation
}

/// The record of the signalled revision is lost while a leader signals. When it has had time to write it again, the POP
/// loses its copy, and a reader finds a KV store that still shows what was there before.
pub(crate) fn lost_records(seed: u64) -> Situation {
    let mut situation = Situation::new(seed);
    situation.lag = 60_000;
    situation.state.settings = Some(r#"{"stream_seconds": 40, "join_seconds": 30}"#.to_owned());
    let last = situation.chance.u64(2..4);
    situation.publisher(2..=last);
    situation.listener(0);
    let lost = Duration::from_millis(situation.chance.u64(0..12_000));
    let record = if situation.one_in(2) { None } else { Some(1) };
    let evicted = UNTIL_RECORDED + Duration::from_millis(situation.chance.u64(0..8_000));
    situation.add(move |driver| {
        driver.sleep(lost);
        driver.step(|state| state.happen(Event::RecordIs(record)));
        driver.sleep(evicted);
        driver.step(|state| state.happen(Event::Evicted));
        let mut pop = sandbox(driver, 1);
        (0..2).for_each(|_| read_environment(&mut pop));
    });
    situation
}
