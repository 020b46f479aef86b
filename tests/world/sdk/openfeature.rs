//! OpenFeature's OFREP providers, unmodified, as clients of a running edge (`tests/sdk/README.md`).

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use tests::machine::beside_others;
use tests::{Edge, Tools, folder, installed, not_run, tools, workspace};

use super::ran::{Ran, pinned};
use super::{CLIENT, NO_CHROMIUM, NO_JAVA, SERVER, addresses, checked_edge, chromium, copy, script};
use crate::ofrep_schema;

const BULK: &str = "/ofrep/v1/evaluate/flags";
/// The client-side key of a copy of the environment, which is removed.
const REMOVED: &str = "sdk-removed-key";

#[test]
fn python() {
    let Some(python) = installed("sdk/python/bin/python") else { return };
    let version = pinned("python/requirements.txt", "openfeature-provider-ofrep==");
    passes("OpenFeature for Python", &version, script(&python, "sdk/python/ofrep.py"));
}

#[test]
fn node() {
    let Some(modules) = installed("sdk/openfeature") else { return };
    let mut check = script(Path::new("node"), "sdk/openfeature/server.mjs");
    check.arg("--modules").arg(modules);
    let version = pinned("openfeature/package.json", "\"@openfeature/ofrep-provider\": \"");
    passes("OpenFeature for Node", &version, check);
}

#[test]
fn rust() {
    let Some(program) = installed("sdk/rust/debug/sdk-check") else { return };
    let mut check = Command::new(program);
    check.arg("--ofrep");
    passes("OpenFeature for Rust", &pinned("rust/Cargo.toml", "open-feature-ofrep = \"="), check);
}

/// Where there is Java.
#[test]
fn java() {
    let jars = workspace().join("target/sdk/openfeature-java");
    if !jars.exists() {
        return not_run(NO_JAVA);
    }
    let mut check = Command::new("java");
    check.arg("-cp").arg(jars.join("*")).arg(folder("sdk/openfeature/java/Check.java")).arg(folder(""));
    let version = pinned("openfeature/java/pom.xml", "<artifactId>ofrep</artifactId>\n      <version>");
    passes("OpenFeature for Java", &version, check);
}

#[test]
fn web_in_jsdom() {
    web("OpenFeature web, jsdom", Path::new("jsdom"));
}

#[test]
fn web_in_real_chromium() {
    match chromium() {
        Some(program) => web("OpenFeature web, Chromium", &program),
        None => not_run(NO_CHROMIUM),
    }
}

/// As the published schema has it: every flag of every situation, and each error that a running edge gives.
#[test]
fn answers_are_valid_by_the_published_schema() {
    if !ofrep_schema::is_present() {
        return not_run(&format!("there is no {}", ofrep_schema::schema_file().display()));
    }
    let _machine = beside_others();
    let Some(tools) = tools() else { return };
    let edge = edge_with_a_removed_environment(&tools);
    let ask = |path: &str, key: &str, body: &str| {
        let headers = [("x-api-key", key), ("content-type", "application/json")];
        let answer = edge.call("POST", path, &headers, body.as_bytes());
        ofrep_schema::assert_valid(path, answer.status, &answer.body);
        answer
    };
    let cases: Value =
        serde_json::from_str(&std::fs::read_to_string(folder("sdk/cases.json")).unwrap()).unwrap();
    for case in cases["situations"].as_array().unwrap() {
        let mut context = case["traits"].clone();
        context["targetingKey"] = case["identifier"].clone();
        let body = json!({ "context": context }).to_string();
        let all = ask(BULK, SERVER, &body);
        assert_eq!(all.status, 200, "{case}");
        for flag in all.json()["flags"].as_array().unwrap() {
            let name = flag["key"].as_str().unwrap();
            let one = ask(&format!("{BULK}/{name}"), SERVER, &body);
            assert_eq!((one.status, &one.json()), (200, flag), "{case}");
        }
    }
    let whole = r#"{"context":{"targetingKey":"ann"}}"#;
    for (key, body, statuses) in [
        (CLIENT, whole, [200, 404]),
        ("", whole, [401, 401]),
        ("unknown", whole, [401, 401]),
        (REMOVED, whole, [403, 403]),
        (CLIENT, "{", [400, 400]),
        (CLIENT, "{}", [400, 400]),
        (CLIENT, r#"{"context":{"targetingKey":1}}"#, [400, 400]),
    ] {
        let paths = [BULK.to_owned(), format!("{BULK}/fraud_rules")];
        assert_eq!(paths.map(|path| ask(&path, key, body).status), statuses, "{key} {body}");
    }
}

/// As the published schema has it: an event of a running edge's stream.
#[test]
fn events_are_valid_by_the_published_schema() {
    if !ofrep_schema::is_present() {
        return not_run(&format!("there is no {}", ofrep_schema::schema_file().display()));
    }
    let _machine = beside_others();
    let Some(tools) = tools() else { return };
    let edge = edge_with_a_removed_environment(&tools);
    let context = br#"{"context":{}}"#;
    let headers = [("x-api-key", CLIENT), ("content-type", "application/json")];
    let all = edge.call("POST", BULK, &headers, context).json();
    let path = all["eventStreams"][0]["endpoint"]["requestUri"].as_str().unwrap().to_owned();
    // It ends after some seconds.
    let stream = edge.call("GET", &path, &[], b"");
    let text = String::from_utf8(stream.body.clone()).unwrap();
    let data: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("data: ")).collect();
    assert_eq!((stream.status, data.len()), (200, 1), "{text}");
    let mut document = ofrep_schema::document().unwrap();
    let mut schema = document["components"]["schemas"]["sseEventData"].take();
    schema["components"] = document["components"].take();
    let validator = jsonschema::draft202012::new(&schema).unwrap();
    let takes = |data: &str| validator.is_valid(&serde_json::from_str(data).unwrap());
    let wrong = [r#"{"etag":"1"}"#, r#"{"type":"refetchEvaluation","lastModified":-1}"#];
    assert_eq!((takes(data[0]), wrong.map(takes)), (true, [false; 2]), "{text}");
}

#[track_caller]
fn web(client: &str, browser: &Path) {
    let (Some(modules), Some(browsers)) = (installed("sdk/openfeature"), installed("sdk/browser")) else {
        return;
    };
    let mut check = script(Path::new("node"), "sdk/openfeature/web.mjs");
    check.arg("--browser").arg(browser).arg("--modules").arg(modules).arg("--browser-modules").arg(browsers);
    let version = pinned("openfeature/package.json", "\"@openfeature/ofrep-web-provider\": \"");
    passes(client, &version, check);
}

#[track_caller]
fn passes(client: &str, version: &str, mut check: Command) {
    let _machine = beside_others();
    let Some(tools) = tools() else { return };
    let edge = edge_with_a_removed_environment(&tools);
    check.args(addresses(&edge)).args(["--server-key", SERVER, "--removed-key", REMOVED]);
    Ran::of(&mut check, client, version).assert_passed();
}

#[track_caller]
fn edge_with_a_removed_environment(tools: &Tools) -> Edge {
    // The web provider meets the ends of streams.
    let edge = checked_edge(tools, &json!({ "stream_seconds": 5, "join_seconds": 2 }));
    copy(&edge, REMOVED, false);
    let finished = edge.run_unpublish(&[REMOVED]);
    assert_eq!(finished.code, 0, "{finished:?}");
    edge
}
