//! The token by which the origin knows edges: with it changes are signalled at once; without it within seconds.

use std::time::Duration;

use crate::model::Event;
use crate::relay::{World, ms, s};

const WANTED: &[&str] = &["marked-right"];

/// Changes of every third second, each announced.
fn with_changes(mut world: World) -> World {
    for n in 0..10 {
        world.plan(s(3 + 3 * n), Event::Written(8 + n));
        world.plan(s(3 + 3 * n), Event::Announced(8 + n));
    }
    world
}

fn world(wanted: &'static [&'static str], stored: Result<Option<&'static [u8]>, ()>) -> World {
    let world = World::new(Some(7));
    world.set(|state| state.happen(Event::OriginWants(wanted)));
    world.set(|state| state.happen(Event::EdgeTokenIs(stored)));
    with_changes(world)
}

/// How long after it was written the slowest change was signalled.
#[track_caller]
fn slowest(world: &World) -> Duration {
    let events = world.events();
    assert_eq!(events.len(), 11, "{events:?}");
    let late = (0..).zip(&events[1..]).map(|(n, (time, _))| *time - s(3 + 3 * n));
    late.max().unwrap()
}

#[test]
fn with_the_edge_token_changes_are_signalled_at_once() {
    for stored in [&b"marked-right"[..], b"marked-right\n"] {
        let mut world = world(WANTED, Ok(Some(stored)));
        assert_eq!(world.lead().requests, 1);
        assert!(slowest(&world) <= ms(10), "{:?}", world.events());
        assert_eq!((world.log(), world.refused()), (Vec::new(), 0));
    }
}

/// An origin without edge tokens takes a request with one, and an edge without a secret store asks without one.
#[test]
fn an_open_origin_is_listened_to_whatever_the_secret_store_has() {
    for (stored, said) in [
        (Ok(None), &[][..]),
        (Ok(Some(&b"marked-other"[..])), &[]),
        (
            Err(()),
            &[
                "the secret `edge_token` cannot be read, so the origin is asked without it: the secret store fails",
            ],
        ),
    ] {
        let mut world = world(&[], stored);
        world.lead();
        assert!(slowest(&world) <= ms(10), "{stored:?}: {:?}", world.events());
        assert_eq!(world.log(), said, "{stored:?}");
    }
}

#[test]
fn without_the_right_edge_token_leaders_look_at_the_store_and_say_once_what_to_do() {
    let unfit = "holds a space, a control character or a character outside of ASCII, so it cannot be sent in a header";
    let not_asked =
        |what: &str| format!("the origin is not asked for streams: the secret `edge_token` {what}");
    let wants = "the origin wants an edge token, and the secret store has none: it answered 401 Unauthorized for demo; store a \
                 token of its --edge-token-file as the secret `edge_token`";
    let refuses = "the origin refuses the edge token: it answered 401 Unauthorized for demo; store a token of its \
                   --edge-token-file as the secret `edge_token`";
    let unreadable =
        "the secret `edge_token` cannot be read, so the origin is asked without it: the secret store fails";
    for (stored, requests, said) in [
        (Ok(None), 8, vec![wants.to_owned()]),
        (Err(()), 8, vec![unreadable.to_owned(), wants.to_owned()]),
        (Ok(Some(&b"marked-wrong"[..])), 8, vec![refuses.to_owned()]),
        (Ok(Some(b"marked-right2")), 8, vec![refuses.to_owned()]),
        (Ok(Some(b"marked right")), 0, vec![not_asked(unfit)]),
        (Ok(Some(b"marked\r\nx: y")), 0, vec![not_asked(unfit)]),
        (Ok(Some(b"marked\xff")), 0, vec![not_asked("is not UTF-8")]),
        (Ok(Some(b"")), 0, vec![not_asked("is empty")]),
        (Ok(Some(b" \n")), 0, vec![not_asked("is empty")]),
    ] {
        let mut world = world(WANTED, stored);
        world.lead();
        assert!(slowest(&world) <= ms(2_100), "{stored:?}: {:?}", world.events());
        let asked = world.refused();
        assert!(asked <= requests && (asked > 0) == (requests > 0), "{stored:?}: asked {asked} times");
        assert_eq!(world.log(), said, "{stored:?}");
        assert!(!world.log().concat().contains("marked"), "{:?}", world.log());
        // The next part says it again.
        world.lead();
        assert_eq!(world.log(), [said.clone(), said].concat(), "{stored:?}");
    }
}

/// The origin takes the old token and the new one, then edges get the new one, then the origin drops the old one.
#[test]
fn while_the_edge_token_is_changed_no_stream_is_refused() {
    let mut world = World::new(Some(7));
    for (at, event) in [
        (0, Event::OriginWants(&["marked-old"])),
        (0, Event::EdgeTokenIs(Ok(Some(b"marked-old")))),
        (20, Event::OriginWants(&["marked-old", "marked-new"])),
        (50, Event::EdgeTokenIs(Ok(Some(b"marked-new")))),
        (130, Event::OriginWants(&["marked-new"])),
    ] {
        world.plan(s(at), event);
    }
    // An origin that starts with other tokens ends its streams.
    for n in 0..30 {
        world.plan(s(5 * n) + ms(500), Event::OriginEndsStreams);
    }
    let mut requests = 0;
    while world.now() < s(150) {
        requests += world.lead().requests;
    }
    assert!(requests >= 20, "{requests}");
    assert_eq!((world.refused(), world.log()), (0, Vec::new()));
}

/// A token that is stored late, or that the origin learns late, is found by the next try of the same leader.
#[test]
fn the_right_edge_token_is_found_by_a_leader_that_was_refused() {
    for event in [Event::EdgeTokenIs(Ok(Some(b"marked-right"))), Event::OriginWants(&["marked-wrong"])] {
        let world = World::new(Some(7));
        world.set(|state| state.happen(Event::OriginWants(WANTED)));
        world.set(|state| state.happen(Event::EdgeTokenIs(Ok(Some(b"marked-wrong")))));
        let mut world = world;
        world.plan(s(10), event);
        world.plan(s(25), Event::Written(8));
        world.plan(s(25), Event::Announced(8));
        world.lead();
        assert!(world.events()[1].0 <= s(25) + ms(10), "{event:?}: {:?}", world.events());
        assert_eq!(world.log().len(), 1, "{event:?}: {:?}", world.log());
    }
}
