//! How a version of the Rust SDK reads the documents of the matrix (`main.rs` says what it is given and prints).

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook};

use serde_json::{Value, json};

/// Answers all questions about one document. A macro: the types of the versions are not the same types.
macro_rules! sdk {
    ($name:ident, $sdk:ident, $engine:ident, |$identifier:ident, $traits:ident, $client:ident| $identify:expr) => {
        fn $name(questions: &serde_json::Value, key: &str, url: &str, local: bool) -> Result<serde_json::Value, String> {
            use $engine::types::{FlagsmithValue, FlagsmithValueType};
            let flags = |flags: Result<$sdk::flagsmith::models::Flags, $sdk::error::Error>| {
                let flags = flags.map_err(|error| format!("{error:?}"))?;
                let member =
                    |flag: $sdk::Flag| (flag.feature_name, serde_json::json!([flag.enabled, flag.value]));
                Ok::<serde_json::Value, String>(serde_json::Value::Object(
                    flags.all_flags().into_iter().map(member).collect::<serde_json::Map<_, _>>(),
                ))
            };
            let mut options = $sdk::FlagsmithOptions::default();
            options.api_url = url.to_owned();
            options.enable_local_evaluation = local;
            options.environment_refresh_interval_mills = 3_600_000;
            let mut $client = $sdk::Flagsmith::new(key.to_owned(), options);
            if local {
                // Old versions fetch it in a thread of their own, and ask remotely until it is there.
                $client.update_environment().map_err(|error| format!("{error:?}"))?;
            }
            let mut all = vec![flags($client.get_environment_flags())?];
            for identity in reading::list(&questions["identities"]) {
                let $identifier = identity["identifier"].as_str().unwrap_or_default();
                let $traits: Vec<(String, FlagsmithValue)> = identity["traits"]
                    .as_object()
                    .into_iter()
                    .flatten()
                    .map(|(name, value)| {
                        let (value, value_type) = match value {
                            serde_json::Value::String(text) => (text.clone(), FlagsmithValueType::String),
                            number => (number.to_string(), FlagsmithValueType::Integer),
                        };
                        (name.clone(), FlagsmithValue { value, value_type })
                    })
                    .collect();
                all.push(flags($identify)?);
            }
            Ok(serde_json::Value::Array(all))
        }
    };
}

pub(crate) use sdk;

/// Answers for a key of an environment, from a base URL, by local evaluation or not.
pub type Ask = fn(&Value, &str, &str, bool) -> Result<Value, String>;

/// Prints one line of JSON for each document of the file.
pub fn each(file: &str, read: impl Fn(&Value, &Value) -> Value) {
    // A panic of an SDK is an answer.
    set_hook(Box::new(|_| {}));
    let text = fs::read_to_string(file).expect("QUESTIONS");
    let questions: Value = serde_json::from_str(&text).expect("QUESTIONS");
    for document in list(&questions["documents"]) {
        let mut line = read(&questions, document);
        line["document"] = document["name"].clone();
        println!("{line}");
    }
}

/// What an SDK answers about one document.
pub fn asked(ask: Ask, questions: &Value, document: &Value, edge: &str, documents: &str) -> Value {
    let key = document["server_key"].as_str().unwrap_or_default();
    json!({
        "local": answer(|| ask(questions, key, documents, true)),
        "remote": answer(|| ask(questions, key, edge, false)),
    })
}

pub fn answer(ask: impl FnOnce() -> Result<Value, String>) -> Value {
    match catch_unwind(AssertUnwindSafe(ask)) {
        Ok(Ok(answers)) => answers,
        Ok(Err(error)) => json!({ "error": error }),
        Err(panic) => {
            let said = panic.downcast_ref::<String>().map_or("a panic", String::as_str);
            json!({ "error": said })
        }
    }
}

pub fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}
