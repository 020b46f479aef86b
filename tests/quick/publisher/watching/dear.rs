//! A change by which a request would cost too much.

use publisher::watch::Watch;

use super::Watching;
use crate::publisher::dear::{DEAR, GREEN, TOO_DEAR, with_splits};

#[test]
fn a_change_that_is_too_dear_is_held_back_and_named_in_the_status() {
    let mut watching = Watching::new();
    watching.put("a.json", &with_splits("one", GREEN));
    watching.pass_seconds(2);
    watching.said();
    watching.put("a.json", &with_splits("two", TOO_DEAR));
    watching.pass_seconds(60);
    assert_eq!(watching.writes(), ["one"]);
    let said = watching.said();
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].starts_with("a.json: a request may take "), "{said:?}");
    assert!(said[0].ends_with("publishes it all the same. What is stored stays served"), "{said:?}");
    let (environments, troubles) = watching.progress();
    assert_eq!(troubles.len(), 1, "{troubles:?}");
    assert_eq!(said[0], format!("a.json: {}. What is stored stays served", troubles[0].why));
    assert!(environments[0].behind.is_some(), "{environments:?}");

    watching.put("a.json", &with_splits("three", GREEN));
    watching.pass_seconds(2);
    assert_eq!(watching.writes(), ["one", "three"]);
    assert!(watching.progress().1.is_empty());
}

#[test]
fn a_dear_change_is_published_and_stays_named_in_the_status() {
    let mut watching = Watching::new();
    watching.put("a.json", &with_splits("one", DEAR));
    watching.pass_seconds(2);
    assert_eq!(watching.writes(), ["one"]);
    let (environments, troubles) = watching.progress();
    assert_eq!(environments[0].behind, None);
    assert!(troubles[0].why.starts_with("warning: a request may take "), "{troubles:?}");
}

#[test]
fn a_change_that_is_too_dear_is_published_if_the_publisher_insists_and_stays_so() {
    let mut watching = Watching::new();
    watching.options.accept_dear = true;
    watching.put("a.json", &with_splits("one", TOO_DEAR));
    watching.pass_seconds(2);
    assert_eq!(watching.writes(), ["one"]);
    // It was published on purpose, so a watch that does not insist leaves it.
    watching.options.accept_dear = false;
    watching.watch = Watch::default();
    watching.said();
    watching.put("a.json", &with_splits("one", TOO_DEAR));
    watching.pass_seconds(2);
    let said = watching.said();
    assert!(said.iter().any(|line| line.starts_with("a.json: unchanged")), "{said:?}");
    assert_eq!(watching.progress().0[0].behind, None);
}
