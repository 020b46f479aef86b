//! `jackstaff status` without an edge: what it shows, and its exit codes.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::process::Command;
use std::thread;
use std::time::Duration;

use api::{Label, Revision, bundle};
use serde_json::{Value, json};
use tests::fastly::{FastlyApi, Fault, Kind, SERVICE, STORE, TOKEN, fastly_api};
use tests::fixtures::one_feature;
use tests::{eventually, jackstaff, program};

use crate::JACKSTAFF;

const SOON: Duration = Duration::from_secs(20);
const MARCH: &str = "2026-03-01T00:00:00Z";

/// The content of a document changes with its time: a new time alone is not a change.
fn document(key: &str, updated_at: &str) -> String {
    one_feature(key, updated_at, updated_at).to_string()
}

fn environment<'a>(status: &'a Value, key: &str) -> &'a Value {
    let mut environments = status["environments"].as_array().unwrap().iter();
    environments.find(|environment| environment["key"] == key).unwrap_or_else(|| panic!("{status}"))
}

/// A store that stands in for Fastly's, and has one environment.
fn store() -> FastlyApi {
    let api = fastly_api();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.json");
    std::fs::write(&file, document("a", MARCH)).unwrap();
    let url = api.url();
    let publish = ["publish", "--api", &url, "--store", STORE, &file.display().to_string()];
    let finished = jackstaff(JACKSTAFF, &publish, "");
    assert_eq!(finished.code, 0, "{finished:?}");
    api
}

#[test]
fn unreachable_servers_are_named() {
    let api = store();
    let closed = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    let url = api.url();
    let status = |arguments: &[&str]| {
        let finished = jackstaff(JACKSTAFF, &[&["status"], arguments].concat(), "");
        (finished.code, finished.output, finished.errors)
    };

    let (code, output, errors) = status(&["--api", &url, "--store", STORE, "--edge", &closed]);
    assert_eq!(code, 2);
    assert!(output.contains("\na  "), "the other parts are shown: {output}");
    assert!(errors.contains(&format!("jackstaff status: asking the edge at {closed}: ")), "{errors}");

    let (code, _, errors) = status(&["--api", &closed, "--store", STORE]);
    assert_eq!(code, 2);
    assert!(errors.contains("jackstaff status: listing the KV store: "), "{errors}");

    let (code, _, errors) = status(&["--api", &url, "--store", STORE, "--serve", &closed]);
    assert_eq!(code, 2);
    assert!(errors.contains(&format!("jackstaff status: asking {closed}/status: ")), "{errors}");

    for (arguments, expected) in [
        (vec!["--api", &url, "--store", STORE, "a/b"], "\"a/b\" is not a client-side key"),
        (vec!["--api", &url], "--store"),
        (vec!["--api", &url, "--store", STORE, "--serve-token-file", "x"], "--serve"),
    ] {
        let (code, _, errors) = status(&arguments);
        assert_eq!(code, 64, "{arguments:?}");
        assert!(errors.contains(expected), "{errors}");
    }
}

/// Rightly written, by a publisher whose clock is an hour ahead.
#[test]
fn a_revision_ahead_of_the_clock_is_a_warning_and_not_a_mismatch() {
    let api = store();
    let now = u64::try_from(jiff::Timestamp::now().as_second()).unwrap();
    let label = Label {
        source_hash: "another".into(),
        settings: "another".into(),
        ..Label::new(Revision(now + 3_600))
    };
    let (header, value) = bundle::write(&label, &[]).unwrap();
    api.write("environment/a", &value, Some(&header.metadata()));
    let url = api.url();
    let arguments = ["status", "--api", &url, "--store", STORE];
    let finished = jackstaff(JACKSTAFF, &arguments, "");
    assert_eq!(finished.code, 0, "{finished:?}");
    assert!(finished.output.contains("environment `a`: warning: revision "), "{finished:?}");
    let finished = jackstaff(JACKSTAFF, &[&arguments[..], &["--json"]].concat(), "");
    let json: Value = serde_json::from_str(&finished.output).unwrap();
    let environment = environment(&json, "a");
    assert_eq!(environment["wrong"], json!([]));
    let warning = environment["warnings"][0].as_str().unwrap();
    assert!(warning.starts_with(&format!("revision {} is ", now + 3_600)), "{warning}");

    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), document("a", MARCH)).unwrap();
    let file = file.path().display().to_string();
    let finished = jackstaff(JACKSTAFF, &["publish", "--api", &url, "--store", STORE, &file], "");
    assert_eq!(finished.code, 0, "{finished:?}");
    let warning = format!("{file}: warning: revision {} is ", now + 3_601);
    assert!(finished.errors.contains(&warning), "{finished:?}");
}

/// Answers one request with this, and returns the lines of its head.
fn answers_once(status: &str, body: &Value) -> (String, thread::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let body = body.to_string();
    let answer = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    let asked = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let lines = BufReader::new(&stream).lines().map(Result::unwrap);
        let asked = lines.take_while(|line| !line.is_empty()).collect();
        stream.write_all(answer.as_bytes()).unwrap();
        asked
    });
    (url, asked)
}

#[test]
fn the_report_of_serve_is_shown() {
    let api = store();
    let url = api.url();
    let status = |further: &[&str]| {
        jackstaff(JACKSTAFF, &[&["status", "--api", &url, "--store", STORE], further].concat(), "")
    };
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    std::fs::write(&token, "s3cret\n").unwrap();
    let token = token.display().to_string();
    let report = json!({
        "bus": "down",
        "api_calls": 12,
        "environments": [
            { "key": "a", "place": "a.json", "revision": 5, "behind_seconds": null, "why": null,
              "last_success": "2026-03-02T11:22:33Z", "failures": 0, "published": 1 },
            { "key": "new", "place": "new.json", "revision": null, "behind_seconds": 90, "why": "answered 503",
              "last_success": null, "failures": 4, "published": 0 },
        ],
        "troubles": [{ "place": "bad.json", "why": "invalid JSON" }],
    });
    let (serve, asked) = answers_once("200 OK", &report);
    let finished = status(&["--serve", &serve, "--serve-token-file", &token]);
    assert_eq!(finished.code, 1, "{finished:?}");
    let asked = asked.join().unwrap();
    assert_eq!(asked[0], "GET /status HTTP/1.1");
    assert!(asked.contains(&"authorization: Token s3cret".to_owned()), "{asked:?}");
    for line in [
        "environment `new`: it is not in the store",
        "environment `new`: it is behind for 90 s: answered 503",
        "the bus is down",
        "bad.json: invalid JSON",
    ] {
        assert!(finished.output.lines().any(|said| said == line), "{line}: {finished:?}");
    }

    let settled = json!({ "bus": "none", "api_calls": 3, "environments": [], "troubles": [] });
    let (serve, _) = answers_once("200 OK", &settled);
    let finished = status(&["--serve", &serve, "--json"]);
    assert_eq!(finished.code, 0, "{finished:?}");
    let said: Value = serde_json::from_str(&finished.output).unwrap();
    assert_eq!(said["serve"], json!({ "bus": "none", "api_calls": 3 }));

    let silent = json!({ "environments": [], "silent_since": "2026-03-02T11:22:33Z" });
    let (serve, _) = answers_once("200 OK", &silent);
    let finished = status(&["--serve", &serve]);
    assert_eq!(finished.code, 1, "{finished:?}");
    let line = "the publisher has not answered since 2026-03-02T11:22:33Z; what is shown of it is what it said before";
    assert!(finished.output.lines().any(|said| said == line), "{finished:?}");

    for (answer, why) in [
        ("404 Not Found", "answered 404: no publisher runs there"),
        ("401 Unauthorized", "answered 401 Unauthorized: the token is missing or wrong"),
    ] {
        let (serve, _) = answers_once(answer, &json!({}));
        let finished = status(&["--serve", &serve]);
        assert_eq!(finished.code, 2, "{finished:?}");
        assert!(finished.errors.contains(why), "{finished:?}");
    }
}

/// As `serve` itself says it.
#[test]
fn the_report_of_a_running_serve_is_shown() {
    let api = fastly_api();
    let url = api.url();
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let file = folder.path().join(name);
        std::fs::write(&file, text).unwrap();
        file.display().to_string()
    };
    let (good, bad) = (file("a.json", &document("a", MARCH)), file("b.json", "{}"));
    let token = file("token", "s3cret");
    let mut command = Command::new(JACKSTAFF);
    command.args(["serve", "--api", &url, "--store", STORE, "--service", SERVICE, "--listen", "127.0.0.1:0"]);
    command.args(["--origin-token-file", &token, "--interval", "50", &good, &bad]);
    let serve = program("serve", command.env("FASTLY_API_TOKEN", TOKEN));
    let serve_url = serve.url();
    let status = |further: &[&str]| {
        let base = ["status", "--api", &url, "--store", STORE, "--serve", &serve_url];
        jackstaff(JACKSTAFF, &[&base, further].concat(), "")
    };
    let with_token = ["--serve-token-file", &*token];
    serve.says("published environment `a`");
    let said = format!("{bad}: the whole: missing field `api_key` at line 1 column 2");
    let finished = eventually("the broken file is reported", SOON, || {
        let finished = status(&with_token);
        finished.output.contains(&said).then_some(finished)
    });
    assert_eq!(finished.code, 1, "{finished:?}");

    std::fs::write(&bad, document("b", MARCH)).unwrap();
    eventually("all is well", SOON, || (status(&with_token).code == 0).then_some(()));
    let finished = status(&[&with_token[..], &["--json"]].concat());
    let json: Value = serde_json::from_str(&finished.output).unwrap();
    let b = environment(&json, "b");
    assert_eq!(b["serve"]["revision"], b["stored"]["revision"]);
    assert_eq!((&b["serve"]["place"], &b["serve"]["behind_seconds"]), (&json!(bad), &Value::Null));

    let refused = status(&[]);
    assert_eq!(refused.code, 2, "{refused:?}");
    assert!(refused.errors.contains("the token is missing or wrong"), "{refused:?}");
}

/// The calls, as Fastly understands them: in pages, and in spite of what may pass.
#[test]
fn a_store_of_many_environments() {
    let api = fastly_api();
    api.page_by(3);
    let folder = tempfile::tempdir().unwrap();
    let files: Vec<String> = (0..7)
        .map(|number| {
            let file = folder.path().join(format!("{number}.json"));
            std::fs::write(&file, document(&format!("env-{number}"), MARCH)).unwrap();
            file.display().to_string()
        })
        .collect();
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    let url = api.url();
    let target = ["--api", &url, "--store", STORE];
    let published = jackstaff(JACKSTAFF, &[&["publish"], &target[..], &files].concat(), "");
    assert_eq!(published.code, 0, "{published:?}");
    api.write("server-key/0", b"{}", None);
    api.story();

    api.fail(Kind::List, "environment/", [Fault::Answer(503), Fault::BreakOff]);
    api.fail(Kind::Read, "environment/env-3", [Fault::Answer(429)]);
    let finished = jackstaff(JACKSTAFF, &[&["status", "--json"], &target[..]].concat(), "");
    assert_eq!(finished.code, 0, "{finished:?}");
    let status: Value = serde_json::from_str(&finished.output).unwrap();
    let keys: Vec<String> =
        status["environments"].as_array().unwrap().iter().map(|e| e["key"].to_string()).collect();
    assert_eq!(keys, (0..7).map(|number| format!("\"env-{number}\"")).collect::<Vec<_>>());
    let story = api.story();
    assert!(story.iter().all(|call| call.starts_with("GET ")), "nothing is written: {story:?}");
    // Three pages and seven items, and what failed of them.
    assert_eq!(story.len(), 3 + 7 + 3, "{story:?}");
}
