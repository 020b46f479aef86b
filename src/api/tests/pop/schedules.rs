//! Requests that run beside one another, step by step, under schedules that `shuttle` chooses. A schedule is given by a
//! seed, which stands in the message of a failure: `JACKSTAFF_SEED=n cargo test -p api --test pop schedules` runs it again.
//!
//! What must hold, and when:
//! - *Hear r, read r*: an answer is of no older revision than clients had heard of when its request began, or is labelled
//!   `stale`. Always.
//! - *Never backwards*: an answer is of no older revision than answers that were given before its request began, or is
//!   labelled `stale`. Where no lock was waited for in vain, since then two requests change a copy at once.
//! - *Current soon*: two seconds after the last purge, an answer is of the latest revision. Where no sandbox died between
//!   its insertion and its second look, and no lock was waited for in vain; else as soon as a copy is due.
//! - *Living parts only*: no client joins a part that had ended when it looked. Always.
//! - *In order*: the events of a part rise. Always.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use api::EnvironmentKey;
use api::relay::{Channel, head, serve};
use shuttle::scheduler::{PctScheduler, RandomScheduler, Scheduler};
use shuttle::{Config, FailurePersistence, MaxSteps, Runner};

use crate::model::{Driver as _, Event, KEY, State, Task, Together, read_environment, sandbox};

/// Schedules of a normal run, of each kind.
const SCHEDULES: u64 = 1_500;

/// Steps of one schedule. One that takes more is given up, and counted.
const STEPS: usize = 20_000;

/// Longer than a copy lives that a purge made due, and that the KV store did not replace.
const SOON: Duration = Duration::from_millis(2_100);

/// What happens in a schedule, chosen by its seed.
struct Situation {
    chance: fastrand::Rng,
    tasks: Vec<Task>,
}

impl Situation {
    fn new(seed: u64) -> Situation {
        Situation { chance: fastrand::Rng::with_seed(seed), tasks: Vec::new() }
    }

    /// A publisher writes revisions, purges, and announces them.
    fn publisher(&mut self, revisions: std::ops::RangeInclusive<u64>, lag: u64) {
        let pauses: Vec<u64> = revisions.clone().map(|_| self.chance.u64(0..4)).collect();
        self.tasks.push(Box::new(move |driver| {
            for (revision, pause) in revisions.zip(pauses) {
                if pause > 0 {
                    driver.sleep(Duration::from_millis(pause));
                }
                driver.step(|state| state.happen(Event::WrittenWithLag(revision, lag)));
                driver.step(|state| state.happen(Event::Purged));
                driver.step(|state| state.happen(Event::Announced(revision)));
            }
        }));
    }

    /// A sandbox that answers a few requests, one after the other.
    fn reader(&mut self, number: u32) {
        let reads = self.chance.u32(1..6);
        self.tasks.push(Box::new(move |driver| {
            let mut pop = sandbox(driver, number);
            for _ in 0..reads {
                read_environment(&mut pop);
            }
        }));
    }

    /// A client of the stream, which comes back once if its part ends.
    fn listener(&mut self, number: u32) {
        self.tasks.push(Box::new(move |driver| {
            let channel = Channel::Environment(EnvironmentKey::parse(KEY).unwrap());
            serve(head(), &channel, &mut sandbox(driver, number));
        }));
    }

    /// Ends a sandbox at some step.
    fn killer(&mut self, number: u32) {
        let steps = self.chance.u32(0..60);
        self.tasks.push(Box::new(move |driver| {
            for _ in 0..steps {
                driver.step(|_| ());
            }
            driver.step(|state| state.kill(number));
        }));
    }
}

/// Whether the seed is of a kind that happens in one of so many schedules.
fn one_in(chance: &mut fastrand::Rng, n: u32) -> bool {
    chance.u32(0..n) == 0
}

/// Readers, with a publisher beside them.
fn readers(seed: u64) {
    let mut situation = Situation::new(seed);
    let last = situation.chance.u64(2..7);
    let lag = if one_in(&mut situation.chance, 4) { situation.chance.u64(1..1_500) } else { 0 };
    let revision = if one_in(&mut situation.chance, 3) { None } else { Some(1) };
    let purged = one_in(&mut situation.chance, 2);
    let slow_steps = if one_in(&mut situation.chance, 2) { 0 } else { situation.chance.u32(1..5) };
    let readers = situation.chance.u32(3..6);
    situation.publisher(2..=last, lag);
    (0..readers).for_each(|number| situation.reader(number));
    if one_in(&mut situation.chance, 4) {
        let number = situation.chance.u32(0..readers);
        situation.killer(number);
    }
    let mut state = State::new(Some(1));
    if revision.is_none() {
        state.happen(Event::Evicted);
    }
    if purged {
        state.happen(Event::Purged);
    }
    run(seed, situation, state, slow_steps, last, lag);
}

/// Clients of the stream, of which the first leads, beside readers and a publisher.
fn listeners(seed: u64) {
    let mut situation = Situation::new(seed);
    let last = situation.chance.u64(2..4);
    let lag = if one_in(&mut situation.chance, 4) { situation.chance.u64(1..1_500) } else { 0 };
    let slow_steps = if one_in(&mut situation.chance, 2) { 0 } else { situation.chance.u32(1..5) };
    situation.publisher(2..=last, lag);
    let listeners = situation.chance.u32(1..4);
    (0..listeners).for_each(|number| situation.listener(number));
    (0..situation.chance.u32(1..3)).for_each(|number| situation.reader(10 + number));
    if one_in(&mut situation.chance, 3) {
        let number = situation.chance.u32(0..listeners);
        situation.killer(number);
        // Who comes after the leader's death.
        situation.listener(listeners);
    }
    let mut state = State::new(Some(1));
    state.settings = Some(r#"{"stream_seconds": 5, "join_seconds": 2}"#.to_owned());
    state.ensures_record = slow_steps == 0;
    run(seed, situation, state, slow_steps, last, lag);
}

/// Runs a situation to its end, and checks what must hold.
fn run(seed: u64, situation: Situation, state: State, slow_steps: u32, last: u64, lag: u64) {
    let driver = Together::new(state, slow_steps);
    driver.run(situation.tasks);
    driver.step(|state| {
        let alone = state.lock_timeouts == 0;
        for read in state.reads.iter().filter(|read| !read.labelled_stale) {
            assert!(read.found >= read.began.heard, "seed {seed}: heard more than was read: {read:?}");
            assert!(!alone || read.found >= read.began.read, "seed {seed}: backwards: {read:?}");
        }
    });
    let rest = Duration::from_millis(lag) + SOON;
    let is_kept = driver.step(|state| {
        let (time, kept) = (state.now + rest, state.dead.is_empty() && state.lock_timeouts == 0);
        state.set_time(time);
        kept
    });
    if !is_kept {
        driver.step(|state| state.set_time(state.now + Duration::from_secs(60)));
    }
    driver.run(vec![Box::new(|driver| read_environment(&mut sandbox(driver, 99)))]);
    let read = driver.step(|state| *state.reads.last().unwrap());
    assert_eq!(
        (read.found, read.labelled_stale),
        (Some(last), false),
        "seed {seed}: not current soon: {read:?}"
    );
}

/// Explores so many schedules of a kind of situation.
fn explore(name: &str, situation: fn(u64)) {
    let number = |name| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let (first, count) = match number("JACKSTAFF_SEED") {
        Some(seed) => (seed, 1),
        None => (0, number("JACKSTAFF_SCHEDULES").unwrap_or(SCHEDULES)),
    };
    let (start, finished) = (Instant::now(), Arc::new(AtomicU64::new(0)));
    for seed in first..first + count {
        let _failing = Seed(seed);
        let finished = Arc::clone(&finished);
        // Most of them by priorities that change at a few steps: these find orders that chance hardly ever makes.
        let scheduler: Box<dyn Scheduler + Send> = match seed % 3 {
            0 => Box::new(RandomScheduler::new_from_seed(seed, 1)),
            1 => Box::new(PctScheduler::new_from_seed(seed, 3, 1)),
            _ => Box::new(PctScheduler::new_from_seed(seed, 6, 1)),
        };
        Runner::new(scheduler, config()).run(move || {
            situation(seed);
            finished.fetch_add(1, Ordering::Relaxed);
        });
    }
    let (finished, seconds) = (finished.load(Ordering::Relaxed), start.elapsed().as_secs_f64());
    println!(
        "{name}: {finished} schedules in {seconds:.1} s, {} given up after {STEPS} steps",
        count - finished
    );
    assert!(finished * 100 >= count * 99, "{name}: only {finished} of {count} schedules came to their end");
}

/// The seed of the schedule that runs. If that fails, it is printed.
struct Seed(u64);

impl Drop for Seed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the failing schedule is that of seed {}", self.0);
        }
    }
}

fn config() -> Config {
    let mut config = Config::new();
    config.stack_size = 512 * 1024;
    config.failure_persistence = FailurePersistence::Print;
    config.max_steps = MaxSteps::ContinueAfter(STEPS);
    config
}

#[test]
fn schedules_of_readers() {
    explore("readers", readers);
}

#[test]
fn schedules_of_listeners() {
    explore("listeners", listeners);
}
