//! Kept objects: environments and records of server-side keys, in situations that were faults once.

use std::time::Duration;

use api::pop::ports::Log as _;
use api::{EnvironmentKey, Lookup, Pop, ServerKeyHash, Source, Store as _};

use crate::model::{Alone, Driver as _, Event, KEY, Sandbox, State, sandbox};

const SERVER_KEY: &str = "ser.shop";

fn record(active: bool) -> (String, Vec<u8>) {
    let record = serde_json::json!({ "environment": KEY, "active": active, "expires_at": null });
    (String::new(), record.to_string().into_bytes())
}

/// Whether the server-side key opens the environment.
fn opens(pop: &mut Pop<Sandbox<Alone>>) -> bool {
    match pop.server_key(&ServerKeyHash::of(SERVER_KEY).unwrap()) {
        Lookup::Found(record) => record.opens(pop.now()).is_some(),
        Lookup::Unknown | Lookup::Unavailable => false,
    }
}

/// The revision that a request finds, and where it is from.
fn read(pop: &mut Pop<Sandbox<Alone>>) -> Option<(u64, Source)> {
    match pop.environment(&EnvironmentKey::parse(KEY).unwrap()) {
        Lookup::Found(copy) => Some((copy.header.revision.0, copy.source)),
        Lookup::Unknown | Lookup::Unavailable => None,
    }
}

/// A replica of the KV store gives the old record for a while, at every other read.
#[test]
fn a_revoked_key_opens_nothing_soon_though_the_store_lags() {
    for unlucky in 0..64 {
        let driver = Alone::new(State::new(Some(1)));
        let name = ServerKeyHash::of(SERVER_KEY).unwrap().store_key();
        driver.step(|state| {
            (0..unlucky).for_each(|_| _ = state.chance());
            state.write(&name, Some(record(true)), Duration::ZERO);
        });
        let mut pop = sandbox(&driver, 0);
        assert!(opens(&mut pop));
        driver.step(|state| {
            state.write(&name, Some(record(false)), Duration::from_secs(1));
            state.cache.purge(&name);
        });
        while driver.step(|state| state.now) < Duration::from_millis(3_100) {
            opens(&mut pop);
            let next = driver.step(|state| state.now) + Duration::from_millis(50);
            driver.wait_until(next);
        }
        assert!(!opens(&mut pop), "unlucky {unlucky}");
    }
}

#[test]
fn a_record_that_was_removed_is_a_key_that_was_revoked() {
    let driver = Alone::new(State::new(Some(1)));
    let name = ServerKeyHash::of(SERVER_KEY).unwrap().store_key();
    driver.step(|state| state.write(&name, Some(record(true)), Duration::ZERO));
    let mut pop = sandbox(&driver, 0);
    assert!(opens(&mut pop));
    driver.step(|state| {
        state.write(&name, None, Duration::ZERO);
        state.cache.purge(&name);
    });
    assert!(!opens(&mut pop));
}

/// A deployment: the copies of the other build are there, and are of a format that this one cannot read.
#[test]
fn copies_of_another_format_count_as_absent() {
    let driver = Alone::new(State::new(Some(1)));
    let ports = sandbox(&driver, 0).ports().clone();
    let mut old = Pop::new(ports.clone(), Duration::from_secs(10));
    let mut new = Pop::with_format(ports, Duration::from_secs(10), api::bundle::FORMAT + 1);
    assert_eq!(read(&mut old), Some((1, Source::Pop)));
    assert_eq!(read(&mut new), Some((1, Source::Kv)), "the copy of the old build is not looked at");
    assert_eq!(read(&mut old), Some((1, Source::Pop)), "nor is it replaced");
    assert_eq!(read(&mut new), Some((1, Source::Pop)));
    // One purge reaches both.
    driver.step(|state| {
        state.happen(Event::Written(2));
        state.happen(Event::Purged);
    });
    assert_eq!([read(&mut old), read(&mut new)], [Some((2, Source::Kv)); 2]);
    let names = driver.step(|state| state.cache.names().join(" "));
    let formats = [api::bundle::FORMAT, api::bundle::FORMAT + 1];
    assert_eq!(names, formats.map(|format| format!("{format}/environment/demo")).join(" "));
}

/// What clients heard of holds for both builds.
#[test]
fn the_signalled_revision_is_the_same_for_all_formats() {
    let driver = Alone::new(State::new(Some(1)));
    let ports = sandbox(&driver, 0).ports().clone();
    let mut new = Pop::with_format(ports, Duration::from_secs(10), api::bundle::FORMAT + 1);
    assert_eq!(read(&mut new), Some((1, Source::Kv)));
    driver.step(|state| {
        state.happen(Event::Written(2));
        state.happen(Event::RecordIs(Some(2)));
    });
    assert_eq!(read(&mut new), Some((2, Source::Kv)));
}

#[test]
fn without_settings_that_could_ever_be_read_no_origin_is_allowed() {
    let driver = Alone::new(State::new(Some(1)));
    driver.step(|state| state.settings = None);
    let mut pop = sandbox(&driver, 0);
    assert_eq!(pop.settings().allowed_origins, Some(Vec::new()));
    // Settings that were read once are kept.
    driver.step(|state| state.settings = Some(r#"{"fresh": 5}"#.to_owned()));
    driver.wait_until(Duration::from_secs(11));
    pop.load_settings();
    driver.step(|state| state.settings = None);
    driver.wait_until(Duration::from_secs(22));
    pop.load_settings();
    assert_eq!((pop.settings().fresh, &pop.settings().allowed_origins), (Duration::from_secs(5), &None));
}

#[test]
fn lines_about_answers_are_few() {
    let driver = Alone::new(State::new(Some(1)));
    let mut pop = sandbox(&driver, 0);
    for second in 0..25 {
        driver.wait_until(Duration::from_secs(second));
        api::finish(vec![api::After::Log("an old copy".to_owned())], &mut pop);
    }
    assert_eq!(driver.step(|state| state.log.len()), 3);
    pop.ports().log(format_args!("others are not counted"));
    assert_eq!(driver.step(|state| state.log.len()), 4);
}

#[test]
fn analytics_go_to_the_log_that_the_settings_name_and_are_dropped_without_one() {
    let driver = Alone::new(State::new(Some(1)));
    let mut pop = sandbox(&driver, 0);
    let record = || vec![api::After::Record("{}".to_owned())];
    api::finish(record(), &mut pop);
    assert_eq!(driver.step(|state| state.records.clone()), []);
    driver.step(|state| state.settings = Some(r#"{"analytics_log": "usage"}"#.to_owned()));
    driver.wait_until(Duration::from_secs(11));
    pop.load_settings();
    api::finish(record(), &mut pop);
    assert_eq!(driver.step(|state| state.records.clone()), [("usage".to_owned(), "{}".to_owned())]);
    assert_eq!(driver.step(|state| state.log.clone()), Vec::<String>::new());
}
