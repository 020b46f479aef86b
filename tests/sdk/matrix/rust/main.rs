//! One version of the Rust SDK, or of the engine, reads every document of the matrix.
//!
//!     sdk-matrix VERSION QUESTIONS EDGE DOCUMENTS
//!
//! VERSION: `flagsmith 3.1.2` and the like; without one, prints all that there are. QUESTIONS: a JSON file that lists the
//! documents with their server-side keys and as they are served, and the identities. EDGE: the base URL of the API.
//! DOCUMENTS: a base URL that answers nothing but the environment document. Prints one line of JSON for each document.
//! An engine parses the document alone.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook};

use serde_json::{Map, Value, json};

/// Answers all questions about one document. A macro: the types of the versions are not the same types.
macro_rules! sdk {
    ($name:ident, $sdk:ident, $engine:ident, |$identifier:ident, $traits:ident, $client:ident| $identify:expr) => {
        fn $name(questions: &Value, key: &str, url: &str, local: bool) -> Result<Value, String> {
            use $engine::types::{FlagsmithValue, FlagsmithValueType};
            let flags = |flags: Result<$sdk::flagsmith::models::Flags, $sdk::error::Error>| {
                let flags = flags.map_err(|error| format!("{error:?}"))?;
                let member = |flag: $sdk::Flag| (flag.feature_name, json!([flag.enabled, flag.value]));
                Ok::<Value, String>(Value::Object(
                    flags.all_flags().into_iter().map(member).collect::<Map<_, _>>(),
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
            for identity in list(&questions["identities"]) {
                let $identifier = identity["identifier"].as_str().unwrap_or_default();
                let $traits: Vec<(String, FlagsmithValue)> = identity["traits"]
                    .as_object()
                    .into_iter()
                    .flatten()
                    .map(|(name, value)| {
                        let (value, value_type) = match value {
                            Value::String(text) => (text.clone(), FlagsmithValueType::String),
                            number => (number.to_string(), FlagsmithValueType::Integer),
                        };
                        (name.clone(), FlagsmithValue { value, value_type })
                    })
                    .collect();
                all.push(flags($identify)?);
            }
            Ok(Value::Array(all))
        }
    };
}

sdk!(flagsmith_1_5, flagsmith_1, engine_0_4, |identifier, traits, client| {
    use engine_0_4::identities::Trait;
    let traits =
        traits.into_iter().map(|(trait_key, trait_value)| Trait { trait_key, trait_value }).collect();
    client.get_identity_flags(identifier, Some(traits))
});
sdk!(flagsmith_2_1, flagsmith_2, engine_0_6, |identifier, traits, client| {
    use flagsmith_2::flagsmith::models::SDKTrait;
    let traits = traits.into_iter().map(|(name, value)| SDKTrait::new(name, value)).collect();
    client.get_identity_flags(identifier, Some(traits), None)
});
sdk!(flagsmith_3_1, flagsmith_3, engine_0_6, |identifier, traits, client| {
    use flagsmith_3::flagsmith::models::SDKTrait;
    let traits = traits.into_iter().map(|(name, value)| SDKTrait::new(name, value)).collect();
    client.get_identity_flags(identifier, Some(traits), None)
});

type Ask = fn(&Value, &str, &str, bool) -> Result<Value, String>;

enum Reader {
    Sdk(Ask),
    Engine(fn(Value) -> Result<(), serde_json::Error>),
}

macro_rules! engine {
    ($engine:ident) => {
        Reader::Engine(|document| {
            serde_json::from_value::<$engine::environments::Environment>(document).map(|_| ())
        })
    };
}

fn versions() -> [(&'static str, Reader); 8] {
    [
        ("flagsmith 1.5.0", Reader::Sdk(flagsmith_1_5)),
        ("flagsmith 2.1.1", Reader::Sdk(flagsmith_2_1)),
        ("flagsmith 3.1.2", Reader::Sdk(flagsmith_3_1)),
        ("engine 0.3.0", engine!(engine_0_3)),
        ("engine 0.4.0", engine!(engine_0_4)),
        ("engine 0.5.1", engine!(engine_0_5)),
        ("engine 0.6.1", engine!(engine_0_6)),
        ("engine 0.7.0", engine!(engine_0_7)),
    ]
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [version, file, edge, documents] = arguments.as_slice() else {
        versions().iter().for_each(|(name, _)| println!("{name}"));
        return;
    };
    // A panic of an SDK is an answer.
    set_hook(Box::new(|_| {}));
    let questions: Value =
        serde_json::from_str(&fs::read_to_string(file).expect("QUESTIONS")).expect("QUESTIONS");
    let (_, reader) = versions().into_iter().find(|(name, _)| name == version).expect("VERSION");
    for document in list(&questions["documents"]) {
        let key = document["server_key"].as_str().unwrap_or_default();
        let mut line = json!({ "document": document["name"] });
        match reader {
            Reader::Sdk(ask) => {
                line["local"] = answer(|| ask(&questions, key, documents, true));
                line["remote"] = answer(|| ask(&questions, key, edge, false));
            }
            Reader::Engine(parse) => {
                let text = document["served"].as_str().unwrap_or_default();
                line["parsed"] = answer(|| {
                    let value = serde_json::from_str(text).map_err(|error| error.to_string())?;
                    parse(value).map(|()| Value::Null).map_err(|error| error.to_string())
                });
            }
        }
        println!("{line}");
    }
}

fn answer(ask: impl FnOnce() -> Result<Value, String>) -> Value {
    match catch_unwind(AssertUnwindSafe(ask)) {
        Ok(Ok(answers)) => answers,
        Ok(Err(error)) => json!({ "error": error }),
        Err(panic) => {
            let said = panic.downcast_ref::<String>().map_or("a panic", String::as_str);
            json!({ "error": said })
        }
    }
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}
