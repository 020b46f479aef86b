use engine::{Compiled, CountedWork, Environment, Identity, OwnOverrides, Value};

/// Characters of a text and of a name that a request can have.
const TEXT: usize = 2_000;
const NAME: usize = 200;

/// No evaluation takes more steps than its environment is said to cost, for whatever a request can ask.
pub(crate) fn steps_are_within_what_is_stated(
    environment: &Environment,
    compiled: &Compiled,
    identity: Option<&Identity>,
) {
    if !identity.is_none_or(can_be_asked_about) {
        return;
    }
    let cost = environment.cost(0);
    let mut counted = CountedWork::new(compiled, identity);
    compiled.evaluate_with(identity, OwnOverrides::Embedded, &mut counted);
    let steps = counted.steps();
    assert!(steps <= cost.evaluation(), "{steps} steps for {identity:?}, and {cost:?}");
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
