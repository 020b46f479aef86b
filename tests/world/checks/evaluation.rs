//! Checks 6 to 8: what flags are, compared with the engines of Flagsmith.

use std::fs;

use serde_json::Value;
use tests::folder;
use tests::machine::beside_others;

use crate::sdk::Sdk;

#[test]
fn check_06_a_thousand_identities_get_what_the_python_engine_gives_them() {
    let _machine = beside_others();
    let Some(python) = Sdk::Python.ran() else { return };
    python.assert_part("a_thousand_identities");
}

/// The cases run through the engine here; `tests/conformance.rs` runs them in wasm, too, and Flagsmith's public ones where they
/// are at hand.
#[test]
fn check_07_every_case_at_hand_is_evaluated_as_it_says_and_a_hash_of_one_hundred_is_taken_again() {
    let mut wrong = Vec::new();
    let mut names = Vec::new();
    for topic in fs::read_dir(folder("conformance")).unwrap().map(|entry| entry.unwrap().path()) {
        for file in fs::read_dir(&topic).into_iter().flatten().map(|entry| entry.unwrap().path()) {
            let case = fs::read_to_string(&file).unwrap();
            let case: Value = serde_json::from_str(&case).unwrap();
            let context = case["context"].to_string();
            let patterns = &mut engine::PatternCache::default();
            let found = engine::evaluate_context(&context, engine::Options::default(), patterns);
            let found = found.map(|text| serde_json::from_str::<Value>(&text).unwrap());
            if found.as_ref().ok() != Some(&case["result"]) {
                wrong.push(format!("{}: {found:?}", file.display()));
            }
            names.push(file.file_name().unwrap().to_string_lossy().into_owned());
        }
    }
    assert!(
        names.len() >= 370 && wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        names.len(),
        wrong.join("\n")
    );
    assert!(names.contains(&"taken_again_over_the_list_repeated__match.json".to_owned()));
}

#[test]
fn check_08_an_sdk_gets_remotely_what_it_evaluates_locally() {
    let _machine = beside_others();
    for sdk in [Sdk::Python, Sdk::Node, Sdk::Rust] {
        if let Some(ran) = sdk.ran() {
            ran.assert_part("remote_equals_local");
        }
    }
}
