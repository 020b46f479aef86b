//! No request with a client-side key is answered with a byte that is for server-side keys, or of another environment.

use api::Section;
use serde_json::{Value, json};

use crate::ask::{Answer, DOCUMENT, FLAGS, IDENTITIES};
use crate::compare::compare;
use crate::documents::{With, shop};
use crate::edge::{CLIENT, Edge, Read, SERVER, edge};

/// The shop, and another environment whose values are all different.
fn two_environments() -> Edge {
    let foreign = shop().to_string().replace("\"client\"", "\"foreign\"").replace("blue", "foreign blue");
    let foreign = serde_json::from_str(&foreign).unwrap();
    edge(&shop().with("/feature_states/3/feature_state_value", json!("secret"))).publish(&foreign)
}

/// Requests by every method, to every route, odd in many ways.
fn odd_requests(edge: &Edge, key: &str) -> Vec<(String, Answer)> {
    let queries = [
        "",
        "?",
        "?feature=admin",
        "?feature=ADMIN",
        "?feature=admin%20beta",
        "?feature=%61dmin",
        "?feature=banner&feature=admin",
        "?feature=admin&feature=banner",
        "?feature=*",
        "?identifier=ann",
        "?identifier=ann&feature=admin",
        "?identifier=ann&transient=true",
        "?identifier=foreign",
        "?identifier=client_ann",
        "?page_id=1",
        "?key=ser.shop",
        "?x-environment-key=ser.shop",
    ];
    let headers: [&[(&str, &str)]; 14] = [
        &[],
        &[("accept-encoding", "gzip")],
        &[("accept-encoding", "br")],
        &[("jackstaff-pages", "yes")],
        &[("accept-encoding", "gzip;q=0")],
        &[("range", "bytes=0-4")],
        &[("range", "bytes=-1000000")],
        &[("range", "bytes=999999999-")],
        &[("if-none-match", "*")],
        &[("if-modified-since", "Mon, 02 Mar 2026 11:22:33 GMT")],
        &[("x-environment-key", SERVER)],
        &[("authorization", "Token ser.shop"), ("x-forwarded-host", "foreign")],
        &[("x-http-method-override", "POST"), ("x-original-url", DOCUMENT)],
        &[("origin", "https://evil.example"), ("accept", "text/html")],
    ];
    let bodies = [
        "",
        "{}",
        "[]",
        r#"{"identifier":"ann"}"#,
        r#"{"identifier":"ann","environment":"foreign","key":"ser.shop"}"#,
    ];
    let paths = [
        FLAGS,
        IDENTITIES,
        DOCUMENT,
        "/api/v1//flags",
        "/health",
        "/api/v1/flags/admin",
        "/environment/foreign",
    ];
    let mut answers = Vec::new();
    let mut ask = |method: &str, path: String, more: &[(&str, &str)], body: &str| {
        let ask = edge.post(&path, body).method(method).key(key);
        let ask = more.iter().fold(ask, |ask, (name, value)| ask.header(name, value));
        answers.push((format!("{method} {path} {more:?} {body}"), ask.answer()));
    };
    for path in paths {
        for query in queries {
            for more in headers {
                ask("GET", format!("{path}{query}"), more, "");
            }
            for method in ["HEAD", "PUT", "OPTIONS", "CONNECT"] {
                ask(method, format!("{path}{query}"), &[], "");
            }
            for body in bodies {
                ask("POST", format!("{path}{query}"), &[], body);
            }
        }
    }
    answers
}

#[test]
fn a_client_side_key_gets_its_own_sections_only() {
    let edge = two_environments();
    compare(odd_requests(&edge, CLIENT).into_iter().map(|(request, answer)| {
        let own = |section: &Section| section.name().starts_with("flags-client");
        let sent = answer.section.as_ref().is_none_or(own);
        let read = answer.read.iter().all(|read| match read {
            Read::Section(section) => own(section),
            Read::Environment | Read::Compiled | Read::Random => true,
            Read::ServerKey | Read::Identity => false,
        });
        let text = answer.text();
        let secrets: Vec<&str> =
            ["secret", "hidden", "ann's", "foreign blue", "server_key_only", "gzip of {", "br of {"]
                .into_iter()
                .filter(|secret| text.contains(secret))
                .collect();
        (request, (sent, read, secrets), (true, true, Vec::new()))
    }));
}

#[test]
fn an_unknown_key_gets_nothing() {
    let edge = two_environments();
    for key in ["unknown", "ser.unknown"] {
        compare(odd_requests(&edge, key).into_iter().map(|(request, answer)| {
            let touched = answer.section.is_some()
                || answer
                    .read
                    .iter()
                    .any(|read| matches!(read, Read::Section(_) | Read::Compiled | Read::Random));
            (format!("{key}: {request}"), (touched, answer.text().contains("banner")), (false, false))
        }));
    }
}

/// Shows that the test above would find what it looks for.
#[test]
fn a_server_side_key_gets_the_others() {
    let edge = two_environments();
    let mut sections: Vec<Section> =
        odd_requests(&edge, SERVER).iter().filter_map(|(_, answer)| answer.section).collect();
    sections.sort();
    sections.dedup();
    let expected = [
        Section::FlagsServer,
        Section::FlagsServerGzip,
        Section::FlagsServerBrotli,
        Section::Document,
        Section::DocumentGzip,
        Section::DocumentBrotli,
    ];
    assert_eq!(sections, expected);
}

/// Features are hidden by their ids as the source wrote them, whichever id they have after that.
#[test]
fn features_are_hidden_by_the_ids_that_the_source_gave_them() {
    let state = |id: Value, name: &str| json!({ "feature": { "id": id, "name": name }, "enabled": true });
    let with = |hidden: Value, environment: &[Value], segment: &[Value], identity: &[Value]| {
        json!({
            "api_key": "client",
            "project": { "server_key_only_feature_ids": hidden, "segments": [{
                "id": 1, "name": "all", "rules": [{ "type": "ALL", "conditions": [] }], "feature_states": segment,
            }] },
            "feature_states": environment,
            "identity_overrides": [{ "identifier": "ann", "identity_features": identity }],
        })
    };
    let missing = json!({ "feature": { "name": "open" }, "enabled": true });
    let (open, secret) = (|id: i64| state(json!(id), "open"), |id: i64| state(json!(id), "secret"));
    let documents = [
        ("id 0", with(json!([0]), &[open(5), secret(0)], &[], &[])),
        ("id 0, first", with(json!([0]), &[secret(0), open(5)], &[], &[])),
        ("id 0 as text", with(json!(["0"]), &[open(5), state(json!("0"), "secret")], &[], &[])),
        ("a negative id", with(json!([-3]), &[open(5), secret(-3)], &[], &[])),
        ("a large id", with(json!([5_000_000_000_i64]), &[open(5), secret(5_000_000_000)], &[], &[])),
        ("the id of a segment's state", with(json!([7]), &[open(5), secret(6)], &[secret(7)], &[])),
        ("the id of an identity's state", with(json!([7]), &[open(5), secret(6)], &[], &[secret(7)])),
        ("0 in a segment, an id elsewhere", with(json!([0]), &[open(5), secret(6)], &[secret(0)], &[])),
        ("the id of the first of two states", with(json!([7]), &[secret(7), open(5), secret(6)], &[], &[])),
        ("the id of the last of two states", with(json!([6]), &[secret(7), open(5), secret(6)], &[], &[])),
        ("only overridden", with(json!([7]), &[open(5)], &[secret(7)], &[secret(7)])),
        ("no id beside a hidden 1", with(json!([1, 9]), &[missing, secret(9)], &[], &[])),
        ("null beside a hidden 1", with(json!([1, 9]), &[state(Value::Null, "open"), secret(9)], &[], &[])),
    ];
    compare(documents.into_iter().flat_map(|(what, document)| {
        let edge = edge(&document);
        let shown = |key: &str| {
            [FLAGS.to_owned(), format!("{IDENTITIES}?identifier=ann")].map(|path| {
                let answer = edge.get(&path).key(key).answer().text();
                ["open", "secret"].map(|name| answer.contains(&format!("\"{name}\"")))
            })
        };
        // What the environment has no state of is served to nobody.
        let served = !what.contains("only overridden");
        let (found, expected) = (shown(CLIENT), [[true, false]; 2]);
        let (to_servers, all) = (shown(SERVER), [[true, served]; 2]);
        [(format!("{what}, to a client"), found, expected), (format!("{what}, to a server"), to_servers, all)]
    }));
}
