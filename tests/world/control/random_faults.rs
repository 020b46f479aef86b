//! Many changes in bursts, while everything fails at random: Flagsmith's API, Fastly's API, the connections, and
//! `serve` itself.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use fastrand::Rng;
use serde_json::json;
use tests::proxy::Mode;
use tests::stack::{Stack, StackOptions, Trigger, key, stack};
use tests::stream::{Clients, History, Listening, Report, clients};
use tests::{say, tools};

use super::calls::Calls;
use super::reads::{Reads, read_again_and_again};
use tests::machine::alone;

/// Of faults and edits, unless `JACKSTAFF_SEED` gives another. What happens depends on times, too.
const SEED: u64 = 20_261_122;
const EDGES: usize = 3;
/// Environments that are listened to, and clients of each at each edge.
const LISTENED: usize = 5;
const CLIENTS: usize = 2;
/// How long after the last fault every edge serves the last state. A call that failed often is tried again after at
/// most 30 seconds, and a call to Fastly's API may wait for its time-out.
const SETTLED: Duration = Duration::from_secs(90);
const SECOND: Duration = Duration::from_secs(1);

struct RunOptions {
    environments: usize,
    changes: usize,
    /// How often `serve` is killed, and each of the other outages begins.
    times: usize,
    /// The shares of calls that fail at random.
    flagsmith: f64,
    fastly: f64,
}

#[test]
fn every_edge_serves_the_last_state_in_the_end_and_never_an_older_one() {
    run(&RunOptions { environments: 20, changes: 100, times: 2, flagsmith: 0.15, fastly: 0.1 });
}

#[test]
fn a_thousand_changes_of_two_hundred_environments() {
    if !tests::is_full() {
        return tests::not_run(tests::ONLY_FULL);
    }
    run(&RunOptions { environments: 200, changes: 1_000, times: 5, flagsmith: 0.15, fastly: 0.1 });
}

fn run(options: &RunOptions) {
    let Some(tools) = tools() else { return };
    let _alone = alone();
    let stack = stack(
        &tools,
        &StackOptions {
            environments: options.environments,
            edges: EDGES,
            lag: Duration::from_millis(150),
            poll: 3,
            trigger: Trigger::Webhook,
            lost: 0.3,
            settings: json!({ "fresh": 5, "stream_seconds": 20, "join_seconds": 8, "fault": { "tireless": true } }),
            ..StackOptions::default()
        },
    );
    stack.api.limit_writes(SECOND);
    let before = stack.api.events().len();
    let groups: Vec<Clients> = (0..EDGES * LISTENED).map(|n| listen(&stack, n % EDGES, n / EDGES)).collect();
    let is_over = AtomicBool::new(false);
    let begun = Instant::now();
    let mut run = Run {
        stack: &stack,
        options,
        rng: Rng::with_seed(seed()),
        edited: vec![0; options.environments],
        ends: Vec::new(),
        kills: Vec::new(),
        starts: Vec::new(),
    };
    let reads: Vec<Reads> = thread::scope(|scope| {
        let (stack, is_over) = (&stack, &is_over);
        let read = |edge| scope.spawn(move || read_again_and_again(edge, options.environments, is_over));
        let readers: Vec<_> = stack.edges.iter().map(read).collect();
        // Readers must end even after a panic.
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| run.changes_and_outages()));
        is_over.store(true, Ordering::Relaxed);
        let reads = readers.into_iter().map(|reader| reader.join().unwrap()).collect();
        outcome.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        reads
    });
    let (disturbed, settled) = (run.kills.clone(), begun.elapsed());
    for (n, group) in groups.iter().enumerate() {
        group.wait_until_signalled(stack.served(n % EDGES, n / EDGES).unwrap().revision, SETTLED);
    }

    let calls = Calls::count(&stack.api.events()[before..], &disturbed, before);
    let count: usize = reads.iter().map(|reads| reads.count).sum();
    say(&format!(
        "random faults: {} changes of {} environments in {settled:.0?}, {count} reads of three edges; {calls}; closest writes \
         of a key {:?} apart; {:?}",
        options.changes,
        options.environments,
        stack.api.closest_writes().unwrap_or_default(),
        stack.flagsmith.counts(),
    ));
    let faults: Vec<String> = reads.into_iter().flat_map(|reads| reads.faults).collect();
    assert_eq!(faults, Vec::<String>::new());
    let histories: Vec<History> = groups.iter().flat_map(Clients::histories).collect();
    assert_eq!(Report::new(&histories, &[], SETTLED, Instant::now()).faults(), Vec::<String>::new());
    assert!(stack.api.closest_writes() >= Some(SECOND), "{:?}", stack.api.closest_writes());
    let too_early: Vec<_> = stack
        .api
        .too_early()
        .into_iter()
        .filter(|refused| !refused.is_in_doubt && !run.has_just_started(refused.at))
        .collect();
    assert!(too_early.is_empty(), "{too_early:?}");
    assert!(calls.for_each_change() <= 3.0, "{calls}");
}

fn seed() -> u64 {
    std::env::var("JACKSTAFF_SEED").map_or(SEED, |seed| seed.parse().unwrap())
}

fn listen(stack: &Stack, edge: usize, environment: usize) -> Clients {
    let url = stack.edges[edge].url("");
    let group = clients(&Listening { refetching: 1, ..Listening::to(url, &key(environment), CLIENTS) });
    group.wait_until_connected(SETTLED);
    group
}

struct Run<'a> {
    stack: &'a Stack,
    options: &'a RunOptions,
    rng: Rng,
    /// The last edit of each environment.
    edited: Vec<u64>,
    /// When outages end, and how.
    ends: Vec<(Instant, Outage)>,
    /// How many events there had been when `serve` was killed.
    kills: Vec<usize>,
    /// When `serve` was started again.
    starts: Vec<Instant>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outage {
    Killed,
    FlagsmithDown,
    ConnectionCut,
    ConnectionStalled,
    FastlyDown,
}

const OUTAGES: [Outage; 5] = [
    Outage::Killed,
    Outage::FlagsmithDown,
    Outage::ConnectionCut,
    Outage::ConnectionStalled,
    Outage::FastlyDown,
];

impl Run<'_> {
    /// Makes all changes and all outages, and waits until every edge serves the last state.
    fn changes_and_outages(&mut self) {
        self.fail_at_random();
        let RunOptions { environments, changes, times, .. } = *self.options;
        let every = changes / (times * OUTAGES.len());
        let mut environment = 0;
        for n in 1..=changes {
            if n % every == 0 {
                self.begin(OUTAGES[n / every % OUTAGES.len()]);
            }
            // Half of the edits are of the same flag again.
            if self.rng.bool() {
                environment = self.rng.usize(..environments);
            }
            self.edited[environment] = n as u64;
            self.stack.edit(environment, &json!(n));
            let pause = if self.rng.u8(..10) < 7 { self.rng.u64(..30) } else { self.rng.u64(..400) };
            self.pass(pause);
        }
        while !self.ends.is_empty() {
            self.pass(20);
        }
        self.stack.flagsmith.fail_at_random(None);
        self.stack.api.fail_at_random(None);
        let deadline = Instant::now() + SETTLED;
        for (environment, edited) in self.edited.iter().enumerate() {
            let left = deadline.saturating_duration_since(Instant::now());
            self.stack.wait_until_served(environment, &json!(edited), left.max(SECOND));
        }
    }

    /// A write of a killed process may reach the store late. The new process does not know the time of that write, so
    /// the store refuses its own next write as too early.
    fn has_just_started(&self, at: Instant) -> bool {
        self.starts.iter().any(|start| (*start..*start + 3 * SECOND).contains(&at))
    }

    fn fail_at_random(&mut self) {
        self.stack.flagsmith.fail_at_random(Some((self.rng.u64(..), self.options.flagsmith)));
        self.stack.api.fail_at_random(Some((self.rng.u64(..), self.options.fastly)));
    }

    fn begin(&mut self, outage: Outage) {
        let stack = self.stack;
        if self.ends.iter().any(|(_, other)| *other == outage) {
            return;
        }
        let mut lasts = Duration::from_millis(self.rng.u64(500..3_000));
        match outage {
            Outage::Killed => {
                self.kills.push(stack.api.events().len());
                stack.kill_serve();
                // Some restarts are immediate.
                lasts = if self.rng.bool() { Duration::ZERO } else { lasts };
            }
            Outage::FlagsmithDown => stack.flagsmith.fail_at_random(Some((self.rng.u64(..), 1.0))),
            Outage::ConnectionCut => {
                stack.proxy.set(Mode::Refuse);
                stack.proxy.cut();
            }
            Outage::ConnectionStalled => stack.proxy.set(Mode::Stall),
            Outage::FastlyDown => stack.api.fail_at_random(Some((self.rng.u64(..), 1.0))),
        }
        self.ends.push((Instant::now() + lasts, outage));
    }

    /// Lets so many milliseconds pass, and ends the outages that are due to end.
    fn pass(&mut self, milliseconds: u64) {
        thread::sleep(Duration::from_millis(milliseconds));
        let now = Instant::now();
        for (_, outage) in self.ends.extract_if(.., |(at, _)| *at <= now).collect::<Vec<_>>() {
            match outage {
                Outage::Killed => {
                    self.starts.push(Instant::now());
                    self.stack.start_serve();
                }
                Outage::ConnectionCut | Outage::ConnectionStalled => self.stack.proxy.set(Mode::Pass),
                Outage::FlagsmithDown | Outage::FastlyDown => self.fail_at_random(),
            }
        }
    }
}
