//! The values of properties for one identity. Each value is held once, with the number that it denotes, however many
//! properties lead to it: a path can be spelled in many ways, and a value can be long.

use alloc::borrow::Cow;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::cell::OnceCell;

use super::identity::Identity;
use crate::compiled::environment::ArchivedEnvironment;
use crate::compiled::predicate::Subject;
use crate::compiled::property::{ArchivedProperty, ArchivedTarget};
use crate::python::value::Value;

/// The values of all properties.
pub(super) struct Values<'i, 'e> {
    /// One for each property.
    properties: Vec<PropertyValue>,
    held: Vec<Held<'i>>,
    /// What was read of flags, by what was read. Flags that are not resolved yet, or are cyclic, are absent.
    read: BTreeMap<&'e ArchivedTarget, PropertyValue>,
}

/// The value of a property.
#[derive(Clone, Copy)]
pub(super) enum PropertyValue {
    Unset,
    /// The index of a value that is held.
    Held(usize),
    /// A flag, which is resolved when a condition reads it.
    Flag,
    /// What a condition read of a flag: the index of a value that is held, or none.
    Read(Option<usize>),
}

/// A value.
struct Held<'i> {
    raw: Cow<'i, Value>,
    /// The number that a numeric-looking string denotes.
    number: Option<Value>,
    is_version: OnceCell<bool>,
}

impl<'i, 'e> Values<'i, 'e> {
    /// The values that are known before any flag is resolved.
    pub(super) fn new(
        environment: &'e ArchivedEnvironment,
        identity: Option<&'i Identity>,
        identity_key: Option<&str>,
    ) -> Values<'i, 'e> {
        let mut held = Vec::new();
        let mut known = Known::new(environment, identity, identity_key);
        let properties = environment.properties.iter().map(|property| known.value(property, &mut held));
        Values { properties: properties.collect(), held, read: BTreeMap::new() }
    }

    pub(super) fn of(&self, property: usize) -> PropertyValue {
        self.properties.get(property).copied().unwrap_or(PropertyValue::Unset)
    }

    /// Whether any condition reads a flag.
    pub(super) fn have_flags(&self) -> bool {
        self.properties.iter().any(|value| matches!(value, PropertyValue::Flag))
    }

    pub(super) fn subject(&self, value: PropertyValue) -> Option<Subject<'_>> {
        let (PropertyValue::Held(at) | PropertyValue::Read(Some(at))) = value else { return None };
        let Held { raw, number, is_version } = self.held.get(at)?;
        Some(Subject { raw, typed: number.as_ref().unwrap_or(raw), is_version })
    }

    /// Remembers what a property reads of a flag that is resolved; `read` is called unless another property has read the
    /// same.
    pub(super) fn remember(
        &mut self,
        property: usize,
        target: &'e ArchivedTarget,
        read: impl FnOnce() -> Option<Value>,
    ) -> PropertyValue {
        let held = &mut self.held;
        let value = *self.read.entry(target).or_insert_with(|| {
            let value = read().map(Cow::Owned).map(|value| hold(held, value));
            PropertyValue::Read(value.and_then(|value| match value {
                PropertyValue::Held(at) => Some(at),
                _ => None,
            }))
        });
        if let Some(place) = self.properties.get_mut(property) {
            *place = value;
        }
        value
    }
}

fn hold<'i>(held: &mut Vec<Held<'i>>, raw: Cow<'i, Value>) -> PropertyValue {
    if *raw == Value::Null {
        return PropertyValue::Unset;
    }
    held.push(Held { number: raw.as_number(), is_version: OnceCell::new(), raw });
    PropertyValue::Held(held.len() - 1)
}

/// What is known of the environment and the identity; each value is held when a property first leads to it.
struct Known<'a, 'i> {
    environment: &'a ArchivedEnvironment,
    identity: Option<&'i Identity>,
    identity_key: Option<&'a str>,
    traits_answer_paths: bool,
    /// Sorted by name.
    traits: Vec<(&'i str, &'i Value, Option<PropertyValue>)>,
    members: [Option<PropertyValue>; 4],
}

impl<'a, 'i> Known<'a, 'i> {
    fn new(
        environment: &'a ArchivedEnvironment,
        identity: Option<&'i Identity>,
        identity_key: Option<&'a str>,
    ) -> Known<'a, 'i> {
        let traits = identity.into_iter().flat_map(|identity| &identity.traits);
        let mut traits: Vec<_> = traits.map(|(name, value)| (name.as_str(), value, None)).collect();
        traits.sort_unstable_by_key(|(name, ..)| *name);
        let traits_answer_paths = identity.is_some_and(|identity| identity.traits_answer_paths);
        Known { environment, identity, identity_key, traits_answer_paths, traits, members: [None; 4] }
    }

    fn value(&mut self, property: &ArchivedProperty, held: &mut Vec<Held<'i>>) -> PropertyValue {
        if let Some(name) = property.trait_name.as_deref()
            && (self.traits_answer_paths || !leads_beyond_traits(name, property.target.as_ref()))
            && let value @ PropertyValue::Held(_) = self.trait_value(name, held)
        {
            return value;
        }
        let (place, text) = match property.target.as_ref() {
            None => return PropertyValue::Unset,
            Some(ArchivedTarget::Trait(name)) => return self.trait_value(name, held),
            Some(ArchivedTarget::Flag { .. }) => return PropertyValue::Flag,
            Some(ArchivedTarget::EnvironmentKey) => (0, Some(self.environment.key.as_str())),
            Some(ArchivedTarget::EnvironmentName) => (1, Some(self.environment.name.as_str())),
            Some(ArchivedTarget::Identifier) => {
                (2, self.identity.map(|identity| identity.identifier.as_str()))
            }
            Some(ArchivedTarget::IdentityKey) => (3, self.identity_key),
        };
        *self.members[place].get_or_insert_with(|| {
            text.map_or(PropertyValue::Unset, |text| hold(held, Cow::Owned(Value::from(text))))
        })
    }

    fn trait_value(&mut self, name: &str, held: &mut Vec<Held<'i>>) -> PropertyValue {
        let Ok(at) = self.traits.binary_search_by_key(&name, |(name, ..)| *name) else {
            return PropertyValue::Unset;
        };
        let (_, value, place) = &mut self.traits[at];
        *place.get_or_insert_with(|| hold(held, Cow::Borrowed(*value)))
    }
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

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::string::String;

    use super::*;
    use crate::{Compiled, DefaultJson, Document, Options};

    /// Each spelling held a copy once: a document of many spellings and a long identifier took gigabytes.
    #[test]
    fn a_value_is_held_once_however_its_path_is_spelled() {
        let paths = |blanks: String| {
            ["identity|['identifier']", "identity['traits']|['t']", "flags['f']|['value']"]
                .map(|path| path.replace('|', &blanks))
        };
        let paths = (0..50).flat_map(|blanks| paths(" ".repeat(blanks)));
        let conditions = paths.map(|path| format!(r#"{{"property_": "$.{path}", "operator": "IS_SET"}}"#));
        let conditions: Vec<String> = conditions.collect();
        let document = format!(
            r#"{{"api_key": "e",
                "feature_states": [{{"feature": {{"name": "f"}}, "feature_state_value": "x"}}],
                "project": {{"segments": [{{"name": "s", "rules": [{{"type": "ALL", "conditions": [{}]}}]}}]}}}}"#,
            conditions.join(",")
        );
        let (environment, _) = Document::parse(&document)
            .unwrap()
            .compile(Options::default(), |_| DefaultJson::default())
            .unwrap();
        let compiled = Compiled::decode(environment.encode().unwrap()).unwrap();
        let environment = compiled.environment();
        let leading = environment.properties.iter().filter(|property| property.target.is_some());
        assert_eq!(leading.count(), 150);
        let identity = Identity {
            identifier: "anna".into(),
            key: None,
            traits: alloc::vec![("t".into(), Value::from("x"))],
            traits_answer_paths: true,
            ignore_own_overrides: false,
        };
        let mut values = Values::new(environment, Some(&identity), Some("e_anna"));
        assert_eq!(values.held.len(), 2);
        let mut read = 0;
        for (index, property) in environment.properties.iter().enumerate() {
            if let Some(target @ ArchivedTarget::Flag { .. }) = property.target.as_ref() {
                values.remember(index, target, || {
                    read += 1;
                    Some(Value::from("x"))
                });
            }
        }
        assert_eq!((values.held.len(), read), (3, 1));
    }
}
