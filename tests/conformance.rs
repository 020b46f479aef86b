//! Every conformance case, through the compiled, encoded and decoded form, compared as whole JSON values.
//!
//! The project's own cases are the files of `tests/conformance`; Flagsmith's public ones are read from
//! `../shared/engine-test-data` (or the folder that `ENGINE_TEST_DATA` names) where they are present.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what it expects by panicking")]

use std::path::{Path, PathBuf};
use std::{env, fs};

use serde_json::Value;

struct Case {
    name: String,
    context: String,
    result: Value,
}

#[test]
fn own_cases() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance");
    let mut cases = Vec::new();
    for topic in entries(&folder).into_iter().filter(|path| path.is_dir()) {
        for file in entries(&topic) {
            let text = fs::read_to_string(&file).unwrap();
            let name = file.strip_prefix(&folder).unwrap().display().to_string();
            cases.push(case(name, &text));
        }
    }
    assert!(cases.len() >= 100, "only {} cases in {}", cases.len(), folder.display());
    assert_all(&cases);
}

#[test]
fn public_cases() {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/engine-test-data");
    let folder = env::var_os("ENGINE_TEST_DATA").map_or(beside, PathBuf::from);
    if !folder.is_dir() {
        println!("not run: Flagsmith's public cases are not at {}", folder.display());
        return;
    }
    let mut cases = Vec::new();
    for file in entries(&folder).into_iter().filter(|path| path.extension().is_some_and(|e| e == "jsonl")) {
        for line in fs::read_to_string(&file).unwrap().lines() {
            cases.push(case(String::new(), line));
        }
    }
    assert!(!cases.is_empty(), "no case in {}", folder.display());
    assert_all(&cases);
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut entries: Vec<PathBuf> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    entries
}

fn case(name: String, text: &str) -> Case {
    let mut case: Value = serde_json::from_str(text).unwrap_or_else(|error| panic!("{name}: {error}"));
    let name = case["name"].as_str().map_or(name, ToString::to_string);
    Case { name, context: case["context"].to_string(), result: case["result"].take() }
}

#[track_caller]
fn assert_all(cases: &[Case]) {
    let failures: Vec<String> = cases.iter().filter_map(failure).collect();
    assert!(failures.is_empty(), "{} of {} fail:\n{}", failures.len(), cases.len(), failures.join("\n"));
    println!("{} cases", cases.len());
}

fn failure(case: &Case) -> Option<String> {
    let result = engine::evaluate_context(&case.context, engine::Options::default());
    let result = result.map(|json| serde_json::from_str::<Value>(&json).unwrap());
    match result {
        Ok(result) if result == case.result => None,
        Ok(result) => Some(format!("{}\n  expected {}\n  found    {result}", case.name, case.result)),
        Err(refusal) => Some(format!("{}: refused: {refusal}", case.name)),
    }
}
