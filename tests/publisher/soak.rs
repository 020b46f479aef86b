//! Two publishers at once, to the same environments, while a tenth of all calls fails in every way there is. What each
//! was told is held against what the store took, in the order in which it did.
//!
//! 500 publications each, spread over 20 environments; with `JACKSTAFF_TEST_FULL` 500 each to each of them.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use api::{EnvironmentKey, Header};
use jiff::Timestamp;
use publisher::{
    CallFailed, Client, Done, NotShown, Options, Report, ServerKeySource, StoreFailed, Trouble,
    parse_server_keys, publish, unpublish,
};
use serde_json::{Value, json};
use tests::SimulatedClock;
use tests::fastly::{Event, FastlyApi, Fault, Kind, fastly_api};

use crate::world::{document_of, outcome, source, target};

const ENVIRONMENTS: usize = 20;
const PUBLICATIONS: usize = 500;
const FAULTS: f64 = 0.1;
/// When sources begin to change; publishers' clocks are later.
const SPRING: i64 = 1_772_450_553;
const SUMMER: i64 = 1_780_000_000;

/// A publication, and what its publisher was told.
struct Publication {
    environment: String,
    wanted: Wanted,
    keys: Vec<ServerKeySource>,
    report: Report,
}

enum Wanted {
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
    // Whatever chance brings, one publication at least is not settled: 12 calls are 6 of one publisher's.
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
    // What was refused or failed was so now and then, or the test shows nothing.
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
        let report = publish(&client, &source, &keys, &Options { force, ..Options::default() });
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

/// What the store took for each environment, in its order: where among all events, and the header.
struct History {
    stored: BTreeMap<String, Vec<(usize, Header)>>,
    /// Records of server-side keys, by name.
    records: BTreeSet<(String, Vec<u8>)>,
    announced: BTreeMap<(String, u64), Vec<usize>>,
    purged: BTreeMap<String, Vec<usize>>,
}

impl History {
    fn of(events: &[Event]) -> History {
        let mut history = History {
            stored: BTreeMap::new(),
            records: BTreeSet::new(),
            announced: BTreeMap::new(),
            purged: BTreeMap::new(),
        };
        for (place, event) in events.iter().enumerate() {
            match event {
                Event::Stored(stored) => {
                    let Some(key) = stored.key.strip_prefix("environment/") else {
                        history.records.insert((stored.key.clone(), stored.value.to_vec()));
                        continue;
                    };
                    let header = api::bundle::check(&stored.value).unwrap();
                    assert_eq!(stored.metadata, Some(header.metadata()));
                    history.stored.entry(key.to_owned()).or_default().push((place, header));
                }
                Event::Announced { key, revision } => {
                    history.announced.entry((key.clone(), *revision)).or_default().push(place);
                }
                Event::Purged { key, soft } => {
                    assert!(soft, "{key}");
                    history.purged.entry(key.clone()).or_default().push(place);
                }
                Event::Called { .. } => {}
            }
        }
        history
    }

    fn of_environment(&self, key: &str) -> &[(usize, Header)] {
        self.stored.get(key).map_or(&[], Vec::as_slice)
    }

    fn goes_forwards(&self) -> Vec<String> {
        let mut problems = Vec::new();
        for (key, stored) in &self.stored {
            for pair in stored.windows(2) {
                let (before, after) = (pair[0].1.revision, pair[1].1.revision);
                if after <= before {
                    problems.push(format!("{key}: {after} was stored after {before}"));
                }
            }
        }
        problems
    }

    /// Names what a publisher was told, and finds fault with it if the history does not bear it out.
    fn explains(&self, publication: &Publication) -> (&'static str, Option<String>) {
        let Publication { environment, wanted, report, .. } = publication;
        let stored = self.of_environment(environment);
        let (kind, holds) = match &report.environment {
            Ok(published) => {
                let found = stored.iter().find(|(_, header)| header.revision == published.revision);
                let holds = found.is_some_and(|(place, header)| {
                    is_wanted(header, wanted)
                        && (!report.after.is_empty() || self.told_after(environment, header, *place))
                });
                (if published.done == Done::Written { "written" } else { "unchanged" }, holds)
            }
            Err(Trouble::Older { stored: later, given }) => {
                let is_there = stored.iter().any(|(_, header)| {
                    header.source_updated_at.as_deref().and_then(|at| at.parse().ok()) == Some(*later)
                });
                let was_meant = matches!(wanted, Wanted::Document { updated_at: Some(at), forced: false, .. } if at == given);
                ("refused: older", is_there && was_meant && given < later)
            }
            Err(Trouble::Unknown { .. }) => ("refused: not in the store", matches!(wanted, Wanted::Removal)),
            Err(Trouble::Store(StoreFailed::InDoubt(failed))) => ("in doubt", was_told_to_fail(failed)),
            Err(Trouble::Store(StoreFailed::Call(failed))) => ("the store failed", was_told_to_fail(failed)),
            Err(Trouble::Store(StoreFailed::Contended { .. })) => ("others wrote first", true),
            // The write was answered for, so it has to be there.
            Err(Trouble::Store(StoreFailed::NotReadBack { why: NotShown::Call(failed), .. })) => {
                let is_there = stored.iter().any(|(_, header)| is_wanted(header, wanted));
                ("not read back", is_there && was_told_to_fail(failed))
            }
            Err(_) => ("unexplained", false),
        };
        (kind, (!holds).then(|| format!("{environment}: {}", outcome(report))))
    }

    /// A record was stored for each key, unless the publisher was told that it was not.
    fn has_the_keys_of(&self, publication: &Publication) -> Vec<String> {
        let Publication { environment, keys, report, .. } = publication;
        if let Some(failed) = report.server_keys.failed.first() {
            let explained = match failed {
                StoreFailed::Call(failed) | StoreFailed::InDoubt(failed) => was_told_to_fail(failed),
                StoreFailed::Contended { .. } => true,
                StoreFailed::NotReadBack { why, .. } => matches!(why, NotShown::Call(_)),
            };
            return if explained { Vec::new() } else { vec![format!("{environment}: {failed}")] };
        }
        let mut problems = Vec::new();
        for key in keys {
            let record = json!({ "environment": environment, "active": key.active, "expires_at": null });
            if !self.records.contains(&(key.hash.store_key(), record.to_string().into_bytes())) {
                problems.push(format!("{environment}: {record} was never stored"));
            }
        }
        problems
    }

    /// Purged and announced, after it was stored.
    fn told_after(&self, key: &str, header: &Header, stored: usize) -> bool {
        let after =
            |places: Option<&Vec<usize>>| places.is_some_and(|places| places.iter().any(|at| *at > stored));
        after(self.announced.get(&(key.to_owned(), header.revision.0)))
            && after(self.purged.get(&format!("environment/{key}")))
    }

    /// Everything stored was wanted by one who was told that it is there, or that it may be.
    fn owes_everything_to(&self, publications: &[Publication]) -> Vec<String> {
        let mut problems = Vec::new();
        for (key, stored) in &self.stored {
            let of_this: Vec<_> = publications.iter().filter(|one| one.environment == *key).collect();
            for (number, (_, header)) in stored.iter().enumerate() {
                let next = stored.get(number + 1).map(|(_, header)| header);
                if !of_this.iter().any(|publication| owes(publication, header, next)) {
                    problems.push(format!("{key}: nobody wanted revision {}", header.revision));
                }
            }
        }
        problems
    }

    fn announces_what_is_stored(&self, events: &[Event]) -> Vec<String> {
        let mut problems = Vec::new();
        for (place, event) in events.iter().enumerate() {
            if let Event::Announced { key, revision } = event {
                let mut stored = self.of_environment(key).iter();
                if !stored.any(|(at, header)| *at < place && header.revision.0 == *revision) {
                    problems.push(format!("{key}: {revision} was announced before it was stored"));
                }
            }
        }
        problems
    }

    /// The last write stands, and a publisher who comes now finds it.
    fn ends_as_stored(&self, api: &FastlyApi) -> Vec<String> {
        let clock = SimulatedClock::at(Timestamp::from_second(SUMMER).unwrap());
        let client = Client::new(target(api), &clock);
        let mut problems = Vec::new();
        for (key, stored) in &self.stored {
            let (_, last) = stored.last().unwrap();
            let item = api.stored(&format!("environment/{key}")).unwrap();
            if api::bundle::check(&item.value).as_ref() != Ok(last) {
                problems.push(format!("{key}: something other than revision {} is stored", last.revision));
            }
            let removed = outcome(&unpublish(&client, &EnvironmentKey::parse(key).unwrap(), false));
            let expected = if last.tombstone {
                format!("unchanged {}", last.revision)
            } else {
                format!(
                    "written {}",
                    api::Revision::next(Some(last.revision), jiff::Timestamp::from_second(SUMMER).unwrap())
                )
            };
            if removed != expected {
                problems.push(format!("{key}: {removed} instead of {expected}"));
            }
        }
        problems
    }
}

/// Whether a call failed as the stand-in was told, rather than for a reason of its own.
fn was_told_to_fail(failed: &CallFailed) -> bool {
    match failed {
        CallFailed::Status { detail, .. } => detail.contains("as told"),
        CallFailed::Transport { .. } => true,
        CallFailed::Header { .. } | CallFailed::OutOfTime { .. } => false,
    }
}

/// Whether a publication is where an item came from, after which came the next one.
fn owes(publication: &Publication, header: &Header, next: Option<&Header>) -> bool {
    let Publication { wanted, report, .. } = publication;
    // A write that was not heard of, and written over before anybody looked: it was decided anew.
    let written_over = || next.is_some_and(|next| !is_wanted(next, wanted));
    let told = match &report.environment {
        Ok(published) if published.revision == header.revision => published.done == Done::Written,
        Ok(published) => published.revision > header.revision && written_over(),
        Err(Trouble::Store(_)) => true,
        Err(Trouble::Older { .. }) => written_over(),
        Err(_) => false,
    };
    told && is_wanted(header, wanted)
}

fn is_wanted(header: &Header, wanted: &Wanted) -> bool {
    match wanted {
        Wanted::Document { hash, .. } => header.source_hash == *hash && !header.tombstone,
        Wanted::Removal => header.tombstone,
    }
}

fn figures(publications: &[Publication], events: &[Event], tally: &BTreeMap<&str, usize>) -> String {
    let faults = events.iter().filter(|event| matches!(event, Event::Called { fault: Some(_), .. })).count();
    let calls = events.iter().filter(|event| matches!(event, Event::Called { .. })).count();
    let stored = events.iter().filter(|event| matches!(event, Event::Stored(_))).count();
    let mismatches =
        events.iter().filter(|event| matches!(event, Event::Called { status: Some(412), .. })).count();
    let untold: usize = publications.iter().map(|publication| publication.report.after.len()).sum();
    format!(
        "{} publications: {tally:?}; {calls} calls, {faults} of them faulty, {mismatches} mismatches, {stored} items \
         stored, {untold} purges and announcements that failed for good",
        publications.len()
    )
}
