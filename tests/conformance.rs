//! Every conformance case, through the compiled, encoded and decoded form, compared as whole JSON values.
//!
//! The project's own cases are the files of `tests/conformance`; Flagsmith's public ones are read from
//! `../shared/engine-test-data` (or the folder that `ENGINE_TEST_DATA` named when this was built) where they are present.
//!
//! The same on the host and in wasm, where Node reads the files.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what it expects by panicking")]

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
#[cfg(target_family = "wasm")]
use wasm_bindgen_test::wasm_bindgen_test as test;

#[cfg(not(target_family = "wasm"))]
#[path = "support/not_run.rs"]
#[allow(dead_code, unreachable_pub, reason = "written for another crate, which needs more of it")]
mod not_run;

/// The folder of this file.
const TESTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests");

#[derive(Deserialize)]
struct Case {
    #[serde(default)]
    name: String,
    /// As it is written, since the order of its members counts.
    context: Box<RawValue>,
    result: Value,
}

#[test]
fn own_cases() {
    let folder = format!("{TESTS}/conformance");
    let mut cases = Vec::new();
    for topic in files::list(&folder).unwrap().iter().filter(|name| !name.contains('.')) {
        for file in files::list(&format!("{folder}/{topic}")).unwrap() {
            let name = format!("{topic}/{file}");
            let text = files::read(&format!("{folder}/{name}"));
            cases.push(case(name, &text));
        }
    }
    assert!(cases.len() >= 370, "only {} cases in {folder}", cases.len());
    assert_all(&cases);
}

#[test]
fn public_cases() {
    let beside = format!("{TESTS}/../../shared/engine-test-data");
    let folder = option_env!("ENGINE_TEST_DATA").unwrap_or(&beside);
    let Some(list) = files::list(folder) else {
        return files::not_run(&format!("Flagsmith's public cases are not at {folder}"));
    };
    let mut cases = Vec::new();
    for file in list.iter().filter(|name| name.ends_with(".jsonl")) {
        let text = files::read(&format!("{folder}/{file}"));
        cases.extend(text.lines().map(|line| case(String::new(), line)));
    }
    assert!(!cases.is_empty(), "no case in {folder}");
    assert_all(&cases);
}

fn case(name: String, text: &str) -> Case {
    let case: Case = serde_json::from_str(text).unwrap_or_else(|error| panic!("{name}: {error}"));
    if case.name.is_empty() { Case { name, ..case } } else { case }
}

#[track_caller]
fn assert_all(cases: &[Case]) {
    let failures: Vec<String> = cases.iter().filter_map(failure).collect();
    assert!(failures.is_empty(), "{} of {} fail:\n{}", failures.len(), cases.len(), failures.join("\n"));
    files::say(&format!("{} cases", cases.len()));
}

fn failure(case: &Case) -> Option<String> {
    let result = engine::evaluate_context(
        case.context.get(),
        engine::Options::default(),
        &mut engine::PatternCache::default(),
    );
    let result = result.map(|json| serde_json::from_str::<Value>(&json).unwrap());
    if let Ok(result) = &result
        && let Some(difference) = explained_otherwise(case, result)
    {
        return Some(difference);
    }
    match result {
        Ok(result) if result == case.result => None,
        Ok(result) => Some(format!("{}\n  expected {}\n  found    {result}", case.name, case.result)),
        Err(refusal) => Some(format!("{}: refused: {refusal}", case.name)),
    }
}

/// What an explanation of the case says otherwise than its result.
fn explained_otherwise(case: &Case, result: &Value) -> Option<String> {
    let context = engine::Context::parse(case.context.get()).unwrap();
    let (environment, _) = context.compile(engine::Options::default()).unwrap();
    let compiled = engine::Compiled::decode(environment.encode().unwrap()).unwrap();
    let explanation = compiled.explain(context.identity().as_ref(), None, environment.texts());
    let flag = |flag: &engine::ExplainedFlag| {
        let value: Value = serde_json::from_str(flag.value.get()).unwrap();
        serde_json::json!([flag.name, flag.enabled, value, flag.reason, flag.variant])
    };
    let said: Vec<Value> = explanation.flags.iter().map(flag).collect();
    let members = ["name", "enabled", "value", "reason", "variant"];
    let flags = result["flags"].as_object().into_iter().flat_map(|flags| flags.values());
    let mut flags: Vec<Value> =
        flags.map(|flag| members.iter().map(|member| flag[member].clone()).collect()).collect();
    // The members of a result are in the order of their names.
    let mut sorted = said.clone();
    sorted.sort_by_key(ToString::to_string);
    flags.sort_by_key(ToString::to_string);
    (sorted != flags).then(|| format!("{}: explained as {sorted:?}, and not {flags:?}", case.name))
}

#[cfg(not(target_family = "wasm"))]
mod files {
    use std::fs;

    pub(crate) use super::not_run::not_run;

    /// The names in a folder, in order; none if there is no such folder.
    pub(crate) fn list(folder: &str) -> Option<Vec<String>> {
        let entries = fs::read_dir(folder).ok()?;
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        Some(names)
    }

    pub(crate) fn read(file: &str) -> String {
        fs::read_to_string(file).unwrap()
    }

    pub(crate) fn say(text: &str) {
        println!("{text}");
    }
}

#[cfg(target_family = "wasm")]
mod files {
    use wasm_bindgen::prelude::{JsValue, wasm_bindgen};

    #[wasm_bindgen(module = "node:fs")]
    extern "C" {
        #[wasm_bindgen(js_name = readdirSync, catch)]
        fn read_folder(folder: &str) -> Result<Vec<String>, JsValue>;
        #[wasm_bindgen(js_name = readFileSync)]
        fn read_file(file: &str, encoding: &str) -> String;
        #[wasm_bindgen(js_name = appendFileSync)]
        fn append_to_file(file: &str, text: &str);
    }

    #[wasm_bindgen]
    extern "C" {
        /// The file that the script which runs this names.
        #[wasm_bindgen(thread_local_v2, js_namespace = ["process", "env"], js_name = JACKSTAFF_NOT_RUN)]
        static NOT_RUN: Option<String>;
    }

    /// Records that the public cases did not run: this harness does not tell a test its name.
    pub(crate) fn not_run(reason: &str) {
        say(&format!("NOT RUN: {reason}"));
        if let Some(record) = NOT_RUN.with(Clone::clone) {
            append_to_file(&record, &format!("conformance::public_cases in wasm\t{reason}\n"));
        }
    }

    pub(crate) fn list(folder: &str) -> Option<Vec<String>> {
        let mut names = read_folder(folder).ok()?;
        names.sort();
        Some(names)
    }

    pub(crate) fn read(file: &str) -> String {
        read_file(file, "utf8")
    }

    pub(crate) fn say(text: &str) {
        wasm_bindgen_test::console_log!("{text}");
    }
}
