//! Fetching from a tiny server with prepared answers.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::*;

const PATH: &str = "/api/v1/environment-document/";
const GET: &str = "GET /api/v1/environment-document/ ser.key";

/// Pauses pass at once, and are remembered.
#[derive(Default)]
struct Instantly {
    slept: Mutex<Vec<Duration>>,
}

impl Clock for Instantly {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(1_772_450_553).unwrap()
    }

    fn elapsed(&self) -> Duration {
        self.slept.lock().unwrap().iter().sum()
    }

    fn sleep(&self, pause: Duration) {
        self.slept.lock().unwrap().push(pause);
    }
}

/// Answers one request after the other, to the letter; gives the server's address and what was asked, with which key.
fn server(answers: Vec<Vec<u8>>) -> (String, Receiver<String>) {
    server_that_knows_its_address(|_| answers)
}

fn server_that_knows_its_address(answers: impl FnOnce(&str) -> Vec<Vec<u8>>) -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (send, asked) = channel();
    let answers = answers(&url);
    thread::spawn(move || {
        for answer in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let request = request(&stream);
            stream.write_all(&answer).unwrap();
            drop(stream);
            // Not every test is interested.
            let _ = send.send(request);
        }
    });
    (url, asked)
}

fn request(stream: &TcpStream) -> String {
    let lines = BufReader::new(stream).lines().map(Result::unwrap);
    let head: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
    assert!(head.contains(&"accept-encoding: gzip".to_owned()), "{head:?}");
    let key = head.iter().find_map(|line| line.strip_prefix("x-environment-key: ")).unwrap();
    format!("{} {key}", head[0].strip_suffix(" HTTP/1.1").unwrap())
}

fn answer(status: &str, headers: &[&str], body: &[u8]) -> Vec<u8> {
    let mut answer = format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {}\r\n", body.len());
    for header in headers {
        answer.push_str(&format!("{header}\r\n"));
    }
    answer.push_str("\r\n");
    [answer.into_bytes(), body.to_vec()].concat()
}

fn page(document: &Value, next: Option<&str>) -> Vec<u8> {
    let link = next.map(|target| format!("Link: <{target}>; rel=\"next\""));
    let headers: Vec<&str> = link.iter().map(String::as_str).collect();
    answer("200 OK", &headers, document.to_string().as_bytes())
}

fn document(updated_at: &str, overrides: &[&str]) -> Value {
    let overrides: Vec<Value> =
        overrides.iter().map(|identifier| json!({ "identifier": identifier })).collect();
    json!({ "api_key": "e", "updated_at": updated_at, "identity_overrides": overrides })
}

fn fetch(url: &str, retries: usize) -> (Result<Value, String>, Vec<Duration>) {
    let clock = Instantly::default();
    let key = Secret::parse_token("ser.key").unwrap();
    let text = Flagsmith::new(url).unwrap().fetch(&key, Connection::Kept, &clock, retries);
    let value = text.map(|text| serde_json::from_str(&text).unwrap());
    (value.map_err(|failed| failed.to_string()), clock.slept.into_inner().unwrap())
}

#[test]
fn a_single_page_to_the_letter() {
    let text = "{ \"identity_overrides\":[ ], \"api_key\" : \"e\"}\n";
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(text.as_bytes()).unwrap();
    let gzip = gzip.finish().unwrap();
    for answer in
        [answer("200 OK", &[], text.as_bytes()), answer("200 OK", &["content-encoding: gzip"], &gzip)]
    {
        let (url, asked) = server(vec![answer]);
        let key = Secret::parse_token("ser.key").unwrap();
        let fetched = Flagsmith::new(&url).unwrap().fetch(&key, Connection::Kept, &Instantly::default(), 0);
        assert_eq!(fetched.unwrap(), text);
        assert_eq!(asked.iter().collect::<Vec<_>>(), [GET]);
    }
}

#[test]
fn pages_are_followed_and_put_together() {
    let second = format!("{PATH}?page_id=identity_override%3A1%3Ab");
    let (url, asked) = server(vec![
        page(&document("1", &["a", "b"]), Some(&second)),
        page(&document("1", &["c"]), Some("?page_id=identity_override:2:c")),
        page(&json!({ "updated_at": "1", "identity_overrides": null }), None),
    ]);
    let (fetched, _) = fetch(&url, 0);
    assert_eq!(fetched, Ok(document("1", &["a", "b", "c"])));
    let expected = [
        GET.to_owned(),
        format!("GET {second} ser.key"),
        format!("GET {PATH}?page_id=identity_override:2:c ser.key"),
    ];
    assert_eq!(asked.iter().collect::<Vec<_>>(), expected);
}

#[test]
fn a_link_may_be_absolute_and_the_document_elsewhere_on_the_same_server() {
    let (url, asked) = server_that_knows_its_address(|url| {
        vec![
            answer("307 Temporary Redirect", &["location: /api/v1/environment-document"], b""),
            page(&document("1", &["a"]), Some(&format!("{url}{PATH}?page_id=2"))),
            page(&document("1", &["b"]), None),
        ]
    });
    assert_eq!(fetch(&url, 0).0, Ok(document("1", &["a", "b"])));
    let expected = [
        GET.to_owned(),
        "GET /api/v1/environment-document ser.key".to_owned(),
        format!("GET {PATH}?page_id=2 ser.key"),
    ];
    assert_eq!(asked.iter().collect::<Vec<_>>(), expected);
}

/// Half of it would be of one state, and half of another.
#[test]
fn what_changes_between_pages_is_begun_again() {
    let (url, asked) = server(vec![
        page(&document("1", &["a"]), Some("?page_id=2")),
        page(&document("2", &["b"]), None),
        page(&document("2", &["a"]), Some("?page_id=2")),
        page(&document("2", &["b"]), None),
    ]);
    assert_eq!(fetch(&url, 0).0, Ok(document("2", &["a", "b"])));
    assert_eq!(asked.iter().count(), 4);

    let restless = (0..BEGINNINGS)
        .flat_map(|_| [page(&document("1", &["a"]), Some("?page_id=2")), page(&document("2", &["b"]), None)]);
    let (url, _) = server(restless.collect());
    let expected = "fetching the environment document: it changed from one page to the next, 4 times over";
    assert_eq!(fetch(&url, 3).0, Err(expected.to_owned()));
}

/// What the answers to the second page may be, until there is a good one.
#[test]
fn what_may_pass_is_tried_again_at_the_same_page() {
    let good = page(&document("1", &["b"]), None);
    let breaks_off = good[..good.len() - 5].to_vec();
    let without_length =
        [b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n".to_vec(), b"{\"api_key\": \"e\"".to_vec()].concat();
    for bad in [
        answer("500 Internal Server Error", &[], b"<html>"),
        answer("429 Too Many Requests", &[], b""),
        answer("200 OK", &[], b"<html>"),
        answer("200 OK", &[], b"\xff"),
        answer("200 OK", &["content-encoding: gzip"], b"no gzip"),
        breaks_off,
        without_length,
        Vec::new(),
    ] {
        let (url, asked) =
            server(vec![page(&document("1", &["a"]), Some("?page_id=2")), bad.clone(), good.clone()]);
        let (fetched, slept) = fetch(&url, 1);
        assert_eq!(fetched, Ok(document("1", &["a", "b"])));
        assert_eq!(slept.len(), 1);
        let second = format!("GET {PATH}?page_id=2 ser.key");
        assert_eq!(asked.iter().collect::<Vec<_>>(), [GET.to_owned(), second.clone(), second]);

        // Without a further try there is nothing, rather than the first page.
        let (url, _) = server(vec![page(&document("1", &["a"]), Some("?page_id=2")), bad]);
        let failed = fetch(&url, 0).0.unwrap_err();
        assert!(failed.starts_with("fetching page 2 of the environment document: "), "{failed}");
    }
}

#[test]
fn pauses_that_are_asked_for_are_kept_within_limits() {
    let busy = |seconds: &str| answer("503 Service Unavailable", &[&format!("retry-after: {seconds}")], b"");
    let (url, _) = server(vec![busy("7"), page(&document("1", &[]), None)]);
    let (fetched, slept) = fetch(&url, 1);
    assert_eq!((fetched, slept), (Ok(document("1", &[])), vec![Duration::from_secs(7)]));

    let (url, _) = server(vec![busy("3600")]);
    let key = Secret::parse_token("ser.key").unwrap();
    let failed =
        Flagsmith::new(&url).unwrap().fetch(&key, Connection::Kept, &Instantly::default(), 5).unwrap_err();
    assert_eq!(failed.asked_pause(), Some(Duration::from_secs(3600)));
    assert_eq!(failed.kind(), "503 Service Unavailable");
    assert_eq!(
        failed.to_string(),
        "fetching the environment document: answered 503 Service Unavailable (to be asked again after 3600 s)"
    );
}

#[test]
fn refusals_are_final_and_show_no_key() {
    for (status, is_final) in [
        ("401 Unauthorized", true),
        ("403 Forbidden", true),
        ("404 Not Found", true),
        ("400 Bad Request", false),
    ] {
        let (url, asked) = server(vec![answer(status, &[], b"{\"message\": \"unknown key 'ser.key'\"}")]);
        let key = Secret::parse_token("ser.key").unwrap();
        let failed = Flagsmith::new(&url)
            .unwrap()
            .fetch(&key, Connection::Kept, &Instantly::default(), 5)
            .unwrap_err();
        assert_eq!(failed.is_final(), is_final, "{status}");
        let expected = format!(
            "fetching the environment document: answered {status}: {{\"message\": \"unknown key '…'\"}}"
        );
        assert_eq!(failed.to_string(), expected);
        assert!(!format!("{failed:?}").contains("ser.key"));
        assert_eq!(asked.iter().count(), 1);
    }
}

#[test]
fn answers_that_lead_astray() {
    let elsewhere = "answer sends to another server, http://127.0.0.1:1, which is not followed";
    for (answers, expected) in [
        (vec![page(&document("1", &[]), Some("http://127.0.0.1:1/?k=1"))], elsewhere),
        (vec![answer("301 Moved", &["location: http://127.0.0.1:1/"], b"")], elsewhere),
        (vec![answer("302 Found", &["location: /"], b""); 4], "redirect too often"),
        (vec![answer("302 Found", &[], b"")], "answered 302 Found"),
        (vec![page(&document("1", &[]), Some(PATH))], "the next page is one that was read before"),
        (vec![page(&document("1", &[]), Some("http://"))], "Link header cannot be read"),
        (
            vec![page(&json!({ "identity_overrides": 1 }), None)],
            "identity_overrides of the answer is not a list",
        ),
        (vec![answer("200 OK", &[], b"[]")], "the answer is not a JSON object: line 1, column 0"),
    ] {
        let (url, _) = server(answers);
        let failed = fetch(&url, 0).0.unwrap_err();
        assert!(failed.contains(expected), "{failed}");
    }
}

#[test]
fn what_is_too_much() {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(b"{\"api_key\": \"e\"").unwrap();
    let spaces = vec![b' '; 1 << 20];
    (0..=64).for_each(|_| gzip.write_all(&spaces).unwrap());
    gzip.write_all(b"}").unwrap();
    let (url, asked) = server(vec![answer("200 OK", &["content-encoding: gzip"], &gzip.finish().unwrap())]);
    let (fetched, slept) = fetch(&url, 5);
    assert_eq!(
        fetched.unwrap_err(),
        format!("fetching the environment document: there are more than {} bytes", pages::BYTES)
    );
    assert_eq!((asked.iter().count(), slept), (1, vec![]));

    let pages = (0..PAGES).map(|number| page(&document("1", &["a"]), Some(&format!("?page_id={number}"))));
    let (url, asked) = server(pages.collect());
    let failed = fetch(&url, 5).0.unwrap_err();
    assert_eq!(failed, "fetching page 1001 of the environment document: there are more than 1000 pages");
    assert_eq!(asked.iter().count(), PAGES);
}

/// A request every ten seconds meets connections that the server closed meanwhile.
#[test]
fn a_connection_that_was_closed_in_between() {
    let whole = page(&document("1", &[]), None);
    let kept = String::from_utf8(whole).unwrap().replace("connection: close\r\n", "").into_bytes();
    let (url, asked) = server(vec![kept.clone(), kept]);
    let flagsmith = Flagsmith::new(&url).unwrap();
    let key = Secret::parse_token("ser.key").unwrap();
    for _ in 0..2 {
        flagsmith.fetch(&key, Connection::Kept, &Instantly::default(), 0).unwrap();
        // The server says what it was asked as soon as it has closed.
        assert_eq!(asked.recv_timeout(Duration::from_secs(10)).as_deref(), Ok(GET));
    }
}

#[test]
fn a_server_that_is_not_there() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let (fetched, slept) = fetch(&url, 2);
    assert!(fetched.unwrap_err().starts_with("fetching the environment document: "));
    assert_eq!(slept.len(), 2);
}
