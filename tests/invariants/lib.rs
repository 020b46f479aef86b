//! Invariants: what must hold for every input. Each law takes an input of any shape, and panics if it is broken. Properties
//! feed them from generators, fuzz targets from a fuzzer.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a law that is broken is a panic")]

mod bundle;
mod context;
mod document;
mod explanation;
mod flags;
mod memory_store;
mod outcome;
mod request;
mod stream;
mod tags;
mod work;

pub use bundle::bundle;
pub use context::context;
pub use document::document;
pub use explanation::explanation;
pub use flags::{Flags, flags};
pub use memory_store::sound_bundle;
pub use outcome::Outcome;
pub use request::request;
pub use stream::stream;
pub use tags::tags;
pub use work::work;

use engine::{Compiled, Identity, Value};

/// The result of an evaluation, as JSON; the same when it is asked for again.
pub fn evaluate(compiled: &Compiled, identity: Option<&Identity>) -> String {
    let result = serde_json::to_string(&compiled.evaluate(identity)).unwrap();
    let again = serde_json::to_string(&compiled.evaluate(identity)).unwrap();
    assert_eq!(result, again, "the same evaluation gave two results");
    Outcome::parse(&result);
    result
}

/// For each identifier: an identity with traits that many conditions ask for, one without traits, and one without its own
/// overrides. Last comes no identity.
pub fn audience(identifiers: &[&str]) -> Vec<Option<Identity>> {
    let traits = [
        ("plan", Value::from("gold")),
        ("age", Value::from_json("41").unwrap()),
        ("score", Value::from_json("2.5").unwrap()),
        ("beta", Value::from_json("true").unwrap()),
        ("version", Value::from("1.2.3")),
        ("email", Value::from("user@example.com")),
        ("city", Value::from("Zürich")),
    ];
    let traits = traits.map(|(name, value)| (name.to_owned(), value)).to_vec();
    let identities = |identifier: &&str| {
        let full = Identity {
            identifier: (*identifier).to_owned(),
            key: Some((*identifier).to_owned()),
            traits: traits.clone(),
            traits_answer_paths: true,
            ignore_own_overrides: false,
        };
        let blank = Identity { key: None, traits: Vec::new(), ..full.clone() };
        let bare = Identity { ignore_own_overrides: true, ..blank.clone() };
        [Some(full), Some(blank), Some(bare)]
    };
    identifiers.iter().flat_map(identities).chain([None]).collect()
}
