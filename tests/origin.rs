//! `jackstaff origin` as a process: its options, and its end.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what it expects by panicking")]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use tests::{Origin, origin_with, tools};

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
    let Some(tools) = tools() else { return };
    let mut origin = origin_with(&tools, &["--max-streams", "1", "--max-environments", "1"]);
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
