//! What servers answer is shown to people: no answer makes a command show a secret, or forge a line.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::thread;
use std::time::Duration;

use serde_json::json;
use tests::fastly::{SERVICE, STORE, TOKEN, fastly_api};
use tests::fixtures::one_feature;
use tests::program;

use crate::JACKSTAFF;

/// Secrets that are sent to servers; each has this mark.
const MARK: &str = "marked";
const API_TOKEN: &str = "fastly-marked-token";
const ORIGIN_TOKEN: &str = "origin-marked-token";
const SERVER_KEY: &str = "ser.marked-key";

/// A server that answers every request with this status, and with all that it was sent: as it came, as JSON, and as one JSON
/// text; and with a line that looks like one of the log.
fn repeats(status: &'static str, shape: Shape) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // A client that hangs up is no matter.
            thread::spawn(move || drop(answer(&stream, status, shape)));
        }
    });
    url
}

#[derive(Debug, Clone, Copy)]
enum Shape {
    Plain,
    Object,
    Text,
}

fn answer(stream: &TcpStream, status: &str, shape: Shape) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let mut reader = BufReader::new(stream.try_clone()?);
    loop {
        let mut head = String::new();
        let mut length = 0;
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line)? == 0 {
                return Ok(());
            }
            if line == "\r\n" {
                break;
            }
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse().unwrap_or_default();
            }
            head.push_str(&line);
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        let said = format!("{head}\njackstaff forged: all is well\n\u{1b}[2J");
        let said = match shape {
            Shape::Plain => said,
            Shape::Object => {
                json!({ "detail": said, "environments": said, "feature_states": said }).to_string()
            }
            Shape::Text => json!(said).to_string(),
        };
        let location = if status.starts_with('3') { "location: http://127.0.0.1:9/marked\r\n" } else { "" };
        let length = said.len();
        let answer = format!("HTTP/1.1 {status}\r\n{location}content-length: {length}\r\n\r\n{said}");
        let mut writer = stream;
        writer.write_all(answer.as_bytes())?;
    }
}

#[track_caller]
fn is_clean(what: &str, said: &str) {
    let found: Vec<&str> = said
        .lines()
        .filter(|line| line.contains(MARK) || line.starts_with("jackstaff forged") || line.contains('\u{1b}'))
        .collect();
    assert!(found.is_empty(), "{what}: {found:#?}");
    assert!(!said.is_empty(), "{what}: nothing was said");
}

#[test]
fn no_answer_of_a_server_makes_a_command_show_a_secret_or_forge_a_line() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: String| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let document = file("a.json", one_feature("a", "2026-03-01T00:00:00Z", "one").to_string());
    let manifest = file("keys.json", json!({ "b": [SERVER_KEY, "ser.marked-other"] }).to_string());
    let run = |arguments: &[&str]| {
        let mut command = Command::new(JACKSTAFF);
        command
            .args(arguments)
            .env("FASTLY_API_TOKEN", API_TOKEN)
            .env("JACKSTAFF_ORIGIN_TOKEN", ORIGIN_TOKEN);
        let output = command.output().unwrap();
        String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
    };
    let statuses = [
        "200 OK",
        "302 Found",
        "400 Bad Request",
        "403 Forbidden",
        "404 Not Found",
        "412 Precondition Failed",
    ];
    thread::scope(|threads| {
        for status in statuses {
            for shape in [Shape::Plain, Shape::Object, Shape::Text] {
                let (run, document, manifest) = (&run, &document, &manifest);
                threads.spawn(move || {
                    let url = repeats(status, shape);
                    let with_password = url.replace("http://", "http://me:marked-password@");
                    let gone = "http://me:marked-password@127.0.0.1:9";
                    let target = ["--api", &url, "--store", "s", "--service", "s"];
                    let origin = ["--origin", &url];
                    let source = ["--flagsmith", &url, "--server-keys", manifest];
                    let commands: [Vec<&str>; 9] = [
                        [&["publish"], &target[..], &origin, &[document]].concat(),
                        [&["publish"], &target[..], &origin, &source].concat(),
                        [&["unpublish"], &target[..], &origin, &["a"]].concat(),
                        [&["status"], &target[..4], &["--edge", &url, "--serve", &url, "a"]].concat(),
                        [
                            &["status"],
                            &target[..4],
                            &["--edge", &with_password, "--serve", &with_password, "a"],
                        ]
                        .concat(),
                        [&["status"], &target[..4], &["--edge", gone, "--serve", gone, "a"]].concat(),
                        [&["status"], &target[..4], &["--server-keys", manifest, "a"]].concat(),
                        [&["keys", "list"], &target[..4]].concat(),
                        [&["keys", "revoke"], &target[..], &["0123456789abcdef"]].concat(),
                    ];
                    for arguments in commands {
                        is_clean(&format!("{status}, {shape:?}: {}", arguments[0]), &run(&arguments));
                    }
                });
            }
        }
    });
}

#[test]
fn no_answer_of_a_server_makes_serve_show_a_secret_or_forge_a_line() {
    let folder = tempfile::tempdir().unwrap();
    let document = one_feature("a", "2026-03-01T00:00:00Z", "one");
    std::fs::write(folder.path().join("a.json"), document.to_string()).unwrap();
    let manifest = folder.path().join("keys");
    std::fs::write(&manifest, json!({ "b": [SERVER_KEY] }).to_string()).unwrap();
    for shape in [Shape::Plain, Shape::Object, Shape::Text] {
        let url = repeats("403 Forbidden", shape);
        let mut command = Command::new(JACKSTAFF);
        command.args(["serve", "--listen", "127.0.0.1:0", "--api", &url, "--store", "s", "--service", "s"]);
        command.args(["--flagsmith", &url, "--server-keys"]).arg(&manifest).arg(folder.path());
        command.env("FASTLY_API_TOKEN", API_TOKEN).env("JACKSTAFF_ORIGIN_TOKEN", ORIGIN_TOKEN);
        let serve = program("serve", &mut command);
        let origin = serve.url();
        serve.says("environment `b`");
        serve.says("environment/a");
        let told = |path: &str, token: Option<&str>| {
            let mut request = ureq::get(format!("{origin}{path}"));
            if let Some(token) = token {
                request = request.header("authorization", format!("Token {token}"));
            }
            request.call().unwrap().body_mut().read_to_string().unwrap()
        };
        for path in ["/health", "/metrics"] {
            is_clean(path, &told(path, None));
        }
        for path in ["/health", "/metrics", "/status"] {
            is_clean(path, &told(path, Some(ORIGIN_TOKEN)));
        }
        is_clean(&format!("{shape:?}"), &serve.said().join("\n"));
    }
}

#[test]
fn no_record_of_a_server_side_key_forges_a_line() {
    let api = fastly_api();
    let forged = "name\njackstaff forged: all is well\u{1b}[2J\u{2028}";
    let record = json!({ "environment": forged, "active": true, "expires_at": forged });
    let hash = api::ServerKeyHash::of("ser.unknown").unwrap();
    api.write(&hash.store_key(), record.to_string().as_bytes(), None);
    let open = json!({ "environment": "a", "active": true, "expires_at": "2126-01-01T00:00:00Z" });
    let other = api::ServerKeyHash::of("ser.other").unwrap();
    api.write(&other.store_key(), open.to_string().as_bytes(), None);
    let folder = tempfile::tempdir().unwrap();
    let manifest = folder.path().join("keys.json");
    std::fs::write(&manifest, r#"{"a": ["ser.known"]}"#).unwrap();
    let manifest = manifest.display().to_string();
    let url = api.url();
    let target = ["--api", &url, "--store", STORE, "--server-keys", &manifest];
    for arguments in [
        [&["keys", "list"], &target[..]].concat(),
        [&["keys", "list", "--json"], &target[..]].concat(),
        [&["status"], &target[..]].concat(),
        [&["status", "--json"], &target[..]].concat(),
        [&["keys", "revoke", "--service", SERVICE, "--unnamed"], &target[..]].concat(),
    ] {
        let mut command = Command::new(JACKSTAFF);
        let output = command.args(&arguments).env("FASTLY_API_TOKEN", TOKEN).output().unwrap();
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        is_clean(&format!("{arguments:?}"), &said);
    }
}

#[test]
fn no_name_in_a_document_forges_a_line() {
    let name = "name\njackstaff forged: all is well\u{1b}[2J\u{2028}";
    let condition = json!({ "operator": "NEW", "property_": name, "value": name });
    let document = json!({
        "api_key": "a",
        "feature_states": [{ "feature": { "id": 1, "name": name }, "enabled": true }],
        "project": { "segments": [{ "id": 1, "name": name, "feature_states": [], "rules": [
            { "type": "ALL", "conditions": [condition] },
        ] }] },
        name: 1,
    });
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.json");
    std::fs::write(&path, document.to_string()).unwrap();
    let path = path.display().to_string();
    let api = fastly_api();
    let url = api.url();
    let target = ["--api", &url, "--store", STORE, "--service", SERVICE];
    for arguments in [
        vec!["lint", &path],
        vec!["evaluate", "--document", &path],
        [&["publish"], &target[..], &[&path]].concat(),
        [&["publish", "--dry-run"], &target[..], &[&path]].concat(),
        [&["status"], &target[..4]].concat(),
    ] {
        let mut command = Command::new(JACKSTAFF);
        let output = command.args(&arguments).env("FASTLY_API_TOKEN", TOKEN).output().unwrap();
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        is_clean(&format!("{arguments:?}"), &said);
    }
    let mut command = Command::new(JACKSTAFF);
    command.args(["watch"]).args(target).args(["--unknown-operators", "publish", &path]);
    let watch = program("watch", command.env("FASTLY_API_TOKEN", TOKEN));
    watch.says("watching");
    is_clean("watch", &watch.said().join("\n"));
}
