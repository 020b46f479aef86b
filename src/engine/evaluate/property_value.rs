//! The values of properties for one identity.

use alloc::vec::Vec;

use super::identity::Identity;
use crate::compiled::environment::ArchivedEnvironment;
use crate::compiled::property::{ArchivedProperty, ArchivedTarget};
use crate::python::value::Value;

/// The value of a property for this identity.
pub(super) enum PropertyValue {
    Unset,
    Set {
        raw: Value,
        /// The number that a numeric-looking string denotes.
        number: Option<Value>,
    },
    /// A flag, which is resolved when a condition first reads it.
    Flag,
}

impl PropertyValue {
    pub(super) fn new(value: Option<Value>) -> PropertyValue {
        match value {
            None | Some(Value::Null) => PropertyValue::Unset,
            Some(raw) => PropertyValue::Set { number: raw.as_number(), raw },
        }
    }
}

/// The values of all properties, each looked up once.
pub(super) fn property_values(
    environment: &ArchivedEnvironment,
    identity: Option<&Identity>,
    identity_key: Option<&str>,
) -> Vec<PropertyValue> {
    let mut traits: Vec<(&str, &Value)> = identity
        .into_iter()
        .flat_map(|identity| &identity.traits)
        .map(|(name, value)| (name.as_str(), value))
        .collect();
    traits.sort_unstable_by_key(|(name, _)| *name);
    let trait_value = |name: &str| {
        let at = traits.binary_search_by_key(&name, |(name, _)| *name).ok()?;
        Some(traits[at].1.clone()).filter(|value| *value != Value::Null)
    };
    let traits_answer_paths = identity.is_some_and(|identity| identity.traits_answer_paths);
    let value_of = |property: &ArchivedProperty| {
        if let Some(name) = property.trait_name.as_deref()
            && let Some(value) = trait_value(name)
            && (traits_answer_paths || !leads_beyond_traits(name, property.target.as_ref()))
        {
            return PropertyValue::new(Some(value));
        }
        let Some(target) = property.target.as_ref() else { return PropertyValue::Unset };
        PropertyValue::new(match target {
            ArchivedTarget::EnvironmentKey => Some(Value::from(environment.key.as_str())),
            ArchivedTarget::EnvironmentName => Some(Value::from(environment.name.as_str())),
            ArchivedTarget::Identifier => identity.map(|identity| Value::from(identity.identifier.as_str())),
            ArchivedTarget::IdentityKey => identity_key.map(Value::from),
            ArchivedTarget::Trait(name) => trait_value(name),
            ArchivedTarget::Flag { .. } => return PropertyValue::Flag,
        })
    };
    environment.properties.iter().map(value_of).collect()
}

/// Whether a property is a path to what only the environment or the identity itself may answer (`SEMANTICS.md`, 3.1). Below
/// the environment and its flags that is so even for a path that leads nowhere: a flag that is removed leaves no gap for a
/// trait.
fn leads_beyond_traits(property: &str, target: Option<&ArchivedTarget>) -> bool {
    match target {
        Some(target) => !matches!(target, ArchivedTarget::Trait(_)),
        None => ["$.flags", "$.environment"].into_iter().any(|root| {
            let rest = property.strip_prefix(root);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[', ' ', '\t', '\n', '\r']))
        }),
    }
}
