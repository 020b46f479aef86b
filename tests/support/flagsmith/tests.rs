//! The stand-in itself: it answers as Flagsmith does (`src/api/PROTOCOL.md`, 6.1 and 6.3).

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use flate2::read::GzDecoder;
use serde_json::{Value, json};
use ureq::Agent;
use ureq::http::Response;

use super::{Fault, Flagsmith, Notify, SignalCalls, flagsmith, notify};
use crate::fixtures;
use crate::server::{Server, server};

const KEY: &str = "small-environment";
const SERVER: &str = "ser.small";
const PATH: &str = "environment-document/";
const SOON: Duration = Duration::from_secs(10);

fn with_small() -> Flagsmith {
    let flagsmith = flagsmith();
    flagsmith.has(&fixtures::small(), SERVER);
    flagsmith
}

fn agent() -> Agent {
    Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .timeout_global(Some(Duration::from_secs(5)))
        .build()
        .into()
}

fn get(flagsmith: &Flagsmith, path: &str, headers: &[(&str, &str)]) -> Response<Vec<u8>> {
    let mut request = agent().get(format!("{}{path}", flagsmith.url()));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let (parts, mut body) = request.call().unwrap().into_parts();
    Response::from_parts(parts, body.read_to_vec().unwrap())
}

/// An answer as it comes, which clients would unzip: its head, and its body.
fn unread(flagsmith: &Flagsmith, accepted: &str) -> (String, Vec<u8>) {
    let url = flagsmith.url();
    let (authority, _) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let mut stream = TcpStream::connect(authority).unwrap();
    let request = format!(
        "GET /api/v1/{PATH} HTTP/1.1\r\nhost: {authority}\r\nx-environment-key: {SERVER}\r\n\
         accept-encoding: {accepted}\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
    let body = answer.split_off(end);
    (String::from_utf8(answer).unwrap(), body)
}

fn text(response: &Response<Vec<u8>>) -> (u16, String) {
    (response.status().as_u16(), String::from_utf8_lossy(response.body()).into_owned())
}

fn header<'a>(response: &'a Response<Vec<u8>>, name: &str) -> &'a str {
    response.headers().get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
}

fn first_value(document: &Value) -> Value {
    document["feature_states"][0]["feature_state_value"].clone()
}

#[test]
fn refusals_are_those_of_flagsmith() {
    let flagsmith = with_small();
    let refused = |text: &str| (403, json!({ "detail": text }).to_string());
    let key = |key| [("x-environment-key", key)];
    assert_eq!(text(&get(&flagsmith, PATH, &[])), refused("Invalid or missing Environment key"));
    assert_eq!(text(&get(&flagsmith, PATH, &key(KEY))), refused("Invalid or missing Environment key"));
    assert_eq!(text(&get(&flagsmith, PATH, &key("ser.x"))), refused("Invalid or missing Environment Key"));
    let without_slash = get(&flagsmith, "environment-document", &key(SERVER));
    assert_eq!(
        (without_slash.status().as_u16(), header(&without_slash, "location")),
        (301, "/api/v1/environment-document/")
    );
    assert_eq!(get(&flagsmith, "nothing/", &key(SERVER)).status(), 404);
    assert_eq!(flagsmith.counts().refused, 5);
}

#[test]
fn a_document_is_what_was_edited_last_gzipped_or_not() {
    let flagsmith = with_small();
    flagsmith.edit(KEY, |document| document["feature_states"][0]["feature_state_value"] = json!("new"));
    let plain = get(&flagsmith, PATH, &[("x-environment-key", SERVER), ("accept-encoding", "identity")]);
    let document: Value = serde_json::from_slice(plain.body()).unwrap();
    assert_eq!(document, flagsmith.document(KEY));
    assert_eq!(first_value(&document), "new");
    let at: jiff::Timestamp = document["updated_at"].as_str().unwrap().parse().unwrap();
    let micros = at.as_microsecond();
    let float = format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000);
    assert_eq!(header(&plain, "x-flagsmith-document-updated-at"), float);
    assert_eq!(header(&plain, "content-type"), "application/json");
    let (head, body) = unread(&flagsmith, "gzip, br");
    assert!(head.contains("\r\ncontent-encoding: gzip\r\n"), "{head}");
    let mut unzipped = Vec::new();
    GzDecoder::new(body.as_slice()).read_to_end(&mut unzipped).unwrap();
    assert_eq!(&unzipped, plain.body());
}

#[test]
fn an_override_moves_no_time_so_who_asks_with_a_condition_never_sees_it() {
    let flagsmith = with_small();
    let name = flagsmith.document(KEY)["feature_states"][0]["feature"]["name"].as_str().unwrap().to_owned();
    let before = flagsmith.document(KEY);
    let first = get(&flagsmith, PATH, &[("x-environment-key", SERVER)]);
    flagsmith.override_identity(KEY, "ada", &name, &json!("hers"));
    let after = flagsmith.document(KEY);
    assert_eq!(before["updated_at"], after["updated_at"]);
    assert_eq!(after["identity_overrides"][0]["identity_features"][0]["feature_state_value"], "hers");
    let since = header(&first, "last-modified").to_owned();
    let again = get(&flagsmith, PATH, &[("x-environment-key", SERVER), ("if-modified-since", &since)]);
    assert_eq!(text(&again), (304, String::new()));
    assert_eq!(flagsmith.counts().not_modified, 1);
}

#[test]
fn pages_hold_all_overrides_between_them_and_everything_else_each() {
    let flagsmith = flagsmith();
    flagsmith.has(&fixtures::heavy(), SERVER);
    flagsmith.page_by(Some(300));
    let whole = flagsmith.document("heavy-environment");
    let (mut path, mut overrides, mut sizes) = (PATH.to_owned(), Vec::new(), Vec::new());
    loop {
        let page = get(&flagsmith, &path, &[("x-environment-key", SERVER), ("accept-encoding", "identity")]);
        let mut document: Value = serde_json::from_slice(page.body()).unwrap();
        let of_page = document["identity_overrides"].take();
        sizes.push(of_page.as_array().unwrap().len());
        overrides.extend(of_page.as_array().unwrap().clone());
        document["identity_overrides"] = whole["identity_overrides"].clone();
        assert_eq!(document, whole);
        let link = header(&page, "link");
        if link.is_empty() {
            break;
        }
        let next = link.strip_prefix("</api/v1/").unwrap().strip_suffix(">; rel=\"next\"").unwrap();
        // Encoded or not: both are understood.
        path = if sizes.len() == 1 { next.to_owned() } else { next.replace("%3A", ":").replace("%2D", "-") };
    }
    assert_eq!((sizes, json!(overrides)), (vec![300, 300, 150], whole["identity_overrides"].clone()));
}

#[test]
fn faults_come_in_their_order_and_then_all_is_well() {
    let flagsmith = with_small();
    flagsmith.set(
        KEY,
        flagsmith.document(KEY)["feature_states"][0]["feature"]["name"].as_str().unwrap(),
        &json!(1),
    );
    let ask = || {
        let asked = agent().get(format!("{}{PATH}", flagsmith.url())).header("x-environment-key", SERVER);
        let mut response = asked.config().timeout_global(Some(Duration::from_secs(2))).build().call().ok()?;
        let body = response.body_mut().read_to_vec().ok();
        let document = body.and_then(|body| serde_json::from_slice::<Value>(&body).ok());
        let after = response.headers().get("retry-after").is_some();
        Some((response.status().as_u16(), after, document.map(|document| first_value(&document))))
    };
    let faults = [
        Fault::Answer(500),
        Fault::AskToWait(429, 7),
        Fault::Cut,
        Fault::Silent,
        Fault::BreakOff,
        Fault::Half,
        Fault::Stale,
        Fault::Slow(20),
    ];
    flagsmith.fail(KEY, faults);
    let old = first_value(&fixtures::small());
    let expected = [
        Some((500, false, None)),
        Some((429, true, None)),
        None,
        None,
        Some((200, false, None)),
        Some((200, false, None)),
        Some((200, false, Some(old))),
        Some((200, false, Some(json!(1)))),
        Some((200, false, Some(json!(1)))),
    ];
    assert_eq!([(); 9].map(|()| ask()), expected);
    assert_eq!(flagsmith.counts().struck, 8);
    flagsmith.serve_instead(KEY, Some("{".into()));
    assert_eq!(ask(), Some((200, false, None)));
    flagsmith.serve_instead(KEY, None);
    assert_eq!(ask(), Some((200, false, Some(json!(1)))));
}

/// A server for calls of Flagsmith: answers 503 first, then 200, and passes the calls on.
fn called() -> (Server, std::sync::mpsc::Receiver<String>) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let (send, received) = std::sync::mpsc::channel();
    let server = server(move |listener: tokio::net::TcpListener| async move {
        let mut status = 503;
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut text = Vec::new();
            let mut part = [0; 4096];
            // The body's end shows by its braces: both calls have JSON objects.
            while !text.ends_with(b"}") {
                let count = stream.read(&mut part).await.unwrap();
                text.extend_from_slice(&part[..count]);
            }
            let answer = format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\n\r\n");
            stream.write_all(answer.as_bytes()).await.unwrap();
            status = 200;
            send.send(String::from_utf8(text).unwrap()).unwrap();
        }
    });
    (server, received)
}

#[test]
fn signals_are_repeated_until_they_are_accepted() {
    let flagsmith = with_small();
    let (hook, hooked) = called();
    let (queue, queued) = called();
    flagsmith.notify(Notify {
        webhook: Some((format!("{}/webhooks/flagsmith", hook.url()), "secret".into())),
        queue_change: Some((queue.url(), "token".into())),
        lost: 0.0,
    });
    flagsmith.edit(KEY, |document| document["feature_states"][0]["feature_state_value"] = json!("new"));
    for _ in 0..2 {
        let call = hooked.recv_timeout(SOON).unwrap();
        let (head, body) = call.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("POST /webhooks/flagsmith HTTP/1.1"), "{head}");
        assert!(
            head.contains(&format!("x-flagsmith-signature: {}", notify::signature("secret", body))),
            "{head}"
        );
        let body: Value = serde_json::from_str(body).unwrap();
        assert_eq!(body["event_type"], "FLAG_UPDATED");
        assert_eq!(
            body["data"]["new_state"]["environment"],
            json!({ "id": 7001, "name": "Reference small" })
        );
        assert_eq!(body["data"]["new_state"]["feature_state_value"], "new");

        let call = queued.recv_timeout(SOON).unwrap();
        let (head, body) = call.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with(&format!("POST /sse/environments/{KEY}/queue-change HTTP/1.1")), "{head}");
        assert!(head.contains("authorization: Token token"), "{head}");
        let body: Value = serde_json::from_str(body).unwrap();
        let at: jiff::Timestamp = body["updated_at"].as_str().unwrap().parse().unwrap();
        let updated_at: jiff::Timestamp =
            flagsmith.document(KEY)["updated_at"].as_str().unwrap().parse().unwrap();
        assert_eq!(at.as_microsecond(), updated_at.as_microsecond());
    }
    crate::eventually("both are counted", SOON, || {
        let counts = flagsmith.counts();
        let twice = SignalCalls { calls: 2, accepted: 1 };
        ((counts.webhooks, counts.queue_changes) == (twice, twice)).then_some(())
    });
}

#[test]
fn a_signature_is_the_hexadecimal_hmac_sha256() {
    // RFC 4231, test case 2.
    let expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
    assert_eq!(notify::signature("Jefe", "what do ya want for nothing?"), expected);
}
