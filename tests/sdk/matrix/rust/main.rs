//! One version of the Rust SDK, or of the engine, reads every document of the matrix.
//!
//!     sdk-matrix VERSION QUESTIONS EDGE DOCUMENTS
//!
//! VERSION: `flagsmith 3.1.2` and the like; without one, prints all that there are. QUESTIONS: a JSON file that lists the
//! documents with their server-side keys and as they are served, and the identities. EDGE: the base URL of the API.
//! DOCUMENTS: a base URL that answers nothing but the environment document. Prints one line of JSON for each document.
//! An engine parses the document alone.

mod reading;

use serde_json::{Value, json};

use reading::{Ask, answer, asked, each, sdk};

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
    let (_, reader) = versions().into_iter().find(|(name, _)| name == version).expect("VERSION");
    each(file, |questions, document| match reader {
        Reader::Sdk(ask) => asked(ask, questions, document, edge, documents),
        Reader::Engine(parse) => {
            let text = document["served"].as_str().unwrap_or_default();
            let parsed = answer(|| {
                let value = serde_json::from_str(text).map_err(|error| error.to_string())?;
                parse(value).map(|()| Value::Null).map_err(|error| error.to_string())
            });
            json!({ "parsed": parsed })
        }
    });
}
