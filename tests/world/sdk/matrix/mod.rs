//! Versions of SDKs × optional members of a document: each version reads each document without a member, and answers as
//! the edge does, locally and remotely.

mod documents;
mod table;
mod versions;

use std::fs;
use std::path::Path;
use std::thread;

use flagsmith_flag_engine::environments::Environment;
use serde_json::{Value, json};
use tempfile::TempDir;
use tests::machine::beside_others;
use tests::{Edge, ONLY_FULL, Tools, edge, is_full, not_run, not_run_part, tools};

use self::documents::{Variation, variations};
use self::table::{Table, judge};
use self::versions::{Version, all, pinned};

/// The second half of check 17.
#[track_caller]
pub(crate) fn the_pinned_versions_read_documents_without_any_optional_member() {
    let Some(tools) = tools() else { return };
    let Some(versions) = pinned() else { return };
    let questions = read_all(&tools, &versions);
    // The newest engine for Rust, which no SDK uses yet.
    for document in &questions.documents {
        let parsed = serde_json::from_str::<Environment>(&document.served);
        assert!(parsed.is_ok(), "{}: {parsed:?} in {}", document.name, document.served);
    }
}

/// Publishes one document, lets each pinned version read it, and fails if one of them refuses it or has other flags than the
/// edge.
#[track_caller]
pub(crate) fn the_pinned_versions_read(edge: &Edge, document: &Value) {
    if let Some(versions) = pinned() {
        read_one(edge, document, &versions);
    }
}

/// The same with the Java SDK. Gives its version; none where it is not installed.
#[track_caller]
pub(crate) fn the_java_sdk_reads(edge: &Edge, document: &Value) -> Option<String> {
    let (version, number) = versions::java()?;
    read_one(edge, document, &[version]);
    Some(number)
}

#[track_caller]
fn read_one(edge: &Edge, document: &Value, versions: &[Version]) {
    let folder = TempDir::new().unwrap();
    let key = document["api_key"].as_str().unwrap();
    let variation = Variation { name: key.to_owned(), document: document.clone(), column: 0 };
    let questions = Questions::ask(edge, std::slice::from_ref(&variation));
    let file = folder.path().join("questions.json");
    fs::write(&file, questions.json().to_string()).unwrap();
    let [document] = &questions.documents[..] else { panic!("one document") };
    for version in versions {
        let readings = version.read(edge, &file);
        let reading = readings.get(&document.name).unwrap_or_else(|| panic!("{}: no reading", version.name));
        for side in ["local", "remote"] {
            // For nobody, SDKs look at no segment.
            assert_eq!(reading[side][0], document.own, "{}, {side}, nobody", version.name);
            for (place, expected) in document.answers.iter().enumerate().skip(1) {
                assert_eq!(&reading[side][place], expected, "{}, {side}, {place}", version.name);
            }
        }
    }
}

#[test]
fn every_version_reads_documents_without_any_optional_member() {
    if !is_full() {
        not_run(ONLY_FULL);
        return;
    }
    let _machine = beside_others();
    let Some(tools) = tools() else { return };
    let (versions, missing) = all();
    for (version, reason) in missing {
        not_run_part(&version, &reason);
    }
    read_all(&tools, &versions);
}

/// Publishes all documents to one edge, lets each version read them, prints the table, and fails if a cell failed.
fn read_all(tools: &Tools, versions: &[Version]) -> Questions {
    let edge = edge(tools, &json!({}));
    let folder = TempDir::new().unwrap();
    let variations = variations();
    publish(&edge, folder.path(), &variations);
    let questions = Questions::ask(&edge, &variations);
    let file = folder.path().join("questions.json");
    fs::write(&file, questions.json().to_string()).unwrap();
    let mut table = Table::default();
    // Two at a time: each waits for the edge, and the edge for each.
    for pair in versions.chunks(2) {
        let readings: Vec<_> = thread::scope(|scope| {
            let started: Vec<_> =
                pair.iter().map(|version| scope.spawn(|| version.read(&edge, &file))).collect();
            started.into_iter().map(|reader| reader.join().unwrap()).collect()
        });
        for (version, readings) in pair.iter().zip(readings) {
            table.row(&version.name, judge(version, &variations, &questions, &readings));
        }
    }
    table.print();
    assert!(table.failures.is_empty(), "{} cells failed", table.failures.len());
    questions
}

fn server_key(variation: &Variation) -> String {
    format!("ser.{}", variation.document["api_key"].as_str().unwrap())
}

#[track_caller]
fn publish(edge: &Edge, folder: &Path, variations: &[Variation]) {
    for variation in variations {
        let file = folder.join("document.json");
        fs::write(&file, variation.document.to_string()).unwrap();
        let file = file.display().to_string();
        let finished = edge.run_publish(&[&file, "--server-key", &server_key(variation)]);
        assert_eq!(finished.code, 0, "{}: {finished:?}", variation.name);
    }
}

/// What is asked about each document, and what the edge itself answers.
struct Questions {
    documents: Vec<Document>,
}

struct Document {
    name: String,
    server_key: String,
    served: String,
    /// The environment's own flags. For nobody, SDKs look at no segment.
    own: Value,
    /// The flags without an identity, and of each of [`identities`].
    answers: Vec<Value>,
}

fn identities() -> Vec<Value> {
    vec![
        json!({ "identifier": "bert", "traits": { "plan": "gold", "age": 30 } }),
        json!({ "identifier": "anna", "traits": {} }),
        json!({ "identifier": "carla", "traits": { "plan": "free" } }),
    ]
}

impl Questions {
    fn ask(edge: &Edge, variations: &[Variation]) -> Questions {
        let documents = variations.iter().map(|variation| {
            let key = server_key(variation);
            let served = edge.get("/api/v1/environment-document/", &key);
            assert_eq!(served.status, 200, "{}: {served:?}", variation.name);
            let nobody = edge.get("/api/v1/flags/", &key).json();
            let mut answers = vec![by_name(&nobody)];
            for who in identities() {
                let traits = who["traits"].as_object().unwrap().iter();
                let traits: Vec<Value> =
                    traits.map(|(name, value)| json!({ "trait_key": name, "trait_value": value })).collect();
                let body = json!({ "identifier": who["identifier"], "traits": traits });
                answers.push(by_name(&edge.post("/api/v1/identities/", &key, &body).json()["flags"]));
            }
            let own = by_name(&served.json()["feature_states"]);
            let served = String::from_utf8(served.body).unwrap();
            Document { own, name: variation.name.clone(), server_key: key, served, answers }
        });
        Questions { documents: documents.collect() }
    }

    fn json(&self) -> Value {
        let documents: Vec<Value> = self
            .documents
            .iter()
            .map(|document| {
                json!({
                    "name": document.name,
                    "server_key": document.server_key,
                    "served": document.served,
                })
            })
            .collect();
        json!({ "documents": documents, "identities": identities() })
    }
}

/// Flags as the readers print them: `{name: [enabled, value]}`.
fn by_name(flags: &Value) -> Value {
    let flags = flags.as_array().unwrap().iter();
    let member = |flag: &Value| {
        let name = flag["feature"]["name"].as_str().unwrap().to_owned();
        (name, json!([flag["enabled"], flag["feature_state_value"]]))
    };
    Value::Object(flags.map(member).collect())
}
