//! `jackstaff origin` and `jackstaff serve` with tokens of edges: who gets a stream, and what keeps them from starting.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;
use tests::{Program, program};

use crate::JACKSTAFF;

/// All tokens here have this mark.
const MARK: &str = "marked";

/// What `serve` needs beside the arguments of an origin.
const SERVE: [&str; 5] = ["--store", "s", "--service", "s", "nowhere.json"];

struct Files(TempDir);

impl Files {
    fn new() -> Files {
        Files(TempDir::new().unwrap())
    }

    fn write(&self, name: &str, text: &str) -> String {
        let path: PathBuf = self.0.path().join(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    }
}

fn origin(arguments: &[&str]) -> Program {
    let mut command = Command::new(JACKSTAFF);
    command.args(["origin", "--listen", "127.0.0.1:0"]).args(arguments);
    program("an origin", command.env_remove("JACKSTAFF_ORIGIN_TOKEN").env_remove("JACKSTAFF_EDGE_TOKEN"))
}

/// Runs a command that must not start, with no token from the environment. What it says has this in it, and no token.
#[track_caller]
fn refuses(arguments: &[&str], expected: &str) {
    let mut command = Command::new(JACKSTAFF);
    command.args(arguments).env("FASTLY_API_TOKEN", "a-token");
    let refused = program(
        arguments[0],
        command.env_remove("JACKSTAFF_ORIGIN_TOKEN").env_remove("JACKSTAFF_EDGE_TOKEN"),
    );
    let line = refused.says(expected);
    assert!(line.starts_with(&format!("jackstaff {}: ", arguments[0])), "{line}");
    assert!(!refused.end("-TERM").success(), "{arguments:?}");
    assert!(!refused.said().concat().contains(MARK), "{:?}", refused.said());
}

/// Sends a request for a stream, and reads the head of the answer, and its body if it ends.
#[track_caller]
fn ask(url: &str, key: &str, authorization: Option<&str>) -> (TcpStream, String) {
    let mut stream = TcpStream::connect(url.trim_start_matches("http://")).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let header = authorization.map(|value| format!("authorization: {value}\r\n")).unwrap_or_default();
    write!(stream, "GET /sse/environments/{key}/stream HTTP/1.1\r\nhost: origin\r\n{header}\r\n").unwrap();
    let (mut answer, mut bytes) = (String::new(), [0; 1_024]);
    while !answer.ends_with('}') && !answer.ends_with(": jackstaff\n\n\r\n") {
        let length = stream.read(&mut bytes).unwrap();
        assert!(length > 0, "closed after {answer:?}");
        answer.push_str(std::str::from_utf8(&bytes[..length]).unwrap());
    }
    (stream, answer)
}

#[track_caller]
fn get(url: &str, path: &str) -> String {
    ureq::get(format!("{url}{path}")).call().unwrap().body_mut().read_to_string().unwrap()
}

/// One address took all streams, and all places of environments that were not announced.
#[test]
fn strangers_cannot_take_the_last_stream() {
    let files = Files::new();
    let tokens = files.write("edge", "marked-old\nmarked-new\n");
    let origin = origin(&["--edge-token-file", &tokens, "--max-streams", "2", "--max-environments", "1"]);
    let url = origin.url();
    let strangers: Vec<TcpStream> = (0..50)
        .map(|n| {
            let (stream, answer) = ask(&url, &format!("stranger-{n}"), None);
            assert!(answer.starts_with("HTTP/1.1 401 Unauthorized\r\n"), "{answer}");
            assert!(answer.contains("\r\nwww-authenticate: Token\r\n"), "{answer}");
            stream
        })
        .collect();
    // Together they are all that there can be.
    let edges = ["Token marked-old", "Token marked-new"].map(|token| ask(&url, "demo", Some(token)));
    for (_, answer) in &edges {
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    }
    let metrics = get(&url, "/metrics");
    for sample in ["open_streams 2", "streams_refused_total 0", "streams_without_token_total 50"] {
        assert!(metrics.contains(&format!("\njackstaff_origin_{sample}\n")), "{sample}: {metrics}");
    }
    drop(strangers);
}

#[test]
fn a_wrong_edge_token_is_refused_and_never_shown() {
    let mut command = Command::new(JACKSTAFF);
    command.args(["origin", "--listen", "127.0.0.1:0"]);
    command.env("JACKSTAFF_ORIGIN_TOKEN", "marked-announcements").env("JACKSTAFF_EDGE_TOKEN", "marked-edge");
    let origin = program("an origin", &mut command);
    let url = origin.url();
    for (authorization, status) in [
        (None, 401),
        (Some("Token marked-wrong"), 401),
        (Some("Token marked-announcements"), 401),
        (Some("Bearer marked-edge"), 401),
        (Some("Token marked-edge"), 200),
    ] {
        let (_, answer) = ask(&url, "demo", authorization);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{authorization:?}: {answer}");
        assert!(!answer.contains(MARK), "{authorization:?}: {answer}");
        assert_eq!(answer.contains("edge token"), status == 401, "{authorization:?}: {answer}");
    }
    let announce = format!("{url}/sse/environments/demo/queue-change");
    for (token, status) in [("marked-edge", 401), ("marked-announcements", 200)] {
        let request = ureq::post(&announce).config().http_status_as_error(false).build();
        let request = request.header("authorization", format!("Token {token}"));
        let answer = request.send(r#"{"updated_at": "2026-03-02T11:22:33Z"}"#).unwrap();
        assert_eq!(answer.status(), status, "{token}");
    }
    assert!(!get(&url, "/metrics").contains(MARK));
    assert_eq!(origin.terminate().code(), Some(0));
    assert_eq!(origin.count(MARK), 0, "{:?}", origin.said());
}

#[test]
fn bad_edge_tokens_let_nothing_start_and_are_never_shown() {
    let files = Files::new();
    let missing = files.0.path().join("missing").display().to_string();
    for (file, expected) in [
        (files.write("empty", " \n\n"), "the secret is empty"),
        (files.write("three", "marked-a\nmarked-b\nmarked-c\n"), "3 lines with tokens, and there can be two"),
        (files.write("equal", "marked-b\nmarked-b\n"), "the two tokens are equal"),
        (files.write("space", "marked-b\nmarked c\n"), "token 2 holds a space"),
        (missing, "the secret could not be read"),
    ] {
        for (command, arguments) in [("origin", &[][..]), ("serve", &SERVE)] {
            let arguments =
                [&[command, "--listen", "127.0.0.1:0", "--edge-token-file", &file], arguments].concat();
            refuses(&arguments, &format!("{file}: {expected}"));
        }
    }
}

/// What opens streams must not be what announces changes, or what signs webhooks.
#[test]
fn an_edge_token_is_no_other_secret() {
    let files = Files::new();
    let other = files.write("other", "marked-a\n");
    for (number, tokens) in ["marked-a\n", "marked-b\nmarked-a\n"].into_iter().enumerate() {
        let edge = files.write(&format!("edge-{number}"), tokens);
        for (command, option, arguments, what) in [
            ("origin", "--token-file", &[][..], "the token of announcements"),
            ("serve", "--origin-token-file", &SERVE, "the token of announcements"),
            ("serve", "--webhook-secret-file", &SERVE, "the secret of webhooks"),
        ] {
            let tokens = ["--listen", "127.0.0.1:0", "--edge-token-file", &edge, option, &other];
            let expected = format!("an edge token is equal to {what}");
            refuses(&[&[command], &tokens[..], arguments].concat(), &expected);
        }
    }
}

#[test]
fn without_an_edge_token_an_origin_does_not_start_where_other_machines_reach_it() {
    let files = Files::new();
    let (announcements, edge) = (files.write("announcements", "marked-a"), files.write("edge", "marked-e"));
    for (command, option, arguments) in
        [("origin", "--token-file", &[][..]), ("serve", "--origin-token-file", &SERVE)]
    {
        for address in ["0.0.0.0:0", "[::]:0"] {
            for (tokens, lacks) in [
                (&[option, &announcements][..], "there is no edge token, and other machines reach"),
                (&["--edge-token-file", &edge], "there is no token, and other machines reach"),
                (&[], "nor an edge token, so anybody could take all streams"),
            ] {
                refuses(&[&[command, "--listen", address], tokens, arguments].concat(), lacks);
            }
        }
    }
    let origin = |arguments: &[&str]| {
        let mut command = Command::new(JACKSTAFF);
        let origin = program("an origin", command.args(["origin", "--listen", "0.0.0.0:0"]).args(arguments));
        origin.url();
        origin
    };
    let both = origin(&["--token-file", &announcements, "--edge-token-file", &edge]);
    assert_eq!((both.terminate().code(), both.count("anybody")), (Some(0), 0), "{:?}", both.said());
    let insisted = origin(&["--token-file", &announcements, "--insecure"]);
    insisted.says("no edge token, so anybody who reaches it may take all streams");
}

/// As everywhere: an option goes before its variable.
#[test]
fn a_file_of_edge_tokens_goes_before_the_variable() {
    let files = Files::new();
    let edge = files.write("edge", "marked-file");
    let mut command = Command::new(JACKSTAFF);
    command.args(["origin", "--listen", "127.0.0.1:0", "--edge-token-file", &edge]);
    let origin = program("an origin", command.env("JACKSTAFF_EDGE_TOKEN", "marked-variable"));
    let url = origin.url();
    for (token, status) in [("marked-variable", 401), ("marked-file", 200)] {
        let (_, answer) = ask(&url, "demo", Some(&format!("Token {token}")));
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
    }
}
