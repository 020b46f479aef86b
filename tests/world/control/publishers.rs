//! Two processes that publish the same environments.

use std::thread;
use std::time::Duration;

use fastrand::Rng;
use serde_json::json;
use tests::fastly::Kind;
use tests::stack::{StackOptions, stack};
use tests::{say, tools};

use super::calls::Calls;
use tests::machine::beside_others;

const ENVIRONMENTS: usize = 5;
const CHANGES: usize = 60;
const SOON: Duration = Duration::from_secs(30);

/// Each edit is written once, by one of the two, and the other does not write it again.
#[test]
fn two_publishers_lose_no_edit_and_write_none_twice() {
    let Some(tools) = tools() else { return };
    let _machine = beside_others();
    let stack = stack(
        &tools,
        &StackOptions { environments: ENVIRONMENTS, edges: 1, poll: 1, ..StackOptions::default() },
    );
    stack.api.limit_writes(Duration::from_secs(1));
    let other = stack.another("the other serve");
    other.says(&format!("watching {ENVIRONMENTS} environments"));
    let before = stack.api.events().len();
    let mut rng = Rng::with_seed(7);
    let mut edited = [0; ENVIRONMENTS];
    for n in 1..=CHANGES {
        let environment = rng.usize(..ENVIRONMENTS);
        edited[environment] = n;
        stack.edit(environment, &json!(n));
        thread::sleep(Duration::from_millis(rng.u64(..400)));
    }
    for (environment, n) in edited.into_iter().enumerate() {
        stack.wait_until_served(environment, &json!(n), SOON);
    }
    let writes = stack.api.writes();
    // Both poll a few times more.
    thread::sleep(Duration::from_secs(4));
    assert_eq!(stack.api.writes(), writes, "they write without a change");
    let calls = Calls::count(&stack.api.events()[before..], &[], before);
    say(&format!("two publishers: {CHANGES} changes, {calls}; all calls {:?}", stack.api.counts()));
    assert!(calls.published <= CHANGES, "{calls}");
    assert!(stack.api.closest_writes() >= Some(Duration::from_secs(1)), "{:?}", stack.api.closest_writes());
    for (environment, n) in edited.into_iter().enumerate() {
        assert_eq!(stack.served(0, environment).unwrap().value, n);
    }
    assert!(stack.api.counts().contains_key(&Kind::Purge));
}
