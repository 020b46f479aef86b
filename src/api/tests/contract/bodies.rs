//! Bodies of `POST /api/v1/identities/`: when they are read, their size, media type and syntax (`PROTOCOL.md`, 1.4).

use serde_json::{Value, json};

use crate::ask::{DOCUMENT, FLAGS, IDENTITIES, detail};
use crate::compare::compare;
use crate::documents::{With, shop};
use crate::edge::{Broken, CLIENT, SERVER, edge};

#[test]
fn malformed_json() {
    let edge = edge(&shop());
    let deep = "[".repeat(100_000);
    let bodies: [&[u8]; 14] = [
        b"",
        b"   ",
        b"{",
        b"{\"identifier\": \"ann\"",
        b"{\"identifier\": ann}",
        b"{\"identifier\": \"ann\"} {}",
        b"{'identifier': 'ann'}",
        b"{\"identifier\": \"ann\",}",
        b"{\"identifier\": \"\xff\"}",
        b"{\"traits\": [{\"trait_key\": \"a\", \"trait_value\": NaN}]}",
        b"{\"traits\": [{\"trait_key\": \"a\", \"trait_value\": 007}]}",
        b"identifier=ann",
        b"\xef\xbb\xbf{}",
        deep.as_bytes(),
    ];
    compare(bodies.map(|body| {
        let answer = edge.post(IDENTITIES, body).key(CLIENT).answer();
        let (status, json) = answer.json();
        let detail = json["detail"].as_str().unwrap_or_default();
        let says =
            (status, json.as_object().map(serde_json::Map::len), detail.starts_with("JSON parse error"));
        (String::from_utf8_lossy(&body[..body.len().min(60)]).into_owned(), says, (400, Some(1), true))
    }));
}

#[test]
fn deeply_nested_json_is_refused() {
    let edge = edge(&shop());
    let deep = format!("{}{}", "[".repeat(200_000), "]".repeat(200_000));
    let bodies = [
        format!(r#"{{"identifier": "ann", "other": {deep}}}"#),
        format!(r#"{{"identifier": {deep}}}"#),
        format!(r#"{{"traits": {deep}}}"#),
        format!(r#"{{"traits": [{{"trait_key": "a", "trait_value": {deep}}}]}}"#),
        deep.clone(),
    ];
    let statuses = bodies.map(|body| edge.post(IDENTITIES, body).key(CLIENT).status());
    assert_eq!(statuses, [200, 400, 400, 400, 400]);
}

#[test]
fn the_size_of_a_body() {
    let edge = edge(&shop());
    let body = |size: usize| {
        let frame = r#"{"identifier":"ann","other":""}"#.len();
        format!(r#"{{"identifier":"ann","other":"{}"}}"#, "x".repeat(size - frame))
    };
    let ask = |size| {
        let body = body(size);
        assert_eq!(body.len(), size);
        let (status, json) = edge.post(IDENTITIES, body).key(CLIENT).json();
        (status, if status == 200 { json["identifier"].clone() } else { json })
    };
    let limit = api::BODY_LIMIT;
    compare([
        ("at the limit", ask(limit), (200, json!("ann"))),
        ("above", ask(limit + 1), (413, detail("Request body of more than 1048576 bytes."))),
        ("far above", ask(3 * limit), (413, detail("Request body of more than 1048576 bytes."))),
    ]);
}

#[test]
fn media_types() {
    let edge = edge(&shop());
    let situations = [
        (Some("application/json"), true),
        (Some("application/json; charset=utf-8"), true),
        (Some("application/json;charset=UTF-8"), true),
        (Some("Application/JSON"), true),
        (Some("application/vnd.api+json"), true),
        (None, true),
        (Some("text/plain"), false),
        (Some("text/plain;charset=UTF-8"), false),
        (Some("application/x-www-form-urlencoded"), false),
        (Some("multipart/form-data; boundary=x"), false),
        (Some("application/jsonp"), false),
        (Some("text/html; application/json"), false),
        (Some(""), false),
    ];
    compare(situations.map(|(kind, accepted)| {
        let ask = edge.post(IDENTITIES, r#"{"identifier":"ann"}"#).key(CLIENT).without_header("content-type");
        let ask = kind.into_iter().fold(ask, |ask, kind| ask.header("content-type", kind));
        let (status, body) = ask.json();
        let found = (status, if status == 200 { Value::Null } else { body });
        let refusal =
            || detail(&format!("Unsupported media type \"{}\" in request.", kind.unwrap_or_default()));
        (format!("{kind:?}"), found, if accepted { (200, Value::Null) } else { (415, refusal()) })
    }));
}

#[test]
fn compressed_bodies_are_refused() {
    let edge = edge(&shop());
    compare([("gzip", 415), ("br", 415), ("identity", 200)].map(|(coding, status)| {
        let ask = edge.post(IDENTITIES, r#"{"identifier":"ann"}"#).key(CLIENT);
        (coding, ask.header("content-encoding", coding).status(), status)
    }));
}

#[test]
fn the_body_of_a_get_is_ignored() {
    let edge = edge(&shop());
    let answer =
        edge.get("/api/v1/identities/?identifier=ann").key(CLIENT).header("content-type", "text/plain");
    assert_eq!(answer.status(), 200);
}

/// A body that must not be read.
struct Unread;

impl api::Body for Unread {
    fn read(&mut self, _: usize) -> Vec<u8> {
        panic!("the body was read")
    }
}

/// `POST /nothing` without a key, and with one byte of a long body, once held an instance until the body came.
#[test]
fn a_body_is_read_last_and_only_where_a_route_wants_one() {
    let up = edge(&shop());
    let blocked = edge(&shop().with("/project/organisation/stop_serving_flags", json!(true)));
    let down = edge(&shop()).without(Broken::Environments);
    let post = |path| up.post(path, "{}");
    let situations = [
        ("another path", post("/nothing").key(CLIENT), 404),
        ("another path, without a key", post("/nothing"), 404),
        ("another method", post(IDENTITIES).method("PUT").key(CLIENT), 405),
        ("a preflight", post(IDENTITIES).method("OPTIONS").key(CLIENT), 200),
        ("no key", post(IDENTITIES), 403),
        ("an unknown key", post(IDENTITIES).key("nobody"), 403),
        ("a blocked organisation", blocked.post(IDENTITIES, "{}").key(CLIENT), 403),
        ("the stores fail", down.post(IDENTITIES, "{}").key(CLIENT), 503),
        ("another media type", post(IDENTITIES).key(CLIENT).header("content-encoding", "gzip"), 415),
        ("GET flags", post(FLAGS).method("GET").key(CLIENT), 200),
        ("GET identities", post("/api/v1/identities/?identifier=ann").method("GET").key(CLIENT), 200),
        ("POST flags", post(FLAGS).key(CLIENT), 405),
        ("document", post(DOCUMENT).method("GET").key(SERVER), 200),
        ("stream", post("/sse/environments/client/stream").method("GET"), 200),
        ("POST stream", post("/sse/environments/client/stream"), 405),
        ("health", post("/health").method("GET"), 200),
    ];
    compare(
        situations.map(|(situation, ask, status)| (situation, ask.answer_with(&mut Unread).status, status)),
    );
}

#[test]
fn bodies_of_known_sdks_are_accepted() {
    let edge = edge(&shop());
    let gold = r#"{"trait_key":"plan","trait_value":"gold"}"#;
    let lasting = r#"{"trait_key":"plan","trait_value":"gold","transient":false}"#;
    let situations = [
        ("Python", format!(r#"{{"identifier": "ann", "traits": [{gold}]}}"#), "ann"),
        ("Rust", format!(r#"{{"identifier":"ann","traits":[{gold}],"transient":false}}"#), "ann"),
        ("Ruby", format!(r#"{{"identifier":"ann","transient":false,"traits":[{lasting}]}}"#), "ann"),
        ("JS", format!(r#"{{"identifier":"ann","traits":[{lasting}]}}"#), "ann"),
        ("a number for a name", format!(r#"{{"identifier":12,"traits":[{gold}]}}"#), "12"),
    ];
    let traits = json!([{ "trait_key": "plan", "trait_value": "gold" }]);
    compare(situations.map(|(sdk, body, name)| {
        let (status, answer) = edge.post(IDENTITIES, body).key(CLIENT).json();
        let found = (status, answer["identifier"].clone(), answer["traits"].clone());
        (sdk, found, (200, json!(name), traits.clone()))
    }));
}
