//! `jackstaff origin` as a process: its options, and its end.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::{Duration, Instant};

use tests::{Origin, jackstaff, origin_with, program};

use crate::JACKSTAFF;

fn listen(origin: &Origin) -> TcpStream {
    let mut client = TcpStream::connect(origin.url().trim_start_matches("http://")).unwrap();
    client.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let request = "GET /sse/environments/demo/stream HTTP/1.1\r\nhost: origin\r\n\r\n";
    client.write_all(request.as_bytes()).unwrap();
    client
}

/// Reads until something was read.
#[track_caller]
fn until(client: &mut TcpStream, expected: &str) -> String {
    let mut read = String::new();
    let mut bytes = [0; 1_024];
    while !read.contains(expected) {
        let length = client.read(&mut bytes).unwrap();
        assert!(length > 0, "closed after {read:?}");
        read.push_str(std::str::from_utf8(&bytes[..length]).unwrap());
    }
    read
}

#[test]
fn streams_are_bounded_and_aborted_at_the_end() {
    let mut origin = origin_with(JACKSTAFF, &["--max-streams", "1", "--max-environments", "1"]);
    let mut stream = listen(&origin);
    assert!(until(&mut stream, ": jackstaff\n\n\r\n").starts_with("HTTP/1.1 200 OK\r\n"));
    let refused = until(&mut listen(&origin), "}");
    assert!(refused.starts_with("HTTP/1.1 503 Service Unavailable\r\n"), "{refused}");
    assert!(
        refused.ends_with(r#"{"detail":"this origin already has 1 open streams, its limit"}"#),
        "{refused}"
    );
    let metrics = origin.metrics();
    for sample in ["open_streams 1", "streams_total 1", "streams_refused_total 1"] {
        assert!(metrics.contains(&format!("\njackstaff_origin_{sample}\n")), "{sample}: {metrics}");
    }

    assert_eq!(origin.terminate().code(), Some(0));
    let mut rest = String::new();
    // Whether the connection is closed or reset, there is no last chunk.
    let _ = stream.read_to_string(&mut rest);
    assert_eq!(rest.replace("8\r\n: ping\n\n\r\n", ""), "");
}

/// An origin that anybody reaches took announcements from anybody, with a line on standard error that nobody read.
#[test]
fn without_a_token_an_origin_does_not_start_where_other_machines_reach_it() {
    let started = |address: &str, insecure: bool| {
        let mut command = Command::new(JACKSTAFF);
        command.args(["origin", "--listen", address]).env_remove("JACKSTAFF_ORIGIN_TOKEN");
        command.env_remove("JACKSTAFF_EDGE_TOKEN");
        let origin = program("an origin", command.args(insecure.then_some("--insecure")));
        origin.url();
        assert_eq!(origin.terminate().code(), Some(0));
    };
    for address in ["127.0.0.1:0", "127.8.9.1:0"] {
        started(address, false);
    }
    started("0.0.0.0:0", true);
    let serve = ["--store", "s", "--service", "s", "nowhere.json"];
    for (command, address, arguments, code) in [
        ("origin", "0.0.0.0:0", &[][..], 1),
        ("origin", "[::]:0", &[], 1),
        ("serve", "0.0.0.0:0", &serve, 64),
    ] {
        let finished = jackstaff(JACKSTAFF, &[&[command, "--listen", address], arguments].concat(), "");
        assert_eq!(finished.code, code, "{finished:?}");
        let expected = format!("jackstaff {command}: there is no token, and other machines reach {address}");
        assert!(finished.errors.contains(&expected), "{finished:?}");
    }
}

#[test]
fn a_stream_in_parts_ends_in_time_with_a_last_chunk() {
    let origin = origin_with(JACKSTAFF, &["--stream-seconds", "5"]);
    let mut stream = listen(&origin);
    let begun = Instant::now();
    let head = until(&mut stream, "\n\n\r\n");
    assert!(head.contains("\r\ncache-control: public, max-age=1, no-transform\r\n"), "{head}");
    until(&mut stream, "0\r\n\r\n");
    let lasted = begun.elapsed();
    assert!((4_900..8_000).contains(&lasted.as_millis()), "{lasted:?}");
}

/// Announces a time as Flagsmith does, with its fraction.
#[track_caller]
fn announce(origin: &Origin, updated_at: &str) {
    let url = format!("{}/sse/environments/demo/queue-change", origin.url());
    let body = format!("{{\"updated_at\": \"{updated_at}\"}}");
    assert_eq!(ureq::post(&url).send(body).unwrap().status(), 200, "{updated_at}");
}

/// Two changes within one second were one event, so a client kept the flags of the first, and one that connected again
/// never learnt of the second.
#[test]
fn in_a_stream_in_parts_each_announcement_moves_the_number_whatever_clocks_say() {
    let origin = origin_with(JACKSTAFF, &["--stream-seconds", "40"]);
    let mut stream = listen(&origin);
    until(&mut stream, "\n\n\r\n");
    let mut last = 0.0;
    for updated_at in [
        "2026-03-02T11:22:33.100000Z",
        "2026-03-02T11:22:33.900000Z",
        // The same again, from a task queue that retries.
        "2026-03-02T11:22:33.900000Z",
        // One that comes late, and one of a publisher whose clock was set back.
        "2026-03-02T11:22:30.500000Z",
        "2026-03-02T11:22:31Z",
        // A clock that is ahead, and changes after it by clocks that are right.
        "2126-03-02T11:22:33Z",
        "2026-03-02T11:22:34Z",
        "2026-03-02T11:22:35Z",
    ] {
        announce(&origin, updated_at);
        let number = updated_at_of(&until(&mut stream, "}\n\n"));
        assert!(number > last, "{updated_at}: {number} after {last}");
        let new_client = updated_at_of(&until(&mut listen(&origin), "}\n\n"));
        assert!((new_client - number).abs() < f64::EPSILON, "{updated_at}: {new_client}, {number}");
        last = number;
    }
}

/// The number of the one event in a text.
#[track_caller]
fn updated_at_of(text: &str) -> f64 {
    let [_, event] = *text.split("\"updated_at\": ").collect::<Vec<_>>() else { panic!("{text}") };
    let digits = event.split('}').next().unwrap();
    assert!(digits.contains('.'), "some SDKs want a point: {digits}");
    digits.parse().unwrap()
}

/// Edges look at the store for each event, and hold back those that they need not follow.
#[test]
fn an_endless_stream_repeats_the_revision_for_each_announcement() {
    let origin = origin_with(JACKSTAFF, &[]);
    let mut stream = listen(&origin);
    until(&mut stream, "\n\n\r\n");
    for updated_at in ["2026-03-02T11:22:33.1Z", "2026-03-02T11:22:33.9Z", "2026-03-02T11:22:30Z"] {
        announce(&origin, updated_at);
        assert!(until(&mut stream, "}\n\n").contains("\"updated_at\": 1772450554.0}"), "{updated_at}");
    }
}

#[test]
fn the_seconds_of_a_stream_part_have_a_range() {
    for seconds in ["0", "4", "91", "5.5", "x"] {
        let refused = jackstaff(JACKSTAFF, &["origin", "--stream-seconds", seconds], "");
        assert_eq!(refused.code, 64, "{refused:?}");
        assert!(refused.errors.contains("not a whole number from 5 to 90"), "{refused:?}");
    }
}

/// As `serve`, `publish`, `watch` and `status` do.
#[test]
fn announcements_need_the_token_of_the_environment_variable() {
    let mut command = Command::new(JACKSTAFF);
    command.args(["origin", "--listen", "127.0.0.1:0"]).env("JACKSTAFF_ORIGIN_TOKEN", "s3cret");
    let origin = program("origin", &mut command);
    let url = format!("{}/sse/environments/demo/queue-change", origin.url());
    for (authorization, expected) in [("", 401), ("Token other", 401), ("Token s3cret", 200)] {
        let request = ureq::post(&url).config().http_status_as_error(false).build();
        let request = request.header("authorization", authorization);
        let answer = request.send(r#"{"updated_at": "2026-03-02T11:22:33Z"}"#).unwrap();
        assert_eq!(answer.status(), expected, "{authorization:?}");
    }
    assert_eq!(origin.count("anybody"), 0, "{:?}", origin.said());
}

#[test]
fn a_token_that_is_empty_or_cannot_be_sent_lets_no_origin_start() {
    for (token, expected) in [
        ("", "JACKSTAFF_ORIGIN_TOKEN: the secret is empty"),
        ("two words", "JACKSTAFF_ORIGIN_TOKEN: the secret holds a space"),
    ] {
        let mut command = Command::new(JACKSTAFF);
        command.args(["origin", "--listen", "127.0.0.1:0"]).env("JACKSTAFF_ORIGIN_TOKEN", token);
        let origin = program("origin", &mut command);
        origin.says(expected);
        assert!(!origin.end("-TERM").success(), "{token:?}");
    }
}
