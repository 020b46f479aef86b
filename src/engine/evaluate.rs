//! One evaluation (engine semantics, section 2): segments, overrides, features.

use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use crate::condition::Subject;
use crate::context::Context;
use crate::environment::{
    ArchivedCondition, ArchivedEnvironment, ArchivedFeature, ArchivedOverride, ArchivedQuantifier,
    ArchivedRule, ArchivedSegment, ArchivedState, Compiled,
};
use crate::evaluation::{Evaluation, Flag, Picked, Reason, SegmentMatch};
use crate::property::{ArchivedProperty, ArchivedTarget};
use crate::resolve::Dependencies;
use crate::split;
use crate::value::Value;

/// Whom an environment is evaluated for.
#[derive(Debug, Clone, PartialEq)]
pub struct Identity {
    pub identifier: String,
    /// What percentage splits and variants hash; `<environment key>_<identifier>` if there is none.
    pub key: Option<String>,
    /// Names and values, each name once.
    pub traits: Vec<(String, Value)>,
    /// Whether overrides of this very identifier are left aside.
    pub bare: bool,
}

impl Context {
    /// The identity that the context asks about.
    pub fn identity(&self) -> Option<Identity> {
        let identity = self.identity.as_ref()?;
        Some(Identity {
            identifier: identity.identifier.clone(),
            key: identity.key.clone(),
            traits: identity.traits.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
            bare: false,
        })
    }
}

impl Compiled {
    /// Evaluates every feature, for an identity or for nobody. Never fails: what cannot match does not match.
    pub fn evaluate(&self, identity: Option<&Identity>) -> Evaluation<'_> {
        Run::new(self, identity).evaluate()
    }
}

/// The state of one evaluation.
pub(crate) struct Run<'e> {
    pub(crate) compiled: &'e Compiled,
    pub(crate) environment: &'e ArchivedEnvironment,
    identity_key: Option<String>,
    identity_overrides: &'e [ArchivedOverride],
    /// One for each property.
    slots: Vec<Slot>,
    pub(crate) dependencies: Dependencies<'e>,
}

/// What a property leads to for this identity.
enum Slot {
    Nothing,
    Value {
        raw: Value,
        number: Option<Value>,
    },
    /// A flag, which is resolved when a condition first asks for it.
    Flag,
}

impl Slot {
    fn new(value: Option<Value>) -> Slot {
        match value {
            None | Some(Value::Null) => Slot::Nothing,
            Some(raw) => Slot::Value { number: raw.as_number(), raw },
        }
    }
}

/// An override in force: the segment it comes from, none for an identity's own.
#[derive(Clone, Copy)]
pub(crate) struct Chosen<'e> {
    overridden: &'e ArchivedOverride,
    segment: Option<&'e ArchivedSegment>,
}

impl<'e> Chosen<'e> {
    /// Offers an override: the stronger one stays, and the first of two equal ones.
    pub(crate) fn offer(
        held: &mut Option<Chosen<'e>>,
        overridden: &'e ArchivedOverride,
        segment: &'e ArchivedSegment,
    ) {
        if held.is_none_or(|held| overridden.rank < held.overridden.rank) {
            *held = Some(Chosen { overridden, segment: Some(segment) });
        }
    }
}

impl<'e> Run<'e> {
    fn new(compiled: &'e Compiled, identity: Option<&Identity>) -> Run<'e> {
        let environment = compiled.environment();
        let identity_key = identity.map(|identity| match identity.key.as_deref() {
            Some(key) if !key.is_empty() => String::from(key),
            _ => format!("{}_{}", environment.key, identity.identifier),
        });
        let identity_overrides = identity.filter(|identity| !identity.bare).and_then(|identity| {
            let identities = &environment.identity_overrides;
            let at = identities
                .binary_search_by(|entry| entry.identifier.as_str().cmp(identity.identifier.as_str()))
                .ok()?;
            Some(identities[at].overrides.as_slice())
        });
        let slots = slots(environment, identity, identity_key.as_deref());
        Run {
            compiled,
            environment,
            identity_key,
            identity_overrides: identity_overrides.unwrap_or_default(),
            slots,
            dependencies: Dependencies::default(),
        }
    }

    fn evaluate(mut self) -> Evaluation<'e> {
        let environment = self.environment;
        let mut chosen: Vec<Option<Chosen<'e>>> = vec![None; environment.features.len()];
        for overridden in self.identity_overrides {
            if let Some(held) = chosen.get_mut(overridden.feature.to_native() as usize) {
                *held = Some(Chosen { overridden, segment: None });
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
                    Chosen::offer(held, overridden, segment);
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
        Evaluation { texts: &environment.texts, flags, segments }
    }

    /// The result for a feature, given the override in force.
    pub(crate) fn flag(&self, feature: &'e ArchivedFeature, chosen: Option<Chosen<'e>>) -> Flag<'e> {
        let (state, reason) = match chosen {
            Some(Chosen { overridden, segment }) => {
                let segment = segment.map_or(SegmentMatch::IDENTITY_OVERRIDES, |segment| &segment.name);
                (&overridden.state, Reason::TargetingMatch { segment })
            }
            None if feature.targeted => (&feature.default, Reason::Default),
            None => (&feature.default, Reason::Static),
        };
        let picked = self.pick(state);
        let reason = match picked {
            Picked::Variant(variant) => Reason::Split { weight: variant.weight.to_native() },
            Picked::Plain | Picked::Control => reason,
        };
        Flag { feature, state, picked, reason }
    }

    /// The override that an identity has of its own for a feature.
    pub(crate) fn identity_override(&self, feature: usize) -> Option<Chosen<'e>> {
        let overridden =
            self.identity_overrides.iter().find(|o| o.feature.to_native() as usize == feature)?;
        Some(Chosen { overridden, segment: None })
    }

    /// Picks a variant by the identity's percentage: half-open shares, in order; the rest is control.
    fn pick(&self, state: &'e ArchivedState) -> Picked<'e> {
        let Some(identity_key) = self.identity_key.as_deref().filter(|_| !state.variants.is_empty()) else {
            return Picked::Plain;
        };
        let percentage = split::percentage([&state.key, identity_key]);
        let mut start = 0.0;
        for variant in state.variants.iter() {
            let limit = variant.weight.to_native() + start;
            if start <= percentage && percentage < limit {
                return Picked::Variant(variant);
            }
            start = limit;
        }
        Picked::Control
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
        let subject = match self.slots.get(property) {
            None | Some(Slot::Nothing) => None,
            Some(Slot::Value { raw, number }) => Some(Subject { raw, typed: number.as_ref().unwrap_or(raw) }),
            Some(Slot::Flag) => {
                flag = Slot::new(self.read_flag(property));
                match &flag {
                    Slot::Value { raw, number } => {
                        Some(Subject { raw, typed: number.as_ref().unwrap_or(raw) })
                    }
                    Slot::Nothing | Slot::Flag => None,
                }
            }
        };
        condition.test.matches(subject, &segment.key, |index, text| {
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
fn slots(
    environment: &ArchivedEnvironment,
    identity: Option<&Identity>,
    identity_key: Option<&str>,
) -> Vec<Slot> {
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
    let slot = |property: &ArchivedProperty| {
        if let Some(value) = property.trait_name.as_deref().and_then(trait_value) {
            return Slot::new(Some(value));
        }
        let Some(target) = property.target.as_ref() else { return Slot::Nothing };
        Slot::new(match target {
            ArchivedTarget::EnvironmentKey => Some(Value::from(environment.key.as_str())),
            ArchivedTarget::EnvironmentName => Some(Value::from(environment.name.as_str())),
            ArchivedTarget::Identifier => identity.map(|identity| Value::from(identity.identifier.as_str())),
            ArchivedTarget::IdentityKey => identity_key.map(Value::from),
            ArchivedTarget::Trait(name) => trait_value(name),
            ArchivedTarget::Flag { .. } => return Slot::Flag,
        })
    };
    environment.properties.iter().map(slot).collect()
}
