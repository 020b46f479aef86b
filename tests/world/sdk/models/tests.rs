//! The models themselves: they are as strict as the SDKs, or they would prove nothing.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::{Ear, Fetched, Model, models};
use crate::sdk::listener::Seen;

#[test]
fn models_are_as_strict_as_the_sdks() {
    let known = "event: environment_updated\ndata: {\"updated_at\": 1772450553.0}\n\n";
    let news = "event: environment_updated\ndata: {\"updated_at\": 1772450554.0}\n\n";
    let (first, second) = news.split_at(40);
    // How often each refetches; none: it complains.
    let (once, never) = ([Some(1); 5], [Some(0); 5]);
    for (situation, chunks, clean, expected) in [
        ("news", &[news][..], true, once),
        ("what is known", &[known], true, [Some(0), Some(0), Some(0), Some(1), Some(1)]),
        ("comments", &[": ping\n\n", "retry: 500\n\n"], true, never),
        ("news in two chunks", &[first, second], true, [Some(1), Some(1), Some(1), None, Some(1)]),
        ("news, and no clean end", &[news], false, [Some(1), Some(1), Some(1), Some(1), Some(0)]),
        (
            "another name",
            &[&news.replace("environment_updated", "other")],
            true,
            [Some(0), Some(0), Some(1), Some(1), Some(1)],
        ),
        ("an integer", &[&news.replace(".0", "")], true, [Some(1), None, Some(1), Some(1), Some(1)]),
        ("no space", &[&news.replace(": {", ":{")], true, [Some(1), Some(1), Some(0), Some(1), Some(0)]),
        ("a heartbeat with data", &["data: {}\n\n"], true, [Some(0), Some(0), None, None, None]),
    ] {
        for ((name, mut model), expected) in models(Duration::from_secs(40)).into_iter().zip(expected) {
            assert_eq!(refetches(model.as_mut(), chunks, clean), expected, "{name}: {situation}");
        }
    }
}

/// Two changes within one second, as Flagsmith stamps them, and the events that an origin in parts makes of them.
#[test]
fn every_model_fetches_for_each_of_two_changes_within_a_second() {
    let event = |number: &str| format!("event: environment_updated\ndata: {{\"updated_at\": {number}}}\n\n");
    let chunks = [event("1772450553.0"), event("1772450553.001953125")];
    let fetched = |milliseconds: i64| Fetched {
        value: Value::Null,
        header: Duration::from_millis(milliseconds.unsigned_abs()).as_secs_f64(),
        updated_at: Timestamp::from_millisecond(milliseconds).ok(),
        at: Duration::from_millis(milliseconds.unsigned_abs() + 50).as_secs_f64(),
    };
    for (name, mut model) in models(Duration::from_secs(40)) {
        let mut changes = [1_772_450_552_100, 1_772_450_552_900].into_iter();
        model.begin(&fetched(1_772_450_500_000));
        model.connected();
        let mut fetch = || Ok(fetched(changes.next().unwrap()));
        let mut ear = Ear { connection: 1, seen: &Seen::default(), fetch: &mut fetch };
        let read = chunks.iter().try_for_each(|chunk| model.read(chunk.as_bytes(), &mut ear));
        assert!(read.and_then(|()| model.ended(true, &mut ear)).is_ok(), "{name}");
        assert_eq!(changes.next(), None, "{name}");
    }
}

/// How often a model that knows revision 1772450553 refetches, and finds the next one; none if it complains.
fn refetches(model: &mut dyn Model, chunks: &[&str], clean: bool) -> Option<usize> {
    let fetched = |second: u32| Fetched {
        value: Value::Null,
        header: f64::from(second),
        updated_at: Timestamp::from_second(second.into()).ok(),
        at: f64::from(second) + 0.5,
    };
    let mut count = 0;
    model.begin(&fetched(1_772_450_553));
    model.connected();
    let mut fetch = || {
        count += 1;
        Ok(fetched(1_772_450_554))
    };
    let mut ear = Ear { connection: 1, seen: &Seen::default(), fetch: &mut fetch };
    let read = chunks.iter().try_for_each(|chunk| model.read(chunk.as_bytes(), &mut ear));
    read.and_then(|()| model.ended(clean, &mut ear)).ok()?;
    Some(count)
}
