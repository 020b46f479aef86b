//! Checks 23 to 25: the stream of changes, announcements, and a change as SDKs hear of it.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::process::Command;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tests::machine::beside_others;
use tests::{Edge, edge_with_origin, eventually, program, tools};

use super::{CLIENT, FLAGS, SERVER, compare, sdk_edge_with_origin};
use crate::sdk::{connections, realtime};

const STREAM: &str = "/sse/environments/sdk-environment-key/stream";
const TOKEN: &str = "announcements-of-flagsmith";
/// How long a part may take to end, on a machine that does much else.
const PATIENCE: Duration = Duration::from_secs(60);

/// A chunk of a stream, and when it came.
struct Chunk {
    at: Instant,
    text: String,
}

/// Opens a stream as bytes. Gives its head, and its chunks as they come; the channel ends with the stream, after an empty
/// chunk if that was a clean end.
fn listen(edge: &Edge, path: &str) -> (String, Receiver<Chunk>) {
    let mut connection = TcpStream::connect(edge.address).unwrap();
    connection.set_read_timeout(Some(PATIENCE)).unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: edge\r\naccept: text/event-stream\r\n\r\n");
    connection.write_all(request.as_bytes()).unwrap();
    let mut reader = BufReader::new(connection);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert!(reader.read_line(&mut head).unwrap() > 0, "{head}");
    }
    let (sender, chunks) = channel();
    thread::spawn(move || {
        while let Some(text) = chunk(&mut reader) {
            let is_end = text.is_empty();
            if sender.send(Chunk { at: Instant::now(), text }).is_err() || is_end {
                return;
            }
        }
    });
    (head.to_ascii_lowercase(), chunks)
}

fn chunk(reader: &mut impl BufRead) -> Option<String> {
    let mut size = String::new();
    reader.read_line(&mut size).ok()?;
    let size = usize::from_str_radix(size.trim(), 16).ok()?;
    let mut bytes = vec![0; size + 2];
    reader.read_exact(&mut bytes).ok()?;
    bytes.truncate(size);
    String::from_utf8(bytes).ok()
}

#[test]
fn check_23_a_stream_begins_with_the_revision_in_one_piece_and_ends_cleanly_after_its_time() {
    let _machine = beside_others();
    let Some((edge, _origin)) = sdk_edge_with_origin(&json!({})) else { return };
    // An environment that nobody has asked for is not known at the POP.
    assert_eq!(edge.get(FLAGS, CLIENT).status, 200);
    let begun = Instant::now();
    let (head, chunks) = listen(&edge, STREAM);
    let (silent_head, silent) = listen(&edge, "/sse/environments/no-such-environment/stream");
    for head in [&head, &silent_head] {
        assert!(head.starts_with("http/1.1 200 "), "{head}");
        for line in ["content-type: text/event-stream", "transfer-encoding: chunked"] {
            assert!(head.contains(&format!("\r\n{line}")), "{line} in {head}");
        }
        assert!(!head.contains("content-encoding"), "{head}");
    }

    let chunks: Vec<Chunk> = chunks.iter().collect();
    let ended = begun.elapsed();
    assert!((25.0..46.0).contains(&ended.as_secs_f64()), "{ended:?}");
    assert_eq!(chunks.last().map(|last| last.text.as_str()), Some(""), "a clean end");
    let frames: Vec<&Chunk> = chunks.iter().filter(|chunk| chunk.text.contains("data:")).collect();
    let revision = edge.get(FLAGS, CLIENT).header("x-flagsmith-document-updated-at").to_owned();
    assert!(revision.contains('.'));
    let expected = format!("event: environment_updated\ndata: {{\"updated_at\": {revision}}}\n");
    assert_eq!(frames.len(), 1, "nothing changed, and comments carry no data");
    let frame = &frames[0].text;
    assert!(frame.contains(&expected) && frame.ends_with("\n\n"), "{frame:?}");
    assert!(frames[0].at - begun < Duration::from_secs(5), "the first event comes at once");
    for chunk in &chunks {
        assert!(chunk.text.lines().all(|line| !line.starts_with("id:")), "{:?}", chunk.text);
    }
    let pauses = chunks.windows(2).map(|pair| pair[1].at - pair[0].at);
    assert!(pauses.max().is_some_and(|pause| pause <= Duration::from_secs(15)), "comments keep it alive");

    let silent: Vec<Chunk> = silent.iter().collect();
    assert!(silent.iter().all(|chunk| !chunk.text.contains("data:")), "an unknown key hears of nothing");
    connections::an_sdk_that_cannot_be_served_connects_less_than_five_times_a_minute();
}

#[test]
fn check_24_an_announcement_is_taken_with_its_token_and_reaches_open_streams_in_two_seconds() {
    let _machine = beside_others();
    let Some(tools) = tools() else { return };
    let mut command = Command::new(&tools.jackstaff);
    command.args(["origin", "--listen", "127.0.0.1:0"]);
    command.env("JACKSTAFF_ORIGIN_TOKEN", TOKEN).env_remove("JACKSTAFF_EDGE_TOKEN");
    let origin = program("the origin", &mut command);
    let url = origin.url();
    let edge = edge_with_origin(&tools, &json!({}), &url);
    edge.publish_fixture("sdk.json", SERVER);
    let known = edge.get(FLAGS, CLIENT);

    let announce = |key: &str, token: &str, body: &str| {
        let url = format!("{url}/sse/environments/{key}/queue-change");
        let agent = ureq::Agent::config_builder().http_status_as_error(false).build().new_agent();
        let mut request = ureq::http::Request::post(url).header("content-type", "application/json");
        if !token.is_empty() {
            request = request.header("authorization", token);
        }
        let mut answer = agent.run(request.body(body.to_owned()).unwrap()).unwrap();
        let text = answer.body_mut().read_to_string().unwrap();
        (answer.status().as_u16(), serde_json::from_str::<Value>(&text).unwrap())
    };
    let right = format!("Token {TOKEN}");
    let sound = r#"{"updated_at":"2026-03-02T11:22:33.123456+00:00"}"#;
    let status = |key: &str, token: &str, body: &str| announce(key, token, body).0;
    compare(
        [
            ("the right token", CLIENT, right.as_str(), sound, 200),
            ("a wrong token", CLIENT, "Token of-somebody-else", sound, 401),
            ("no token", CLIENT, "", sound, 401),
            ("no body", CLIENT, &right, "", 422),
            ("no time", CLIENT, &right, "{}", 422),
            ("a time without a zone", CLIENT, &right, r#"{"updated_at":"2026-03-02T11:22:33.123456"}"#, 200),
            ("an unknown key", "no-such-environment", &right, sound, 200),
        ]
        .map(|(what, key, token, body, expected)| {
            let found = status(key, token, body);
            // Flagsmith's own origin answers 422 where a header or the body is missing.
            let is_refused_too = expected >= 400 && (400..500).contains(&found);
            (what.to_owned(), if is_refused_too { expected } else { found }, expected)
        }),
    );
    assert_eq!(announce(CLIENT, &right, sound), (200, Value::Null));

    let (_, chunks) = listen(&edge, STREAM);
    let next = |within: Duration| {
        let deadline = Instant::now() + within;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let chunk = chunks.recv_timeout(left).ok()?;
            if chunk.text.contains("data:") {
                return Some(chunk.text);
            }
        }
    };
    let first = next(Duration::from_secs(20)).unwrap();
    assert!(first.contains(known.header("x-flagsmith-document-updated-at")), "{first}");
    // An older time is no news.
    assert_eq!(status(CLIENT, &right, r#"{"updated_at":"2026-01-01T00:00:00Z"}"#), 200);
    assert_eq!(next(Duration::from_secs(1)), None);

    let mut changed = tests::fixture("sdk.json");
    changed["updated_at"] = json!("2026-03-03T00:00:00+00:00");
    changed["feature_states"][3]["feature_state_value"] = json!(26);
    edge.publish(&changed, SERVER);
    let stored = edge.get(FLAGS, CLIENT);
    let revision = stored.header("jackstaff-revision").parse::<u64>().unwrap();
    let at = api::Revision(revision).iso();
    // Without its zone, as Flagsmith's documentation has it.
    let at = at.trim_end_matches("+00:00");
    let announced = Instant::now();
    assert_eq!(status(CLIENT, &right, &json!({ "updated_at": at }).to_string()), 200);
    let event =
        next(Duration::from_secs(2)).unwrap_or_else(|| panic!("no event {:?} later", announced.elapsed()));
    assert!(event.contains(&format!("{revision}.0")), "{event}");
    eventually("the origin goes on", Duration::from_secs(5), || {
        (status(CLIENT, &right, sound) == 200).then_some(())
    });
}

#[test]
fn check_25_a_change_reaches_every_client_with_one_fetch_across_reconnects() {
    let _machine = beside_others();
    realtime::assert_no_faults(&[]);
}
