//! Check 5: keys that open nothing.

use serde_json::{Value, json};
use tests::machine::beside_others;
use tests::{Answer, Edge};

use super::{
    ANALYTICS, CLIENT, DOCUMENT, EVALUATIONS, FLAGS, IDENTITIES, IDENTITY, SERVER, compare, environment,
    sdk_edge,
};

const MISSING: &str = "Invalid or missing Environment key";
const UNKNOWN: &str = "Invalid or missing Environment Key";
const BLOCKED: &str = "Organisation is disabled from serving flags.";

/// What a page of another origin gets on each route that wants a key.
fn on_every_route(edge: &Edge, key: &str) -> Vec<(String, Answer)> {
    let get = [FLAGS, IDENTITY, DOCUMENT, "/api/v1/flags/?feature=page_size"];
    let post =
        [(IDENTITIES, json!({ "identifier": "anna" })), (ANALYTICS, json!({})), (EVALUATIONS, json!({}))];
    let headers = [("x-environment-key", key), ("origin", "http://app.example")];
    let of_get = get.iter().map(|path| (format!("GET {path}"), edge.call("GET", path, &headers, b"")));
    let of_post = post.iter().map(|(path, body)| {
        let headers = [&headers[..], &[("content-type", "application/json")]].concat();
        (format!("POST {path}"), edge.call("POST", path, &headers, body.to_string().as_bytes()))
    });
    of_get.chain(of_post).collect()
}

#[test]
fn check_05_a_key_that_opens_nothing_is_403_with_a_detail_that_pages_may_read() {
    let _machine = beside_others();
    let Some(edge) = sdk_edge() else { return };
    let blocked = environment("blocked", &[("/project/organisation/stop_serving_flags", json!(true))]);
    edge.publish(&blocked, "ser.blocked");
    let keys = json!({ CLIENT: [
        SERVER,
        { "key": "ser.inactive", "active": false },
        { "key": "ser.expired", "active": true, "expires_at": "2020-01-01T00:00:00Z" },
    ]});
    let document = edge.file("sdk.json", &tests::fixture("sdk.json").to_string()).display().to_string();
    let keys = edge.file("keys.json", &keys.to_string()).display().to_string();
    let published = edge.run_publish(&[&document, "--server-keys", &keys]);
    assert_eq!(published.code, 0, "{published:?}");

    let mut situations = Vec::new();
    for (key, detail) in [
        ("", MISSING),
        ("unknown", UNKNOWN),
        ("ser.unknown", UNKNOWN),
        ("ser.inactive", UNKNOWN),
        ("ser.expired", UNKNOWN),
        ("blocked", BLOCKED),
        ("ser.blocked", BLOCKED),
    ] {
        for (route, answer) in on_every_route(&edge, key) {
            let found =
                (answer.status, answer.json(), answer.header("access-control-allow-origin").to_owned());
            let expected: (u16, Value, String) = (403, json!({ "detail": detail }), "*".to_owned());
            situations.push((format!("{key:?}, {route}"), found, expected));
        }
    }
    compare(situations);
    assert_eq!(edge.get(FLAGS, SERVER).status, 200);
}
