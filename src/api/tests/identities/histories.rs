//! Random histories of three POPs over one store whose replicas lag: what is promised holds.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use api::identity::IdentityRecord;
use serde_json::{Value, json};

use crate::drivers::{Driver as _, Nested, Task};
use crate::requests::{
    Answered, Traits, identities, list, merge, name, of_list, of_record, send, with_environment,
};
use crate::state::{Faults, LAG, State, Version};

const HISTORIES: u64 = 1_000;
const REQUESTS: usize = 40;
const POPS: usize = 3;
const IDENTIFIERS: [&str; 3] = ["ann", "bob", "eve"];

/// How long a copy is read without a look at the store, and how long it is served while the store fails.
const FRESH: Duration = Duration::from_secs(10);
const UNCONFIRMED: Duration = Duration::from_secs(60);
/// How long requests take here that wait for others.
const SLOW: Duration = Duration::from_secs(12);

/// A request of a history.
#[derive(Debug)]
struct Done {
    pop: usize,
    identifier: &'static str,
    what: What,
    answered: Answered,
}

#[derive(Debug, Clone, PartialEq)]
enum What {
    Read,
    /// With the change, whose traits are stored afterwards.
    Identify(Traits),
    /// With the change, by a route that waits.
    Update(Traits),
    /// By the control plane.
    Delete,
}

#[test]
fn what_is_promised_holds_in_random_histories() {
    let mut checked = 0;
    for seed in 0..HISTORIES {
        checked += History::play(seed).check(seed);
    }
    // They are about something.
    assert!(checked > 12_000, "{checked}");
}

struct History {
    faults: Faults,
    /// Whether requests came one after the other.
    is_alone: bool,
    versions: [Vec<Version>; IDENTIFIERS.len()],
    came: BTreeMap<usize, Duration>,
    /// By their numbers.
    done: Vec<Done>,
    /// What each POP answers at the end, when nothing fails.
    at_the_end: Vec<Done>,
}

impl History {
    fn play(seed: u64) -> History {
        let mut chance = fastrand::Rng::with_seed(seed);
        let mut state = with_environment(State::new(POPS, seed));
        let percent = |chance: &mut fastrand::Rng| if chance.bool() { chance.u64(0..20) } else { 0 };
        state.faults = Faults {
            read: percent(&mut chance),
            lag: chance.u64(0..60),
            conflict: percent(&mut chance),
            too_many: percent(&mut chance),
            failed: percent(&mut chance),
            lost: percent(&mut chance),
        };
        let faults = state.faults;
        let is_alone = seed.is_multiple_of(2);
        let world = Nested::new(state, if is_alone { 1 } else { 4 });
        for pop in 0..POPS {
            send(&world, pop, REQUESTS, "GET", "/api/v1/flags/", &Value::Null);
        }
        let done = Rc::new(RefCell::new(Vec::new()));
        let tasks = (0..REQUESTS).map(|number| task(number, &mut chance, &done)).collect();
        world.run(tasks);
        world.step(|state| state.faults = Faults::default());
        world.let_pass(UNCONFIRMED + LAG);
        let read = |pop: usize, identifier| one(&world, REQUESTS, pop, identifier, What::Read);
        let at_the_end =
            (0..POPS).flat_map(|pop| IDENTIFIERS.map(|identifier| read(pop, identifier))).collect();
        let versions = IDENTIFIERS.map(|identifier| {
            world.step(|state| state.items.get(name(identifier).as_str()).cloned().unwrap_or_default())
        });
        let mut done: Vec<(usize, Done)> = done.take();
        done.sort_by_key(|(number, _)| *number);
        let came = world.step(|state| state.came.clone());
        History {
            faults,
            is_alone,
            versions,
            came,
            done: done.into_iter().map(|(_, done)| done).collect(),
            at_the_end,
        }
    }

    fn of(&self, identifier: &str) -> &[Version] {
        let place = IDENTIFIERS.iter().position(|known| *known == identifier).unwrap();
        &self.versions[place]
    }

    /// Checks all that is promised; how much there was to check.
    fn check(&self, seed: u64) -> usize {
        for identifier in IDENTIFIERS {
            self.check_versions(seed, identifier);
        }
        let mut checked = 0;
        for (number, done) in self.done.iter().enumerate() {
            let what = format!("seed {seed}, request {number}: {done:?}");
            match &done.what {
                What::Read | What::Identify(_) => checked += usize::from(self.check_read(done, &what)),
                What::Update(change) if done.answered.status == 202 => {
                    self.check_acknowledged(number, done, change, &what);
                    checked += 1;
                }
                What::Update(_) => assert!([429, 503].contains(&done.answered.status), "{what}"),
                What::Delete => {}
            }
        }
        for done in &self.at_the_end {
            let stored = self.of(done.identifier).last().map(traits_of).unwrap_or_default();
            assert_eq!(of_list(&done.answered.body["traits"]), stored, "seed {seed}: {done:?}");
        }
        checked
    }

    /// Each version is the one before it with the change of one request. So nothing that was acknowledged is lost; nothing
    /// comes back that was deleted; and nothing is stored that came before a deletion, that is transient, or that is of
    /// another identity.
    fn check_versions(&self, seed: u64, identifier: &str) {
        let mut traits = Traits::new();
        let (mut counter, mut deleted_at) = (0, Duration::ZERO);
        for version in self.of(identifier) {
            let done = &self.done[version.request];
            let what = format!("seed {seed}, write of request {}: {done:?}", version.request);
            match &done.what {
                What::Identify(change) | What::Update(change) => {
                    merge(&mut traits, change);
                    assert!(self.came[&version.request] >= deleted_at, "{what}: deleted since");
                }
                What::Delete => {
                    traits.clear();
                    deleted_at = version.at;
                }
                What::Read => panic!("{what}: a read writes"),
            }
            assert_eq!(done.identifier, identifier, "{what}");
            assert_eq!(traits_of(version), traits, "{what}");
            let record = IdentityRecord::read(&version.body).unwrap();
            assert!(record.counter > counter, "{what}: the counter goes back");
            counter = record.counter;
            let body = String::from_utf8_lossy(&version.body);
            assert!(!body.contains("transient") && !body.contains(identifier), "{what}: {body}");
        }
    }

    /// The latest version that this POP had acknowledged to a client when a request began.
    fn acknowledged_before(&self, done: &Done) -> Option<usize> {
        self.of(done.identifier).iter().rposition(|version| {
            let writer = &self.done[version.request];
            let is_here = writer.pop == done.pop && matches!(writer.what, What::Update(_));
            is_here && writer.answered.status == 202 && writer.answered.ended <= done.answered.began
        })
    }

    /// An acknowledged change was stored by its request, or was part of what the store showed meanwhile, and not of what was
    /// there before this POP acknowledged something else.
    fn check_acknowledged(&self, number: usize, done: &Done, change: &Traits, what: &str) {
        let versions = self.of(done.identifier);
        let holds = |traits: &Traits| {
            change.iter().all(|(key, value)| traits.get(key).map_or(value.is_null(), |there| there == value))
        };
        let shown = |place: usize| {
            let since = versions[place].at;
            let until = versions.get(place + 1).map_or(Duration::MAX, |next| next.at + LAG);
            since <= done.answered.ended && done.answered.began <= until
        };
        let known = self.acknowledged_before(done);
        let began_empty =
            known.is_none() && versions.first().is_none_or(|first| done.answered.began <= first.at + LAG);
        let is_stored = versions.iter().any(|version| version.request == number);
        let was_there = (known.unwrap_or(0)..versions.len())
            .any(|place| shown(place) && holds(&traits_of(&versions[place])))
            || (began_empty && holds(&Traits::new()));
        assert!(is_stored || was_there, "{what}: not stored");
    }

    /// A read gives a version that is not older than what this POP acknowledged before, and than what any POP stored some
    /// time before. Whether there was one to be checked.
    fn check_read(&self, done: &Done, what: &str) -> bool {
        let answered = &done.answered;
        assert_eq!(answered.status, 200, "{what}");
        if answered.state == "unavailable" || self.is_unsure(done) {
            return false;
        }
        let versions = self.of(done.identifier);
        // While the store fails, or another request of the POP takes its time to look at it, a copy is read for longer.
        let is_quick = self.is_alone && self.faults.read == 0;
        let bound = if is_quick { FRESH + LAG } else { UNCONFIRMED + LAG + SLOW };
        let is_old = |version: &Version| version.at + bound <= answered.began;
        let oldest = versions.iter().rposition(is_old).max(self.acknowledged_before(done));
        let from = oldest.unwrap_or(0);
        let sent = match &done.what {
            What::Identify(change) => change.clone(),
            _ => Traits::new(),
        };
        let with_sent = |mut traits: Traits| {
            merge(&mut traits, &sent);
            traits
        };
        let found: Traits = of_list(&answered.body["traits"])
            .into_iter()
            .filter(|(_, value)| !value.as_str().unwrap().starts_with("transient"))
            .collect();
        let mut allowed = versions[from..].iter().map(|version| with_sent(traits_of(version)));
        let is_allowed =
            allowed.any(|traits| traits == found) || (oldest.is_none() && found == with_sent(Traits::new()));
        let known: Vec<_> =
            versions.iter().map(|version| (version.at, version.request, traits_of(version))).collect();
        assert!(is_allowed, "{what}: found {found:?}, not since the version {oldest:?} of {known:#?}");
        true
    }

    /// Whether the answer may be of no version: the stored traits could not be read, and others were sent.
    fn is_unsure(&self, done: &Done) -> bool {
        matches!(done.what, What::Identify(_)) && done.answered.state == "pending" && self.faults.read > 0
    }
}

fn traits_of(version: &Version) -> Traits {
    of_record(&IdentityRecord::read(&version.body).unwrap())
}

/// A request that comes some time after the one before it.
fn task(number: usize, chance: &mut fastrand::Rng, done: &Rc<RefCell<Vec<(usize, Done)>>>) -> Task {
    let (pop, identifier) = (chance.usize(0..POPS), IDENTIFIERS[chance.usize(0..IDENTIFIERS.len())]);
    let what = match chance.u8(0..20) {
        0..8 => What::Read,
        8..13 => What::Identify(change(number, chance)),
        13..19 => What::Update(change(number, chance)),
        _ => What::Delete,
    };
    let pause = match chance.u8(0..6) {
        0 => Duration::from_millis(chance.u64(0..15_000)),
        1 => Duration::from_millis(chance.u64(0..1_500)),
        _ => Duration::ZERO,
    };
    let done = Rc::clone(done);
    Box::new(move |world| {
        world.let_pass(pause);
        let one = one(world, number, pop, identifier, what);
        done.borrow_mut().push((number, one));
    })
}

/// Sets or deletes some of three traits. Values say whose they are: they are short, and often the same.
fn change(number: usize, chance: &mut fastrand::Rng) -> Traits {
    let mut change = Traits::new();
    for key in ["a", "b", "c"] {
        match chance.u8(0..6) {
            0 => {
                change.insert(key.into(), Value::Null);
            }
            1..4 => {
                change.insert(key.into(), json!(format!("v{}", number % 5)));
            }
            _ => {}
        }
    }
    change
}

/// Sends a request, or deletes an identity as the control plane does.
fn one(world: &Nested, number: usize, pop: usize, identifier: &'static str, what: What) -> Done {
    let answered = match &what {
        What::Read => {
            let path = format!("/api/v1/identities/?identifier={identifier}");
            send(world, pop, number, "GET", &path, &Value::Null)
        }
        What::Identify(change) => {
            let mut traits = list(change);
            let value = format!("transient of {identifier}");
            traits.push(json!({ "trait_key": "once", "trait_value": value, "transient": true }));
            let body = json!({ "identifier": identifier, "traits": traits });
            send(world, pop, number, "POST", "/api/v1/identities/", &body)
        }
        What::Update(change) => {
            send(world, pop, number, "PUT", "/api/v1/bulk-identities/", &identities(identifier, change))
        }
        What::Delete => {
            let at = delete(world, number, identifier);
            Answered { began: at, ended: at, status: 0, state: String::new(), body: Value::Null }
        }
    };
    Done { pop, identifier, what, answered }
}

/// The control plane reads what is stored now; some POPs are purged, and others miss it.
fn delete(world: &Nested, number: usize, identifier: &str) -> Duration {
    world.step(|state| {
        let name = name(identifier);
        let before = state.stored(name.as_str()).map(|version| IdentityRecord::read(&version.body).unwrap());
        let now = u64::try_from(state.now.as_millis()).unwrap();
        let item = IdentityRecord::deleted(before.as_ref(), now).item(u128::from(state.chance()));
        state.write(name.as_str(), &item.body, &item.metadata, number);
        for pop in 0..POPS {
            if state.chance().is_multiple_of(2) {
                let copies = state.pops[pop].objects.iter_mut();
                copies
                    .filter(|(cached, _)| cached.ends_with(name.as_str()))
                    .for_each(|(_, copy)| copy.purged = true);
            }
        }
        state.now
    })
}
