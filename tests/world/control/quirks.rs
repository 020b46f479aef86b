//! A Flagsmith with the quirks of real ones, and people who make every kind of edit in it.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use api::bundle;
use engine::Document;
use fastrand::Rng;
use serde_json::{Value, json};
use tests::fastly::{Event, Kind};
use tests::flagsmith::{Edit, editable, last_edit};
use tests::stack::{Stack, StackOptions, Trigger, document, key, server_key, stack_with};
use tests::stream::{Clients, History, Listening, clients};
use tests::{eventually, is_full, say, tools};

use tests::machine::{alone, beside_others};

const ENVIRONMENTS: usize = 9;
const PEOPLE: u64 = 4;
const EDITS: u64 = 50;
const SOON: Duration = Duration::from_secs(60);
/// The time of a change in addition to a poll, on a slow machine: a second until a document is trusted, a second
/// between two writes, and the rest of the work.
const BESIDE_A_POLL: Duration = Duration::from_secs(12);

fn options(poll: u64, trigger: Trigger) -> StackOptions {
    StackOptions { environments: ENVIRONMENTS, edges: 1, poll, trigger, ..StackOptions::default() }
}

fn of_people(environment: usize) -> Value {
    let mut document = document(environment);
    let watched = document["feature_states"][0].clone();
    editable(&mut document);
    document["feature_states"].as_array_mut().unwrap().push(watched);
    document
}

/// Each answer of Flagsmith differs from the one before. Every environment was published again at every poll, and every
/// app asked for its flags each time.
#[test]
fn without_a_change_nothing_is_written_purged_or_announced() {
    let Some(tools) = tools() else { return };
    let _machine = beside_others();
    let (poll, time) = if is_full() { (5, 300) } else { (1, 20) };
    let stack = stack_with(&tools, &options(poll, Trigger::Nothing), of_people);
    stack.serve().says("watching");
    let group = clients(&Listening::to(stack.edges[0].url(""), &key(0), 1));
    group.wait_until_signalled(stack.served(0, 0).unwrap().revision, SOON);
    // The calls that a start causes are over by then.
    thread::sleep(Duration::from_secs(3));
    let documents = stack.flagsmith.counts().documents;
    let before = (stack.api.writes(), purges(&stack), heard(&group));
    thread::sleep(Duration::from_secs(time));
    let asked = stack.flagsmith.counts().documents - documents;
    assert!(asked >= time / poll * 9 / 2, "asked {asked} times");
    assert_eq!((stack.api.writes(), purges(&stack), heard(&group)), before);
    say(&format!("{asked} answers of a Flagsmith in which nothing changed: no write, no purge, no event"));
}

fn purges(stack: &Stack) -> u64 {
    stack.api.counts().get(&Kind::Purge).map_or(0, |counted| counted.calls)
}

fn heard(group: &Clients) -> BTreeSet<u64> {
    let histories = group.histories();
    histories.iter().flat_map(History::heard).map(|heard| heard.revision).collect()
}

#[test]
fn each_edit_of_four_people_is_served_once_by_every_trigger() {
    let Some(tools) = tools() else { return };
    let _alone = alone();
    for (poll, trigger) in [(5, Trigger::QueueChange), (2, Trigger::Webhook), (2, Trigger::Nothing)] {
        let stack = stack_with(&tools, &options(poll, trigger), of_people);
        stack.api.limit_writes(Duration::from_secs(1));
        people_edit(&stack, Duration::from_secs(poll), &format!("{trigger:?}, polled every {poll} s"));
    }
}

/// Edits of an environment, each with its time, that the edge does not serve yet.
type Waiting = Vec<(u64, Instant)>;

fn people_edit(stack: &Stack, poll: Duration, how: &str) {
    let numbers: Vec<Mutex<u64>> = (0..ENVIRONMENTS).map(|_| Mutex::default()).collect();
    let waiting: Vec<Mutex<Waiting>> = (0..ENVIRONMENTS).map(|_| Mutex::default()).collect();
    let is_over = AtomicBool::new(false);
    let slowest = thread::scope(|threads| {
        let edge = threads.spawn(|| read_until_all_is_served(stack, &waiting, &is_over));
        let people = (1..=PEOPLE).map(|seed| {
            let (numbers, waiting) = (&numbers, &waiting);
            threads.spawn(move || {
                let mut rng = Rng::with_seed(seed);
                for _ in 0..EDITS {
                    let environment = rng.usize(..ENVIRONMENTS);
                    let edit = Edit::ALL[rng.usize(..Edit::ALL.len())];
                    // Edits of one environment are made one after the other, as in a database.
                    let mut number = numbers[environment].lock().unwrap();
                    *number += 1;
                    waiting[environment].lock().unwrap().push((*number, Instant::now()));
                    stack.flagsmith.make(&key(environment), edit, *number);
                    drop(number);
                    thread::sleep(Duration::from_millis(rng.u64(..250)));
                }
            })
        });
        people.collect::<Vec<_>>().into_iter().for_each(|person| person.join().unwrap());
        is_over.store(true, Ordering::Relaxed);
        edge.join().unwrap()
    });
    say(&format!(
        "{how}: {} edits of {PEOPLE} people, the slowest served after {slowest:.1?}",
        PEOPLE * EDITS
    ));
    assert!(slowest < poll + BESIDE_A_POLL, "{slowest:?}");
    for environment in 0..ENVIRONMENTS {
        eventually("the edge serves what Flagsmith has", SOON, || {
            let ours = stack.edges[0].get("/api/v1/environment-document/", &server_key(environment)).json();
            let theirs = stack.flagsmith.document(&key(environment));
            let content = |document: &Value| Document::parse(&document.to_string()).unwrap().content();
            (content(&ours) == content(&theirs)).then_some(())
        });
        published_once_each(stack, environment);
    }
    let refused: Vec<String> =
        stack.serve().said().into_iter().filter(|line| line.contains("stays served")).collect();
    assert_eq!(refused, Vec::<String>::new());
}

/// Reads at the edge until every edit is served. Returns the time of the slowest edit.
fn read_until_all_is_served(stack: &Stack, waiting: &[Mutex<Waiting>], is_over: &AtomicBool) -> Duration {
    let mut slowest = Duration::ZERO;
    let deadline = Instant::now() + Duration::from_secs(180);
    loop {
        let was_over = is_over.load(Ordering::Relaxed);
        let mut is_served = true;
        for (environment, waiting) in waiting.iter().enumerate() {
            let flags = stack.edges[0].get("/api/v1/flags/", &server_key(environment)).json();
            let last = last_edit(&flags).unwrap();
            let mut waiting = waiting.lock().unwrap();
            for (_, at) in waiting.extract_if(.., |(number, _)| *number <= last) {
                slowest = slowest.max(at.elapsed());
            }
            is_served &= waiting.is_empty();
        }
        if was_over && is_served {
            return slowest;
        }
        assert!(Instant::now() < deadline, "never served: {waiting:?}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// Checks that no content was published twice, and none that is older than the one before.
fn published_once_each(stack: &Stack, environment: usize) {
    let item = format!("environment/{}", key(environment));
    let events = stack.api.events();
    let stored = events.iter().filter_map(|event| match event {
        Event::Stored(stored) if stored.key == item => {
            let header = bundle::check(&stored.value).unwrap();
            let span = header.span(api::Section::FlagsServer).unwrap();
            let flags = serde_json::from_slice(bundle::section_of(&stored.value, span)).unwrap();
            Some((last_edit(&flags).unwrap(), header.source_hash))
        }
        _ => None,
    });
    let stored: Vec<(u64, String)> = stored.collect();
    let hashes: BTreeSet<&String> = stored.iter().map(|(_, hash)| hash).collect();
    assert_eq!(hashes.len(), stored.len(), "{item}: {stored:?}");
    assert!(stored.is_sorted_by_key(|(edit, _)| *edit), "{item}: {stored:?}");
}

/// An environment whose key Flagsmith refuses stays served, and the log names the possible reasons.
#[test]
fn the_log_explains_why_a_working_key_may_be_refused_later() {
    let Some(tools) = tools() else { return };
    let _machine = beside_others();
    let options = StackOptions { edges: 1, poll: 1, quirks: false, ..StackOptions::default() };
    let stack = stack_with(&tools, &options, of_people);
    stack.flagsmith.delete_key(&server_key(0));
    let line = stack.serve().says("403 Forbidden");
    for part in ["List another one in the manifest", "`jackstaff unpublish environment-0`"] {
        assert!(line.contains(part), "{line}");
    }
    assert!(stack.served(0, 0).is_some());
    eventually("it is in the status", SOON, || {
        let why = stack.status()["environments"][0]["why"].as_str()?.to_owned();
        why.contains("stays served").then_some(())
    });
}

/// The shares of a feature are more than a hundred percent, and Flagsmith answers with an error. No other environment
/// waits.
#[test]
fn an_environment_that_flagsmith_cannot_serve_delays_no_other() {
    let Some(tools) = tools() else { return };
    let _machine = beside_others();
    let stack = stack_with(
        &tools,
        &StackOptions { environments: 2, edges: 1, poll: 1, ..StackOptions::default() },
        of_people,
    );
    stack.flagsmith.edit(&key(0), |document| {
        let variants = &mut document["feature_states"][2]["multivariate_feature_state_values"];
        variants[0]["percentage_allocation"] = json!(99);
    });
    stack.serve().says("500 Internal Server Error");
    stack.edit(1, &json!("served"));
    stack.wait_until_served(1, &json!("served"), SOON);
    assert!(stack.served(0, 0).is_some());
}
