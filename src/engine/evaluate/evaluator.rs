//! One evaluation (engine semantics, section 2): segments, overrides, features.

use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use super::identity::Identity;
use crate::compiled::decode::Compiled;
use crate::compiled::environment::{
    ArchivedCondition, ArchivedEnvironment, ArchivedFeature, ArchivedFeatureState, ArchivedOverride,
    ArchivedQuantifier, ArchivedRule, ArchivedSegment,
};
use crate::compiled::predicate::Subject;
use crate::compiled::property::{ArchivedProperty, ArchivedTarget};
use crate::evaluate::dependencies::Dependencies;
use crate::evaluate::result::{Evaluation, Flag, Reason, SegmentMatch, VariantChoice};
use crate::python::split;
use crate::python::value::Value;

/// The state of one evaluation.
pub(crate) struct Evaluator<'e> {
    pub(crate) compiled: &'e Compiled,
    pub(crate) environment: &'e ArchivedEnvironment,
    identity_key: Option<String>,
    identity_overrides: &'e [ArchivedOverride],
    /// One for each property.
    property_values: Vec<PropertyValue>,
    pub(crate) dependencies: Dependencies<'e>,
}

/// What a property leads to for this identity.
enum PropertyValue {
    Nothing,
    Value {
        raw: Value,
        number: Option<Value>,
    },
    /// A flag, which is resolved when a condition first asks for it.
    Flag,
}

impl PropertyValue {
    fn new(value: Option<Value>) -> PropertyValue {
        match value {
            None | Some(Value::Null) => PropertyValue::Nothing,
            Some(raw) => PropertyValue::Value { number: raw.as_number(), raw },
        }
    }
}

/// An override in force: the segment it comes from, none for an identity's own.
#[derive(Clone, Copy)]
pub(crate) struct ActiveOverride<'e> {
    overridden: &'e ArchivedOverride,
    segment: Option<&'e ArchivedSegment>,
}

impl<'e> ActiveOverride<'e> {
    /// Offers an override: the stronger one stays, and the first of two equal ones.
    pub(crate) fn offer(
        held: &mut Option<ActiveOverride<'e>>,
        overridden: &'e ArchivedOverride,
        segment: &'e ArchivedSegment,
    ) {
        if held.is_none_or(|held| overridden.rank < held.overridden.rank) {
            *held = Some(ActiveOverride { overridden, segment: Some(segment) });
        }
    }
}

impl<'e> Evaluator<'e> {
    pub(super) fn new(compiled: &'e Compiled, identity: Option<&Identity>) -> Evaluator<'e> {
        let environment = compiled.environment();
        let identity_key = identity.map(|identity| match identity.key.as_deref() {
            Some(key) if !key.is_empty() => String::from(key),
            _ => format!("{}_{}", environment.key, identity.identifier),
        });
        let identity_overrides =
            identity.filter(|identity| !identity.ignore_own_overrides).and_then(|identity| {
                let identities = &environment.identity_overrides;
                let at = identities
                    .binary_search_by(|entry| entry.identifier.as_str().cmp(identity.identifier.as_str()))
                    .ok()?;
                Some(identities[at].overrides.as_slice())
            });
        let property_values = property_values(environment, identity, identity_key.as_deref());
        Evaluator {
            compiled,
            environment,
            identity_key,
            identity_overrides: identity_overrides.unwrap_or_default(),
            property_values,
            dependencies: Dependencies::default(),
        }
    }

    pub(super) fn evaluate(mut self) -> Evaluation<'e> {
        let environment = self.environment;
        let mut chosen: Vec<Option<ActiveOverride<'e>>> = vec![None; environment.features.len()];
        for overridden in self.identity_overrides {
            if let Some(held) = chosen.get_mut(overridden.feature.to_native() as usize) {
                *held = Some(ActiveOverride { overridden, segment: None });
            }
        }
        let mut segments = Vec::new();
        for (index, segment) in environment.segments.iter().enumerate() {
            if !self.segment_matches(index, segment) {
                continue;
            }
            segments.push(SegmentMatch::new(segment));
            for overridden in segment.overrides.iter() {
                if let Some(held) = chosen.get_mut(overridden.feature.to_native() as usize) {
                    ActiveOverride::offer(held, overridden, segment);
                }
            }
        }
        if !self.identity_overrides.is_empty() {
            segments.push(SegmentMatch::identity_overrides());
        }
        let flags = environment
            .features
            .iter()
            .zip(chosen)
            .enumerate()
            .map(|(index, (feature, chosen))| match self.dependencies.resolved(index) {
                Some(flag) => flag,
                None => {
                    let mut flag = self.flag(feature, chosen);
                    if self.dependencies.is_cyclic(index) {
                        flag.reason = Reason::CircularDependency;
                    }
                    flag
                }
            })
            .collect();
        Evaluation { default_json: &environment.default_json, flags, segments }
    }

    /// The result for a feature, given the override in force.
    pub(crate) fn flag(&self, feature: &'e ArchivedFeature, chosen: Option<ActiveOverride<'e>>) -> Flag<'e> {
        let (state, reason) = match chosen {
            Some(ActiveOverride { overridden, segment }) => {
                let segment = segment.map_or(SegmentMatch::IDENTITY_OVERRIDES, |segment| &segment.name);
                (&overridden.state, Reason::TargetingMatch { segment })
            }
            None if feature.targeted => (&feature.default, Reason::Default),
            None => (&feature.default, Reason::Static),
        };
        let choice = self.choose_variant(state);
        let reason = match choice {
            VariantChoice::Variant(variant) => Reason::Split { weight: variant.weight.to_native() },
            VariantChoice::None | VariantChoice::Control => reason,
        };
        Flag { feature, state, choice, reason }
    }

    /// The override that an identity has of its own for a feature.
    pub(crate) fn identity_override(&self, feature: usize) -> Option<ActiveOverride<'e>> {
        let overridden =
            self.identity_overrides.iter().find(|o| o.feature.to_native() as usize == feature)?;
        Some(ActiveOverride { overridden, segment: None })
    }

    /// Chooses a variant by the identity's percentage: half-open shares, in order; the rest is control.
    fn choose_variant(&self, state: &'e ArchivedFeatureState) -> VariantChoice<'e> {
        let Some(identity_key) = self.identity_key.as_deref().filter(|_| !state.variants.is_empty()) else {
            return VariantChoice::None;
        };
        let percentage = split::percentage([&state.key, identity_key]);
        let mut start = 0.0;
        for variant in state.variants.iter() {
            let limit = variant.weight.to_native() + start;
            if start <= percentage && percentage < limit {
                return VariantChoice::Variant(variant);
            }
            start = limit;
        }
        VariantChoice::Control
    }

    /// Whether all rules of a segment match; one without rules never does.
    pub(crate) fn rules_match(&mut self, segment: &'e ArchivedSegment) -> bool {
        let rules = self.rules(segment.rules.range());
        !rules.is_empty() && rules.iter().all(|rule| self.rule_matches(rule, segment))
    }

    fn rules(&self, range: core::ops::Range<usize>) -> &'e [ArchivedRule] {
        self.environment.rules.get(range).unwrap_or_default()
    }

    /// The rule's quantifier holds over its conditions, and over its rules.
    fn rule_matches(&mut self, rule: &'e ArchivedRule, segment: &'e ArchivedSegment) -> bool {
        let conditions = self.environment.conditions.get(rule.conditions.range()).unwrap_or_default();
        let by_conditions =
            quantify(&rule.quantifier, conditions, |condition| self.condition_matches(condition, segment));
        let rules = self.rules(rule.rules.range());
        // Both are looked at, as in the reference engine: a flag read in a rule may be what closes a cycle.
        let by_rules = quantify(&rule.quantifier, rules, |rule| self.rule_matches(rule, segment));
        by_conditions && by_rules
    }

    fn condition_matches(&mut self, condition: &'e ArchivedCondition, segment: &'e ArchivedSegment) -> bool {
        let property = condition.property.to_native() as usize;
        let flag;
        let subject = match self.property_values.get(property) {
            None | Some(PropertyValue::Nothing) => None,
            Some(PropertyValue::Value { raw, number }) => {
                Some(Subject { raw, typed: number.as_ref().unwrap_or(raw) })
            }
            Some(PropertyValue::Flag) => {
                flag = PropertyValue::new(self.read_flag(property));
                match &flag {
                    PropertyValue::Value { raw, number } => {
                        Some(Subject { raw, typed: number.as_ref().unwrap_or(raw) })
                    }
                    PropertyValue::Nothing | PropertyValue::Flag => None,
                }
            }
        };
        condition.predicate.matches(subject, &segment.key, |index, text| {
            let index = index as usize;
            let pattern = self.environment.patterns.get(index);
            pattern.is_some_and(|pattern| self.compiled.programs.matches(index, pattern, text))
        })
    }
}

/// Nothing to look at holds under every quantifier but the unknown one.
fn quantify<'e, T>(
    quantifier: &ArchivedQuantifier,
    items: &'e [T],
    matches: impl FnMut(&'e T) -> bool,
) -> bool {
    match quantifier {
        ArchivedQuantifier::Never => false,
        _ if items.is_empty() => true,
        ArchivedQuantifier::All => items.iter().all(matches),
        ArchivedQuantifier::Any => items.iter().any(matches),
        ArchivedQuantifier::None => !items.iter().any(matches),
    }
}

/// Looks every property up once.
fn property_values(
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
    let value_of = |property: &ArchivedProperty| {
        if let Some(value) = property.trait_name.as_deref().and_then(trait_value) {
            return PropertyValue::new(Some(value));
        }
        let Some(target) = property.target.as_ref() else { return PropertyValue::Nothing };
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
