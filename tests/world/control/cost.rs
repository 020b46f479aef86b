//! The calls to Fastly's API that changes cost when nothing fails. An account has about a thousand an hour.

use std::thread;
use std::time::{Duration, Instant};

use fastrand::Rng;
use serde_json::json;
use tests::fastly::Event;
use tests::stack::{Stack, StackOptions, stack};
use tests::{say, tools};

use super::calls::Calls;
use tests::machine::beside_others;

const ENVIRONMENTS: usize = 10;
const CHANGES: usize = 60;
const SOON: Duration = Duration::from_secs(30);

fn without_faults() -> Option<Stack> {
    let options = StackOptions { environments: ENVIRONMENTS, edges: 1, poll: 2, ..StackOptions::default() };
    let stack = stack(&tools()?, &options);
    stack.serve().says("watching");
    stack.api.limit_writes(Duration::from_secs(1));
    Some(stack)
}

/// Makes random edits, several of them within the second in which only one write is allowed, and waits until the last
/// are served.
fn edit(stack: &Stack, changes: usize, within: Duration) {
    let mut rng = Rng::with_seed(7);
    let mut edited = [None; ENVIRONMENTS];
    for n in 1..=changes {
        let environment = rng.usize(..ENVIRONMENTS);
        edited[environment] = Some(n);
        stack.edit(environment, &json!(n));
        thread::sleep(Duration::from_millis(rng.u64(..100)));
    }
    for (environment, n) in edited.into_iter().enumerate() {
        if let Some(n) = n {
            stack.wait_until_served(environment, &json!(n), within);
        }
    }
}

#[test]
fn a_change_costs_three_calls_and_a_start_three_for_each_environment() {
    let _machine = beside_others();
    let Some(stack) = without_faults() else { return };
    let before = stack.api.events().len();
    edit(&stack, CHANGES, SOON);
    thread::sleep(Duration::from_secs(5));
    let calls = Calls::count(&stack.api.events()[before..], &[], before);
    say(&format!("{CHANGES} changes when nothing fails: {calls}"));
    assert!(calls.published >= ENVIRONMENTS && calls.for_each_change() <= 3.0, "{calls}");
    assert_eq!(calls.for_faults, 0, "{calls}");
    // The publisher reads the store from time to time.
    assert!(calls.without_change <= 3, "{calls}");

    stack.kill_serve();
    let before = stack.api.events().len();
    stack.start_serve();
    stack.serve().says(&format!("watching {ENVIRONMENTS} environments"));
    let calls = Calls::count(&stack.api.events()[before..], &[], before);
    say(&format!("a start with {ENVIRONMENTS} environments that did not change: {calls}"));
    assert_eq!(calls.published, 0, "{calls}");
    assert!(calls.without_change <= 3 * ENVIRONMENTS, "{calls}");
}

#[test]
fn the_rest_of_a_quota_is_spread_over_the_rest_of_its_time() {
    let _machine = beside_others();
    let Some(stack) = without_faults() else { return };
    let before = stack.api.events().len();
    // Enough calls for ten changes.
    stack.api.limit_calls(30, Duration::from_secs(10));
    let begun = Instant::now();
    edit(&stack, CHANGES, Duration::from_secs(90));
    let events = stack.api.events();
    let refused =
        events[before..].iter().filter(|event| matches!(event, Event::Called { status: Some(429), .. }));
    let (refused, calls) = (refused.count(), Calls::count(&events[before..], &[], before));
    say(&format!("thirty calls in ten seconds: {refused} refused in {:.0?}; {calls}", begun.elapsed()));
    assert!(refused <= 6, "{refused} refused; {calls}");
    assert!(calls.published >= ENVIRONMENTS, "{calls}");
}
