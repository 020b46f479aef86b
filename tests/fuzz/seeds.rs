//! Writes what the fuzzer starts from: `seeds FOLDER` makes a folder a target, of the fixtures and conformance cases;
//! and a dictionary of the words that the targets know.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a program for tests")]

use std::path::{Path, PathBuf};
use std::{env, fs};

use engine::{Context, Document, Options};
use serde_json::Value;

fn main() {
    let target = PathBuf::from(env::args_os().nth(1).expect("usage: seeds FOLDER"));
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let write = |kind: &str, name: &str, bytes: &[u8]| {
        let folder = target.join("corpus").join(kind);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(name), bytes).unwrap();
    };

    let documents = ["demo.json", "sdk.json"].map(|name| tests.join("fixtures").join(name));
    for (file, name) in documents.iter().zip(["demo", "sdk"]) {
        let document: Value = serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
        let text = document.to_string();
        let parsed = Document::parse(&text).unwrap();
        let (environment, _) = parsed.compile(Options::default(), api::flag_json).unwrap();
        write("documents", name, text.as_bytes());
        write("work", name, text.as_bytes());
        write("bundles", name, &environment.encode().unwrap());
    }
    write("bundles", "whole", invariants::sound_bundle());

    for case in
        files(&tests.join("conformance")).iter().filter(|file| file.extension().is_some_and(|e| e == "json"))
    {
        let case_text = fs::read_to_string(case).unwrap();
        let name = case.file_stem().unwrap().to_str().unwrap();
        let case: Value = serde_json::from_str(&case_text).unwrap();
        let text = case["context"].to_string();
        let (environment, _) = Context::parse(&text).unwrap().compile(Options::default()).unwrap();
        write("contexts", name, text.as_bytes());
        write("bundles", name, &environment.encode().unwrap());
        for kind in ["documents", "work"] {
            write(kind, name, document(&case["context"]).to_string().as_bytes());
        }
    }

    for (number, text) in REQUESTS.iter().enumerate() {
        write("requests", &number.to_string(), text.as_bytes());
    }
    for (number, text) in STREAMS.iter().enumerate() {
        write("streams", &number.to_string(), text.as_bytes());
    }
    let quoted = |word: &&str| format!("\"{}\"\n", word.replace('"', "\\\""));
    fs::write(target.join("dictionary"), WORDS.iter().map(quoted).collect::<String>()).unwrap();
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// The smallest document with the segments of a context.
fn document(context: &Value) -> Value {
    let segments = context["segments"].as_object().into_iter().flatten().map(|(_, segment)| {
        let rules = segment["rules"].to_string().replace("\"property\"", "\"property_\"");
        serde_json::json!({"name": segment["name"], "rules": serde_json::from_str::<Value>(&rules).unwrap()})
    });
    serde_json::json!({
        "api_key": "key",
        "feature_states": [{"feature": {"name": "f"}}],
        "project": {"segments": segments.collect::<Vec<Value>>()},
    })
}

const REQUESTS: [&str; 12] = [
    "GET /api/v1/environment-document/?page_id=1772450553.0\nx-environment-key: ser.shop",
    "GET /api/v1/environment-document/\nx-environment-key: ser.shop\njackstaff-pages: 1",
    "GET /health",
    "GET /api/v1/flags/\nx-environment-key: client\naccept-encoding: gzip;q=0.5, br",
    "GET /api/v1/flags?feature=banner\nx-environment-key: ser.shop",
    "GET /api/v1/identities/?identifier=ann&transient=1\nx-environment-key: client",
    "POST /api/v1/identities/\nx-environment-key: client\ncontent-type: application/json\n\n{\"identifier\": \"ann\", \
     \"traits\": [{\"trait_key\": \"plan\", \"trait_value\": \"gold\"}, {\"trait_key\": \"age\", \"trait_value\": \
     {\"value\": 41, \"transient\": true}}]}",
    "POST /api/v1/identities/?feature=colour\nx-environment-key: ser.shop\norigin: https://a.example\n\n\
     {\"identifier\": \"\", \"transient\": true, \"traits\": []}",
    "GET /api/v1/environment-document/\nx-environment-key: ser.shop\nif-none-match: \"1772450553\", *",
    "GET /api/v1/environment-document/\nx-environment-key: ser.shop\n\
     if-modified-since: Mon, 02 Mar 2026 11:22:33 GMT",
    "OPTIONS /api/v1/flags/\norigin: https://a.example\naccess-control-request-method: GET\n\
     access-control-request-headers: x-environment-key, content-type",
    "HEAD /api/v1/identities/?identifier=%C3%A9&identifier=a+b%\nx-environment-key: client",
];

const STREAMS: [&str; 3] = [
    ": ping\n\nevent: environment_updated\ndata: {\"updated_at\": 1772450553.0}\n\nretry: 15000\n\n",
    "event: environment_updated\r\ndata: {\"updated_at\": 5.76}\r\nretry: 15000\r\n\r\n",
    "\u{feff}id: 1\revent:environment_updated\rdata:{\"updated_at\":\rdata:5}\r\r",
];

const WORDS: [&str; 64] = [
    "EQUAL",
    "NOT_EQUAL",
    "GREATER_THAN",
    "LESS_THAN_INCLUSIVE",
    "CONTAINS",
    "NOT_CONTAINS",
    "REGEX",
    "PERCENTAGE_SPLIT",
    "MODULO",
    "IS_SET",
    "IS_NOT_SET",
    "IN",
    "ALL",
    "ANY",
    "NONE",
    ":semver",
    "1.2.3-rc.1",
    "$.identity.identifier",
    "$.identity.traits.",
    "$.environment.name",
    "$.flags.",
    "['",
    "']",
    "(?i)",
    "(?P<a>",
    "\\\\d",
    "[^",
    "{2,3}",
    "null",
    "true",
    "\"operator\"",
    "\"property\"",
    "\"property_\"",
    "\"value\"",
    "\"rules\"",
    "\"conditions\"",
    "\"segments\"",
    "\"identity_overrides\"",
    "\"feature_segment\"",
    "\"priority\"",
    "\"multivariate_feature_state_values\"",
    "\"metadata\"",
    "\"percentage_allocation\"",
    "1e400",
    "-0.0",
    "123456789012345678901234567890",
    "x-environment-key: ",
    "client",
    "ser.shop",
    "/api/v1/identities/",
    "/api/v1/analytics/flags/",
    "/v1/events",
    "\"events\"",
    "\"timestamp\"",
    "identifier=",
    "\"identifier\"",
    "\"traits\"",
    "\"trait_key\"",
    "\"trait_value\"",
    "data: ",
    "event: environment_updated\\x0a",
    "{\"updated_at\": 1.0}",
    "\\x0d\\x0a",
    "\\x0a\\x0a",
];
