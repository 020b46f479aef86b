//! Requests that name a revision: their client heard of it, perhaps at another POP.

use std::time::Duration;

use api::{EnvironmentKey, Lookup, Pop, Revision, Source, Store as _};

use crate::model::{Alone, Driver, Event, KEY, Sandbox, State, Task, Together, sandbox};
use crate::relay::{ms, s};

/// What a request that names a revision is answered from.
fn ask<D: Driver>(pop: &mut Pop<Sandbox<D>>, named: u64) -> Option<(u64, Source)> {
    match pop.environment_at_least(&EnvironmentKey::parse(KEY).unwrap(), Revision(named)) {
        Lookup::Found(copy) => Some((copy.header.revision.0, copy.source)),
        Lookup::Unknown | Lookup::Unavailable => None,
    }
}

/// Asks a POP with revision 7 for revision 8 while something happens: the answer, when it came, and the looks at the KV store.
fn asked(events: &[(Duration, Event)]) -> (Option<(u64, Source)>, Duration, usize) {
    let driver = Alone::new(State::new(Some(7)));
    driver.step(|state| {
        for (time, event) in events {
            if time.is_zero() { state.happen(*event) } else { state.plan(*time, *event) }
        }
    });
    let answer = ask(&mut sandbox(&driver, 0), 8);
    driver.step(|state| (answer, state.now, state.kv_reads.len()))
}

#[test]
fn a_request_waits_for_the_revision_that_it_names() {
    let (answer, _, looks) = asked(&[(s(0), Event::Inserted(8))]);
    assert_eq!((answer, looks), (Some((8, Source::Pop)), 0), "it is there");
    let (answer, at, looks) = asked(&[(s(0), Event::Written(8))]);
    assert_eq!((answer, looks), (Some((8, Source::Kv)), 1), "the store has it");
    assert!(at <= ms(2), "{at:?}");
    for written in [300, 1_500, 3_500] {
        let (answer, at, looks) = asked(&[(ms(written), Event::Written(9))]);
        assert_eq!(answer, Some((9, Source::Kv)), "written at {written} ms");
        // A look a second, and a pause between looks at the copy.
        assert!(at <= ms(written + 1_000 + 410), "written at {written} ms, answered at {at:?}");
        assert!(looks <= 5, "{looks} looks");
    }
    let (answer, at, looks) = asked(&[(ms(1_250), Event::Inserted(8))]);
    assert_eq!(answer, Some((8, Source::Kv)), "another request refreshed the copy");
    assert!(at <= ms(1_700) && looks <= 2, "{at:?}, {looks} looks");
}

#[test]
fn after_a_while_it_is_answered_all_the_same_and_labelled() {
    let (answer, at, looks) = asked(&[]);
    assert_eq!((answer, looks), (Some((7, Source::Stale)), 5));
    assert!((s(5)..=ms(5_010)).contains(&at), "{at:?}");
    let (answer, ..) = asked(&[(s(0), Event::StoreFails(true))]);
    assert_eq!(answer, Some((7, Source::Stale)), "the store fails");
    let (answer, at, _) = asked(&[(s(0), Event::Evicted), (s(0), Event::StoreFails(true))]);
    assert_eq!((answer, at <= ms(10)), (None, true), "there is nothing");
}

#[test]
fn of_many_requests_one_looks_each_second() {
    shuttle::check_random(
        || {
            let mut state = State::new(Some(7));
            state.plan(ms(2_500), Event::Written(8));
            let driver = Together::new(state, 0);
            let request = |number| -> Task {
                Box::new(move |driver: &Together| {
                    assert_eq!(ask(&mut sandbox(driver, number), 8), Some((8, Source::Kv)));
                })
            };
            driver.run((0..12).map(request).collect());
            let looks = driver.step(|state| state.kv_reads.clone());
            assert!(looks.len() <= 5, "{looks:?}");
            let apart = |pair: &[Duration]| pair[1] - pair[0] >= ms(990);
            assert!(looks.windows(2).all(apart), "{looks:?}");
        },
        30,
    );
}
