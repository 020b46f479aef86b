//! Environment keys, and tenants that are not served (`PROTOCOL.md`, 1.1 and 1.2).

use api::ServerKey;
use serde_json::{Value, json};

use crate::ask::{DOCUMENT, FLAGS, IDENTITIES, detail};
use crate::compare::compare;
use crate::documents::{With, shop};
use crate::edge::{Broken, CLIENT, Edge, Read, SERVER, edge};

const MISSING: &str = "Invalid or missing Environment key";
const UNKNOWN: &str = "Invalid or missing Environment Key";
const BLOCKED: &str = "Organisation is disabled from serving flags.";

/// What each route answers to a key.
fn on_every_route(edge: &Edge, key: Option<&[u8]>) -> Vec<(&'static str, (u16, Value))> {
    let asks = [
        ("flags", edge.get(FLAGS)),
        ("one flag", edge.get("/api/v1/flags/?feature=banner")),
        ("GET identities", edge.get("/api/v1/identities/?identifier=ann")),
        ("GET identities without an identifier", edge.get(IDENTITIES)),
        ("POST identities", edge.post(IDENTITIES, r#"{"identifier":"ann"}"#)),
        ("POST identities with a malformed body", edge.post(IDENTITIES, "{")),
        ("document", edge.get(DOCUMENT)),
        ("document, if it changed", edge.get(DOCUMENT).header("if-none-match", "*")),
    ];
    let with_key = asks.map(|(route, ask)| match key {
        Some(key) => (route, ask.header("x-environment-key", key).json()),
        None => (route, ask.json()),
    });
    with_key.into()
}

fn key(environment: &str, active: bool, expires_at: Option<&str>) -> ServerKey {
    ServerKey { environment: environment.into(), active, expires_at: expires_at.map(Into::into) }
}

/// An edge with keys of every kind. It is 12:00 on 2026-03-02.
fn keyed() -> Edge {
    let removed = shop().with("/api_key", json!("removed"));
    edge(&shop())
        .unpublish(&removed)
        .server_key("ser.inactive", key(CLIENT, false, None))
        .server_key("ser.inactive-and-expired", key(CLIENT, false, Some("2026-03-02T11:59:59Z")))
        .server_key("ser.expired", key(CLIENT, true, Some("2026-03-02T11:59:59Z")))
        .server_key("ser.expired-now", key(CLIENT, true, Some("2026-03-02T12:00:00+00:00")))
        .server_key("ser.expired-elsewhere", key(CLIENT, true, Some("2026-03-02T13:30:00+02:00")))
        .server_key("ser.unreadable", key(CLIENT, true, Some("next year")))
        .server_key("ser.lost", key("nowhere", true, None))
        .server_key("ser.of-no-key", key("a/b", true, None))
        .server_key("ser.of-a-server-key", key(SERVER, true, None))
        .server_key("ser.of-removed", key("removed", true, None))
        .server_key("ser.later", key(CLIENT, true, Some("2026-03-02T12:00:01Z")))
        .server_key("ser.later-elsewhere", key(CLIENT, true, Some("2026-03-02T14:30:00+02:00")))
}

#[test]
fn keys_that_open_nothing() {
    let edge = keyed();
    let mut situations = Vec::new();
    for (key, text) in [
        (None, MISSING),
        (Some(""), MISSING),
        (Some("unknown"), UNKNOWN),
        (Some("Client"), UNKNOWN),
        (Some("client "), UNKNOWN),
        (Some("client, client"), UNKNOWN),
        (Some("environment/client"), UNKNOWN),
        (Some("../client"), UNKNOWN),
        (Some("client%20"), UNKNOWN),
        (Some("schlüssel"), UNKNOWN),
        (Some("ser."), UNKNOWN),
        (Some("ser.unknown"), UNKNOWN),
        (Some("ser.schlüssel"), UNKNOWN),
        (Some("SER.shop"), UNKNOWN),
        (Some("ser.inactive"), UNKNOWN),
        (Some("ser.inactive-and-expired"), UNKNOWN),
        (Some("ser.expired"), UNKNOWN),
        (Some("ser.expired-now"), UNKNOWN),
        (Some("ser.expired-elsewhere"), UNKNOWN),
        (Some("ser.unreadable"), UNKNOWN),
        (Some("ser.lost"), UNKNOWN),
        (Some("ser.of-no-key"), UNKNOWN),
        (Some("ser.of-a-server-key"), UNKNOWN),
        (Some("removed"), UNKNOWN),
        (Some("ser.of-removed"), UNKNOWN),
    ] {
        for (route, found) in on_every_route(&edge, key.map(str::as_bytes)) {
            situations.push((format!("{key:?}, {route}"), found, (403, detail(text))));
        }
    }
    compare(situations);
}

#[test]
fn keys_that_are_too_long_are_unknown() {
    let edge = keyed();
    let keys = ["x".repeat(257), format!("ser.{}", "x".repeat(600)), "x".repeat(100_000)];
    compare(keys.map(|key| {
        let answer = edge.get(FLAGS).key(&key).answer();
        (key.len(), (answer.json(), answer.read), ((403, detail(UNKNOWN)), Vec::new()))
    }));
}

#[test]
fn a_malformed_key_costs_no_lookup() {
    let edge = keyed();
    let looked_up = |key: &[u8]| edge.get(FLAGS).header("x-environment-key", key).answer().read;
    compare([
        ("no text", looked_up(b"\xff\xfe"), vec![]),
        ("another path", looked_up(b"../client"), vec![]),
        ("a bare prefix", looked_up(b"ser."), vec![]),
        ("a client-side key", looked_up(b"unknown"), vec![Read::Environment]),
        ("a server-side key", looked_up(b"ser.unknown"), vec![Read::ServerKey]),
        ("a revoked key", looked_up(b"ser.inactive"), vec![Read::ServerKey]),
    ]);
}

#[test]
fn a_key_that_is_not_text_is_unknown() {
    let answer = keyed().get(FLAGS).header("x-environment-key", b"\xff\xfe").json();
    assert_eq!(answer, (403, detail(UNKNOWN)));
}

#[test]
fn keys_that_open() {
    let edge = keyed();
    compare(
        [CLIENT, SERVER, "ser.later", "ser.later-elsewhere"]
            .map(|key| (key, edge.get(FLAGS).key(key).status(), 200)),
    );
    let lower = edge.get(FLAGS).header("X-environment-key", CLIENT).status();
    assert_eq!(lower, 200, "the header's name is read without regard to case");
}

#[test]
fn the_document_is_for_server_side_keys() {
    let edge = keyed();
    let ask = |key| edge.get(DOCUMENT).key(key).json();
    assert_eq!(ask(CLIENT), (403, detail(MISSING)));
    assert_eq!(ask(SERVER).0, 200);
    let known = edge.get(DOCUMENT).key(CLIENT).header("if-none-match", "*").answer();
    assert_eq!((known.json(), known.header("etag")), ((403, detail(MISSING)), String::new()));
}

#[test]
fn a_blocked_organisation_is_served_nothing() {
    let edge = edge(&shop().with("/project/organisation/stop_serving_flags", json!(true)));
    let mut situations = Vec::new();
    for key in [CLIENT, SERVER] {
        for (route, found) in on_every_route(&edge, Some(key.as_bytes())) {
            situations.push((format!("{key}, {route}"), found, (403, detail(BLOCKED))));
        }
    }
    compare(situations);
}

#[test]
fn failing_stores_are_answered_with_503() {
    let edge = || keyed();
    let environments = edge().without(Broken::Environments);
    let server_keys = edge().without(Broken::ServerKeys);
    let sections = edge().without(Broken::Sections);
    let text = detail("Flags are not available at the moment.");
    let asks = [
        ("client, flags", environments.get(FLAGS).key(CLIENT)),
        ("client, identities", environments.post(IDENTITIES, "{}").key(CLIENT)),
        ("server, document", environments.get(DOCUMENT).key(SERVER)),
        ("record of the key", server_keys.get(FLAGS).key(SERVER)),
        ("record of the key, identities", server_keys.post(IDENTITIES, "{}").key(SERVER)),
        ("one flag", sections.get("/api/v1/flags/?feature=banner").key(CLIENT)),
        ("compiled environment", sections.get("/api/v1/identities/?identifier=ann").key(CLIENT)),
        ("compiled environment, POST", sections.post(IDENTITIES, "{}").key(CLIENT)),
    ];
    compare(asks.map(|(situation, ask)| {
        let answer = ask.answer();
        (situation, (answer.json(), answer.header("retry-after")), ((503, text.clone()), "1".to_owned()))
    }));
}

#[test]
fn a_failing_store_affects_only_requests_that_need_it() {
    let server_keys = keyed().without(Broken::ServerKeys);
    assert_eq!(server_keys.get(FLAGS).key(CLIENT).status(), 200);
    let environments = keyed().without(Broken::Environments);
    let status = |path, key| environments.get(path).key(key).status();
    compare([
        ("health", status("/health", CLIENT), 200),
        ("another path", status("/other", CLIENT), 404),
        ("a revoked key", status(FLAGS, "ser.inactive"), 403),
        ("no key", environments.get(FLAGS).status(), 403),
    ]);
}

#[test]
fn a_missing_section_is_answered_with_503() {
    let edge = edge(&shop());
    let mut request = http::HeaderMap::new();
    request.insert("origin", http::HeaderValue::from_static("https://shop.example"));
    let head = api::unavailable::<()>(&request, &edge.settings).head;
    let header = |name| head.headers().get(name).and_then(|value| value.to_str().ok());
    assert_eq!(head.status(), 503);
    assert_eq!(header("retry-after"), Some("1"));
    assert_eq!(header("access-control-allow-origin"), Some("*"));
    assert_eq!(header("content-type"), Some("application/json"));
    assert_eq!(header("x-content-type-options"), Some("nosniff"));
    assert_eq!(header("vary"), Some("x-environment-key, accept-encoding"));
}
