//! Routes, slashes and methods (`PROTOCOL.md`, 1.3).

use serde_json::json;

use crate::ask::{DOCUMENT, FLAGS, IDENTITIES, detail};
use crate::compare::compare;
use crate::documents::shop;
use crate::edge::{CLIENT, SERVER, edge};

#[test]
fn slashes_do_not_matter() {
    let edge = edge(&shop());
    let flags = edge.get(FLAGS).key(SERVER).json();
    let ann = edge.get("/api/v1/identities/?identifier=ann").key(SERVER).json();
    let document = edge.get(DOCUMENT).key(SERVER).json();
    let health = (200, json!({ "status": "ok" }));
    let situations = [
        ("/api/v1/flags/", &flags),
        ("/api/v1/flags", &flags),
        ("//api/v1/flags/", &flags),
        ("/api/v1//flags//", &flags),
        ("/api/v1/flags?", &flags),
        ("/api/v1/identities/?identifier=ann", &ann),
        ("/api/v1/identities?identifier=ann", &ann),
        ("/api/v1//identities?identifier=ann", &ann),
        ("/api/v1/environment-document/", &document),
        ("/api/v1/environment-document", &document),
        ("//api//v1//environment-document//", &document),
        ("/health", &health),
        ("/health/", &health),
        ("/health/liveness", &health),
        ("/health/liveness/", &health),
        ("/health/readiness/", &health),
    ];
    assert_eq!([flags.0, ann.0, document.0], [200; 3]);
    compare(situations.map(|(path, expected)| (path, edge.get(path).key(SERVER).json(), expected.clone())));
}

#[test]
fn a_post_is_answered_with_and_without_a_slash() {
    let edge = edge(&shop());
    let post = |path| edge.post(path, r#"{"identifier": "ann"}"#).key(CLIENT).answer();
    compare(["/api/v1/identities/", "/api/v1/identities", "//api/v1//identities//"].map(|path| {
        let answer = post(path);
        (path, (answer.status, answer.flag("banner")), (200, json!([true, "ann"])))
    }));
}

#[test]
fn other_paths_are_not_found() {
    let edge = edge(&shop());
    let paths = [
        "/",
        "/api/v1/",
        "/api/v1/flag/",
        "/api/v1/flags/banner",
        "/api/v1/identities/ann/",
        "/api/v2/flags/",
        "/api/v1/Flags/",
        "/api/v1/flags;x/",
        "/api/v1/../v1/flags/",
        "/api/v1/fl%61gs/",
        "/flags/",
        "/environment/client",
        "/health/other",
    ];
    compare(paths.map(|path| (path, edge.get(path).key(SERVER).json(), (404, detail("Not Found")))));
}

#[test]
fn nothing_is_ever_redirected() {
    let edge = edge(&shop());
    let mut situations = Vec::new();
    for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] {
        for route in ["flags", "identities", "environment-document", "other"] {
            for path in
                [format!("/api/v1/{route}"), format!("/api/v1/{route}/"), format!("//api/v1/{route}//")]
            {
                for key in [CLIENT, SERVER, "unknown"] {
                    let answer = edge.ask(method, &path).key(key).answer();
                    let redirects = answer.status / 100 == 3 || answer.headers.contains_key("location");
                    situations.push((format!("{method} {path} {key}"), redirects, false));
                }
            }
        }
    }
    compare(situations);
}

#[test]
fn other_methods_are_refused() {
    let edge = edge(&shop());
    let (read, read_and_post) = ("GET, HEAD, OPTIONS", "GET, HEAD, POST, OPTIONS");
    let situations = [
        ("POST", FLAGS, read),
        ("PUT", FLAGS, read),
        ("DELETE", FLAGS, read),
        ("PUT", IDENTITIES, read_and_post),
        ("PATCH", IDENTITIES, read_and_post),
        ("DELETE", IDENTITIES, read_and_post),
        ("TRACE", IDENTITIES, read_and_post),
        ("POST", DOCUMENT, read),
        ("BREW", DOCUMENT, read),
        ("POST", "/health", read),
        ("POST", "/sse/environments/client/stream", "GET, OPTIONS"),
        ("HEAD", "/sse/environments/client/stream", "GET, OPTIONS"),
    ];
    compare(situations.map(|(method, path, allowed)| {
        let answer = edge.ask(method, path).key(SERVER).answer();
        let expected = (405, detail(&format!("Method \"{method}\" not allowed.")));
        (format!("{method} {path}"), (answer.json(), answer.header("allow")), (expected, allowed.to_owned()))
    }));
}

#[test]
fn head_is_answered_like_get() {
    let edge = edge(&shop());
    let situations = [
        (FLAGS, CLIENT),
        ("/api/v1/flags/?feature=banner", CLIENT),
        ("/api/v1/identities/?identifier=ann", CLIENT),
        (IDENTITIES, CLIENT),
        (DOCUMENT, SERVER),
        (DOCUMENT, CLIENT),
        (FLAGS, "unknown"),
        ("/health", CLIENT),
        ("/other", CLIENT),
    ];
    compare(situations.map(|(path, key)| {
        let [head, get] = ["HEAD", "GET"].map(|method| edge.ask(method, path).key(key).answer());
        let outline = |answer: &crate::ask::Answer| (answer.status, answer.all_headers(), answer.section);
        (format!("{path} {key}"), outline(&head), outline(&get))
    }));
}
