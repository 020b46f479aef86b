//! The lenient and the strict of section 11 of `PROTOCOL.md`: what the edge answers where Flagsmith answers otherwise.

use serde_json::json;

use crate::ask::{DOCUMENT, FLAGS, IDENTITIES};
use crate::compare::compare;
use crate::documents::shop;
use crate::edge::{CLIENT, SERVER, edge};

#[test]
fn requests_that_flagsmith_answers_otherwise() {
    let edge = edge(&shop());
    let post = |body: &str| edge.post(IDENTITIES, body).key(CLIENT).status();
    let get = |path: &str, key: &str, header: (&str, &str)| {
        edge.get(path).key(key).header(header.0, header.1).status()
    };
    let none = ("x-none", "1");
    compare([
        ("a member twice", post(r#"{"identifier":"a","identifier":"b"}"#), 400),
        ("no body", post(""), 400),
        ("null", post("null"), 400),
        ("traits are null", post(r#"{"identifier":"a","traits":null}"#), 200),
        ("transient is null", post(r#"{"identifier":"a","transient":null}"#), 200),
        ("transient is nonsense", post(r#"{"identifier":"a","transient":"perhaps"}"#), 200),
        (
            "an identifier of 2,001 characters",
            post(&json!({ "identifier": "x".repeat(2_001) }).to_string()),
            400,
        ),
        (
            "a number of 64 bits",
            post(r#"{"traits":[{"trait_key":"k","trait_value":9223372036854775808}]}"#),
            200,
        ),
        ("a number beyond all", post(r#"{"traits":[{"trait_key":"k","trait_value":1e400}]}"#), 400),
        ("half of a surrogate pair", post(r#"{"traits":[{"trait_key":"k","trait_value":"\ud800"}]}"#), 400),
        ("NUL", post(r#"{"identifier":"\u0000"}"#), 400),
        (
            "a new trait twice",
            post(r#"{"traits":[{"trait_key":"k","trait_value":1},{"trait_key":"k","trait_value":2}]}"#),
            200,
        ),
        (
            "no content type",
            edge.post(IDENTITIES, "{}").without_header("content-type").key(CLIENT).status(),
            200,
        ),
        (
            "a form",
            edge.post(IDENTITIES, "identifier=a")
                .without_header("content-type")
                .header("content-type", "application/x-www-form-urlencoded")
                .key(CLIENT)
                .status(),
            415,
        ),
        ("HTML is accepted alone", get(FLAGS, CLIENT, ("accept", "text/html")), 200),
        ("XML is accepted alone", get(FLAGS, CLIENT, ("accept", "application/xml")), 200),
        ("a GET without an identifier", get(IDENTITIES, CLIENT, none), 400),
        ("an empty feature", get("/api/v1/flags/?feature=", CLIENT, none), 200),
        (
            "if it was not changed since",
            get(DOCUMENT, SERVER, ("if-unmodified-since", "Thu, 01 Jan 1970 00:00:00 GMT")),
            200,
        ),
        ("version", get("/version/", CLIENT, none), 404),
        ("options of a feature", get("/api/v1/flags/1/multivariate-options/", CLIENT, none), 404),
        ("flags of an identifier, as before 2020", get("/api/v1/flags/ann", CLIENT, none), 404),
        ("an identifier in the path, as before 2020", get("/api/v1/identities/ann/", CLIENT, none), 404),
    ]);
    let preflight = edge.ask("OPTIONS", FLAGS).answer();
    assert_eq!((preflight.status, preflight.body.len()), (200, 0), "without a key");
}
