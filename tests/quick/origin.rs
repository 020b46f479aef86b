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
