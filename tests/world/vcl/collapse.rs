//! Many who ask, and one connection to the origin.

use std::io::Read;
use std::time::Instant;

use tests::machine::beside_others;
use tests::stream::{Listening, Reconnect};
use ureq::http::Response;

use super::world::{JOIN, KEY, SOON, World};

/// The header's value, empty if it is not there.
fn header<'a>(response: &'a Response<ureq::Body>, name: &str) -> &'a str {
    response.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

#[test]
fn many_clients_share_a_connection_and_who_leaves_takes_nobody_along() {
    let _machine = beside_others();
    let Some(world) = World::new() else { return };
    let first = world.clients(1);
    let others = world.clients(50);
    let streams = world.streams();
    let told = world.change().revision;
    others.wait_until_told(told, SOON);
    first.leave(0);
    let change = world.change();
    others.wait_until_told(change.revision, SOON);
    for history in others.histories() {
        let heard: Vec<u64> = history.heard().map(|heard| heard.revision).collect();
        assert_eq!((heard, history.connections.len()), (vec![told, change.revision], 1));
    }
    assert_eq!(world.streams(), streams);
}

#[test]
fn a_late_joiner_is_told_what_the_part_told_and_one_that_is_too_late_begins_another() {
    let _machine = beside_others();
    let Some(world) = World::new() else { return };
    let begun = Instant::now();
    let first = world.clients(1);
    let told = [world.change().revision, world.change().revision];
    first.wait_until_told(told[1], SOON);
    let late = world.clients(1);
    let joined = begun.elapsed() < JOIN;
    late.wait_until_told(told[1], SOON);
    let heard = |clients: &tests::stream::Clients| -> Vec<u64> {
        clients.history(0).heard().map(|heard| heard.revision).collect()
    };
    // On a machine that took its time it was too late.
    if joined {
        assert_eq!((heard(&late), world.streams()), (told.to_vec(), 1));
    }
    std::thread::sleep((JOIN * 2).saturating_sub(begun.elapsed()));
    let before = world.streams();
    let too_late = world.clients(1);
    too_late.wait_until_told(told[1], SOON);
    assert_eq!((heard(&too_late), world.streams()), (vec![told[1]], before + 1));
    let last = world.change().revision;
    for clients in [&first, &late, &too_late] {
        clients.wait_until_told(last, SOON);
    }
}

#[test]
fn a_stream_is_the_same_however_it_is_asked_for() {
    let _machine = beside_others();
    let Some(world) = World::new() else { return };
    let path = format!("/sse/environments/{KEY}/stream");
    let begun = Instant::now();
    let mut open = Vec::new();
    for (path, headers) in [
        (path.clone(), vec![]),
        (format!("{path}?lastEventId=7"), vec![("accept-encoding", "gzip, br"), ("accept", "*/*")]),
        (
            format!("/{path}//"),
            vec![("cookie", "a=b"), ("authorization", "Bearer x"), ("range", "bytes=0-1")],
        ),
        (path.clone(), vec![("host", "other.example.com"), ("origin", "https://example.com")]),
        (path, vec![("cache-control", "no-cache"), ("if-none-match", "*"), ("x-environment-key", "x")]),
    ] {
        let mut response = world.ask("GET", &path, &headers);
        assert_eq!(response.status(), 200, "{headers:?}");
        for (name, value) in [
            ("content-type", "text/event-stream"),
            ("cache-control", "no-cache, no-transform"),
            ("access-control-allow-origin", "*"),
            ("x-accel-buffering", "no"),
            ("transfer-encoding", "chunked"),
            ("content-encoding", ""),
            ("vary", ""),
            ("age", ""),
        ] {
            assert_eq!(header(&response, name), value, "{name}, {headers:?}");
        }
        let mut first = [0; 10];
        response.body_mut().as_reader().read_exact(&mut first).unwrap();
        assert_eq!(&first, b": stream\n\n");
        open.push(response);
    }
    if begun.elapsed() < JOIN {
        assert_eq!(world.streams(), 1);
    }
}

#[test]
fn keys_that_open_nothing_share_a_stream_that_says_nothing() {
    let _machine = beside_others();
    let Some(world) = World::new() else { return };
    let long = "k".repeat(257);
    let keys = ["ser.abc", "a%20b", ".", &long];
    let begun = Instant::now();
    let crowds = keys.map(|key| {
        let listening =
            Listening { reconnect: Reconnect::Never, ..Listening::to(world.varnish.url(), key, 2) };
        world.listening(&listening)
    });
    if begun.elapsed() < JOIN {
        assert_eq!(world.streams(), 1);
    }
    world.change();
    // They are held, beyond the time in which a part can be joined, and told nothing.
    std::thread::sleep((JOIN * 2).saturating_sub(begun.elapsed()));
    for history in crowds.iter().flat_map(tests::stream::Clients::histories) {
        assert_eq!((history.is_listening(), history.heard().count()), (true, 0));
    }
}
