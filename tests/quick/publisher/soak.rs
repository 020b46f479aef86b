//! Two publishers at once, to the same environments, while a tenth of all calls fails in all possible ways. The reports
//! of each are compared with the writes of the store, in order.
//!
//! 500 publications each, spread over 20 environments; with `JACKSTAFF_TEST_FULL` 500 each to each of them.

use std::collections::BTreeMap;
use std::env;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use api::EnvironmentKey;
use jiff::Timestamp;
use publisher::{Client, PublishOptions, Report, ServerKeySource, parse_server_keys, publish, unpublish};
use serde_json::{Value, json};
use tests::SimulatedClock;
use tests::fastly::{Event, FastlyApi, Fault, Kind, fastly_api};

use super::history::History;
use super::world::{document_of, source, target};

const ENVIRONMENTS: usize = 20;
const PUBLICATIONS: usize = 500;
const FAULTS: f64 = 0.1;
/// When sources begin to change; publishers' clocks are later.
const SPRING: i64 = 1_772_450_553;
pub(crate) const SUMMER: i64 = 1_780_000_000;

/// A publication, and its report.
pub(crate) struct Publication {
    pub(crate) environment: String,
    pub(crate) wanted: Wanted,
    pub(crate) keys: Vec<ServerKeySource>,
    pub(crate) report: Report,
}

pub(crate) enum Wanted {
    /// The hash of the document, and when it changed.
    Document {
        hash: String,
        updated_at: Option<Timestamp>,
        forced: bool,
    },
    Removal,
}

#[test]
fn two_publishers_and_a_tenth_of_the_calls_failing() {
    let full = env::var_os("JACKSTAFF_TEST_FULL").is_some();
    let each = if full { PUBLICATIONS * ENVIRONMENTS } else { PUBLICATIONS };
    let api = fastly_api();
    let seed = 20_260_302;
    api.fail_at_random(Some((seed, FAULTS)));
    // With this probability, at least one publication has an unknown outcome: 12 calls are 6 of one publisher's.
    api.fail(Kind::Write, "environment/environment-7", [Fault::Answer(503); 12]);
    let changes = AtomicU64::new(0);
    let publications: Vec<Publication> = thread::scope(|scope| {
        let publishers = [1, 2].map(|number| {
            let (api, changes) = (&api, &changes);
            scope.spawn(move || publisher(number, each, api, changes))
        });
        publishers.into_iter().flat_map(|publisher| publisher.join().unwrap()).collect()
    });
    assert_eq!(publications.len(), 2 * each);
    api.fail_at_random(None);
    let events = settled(&api);
    let history = History::of(&events);
    let mut problems = history.goes_forwards();
    let mut tally = BTreeMap::new();
    for publication in &publications {
        let (kind, problem) = history.explains(publication);
        *tally.entry(kind).or_insert(0_usize) += 1;
        problems.extend(problem);
        problems.extend(history.has_the_keys_of(publication));
    }
    problems.extend(history.owes_everything_to(&publications));
    problems.extend(history.announces_what_is_stored(&events));
    problems.extend(history.ends_as_stored(&api));
    println!("{}", figures(&publications, &events, &tally));
    assert_eq!(problems, Vec::<String>::new());
    // Some publications were refused and some failed, or the test proves nothing.
    for kind in ["written", "unchanged", "refused: older", "in doubt"] {
        assert!(tally.contains_key(kind), "{kind}: {tally:?}");
    }
}

/// One publisher, with a clock of its own.
fn publisher(number: u64, publications: usize, api: &FastlyApi, changes: &AtomicU64) -> Vec<Publication> {
    let start = Timestamp::from_second(SUMMER + i64::try_from(number).unwrap() * 20).unwrap();
    let clock = SimulatedClock::at(start);
    let client = Client::new(target(api), &clock);
    let mut rng = fastrand::Rng::with_seed(number);
    let mut last: BTreeMap<String, Value> = BTreeMap::new();
    let mut done = Vec::with_capacity(publications);
    for round in 0..publications {
        let environment = format!("environment-{}", rng.usize(..ENVIRONMENTS));
        clock.advance(Duration::from_millis(rng.u64(..1_500)));
        if rng.u8(..100) < 5 {
            let key = EnvironmentKey::parse(&environment).unwrap();
            let report = unpublish(&client, &key, false);
            done.push(Publication { environment, wanted: Wanted::Removal, keys: Vec::new(), report });
            continue;
        }
        let change = i64::try_from(changes.fetch_add(1, Ordering::Relaxed)).unwrap();
        let at = |change: i64| Timestamp::from_second(SPRING + change).unwrap().to_string();
        let value = format!("publisher {number}, round {round}");
        let made = |updated_at: Option<&str>| document_of(&environment, &value, updated_at);
        let (document, force) = match rng.u8(..100) {
            0..70 => (made(Some(&at(change))), false),
            70..80 => (last.get(&environment).cloned().unwrap_or_else(|| made(None)), false),
            80..90 => (made(Some(&at(change - 200))), false),
            90..95 => (made(Some(&at(change - 200))), true),
            _ => (made(None), false),
        };
        last.insert(environment.clone(), document.clone());
        // Each has a key of its own, and one that both of them switch on and off.
        let manifest = json!({ &environment: [
            format!("ser.{environment}.{number}"),
            { "key": format!("ser.{environment}"), "active": rng.bool() },
        ]});
        let mut keys = parse_server_keys(&manifest.to_string()).unwrap().remove(&environment).unwrap();
        keys.truncate(if rng.u8(..100) < 10 { 2 } else { 0 });
        let source = source(&document);
        let report = publish(&client, &source, &keys, &PublishOptions { force, ..PublishOptions::default() });
        let wanted = Wanted::Document { hash: source.hash, updated_at: source.updated_at, forced: force };
        done.push(Publication { environment, wanted, keys, report });
    }
    done
}

/// What happened, once the last late write has arrived.
fn settled(api: &FastlyApi) -> Vec<Event> {
    let mut seen = 0;
    tests::eventually("nothing happens any more", Duration::from_secs(10), || {
        let events = api.events();
        let quiet = events.len() == seen;
        seen = events.len();
        quiet.then_some(events)
    })
}

fn figures(publications: &[Publication], events: &[Event], tally: &BTreeMap<&str, usize>) -> String {
    let faults = events.iter().filter(|event| matches!(event, Event::Called { fault: Some(_), .. })).count();
    let calls = events.iter().filter(|event| matches!(event, Event::Called { .. })).count();
    let stored = events.iter().filter(|event| matches!(event, Event::Stored(_))).count();
    let mismatches =
        events.iter().filter(|event| matches!(event, Event::Called { status: Some(412), .. })).count();
    let unfinished: usize = publications.iter().map(|publication| publication.report.after.len()).sum();
    format!(
        "{} publications: {tally:?}; {calls} calls, {faults} of them faulty, {mismatches} mismatches, {stored} items \
         stored, {unfinished} purges and announcements that failed for good",
        publications.len()
    )
}
