//! What regular expressions cost: a hundred patterns in wide use (`tests/patterns`), one at a time; and a thousand in one
//! environment, which change by change are the same.

use std::hint::black_box;
use std::process::Command;
use std::time::{Duration, Instant};

use engine::{Compiled, Document, Identity, Options, PatternCache, Value};
use serde_json::{Value as Json, json};
use tests::folder;

use crate::engine::median;
use crate::figure;

const ROUNDS: usize = 5;

pub(crate) fn costs() {
    let (patterns, texts) = patterns_and_texts();
    let identities: Vec<Identity> = texts.iter().map(|text| identity(text)).collect();
    let empty = encode(&document(&["x"], "EQUAL"), &mut PatternCache::default());
    let nothing = per_text(&empty, &identities);
    let (mut nanoseconds, mut sizes) = (Vec::new(), Vec::new());
    for pattern in &patterns {
        let document = document(&[pattern], "REGEX");
        let started = Instant::now();
        let encoded = encode(&document, &mut PatternCache::default());
        let built = micros(started.elapsed());
        let size = count(encoded.len().saturating_sub(empty.len()));
        let time = per_text(&encoded, &identities) - nothing;
        nanoseconds.push(time);
        sizes.push(size);
        let details = json!({ "pattern": pattern, "bytes": size, "built_in_microseconds": built });
        figure("pattern_on_a_text", time, "ns", &details);
    }
    let dearest = |values: &[f64]| values.iter().copied().fold(0.0, f64::max);
    let details =
        json!({ "texts": texts.len(), "dearest": dearest(&nanoseconds), "largest_bytes": dearest(&sizes) });
    figure("patterns_on_a_text_median", median(nanoseconds), "ns", &details);
    figure("patterns_bytes_median", median(sizes), "bytes", &details);
    a_thousand();
}

/// An environment with a thousand patterns is compiled and encoded, as at each change of it.
fn a_thousand() {
    let patterns: Vec<String> =
        (0..1_000).map(|n| format!(r"^[\w.+-]{{1,64}}@example{n}\.(com|org)$")).collect();
    let document = document(&patterns.iter().map(String::as_str).collect::<Vec<_>>(), "REGEX");
    let mut cache = PatternCache::default();
    let mut milliseconds = |_| {
        let started = Instant::now();
        black_box(encode(&document, &mut cache));
        micros(started.elapsed()) / 1_000.0
    };
    let first = milliseconds(0);
    let others: Vec<f64> = (0..ROUNDS).map(milliseconds).collect();
    figure(
        "change_with_1000_patterns_first",
        first,
        "ms",
        &json!({ "measured": "compiled and encoded, natively" }),
    );
    figure(
        "change_with_1000_patterns",
        median(others),
        "ms",
        &json!({ "measured": "the same patterns as before" }),
    );
}

fn patterns_and_texts() -> (Vec<String>, Vec<String>) {
    let output = Command::new("python3").arg(folder("patterns/check.py")).output().expect("Python 3 runs");
    let listed: Json = serde_json::from_slice(&output.stdout).expect("it prints JSON");
    let list = |name: &str| serde_json::from_value(listed[name].clone()).expect("a list of texts");
    (list("patterns"), list("texts"))
}

/// A document with a segment for each of these values.
fn document(values: &[&str], operator: &str) -> Document {
    let segment = |value: &&str| {
        let condition = json!({ "operator": operator, "property_": "text", "value": value });
        json!({ "name": value, "rules": [{ "type": "ALL", "conditions": [condition] }] })
    };
    let segments: Vec<Json> = values.iter().map(segment).collect();
    let document = json!({ "api_key": "k", "feature_states": [], "project": { "segments": segments } });
    Document::parse(&document.to_string()).expect("a document")
}

fn encode(document: &Document, cache: &mut PatternCache) -> Vec<u8> {
    let (environment, warnings) =
        document.compile_with(cache, Options::default(), api::flag_json).expect("it compiles");
    assert_eq!(warnings, [], "every pattern is accepted");
    environment.encode().expect("it is encoded")
}

fn identity(text: &str) -> Identity {
    Identity {
        identifier: "i".to_owned(),
        traits: vec![("text".to_owned(), Value::Str(text.to_owned()))],
        ..Identity::default()
    }
}

/// Nanoseconds of an evaluation; the least of some rounds.
fn per_text(encoded: &[u8], identities: &[Identity]) -> f64 {
    let compiled = Compiled::decode(encoded.to_vec()).expect("what was encoded is decoded");
    let round = |_| {
        let started = Instant::now();
        for identity in identities {
            black_box(compiled.evaluate(Some(identity)));
        }
        micros(started.elapsed()) * 1_000.0 / count(identities.len())
    };
    (0..ROUNDS).map(round).fold(f64::INFINITY, f64::min)
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

#[expect(clippy::cast_precision_loss, reason = "counts of this size are exact")]
fn count(number: usize) -> f64 {
    number as f64
}
