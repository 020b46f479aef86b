//! Checks 21 and 22: paths, methods, codings, media types and sizes.

use std::io::Read;

use flate2::read::GzDecoder;
use serde_json::json;
use tests::machine::beside_others;

use super::{
    ANALYTICS, CLIENT, DOCUMENT, EVALUATIONS, FLAGS, IDENTITIES, IDENTITY, SERVER, compare, sdk_edge,
};
use crate::sdk::Sdk;

#[test]
fn check_21_a_slash_more_or_less_is_never_redirected() {
    let _machine = beside_others();
    let Some(edge) = sdk_edge() else { return };
    let routes = [
        ("GET", FLAGS, "", 200),
        ("GET", DOCUMENT, "", 200),
        ("GET", IDENTITIES, "?identifier=user-7", 200),
        ("POST", IDENTITIES, "", 200),
        ("POST", ANALYTICS, "", 200),
        ("POST", EVALUATIONS, "", 204),
        ("OPTIONS", FLAGS, "", 200),
        ("GET", "/health/", "", 200),
        ("GET", "/health/liveness/", "", 200),
        ("GET", "/health/readiness/", "", 200),
        ("GET", "/nothing/", "", 404),
    ];
    let mut situations = Vec::new();
    for (method, path, query, status) in routes {
        let short = path.trim_end_matches('/');
        for path in [
            path.to_owned(),
            short.to_owned(),
            format!("/{path}"),
            format!("{path}/"),
            path.replace('/', "//"),
        ] {
            let headers = [("x-environment-key", SERVER), ("content-type", "application/json")];
            let body: &[u8] = match (method, path.contains("v2")) {
                ("POST", true) => br#"{"evaluations":[]}"#,
                ("POST", false) => b"{}",
                _ => b"",
            };
            let answer = edge.call(method, &format!("{path}{query}"), &headers, body);
            situations.push((format!("{method} {path}{query}"), answer.status, status));
        }
    }
    compare(situations);
}

#[test]
fn check_22_answers_are_compressed_on_request_and_bad_requests_are_refused_in_json() {
    let _machine = beside_others();
    let Some(edge) = sdk_edge() else { return };
    let mut situations = Vec::new();
    for (path, key) in [(FLAGS, CLIENT), (DOCUMENT, SERVER)] {
        let ask = |coding: &str| {
            edge.call("GET", path, &[("x-environment-key", key), ("accept-encoding", coding)], b"")
        };
        let plain = ask("identity");
        for (accepted, coding) in [
            ("", ""),
            ("identity", ""),
            ("deflate", ""),
            ("gzip;q=0", ""),
            ("*;q=0", ""),
            ("gzip", "gzip"),
            ("gzip, deflate", "gzip"),
            ("br;q=0.5, gzip", "gzip"),
            ("br", "br"),
            ("gzip, deflate, br", "br"),
            ("*", "br"),
        ] {
            let answer = ask(accepted);
            let found = answer.header("content-encoding").to_owned();
            let mut body = Vec::new();
            match found.as_str() {
                "gzip" => drop(GzDecoder::new(answer.body.as_slice()).read_to_end(&mut body).unwrap()),
                "br" => brotli::BrotliDecompress(&mut answer.body.as_slice(), &mut body).unwrap(),
                _ => body.clone_from(&answer.body),
            }
            let what = format!("{path}, {accepted:?}");
            situations.push((what, (found, body == plain.body), (coding.to_owned(), true)));
        }
    }
    compare(situations);
    if let Some(rust) = Sdk::Rust.ran() {
        // It does not ask for gzip, and cannot read it.
        rust.assert_part("environment_flags");
    }
    for (path, key) in [(FLAGS, CLIENT), (IDENTITY, CLIENT), (DOCUMENT, SERVER)] {
        let [get, head] =
            ["GET", "HEAD"].map(|method| edge.call(method, path, &[("x-environment-key", key)], b""));
        assert_eq!((head.status, head.body.len()), (200, 0), "{path}");
        for name in [
            "content-type",
            "content-length",
            "etag",
            "last-modified",
            "vary",
            "x-flagsmith-document-updated-at",
        ] {
            assert_eq!(head.header(name), get.header(name), "{name} of {path}");
        }
        let other = edge.call("DELETE", path, &[("x-environment-key", key)], b"");
        assert_eq!((other.status, other.header("allow").contains("HEAD")), (405, true), "{path}");
        assert!(other.json()["detail"].is_string());
        assert_eq!(edge.call("OPTIONS", path, &[], b"").status, 200, "{path}");
    }
    let huge = json!({ "identifier": "x".repeat(2 << 20) }).to_string();
    let mut refusals = Vec::new();
    for (what, kind, body, status) in [
        ("malformed JSON", "application/json", "{", 400),
        ("no JSON", "text/plain", "a", 415),
        ("a form", "application/x-www-form-urlencoded", "identifier=a", 415),
        ("a huge body", "application/json", huge.as_str(), 413),
    ] {
        let headers = [("x-environment-key", CLIENT), ("content-type", kind)];
        let answer = edge.call("POST", IDENTITIES, &headers, body.as_bytes());
        let found = (answer.status, answer.header("content-type").to_owned(), answer.json().is_object());
        refusals.push((what.to_owned(), found, (status, "application/json".to_owned(), true)));
    }
    compare(refusals);
}
