//! Several publishers of one Flagsmith: answers are ordered by cause, and no clock takes part.

use std::time::Duration;

use publisher::{Client, Connection, publish_answer};
use tests::fastly::{Event, Fault, Kind};

use super::{Asking, Publisher, answered, document};
use crate::publisher::world::{outcome, target};

const ITEM: &str = "environment/e0";

/// One has slow answers, so that by the time it has one the other has written already; the other's clock is ten seconds
/// off.
#[test]
fn of_two_publishers_at_once_the_last_state_wins_and_nothing_goes_back() {
    for (seed, ahead) in [(1, 10), (2, -10)] {
        let mut asking = Asking::new(2);
        asking.another(Duration::from_secs(3), 0);
        asking.another(Duration::from_millis(100), ahead);
        asking.pass_seconds(20);
        let mut rng = fastrand::Rng::with_seed(seed);
        for n in 1..=60 {
            let environment = rng.usize(..2);
            asking.edit(environment, n);
            if rng.bool() {
                asking.signal(environment);
            }
            asking.pass(Duration::from_millis(rng.u64(..3_000)));
        }
        let edited = [0, 1].map(|n| asking.flagsmith.documents[&super::key(n)].last().unwrap().1.clone());
        asking.pass_seconds(30);
        for (environment, edited) in edited.iter().enumerate() {
            let stored = asking.stored(environment);
            assert_eq!(
                Some(asking.last(environment)),
                edited["feature_states"][0]["feature_state_value"].as_u64()
            );
            assert!(stored.is_sorted_by_key(|(value, _)| *value), "{stored:?}");
        }
        let before = asking.stir();
        asking.pass_seconds(60);
        assert_eq!(asking.stir(), before, "the publishers overwrite each other");
    }
}

fn mismatches(asking: &Asking) -> usize {
    let events = asking.world.api.events();
    events.iter().filter(|event| matches!(event, Event::Called { status: Some(412), .. })).count()
}

/// The answer was on its way when another publisher wrote something newer, so it may be out of date.
#[test]
fn an_answer_that_was_overtaken_is_thrown_away_and_asked_for_again() {
    let mut asking = Asking::new(1);
    asking.another(Duration::from_secs(3), 0);
    asking.pass_seconds(10);
    asking.edit(0, 1);
    asking.signal(0);
    asking.pass(Duration::from_secs(1));
    // While the question for 1 is under way, 2 is made and published by hand.
    asking.edit(0, 2);
    let edited = asking.flagsmith.documents["e0"].last().unwrap().1.clone();
    let client = Client::new(target(&asking.world.api), &asking.world.clock);
    let key = api::EnvironmentKey::parse("e0").unwrap();
    let ask = |_: Connection| Ok::<_, String>(answered(&edited));
    let report = publish_answer(&client, &key, ask, &[], &asking.publishers[0].options).unwrap();
    assert!(outcome(&report).starts_with("written"), "{}", outcome(&report));
    asking.pass_seconds(20);
    let values: Vec<u64> = asking.stored(0).iter().map(|(value, _)| *value).collect();
    assert_eq!((values, mismatches(&asking)), (vec![0, 2], 1));
    assert!(asking.publishers[0].watch.unsettled().is_empty());
}

#[test]
fn a_restart_in_the_middle_of_a_question_loses_nothing() {
    let mut asking = Asking::new(1);
    asking.another(Duration::from_secs(2), 0);
    asking.pass_seconds(10);
    asking.edit(0, 1);
    asking.signal(0);
    asking.pass(Duration::from_secs(1));
    asking.publishers.clear();
    asking.edit(0, 2);
    asking.another(Duration::from_secs(2), -3_600);
    asking.pass_seconds(10);
    let values: Vec<u64> = asking.stored(0).iter().map(|(value, _)| *value).collect();
    assert_eq!(values, [0, 2]);
}

/// At the start the store shows the value before the last write.
#[test]
fn a_stale_read_costs_one_mismatch_and_nothing_else() {
    let mut asking = Asking::new(1);
    asking.another(Duration::ZERO, 0);
    asking.pass_seconds(10);
    asking.edit(0, 1);
    asking.pass_seconds(10);
    asking.publishers.clear();
    asking.world.api.fail(Kind::Read, ITEM, [Fault::Stale]);
    asking.another(Duration::ZERO, 0);
    asking.pass_seconds(10);
    asking.edit(0, 2);
    asking.pass_seconds(10);
    let values: Vec<u64> = asking.stored(0).iter().map(|(value, _)| *value).collect();
    assert_eq!((values, mismatches(&asking)), (vec![0, 1, 2], 1));
}

/// It is bounded and logged; and the last state is there once no other publisher writes.
#[test]
fn a_watch_that_is_always_overtaken_logs_it_and_goes_on() {
    let mut asking = Asking::new(1);
    asking.another(Duration::ZERO, 0);
    asking.pass_seconds(10);
    asking.world.api.fail(Kind::Write, ITEM, [Fault::Overtaken; 20]);
    asking.edit(0, 1);
    asking.signal(0);
    asking.pass_seconds(15);
    let said = |publisher: &Publisher| {
        publisher.said.iter().any(|line| line.contains("other publishers wrote first, 8 times in a row"))
    };
    assert!(said(&asking.publishers[0]), "{:?}", asking.publishers[0].said);
    asking.pass_seconds(120);
    assert_eq!((asking.last(0), asking.publishers[0].progress(&asking.world)[0].behind), (1, None));
}

/// Answers of another API, whatever their times, replace only what was known when they were asked for.
#[test]
fn publish_asks_again_when_another_publisher_wrote_first() {
    let asking = Asking::new(1);
    let client = Client::new(target(&asking.world.api), &asking.world.clock);
    let key = api::EnvironmentKey::parse("e0").unwrap();
    asking.world.api.fail(Kind::Write, ITEM, [Fault::Overtaken, Fault::Overtaken]);
    let (mut asked, options) = (0, publisher::PublishOptions::default());
    let ask = |_: Connection| {
        asked += 1;
        Ok::<_, String>(answered(&document(0, asked)))
    };
    // Nothing is stored, so it is not overtaken.
    let first = publish_answer(&client, &key, ask, &[], &options).unwrap();
    assert!(outcome(&first).starts_with("written"), "{}", outcome(&first));
    let stored = asking.last(0);
    assert_eq!(stored, asked, "the last answer");
}
