//! The flags that an environment gives, to be compared with those of another way to ask for them.

use std::collections::BTreeMap;

use engine::{Compiled, DefaultJson, Document, Identity, Options};
use serde_json::{Value, json};

/// `[enabled, value]` by the name of the feature.
pub type Flags = BTreeMap<String, Value>;

/// The flags of a document as a publisher compiles it: for nobody, or for an identity, which may have the trait `plan`.
pub fn flags(document: &Document, identifier: Option<&str>, plan: Option<&str>) -> Flags {
    let composite = document.switches().composite_key;
    let (environment, _) = document.compile(Options::default(), |_| DefaultJson::default()).unwrap();
    let compiled = Compiled::decode(environment.encode().unwrap()).unwrap();
    let identity = identifier.map(|identifier| Identity {
        identifier: identifier.to_owned(),
        key: (!composite).then(|| identifier.to_owned()),
        traits: plan.map(|plan| ("plan".to_owned(), plan.into())).into_iter().collect(),
        traits_answer_paths: true,
        ignore_own_overrides: false,
    });
    let flags = compiled.evaluate(identity.as_ref()).flags;
    let value = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    flags.iter().map(|flag| (flag.name().to_owned(), json!([flag.enabled(), value(flag.value())]))).collect()
}
