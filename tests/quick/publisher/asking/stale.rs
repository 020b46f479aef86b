//! A Flagsmith with out-of-date answers: some of its processes show the state of half a minute ago.

use std::time::Duration;

use super::{Asking, POLL, document};

const BEHIND: Duration = Duration::from_secs(30);

fn values(asking: &Asking) -> Vec<u64> {
    asking.stored(0).iter().map(|(value, _)| *value).collect()
}

#[test]
fn a_process_that_lags_takes_no_change_back() {
    for seed in 1..=8 {
        let mut asking = Asking::new(1);
        asking.flagsmith.processes = vec![Duration::ZERO, BEHIND];
        asking.another(Duration::from_millis(100), 0);
        let mut rng = fastrand::Rng::with_seed(seed);
        // Ten edits within five minutes: half a minute apart, and some of them close together.
        for n in 1..=10 {
            asking.edit(0, n);
            if rng.bool() {
                asking.signal(0);
            }
            asking.pass(Duration::from_millis(if rng.bool() { rng.u64(..55_000) } else { rng.u64(..5_000) }));
        }
        asking.pass_seconds(60);
        let values = values(&asking);
        assert!(values.len() <= 11 && values.is_sorted(), "{seed}: {values:?}");
        assert_eq!(values.last(), Some(&10));
        let progress = &asking.publishers[0].progress(&asking.world)[0];
        assert_eq!(progress.behind, None, "{progress:?}");
    }
}

/// With a time of its own, as in Flagsmith's pages; or with the time that it had, as a database is restored:
/// then all processes say so.
#[test]
fn a_change_that_is_really_taken_back_is_served_within_two_intervals() {
    for (processes, ago) in [(vec![Duration::ZERO, BEHIND], 0), (vec![Duration::ZERO], 60_000)] {
        let mut asking = Asking::new(1);
        asking.flagsmith.processes = processes;
        asking.another(Duration::from_millis(100), 0);
        asking.pass_seconds(60);
        asking.edit(0, 1);
        asking.pass_seconds(60);
        asking.set(0, ago, document(0, 0));
        asking.pass(2 * POLL);
        assert_eq!(values(&asking), [0, 1, 0], "{ago}");
        asking.pass_seconds(120);
        assert_eq!(values(&asking), [0, 1, 0], "{ago}");
    }
}

/// While it is doubted it is said to be, since when it began.
#[test]
fn a_doubtful_answer_is_shown_in_the_status() {
    let mut asking = Asking::new(1);
    asking.another(Duration::ZERO, 0);
    asking.edit(0, 1);
    asking.pass_seconds(10);
    asking.edit(0, 2);
    asking.pass_seconds(10);
    asking.set(0, 60_000, document(0, 1));
    asking.signal(0);
    asking.pass(Duration::from_secs(3));
    let progress = &asking.publishers[0].progress(&asking.world)[0];
    assert!(progress.why.as_ref().is_some_and(|why| why.contains("it may be out of date")), "{progress:?}");
    assert!(progress.behind.unwrap() >= Duration::from_millis(2_800), "{progress:?}");
    asking.pass_seconds(5);
    assert_eq!(values(&asking).last(), Some(&1));
    assert_eq!(asking.publishers[0].progress(&asking.world)[0].behind, None);
}
