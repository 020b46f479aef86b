//! Many clients, and one connection to the origin.

use std::io::Read;
use std::time::Instant;

use tests::machine::beside_others;
use tests::stream::{Listening, Reconnect, announce};
use ureq::http::Response;

use super::world::{JOIN, KEY, SOON, World};

/// The header's value, empty if it is not there.
fn header<'a>(response: &'a Response<ureq::Body>, name: &str) -> &'a str {
    response.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

#[test]
fn many_clients_share_a_connection_that_outlives_each_of_them() {
    let _machine = beside_others();
    let Some(world) = World::new() else { return };
    let first = world.clients(1);
    let others = world.clients(50);
    let streams = world.streams();
    let second = world.change().revision;
    others.wait_until_signalled(second, SOON);
    first.leave(0);
    let change = world.change();
    others.wait_until_signalled(change.revision, SOON);
    for history in others.histories() {
        let heard: Vec<u64> = history.heard().map(|heard| heard.revision).collect();
        assert_eq!((heard, history.connections.len()), (vec![second, change.revision], 1));
    }
    assert_eq!(world.streams(), streams);
}

#[test]
fn a_client_that_joins_late_receives_the_whole_part_and_a_later_one_begins_another() {
    let _machine = beside_others();
    let Some(world) = World::new() else { return };
    let begun = Instant::now();
    let first = world.clients(1);
    let sent = [world.change().revision, world.change().revision];
    first.wait_until_signalled(sent[1], SOON);
    let late = world.clients(1);
    let joined = begun.elapsed() < JOIN;
    late.wait_until_signalled(sent[1], SOON);
    let heard = |clients: &tests::stream::Clients| -> Vec<u64> {
        clients.history(0).heard().map(|heard| heard.revision).collect()
    };
    // On a slow machine, the client came too late to join.
    if joined {
        assert_eq!((heard(&late), world.streams()), (sent.to_vec(), 1));
    }
    std::thread::sleep((JOIN * 2).saturating_sub(begun.elapsed()));
    let before = world.streams();
    let too_late = world.clients(1);
    too_late.wait_until_signalled(sent[1], SOON);
    assert_eq!((heard(&too_late), world.streams()), (vec![sent[1]], before + 1));
    let last = world.change().revision;
    for clients in [&first, &late, &too_late] {
        clients.wait_until_signalled(last, SOON);
    }
}

/// Two changes within one second were one event, and none for a client that connected again.
#[test]
fn each_of_two_changes_within_a_second_has_a_number_of_its_own() {
    let _machine = beside_others();
    let Some(world) = World::new() else { return };
    let path = format!("/sse/environments/{KEY}/stream");
    let mut open = world.ask("GET", &path, &[]);
    let mut stream = open.body_mut().as_reader();
    let mut last = 0.0;
    for _ in 0..3 {
        announce(&world.origin.url(), None, KEY, 1_772_450_553);
        let number = next_number(&mut stream);
        assert!(number > last, "{number} after {last}");
        last = number;
    }
    // Later than a part can be joined, so that this one begins anew.
    std::thread::sleep(JOIN * 2);
    let mut again = world.ask("GET", &path, &[]);
    let number = next_number(&mut again.body_mut().as_reader());
    assert!((number - last).abs() < f64::EPSILON, "{number}, {last}");
}

/// The number of the next event.
#[track_caller]
fn next_number(stream: &mut impl Read) -> f64 {
    let mut text = String::new();
    let mut byte = [0];
    while !text.contains("}\n\n") {
        assert_eq!(stream.read(&mut byte).unwrap(), 1, "ended after {text:?}");
        text.push(byte[0].into());
    }
    let number = text.split("\"updated_at\": ").nth(1).and_then(|rest| rest.split('}').next());
    number.and_then(|number| number.parse().ok()).unwrap_or_else(|| panic!("{text:?}"))
}

#[test]
fn all_spellings_of_a_request_share_one_stream() {
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
fn invalid_keys_share_one_silent_stream() {
    let _machine = beside_others();
    let Some(world) = World::new() else { return };
    let long = "k".repeat(257);
    let keys = ["ser.abc", "a%20b", ".", &long];
    let begun = Instant::now();
    let groups = keys.map(|key| {
        let listening =
            Listening { reconnect: Reconnect::Never, ..Listening::to(world.varnish.url(), key, 2) };
        world.listening(&listening)
    });
    if begun.elapsed() < JOIN {
        assert_eq!(world.streams(), 1);
    }
    world.change();
    // Their streams stay open, longer than a part can be joined, and have no events.
    std::thread::sleep((JOIN * 2).saturating_sub(begun.elapsed()));
    for history in groups.iter().flat_map(tests::stream::Clients::histories) {
        assert_eq!((history.is_listening(), history.heard().count()), (true, 0));
    }
}
