//! An origin among strangers who take what they can: connections, streams, places, files.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tests::fastly::{SERVICE, STORE, TOKEN, fastly_api};
use tests::fixtures::one_feature;
use tests::strangers::{answers, strangers};
use tests::{Program, eventually, is_full, program, say};

use crate::JACKSTAFF;

const ORIGIN_TOKEN: &str = "s3cret";
const EDGE_TOKEN: &str = "edge-s3cret";

/// Files that the origin may open. Strangers want more.
const FILES: u64 = 1_024;

const STREAM: &str = "/sse/environments/demo/stream";

/// `jackstaff` with both tokens and a limit of open files.
fn limited(files: u64, arguments: &[&str]) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", &format!("ulimit -n {files} && exec \"$0\" \"$@\""), JACKSTAFF]).args(arguments);
    command.env("JACKSTAFF_ORIGIN_TOKEN", ORIGIN_TOKEN).env("JACKSTAFF_EDGE_TOKEN", EDGE_TOKEN);
    command
}

/// An origin without an edge token, so that strangers may have streams.
fn open_origin(arguments: &[&str]) -> Program {
    let arguments = [&["origin", "--listen", "127.0.0.1:0"], arguments].concat();
    let mut command = limited(FILES, &arguments);
    program("origin", command.env_remove("JACKSTAFF_EDGE_TOKEN"))
}

/// The value of a metric.
fn metric(origin: &Program, name: &str) -> u64 {
    // Strangers are refused.
    let request = ureq::get(format!("{}/metrics", origin.url()));
    let request = request.header("authorization", format!("Token {ORIGIN_TOKEN}"));
    let text = request.call().unwrap().body_mut().read_to_string().unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(&format!("jackstaff_origin_{name} ")));
    line.unwrap_or_else(|| panic!("{name}: {text}")).parse().unwrap()
}

fn connect(origin: &Program) -> TcpStream {
    let stream = TcpStream::connect(origin.url().trim_start_matches("http://")).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream
}

/// Sends a request on a connection, and returns the status of its answer.
#[track_caller]
fn ask(mut stream: &TcpStream, request: &str, headers: &str) -> u16 {
    write!(stream, "{request} HTTP/1.1\r\nhost: origin\r\n{headers}\r\n").unwrap();
    let mut read = [0; 1_024];
    let length = stream.read(&mut read).unwrap();
    let answer = String::from_utf8_lossy(&read[..length]);
    answer.split(' ').nth(1).unwrap_or_else(|| panic!("{answer:?}")).parse().unwrap()
}

/// Whether the other side has closed a connection, within some seconds.
fn is_closed(mut stream: &TcpStream) -> bool {
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let mut read = [0; 1_024];
    loop {
        match stream.read(&mut read) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(error) => return error.kind() == std::io::ErrorKind::ConnectionReset,
        }
    }
}

/// Ten thousand connections that do nothing, or almost nothing, a thousand announcements without the token a second, and as many
/// streams as there may be: an announcement *with* the token waited 26 seconds.
#[test]
fn strangers_do_not_delay_those_with_a_token() {
    let (wanted, seconds) = if is_full() { (10_000, 20) } else { (2_000, 4) };
    let files = rlimit::increase_nofile_limit(wanted + 2_000).unwrap();
    let connections = wanted.min(files.saturating_sub(2_000));
    if connections < wanted {
        say(&format!(
            "hostile: {connections} connections in place of {wanted}, since {files} files may be open"
        ));
    }
    let origin = program("origin", &mut limited(FILES, &["origin", "--listen", "127.0.0.1:0"]));
    let url = origin.url();
    let crowd = strangers(&url, usize::try_from(connections).unwrap(), 1_000);
    let [announced, streamed] = answers(&url, ORIGIN_TOKEN, EDGE_TOKEN, Duration::from_secs(seconds));
    say(&format!(
        "hostile: {connections} connections of strangers and 1000 announcements a second, {FILES} files: announcements {}; \
         streams {}",
        announced.figures(),
        streamed.figures()
    ));
    announced.are_within(Duration::from_secs(1));
    streamed.are_within(Duration::from_secs(1));
    assert!(metric(&origin, "connections_closed_total") > 0, "the strangers held back");
    assert!(metric(&origin, "announcements_refused_total") > 1_000, "the strangers held back");
    drop(crowd);
}

/// The publisher of `serve` has its files in the same process: with 160 of them, a change waited 52 seconds.
#[test]
fn strangers_take_no_files_of_the_publisher_in_the_same_process() {
    let api = fastly_api();
    let folder = TempDir::new().unwrap();
    let write = |value: &str| {
        let document = one_feature("demo", "2026-03-01T00:00:00Z", value);
        fs::write(folder.path().join("demo.json"), document.to_string()).unwrap();
    };
    let is_stored = |value: &str| {
        let stored = api.stored("environment/demo")?;
        String::from_utf8_lossy(&stored.value).contains(value).then_some(())
    };
    write("first");
    let path = folder.path().display().to_string();
    let arguments =
        ["serve", "--listen", "127.0.0.1:0", "--api", &api.url(), "--store", STORE, "--service", SERVICE];
    let mut command = limited(160, &[&arguments[..], &[&path]].concat());
    let serve =
        program("serve", command.env("FASTLY_API_TOKEN", TOKEN).env("JACKSTAFF_WEBHOOK_SECRET", "s3cret"));
    let url = serve.url();
    eventually("the first is stored", Duration::from_secs(20), || is_stored("first"));
    let crowd = strangers(&url, 600, 100);
    eventually("strangers have come", Duration::from_secs(20), || (crowd.opened() >= 600).then_some(()));
    let mut longest = Duration::ZERO;
    for value in ["second", "third", "fourth"] {
        let begun = Instant::now();
        write(value);
        eventually("the change is stored", Duration::from_secs(60), || is_stored(value));
        longest = longest.max(begun.elapsed());
    }
    say(&format!(
        "hostile: with 160 files and 600 connections of strangers, a change is stored within {longest:.1?}"
    ));
    assert!(longest < Duration::from_secs(2), "{longest:?}");
    drop(crowd);
}

/// Without the token a body is not waited for.
#[test]
fn a_body_without_the_token_is_refused_before_it_comes() {
    let origin = open_origin(&[]);
    for headers in ["", "authorization: Token wrong\r\n"] {
        let stream = connect(&origin);
        let begun = Instant::now();
        let headers = format!("{headers}content-length: 9999\r\n");
        assert_eq!(ask(&stream, "POST /sse/environments/demo/queue-change", &headers), 401);
        assert!(is_closed(&stream), "a body may still come");
        assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    }
}

/// One address took all streams, and all connections.
#[test]
fn one_address_has_a_bound_unless_it_shows_a_token() {
    let origin = open_origin(&["--max-per-address", "3"]);
    let streams: Vec<TcpStream> = (0..3).map(|_| connect(&origin)).collect();
    for stream in &streams {
        assert_eq!(ask(stream, &format!("GET {STREAM}"), ""), 200);
    }
    for (request, headers, expected) in [
        (format!("GET {STREAM}"), String::new(), 429),
        ("GET /health".to_owned(), String::new(), 429),
        (format!("GET {STREAM}"), "x-forwarded-for: 192.0.2.1\r\n".to_owned(), 429),
        (format!("GET {STREAM}"), "authorization: Token wrong\r\n".to_owned(), 429),
        (format!("GET {STREAM}"), format!("authorization: Token {ORIGIN_TOKEN}\r\n"), 200),
        ("GET /health".to_owned(), format!("authorization: Token {ORIGIN_TOKEN}\r\n"), 200),
    ] {
        let stream = connect(&origin);
        assert_eq!(ask(&stream, &request, &headers), expected, "{request} {headers}");
        assert!(expected == 200 || is_closed(&stream), "{request} {headers}");
    }
    // A stranger beyond the bound is not waited for.
    let begun = Instant::now();
    assert!(is_closed(&connect(&origin)));
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    assert_eq!(metric(&origin, "requests_refused_total"), 4);
    drop(streams);
    eventually("there is room again", Duration::from_secs(10), || {
        (ask(&connect(&origin), "GET /health", "") == 200).then_some(())
    });
}

/// A proxy's connections are not those of one client.
#[test]
fn behind_a_trusted_proxy_each_forwarded_address_has_a_bound() {
    let origin = open_origin(&[
        "--max-per-address",
        "2",
        "--trusted-proxy",
        "10.0.0.0/8",
        "--trusted-proxy",
        "127.0.0.1",
    ]);
    let mut streams = Vec::new();
    for (forwarded, expected) in [
        ("192.0.2.1", 200),
        ("192.0.2.1:4711, 10.0.0.7", 200),
        // Written by the client itself.
        ("198.51.100.1, 192.0.2.1", 429),
        ("192.0.2.2", 200),
        ("[2001:db8::1]:4711", 200),
        ("2001:db8::2", 200),
        ("2001:db8::3", 429),
        ("2001:db8:0:1::1", 200),
        // The proxy's own.
        ("garbage", 200),
        ("", 200),
        ("10.0.0.9", 429),
    ] {
        let stream = connect(&origin);
        let headers = format!("x-forwarded-for: {forwarded}\r\n");
        assert_eq!(ask(&stream, &format!("GET {STREAM}"), &headers), expected, "{forwarded}");
        if expected == 429 {
            // The connection may serve others.
            assert_eq!(ask(&stream, "GET /health", "x-forwarded-for: 203.0.113.1\r\n"), 200, "{forwarded}");
        }
        streams.push(stream);
    }
    let known = format!("x-forwarded-for: 192.0.2.1\r\nauthorization: Token {ORIGIN_TOKEN}\r\n");
    assert_eq!(ask(&connect(&origin), &format!("GET {STREAM}"), &known), 200);
    drop(streams);
    eventually("there is room again", Duration::from_secs(10), || {
        (ask(&connect(&origin), "GET /health", "x-forwarded-for: 192.0.2.1\r\n") == 200).then_some(())
    });
}

#[test]
fn a_trusted_proxy_that_is_no_network_lets_no_origin_start() {
    for text in ["proxy.example", "10.0.0.0/33", ""] {
        let finished = tests::jackstaff(JACKSTAFF, &["origin", "--trusted-proxy", text], "");
        assert_eq!(finished.code, 64, "{finished:?}");
        assert!(finished.errors.contains("expected an address or a network"), "{finished:?}");
    }
}
