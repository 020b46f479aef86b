use engine::{Compiled, CountedWork, Document, Environment, Identity, Options, OwnOverrides, Value};

/// Characters of a text and of a name that a request can have.
const TEXT: usize = 2_000;
const NAME: usize = 200;

/// The steps of the dearest evaluation of a document for some identities with long texts: never more than it is said to
/// cost. 0 if it is no document.
pub fn work(text: &str) -> u64 {
    let Ok(document) = Document::parse(text) else { return 0 };
    let Ok((environment, _)) = document.compile(Options::default(), api::flag_json) else { return 0 };
    let Ok(encoded) = environment.encode() else { return 0 };
    let compiled = Compiled::decode(encoded).unwrap_or_else(|broken| panic!("own bytes refused: {broken}"));
    let steps = ["a", "é", "9", "user-"].map(|part| {
        let long: String = part.chars().cycle().take(TEXT).collect();
        let identity = Identity {
            traits: NAMES.iter().map(|name| ((*name).to_owned(), Value::from(long.as_str()))).collect(),
            identifier: long,
            ..Identity::default()
        };
        steps_are_within_what_is_stated(&environment, &compiled, Some(&identity))
    });
    steps.into_iter().max().unwrap_or_default()
}

/// Traits that many conditions ask for.
const NAMES: [&str; 8] = ["plan", "age", "email", "version", "country", "t", "u", "v"];

/// No evaluation takes more steps than its environment is said to cost, for whatever a request can ask. Gives the steps.
pub(crate) fn steps_are_within_what_is_stated(
    environment: &Environment,
    compiled: &Compiled,
    identity: Option<&Identity>,
) -> u64 {
    if !identity.is_none_or(can_be_asked_about) {
        return 0;
    }
    let cost = environment.cost(0);
    let mut counted = CountedWork::new(compiled, identity);
    compiled.evaluate_with(identity, OwnOverrides::Embedded, &mut counted);
    let steps = counted.steps();
    assert!(steps <= cost.evaluation(), "{steps} steps for {identity:?}, and {cost:?}");
    steps
}

fn can_be_asked_about(identity: &Identity) -> bool {
    let is_short = |text: &str| text.chars().count() <= TEXT;
    let traits = identity.traits.iter().all(|(name, value)| {
        name.chars().count() <= NAME
            && match value {
                Value::Str(text) => is_short(text),
                Value::Int(integer) => is_short(&integer.to_string()),
                Value::Null | Value::Bool(_) | Value::Float(_) => true,
            }
    });
    traits && is_short(&identity.identifier) && identity.key.as_deref().is_none_or(is_short)
}
