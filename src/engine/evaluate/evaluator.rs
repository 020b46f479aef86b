//! One evaluation: segments first, then overrides, then features (`SEMANTICS.md`, 2).

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::ops::Range;

use super::dependencies::Dependencies;
use super::identity::{Identity, OwnOverrides};
use super::result::{Evaluation, Flag, Reason, SegmentMatch, VariantChoice};
use super::values::{PropertyValue, Values};
use super::visitor::{Offer, OverrideSource, Read, Split, Visitor};
use crate::compiled::decode::Compiled;
use crate::compiled::environment::{
    ArchivedCondition, ArchivedEnvironment, ArchivedFeature, ArchivedFeatureState, ArchivedOverride,
    ArchivedQuantifier, ArchivedRule, ArchivedSegment,
};
use crate::compiled::overrides;
use crate::compiled::predicate::Subject;
use crate::python::split;
use crate::python::text::contains_text;
use crate::work;

/// The state of one evaluation.
pub(super) struct Evaluator<'e, 'i, 'v, V> {
    pub(super) environment: &'e ArchivedEnvironment,
    identity_key: Option<String>,
    /// The overrides that name the identity itself.
    own_overrides: &'e [ArchivedOverride],
    pub(super) values: Values<'i, 'e>,
    /// What was searched for in long texts: in which value that is held, and for which text.
    searches: BTreeMap<(usize, &'e str), bool>,
    pub(super) dependencies: Dependencies<'e>,
    pub(super) visitor: &'v mut V,
}

/// The strongest override of a feature.
#[derive(Clone, Copy)]
pub(super) struct ActiveOverride<'e> {
    overridden: &'e ArchivedOverride,
    /// The segment that it comes from; none for the identity's own.
    segment: Option<&'e ArchivedSegment>,
}

impl<'e, 'i, 'v, V: Visitor> Evaluator<'e, 'i, 'v, V> {
    pub(super) fn new(
        compiled: &'e Compiled,
        identity: Option<&'i Identity>,
        own_overrides: OwnOverrides<'e>,
        visitor: &'v mut V,
    ) -> Evaluator<'e, 'i, 'v, V> {
        let environment = compiled.environment();
        let identity_key = identity.map(|identity| match identity.key.as_deref() {
            Some(key) if !key.is_empty() => String::from(key),
            _ => format!("{}_{}", environment.key, identity.identifier),
        });
        let overridden = identity.filter(|identity| !identity.ignore_own_overrides);
        let own_overrides = overridden.map(|identity| match own_overrides {
            OwnOverrides::Embedded => overrides::find(&environment.identity_overrides, &identity.identifier),
            OwnOverrides::Given(list) => list.of(&identity.identifier),
        });
        let values = Values::new(environment, identity, identity_key.as_deref());
        let dependencies =
            if values.have_flags() { Dependencies::new(environment) } else { Dependencies::default() };
        Evaluator {
            environment,
            identity_key,
            own_overrides: own_overrides.unwrap_or_default(),
            values,
            searches: BTreeMap::new(),
            dependencies,
            visitor,
        }
    }

    pub(super) fn evaluate(mut self) -> Evaluation<'e> {
        let environment = self.environment;
        let mut active: Vec<Option<ActiveOverride<'e>>> = vec![None; environment.features.len()];
        for overridden in self.own_overrides {
            let feature = overridden.feature.to_native() as usize;
            if let Some(strongest) = active.get_mut(feature) {
                *strongest = Some(self.own_override_offered(feature, overridden));
            }
        }
        let mut segments = Vec::new();
        for (index, segment) in environment.segments.iter().enumerate() {
            if !self.segment_matches(index, segment) {
                continue;
            }
            segments.push(SegmentMatch::new(segment));
            for overridden in segment.overrides.iter() {
                if let Some(strongest) = active.get_mut(overridden.feature.to_native() as usize) {
                    self.offer(strongest, overridden, index, segment);
                }
            }
        }
        if !self.own_overrides.is_empty() {
            segments.push(SegmentMatch::identity_overrides());
        }
        let features = environment.features.iter().zip(active).enumerate();
        let flags = features.map(|(index, (feature, active))| {
            let flag = match self.dependencies.resolved(index) {
                Some(flag) => flag,
                None => {
                    let mut flag = self.flag(index, feature, active);
                    if self.dependencies.is_cyclic(index) {
                        flag.reason = Reason::CircularDependency;
                    }
                    flag
                }
            };
            self.visitor.flag(index, &flag);
            flag
        });
        let flags = flags.collect();
        Evaluation { default_json: &environment.default_json, flags, segments }
    }

    /// The result for a feature, given its strongest override.
    pub(super) fn flag(
        &mut self,
        index: usize,
        feature: &'e ArchivedFeature,
        active: Option<ActiveOverride<'e>>,
    ) -> Flag<'e> {
        let (state, reason) = match active {
            Some(ActiveOverride { overridden, segment }) => {
                let segment = segment.map_or(SegmentMatch::IDENTITY_OVERRIDES, |segment| &segment.name);
                (&overridden.state, Reason::TargetingMatch { segment })
            }
            None if feature.targeted => (&feature.default, Reason::Default),
            None => (&feature.default, Reason::Static),
        };
        let choice = self.choose_variant(index, state);
        let reason = match choice {
            VariantChoice::Variant(variant) => Reason::Split { weight: variant.weight.to_native() },
            VariantChoice::None | VariantChoice::Control => reason,
        };
        Flag { feature, state, choice, reason }
    }

    /// Chooses a variant by the identity's percentage: half-open shares, in order; the rest is control (`SEMANTICS.md`,
    /// 6.2).
    fn choose_variant(&mut self, feature: usize, state: &'e ArchivedFeatureState) -> VariantChoice<'e> {
        let Some(identity_key) = self.identity_key.as_deref().filter(|_| !state.variants.is_empty()) else {
            return VariantChoice::None;
        };
        let percentage = split::percentage([&state.key, identity_key]);
        self.visitor.percentage(Split::Variants(feature), [&state.key, identity_key], percentage);
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

    /// The identity's own override of a feature.
    pub(super) fn own_override(&mut self, feature: usize) -> Option<ActiveOverride<'e>> {
        let by_feature = |overridden: &ArchivedOverride| overridden.feature.to_native() as usize;
        let at = self.own_overrides.binary_search_by_key(&feature, by_feature).ok()?;
        Some(self.own_override_offered(feature, &self.own_overrides[at]))
    }

    fn own_override_offered(
        &mut self,
        feature: usize,
        overridden: &'e ArchivedOverride,
    ) -> ActiveOverride<'e> {
        let rank = overridden.rank.to_native();
        self.visitor.override_offered(&Offer {
            feature,
            source: OverrideSource::Identity,
            rank,
            is_strongest: true,
        });
        ActiveOverride { overridden, segment: None }
    }

    /// Compares an override of a matching segment with the strongest one so far. The stronger one is kept; of two equal
    /// ones, the first.
    pub(super) fn offer(
        &mut self,
        strongest: &mut Option<ActiveOverride<'e>>,
        overridden: &'e ArchivedOverride,
        index: usize,
        segment: &'e ArchivedSegment,
    ) {
        let is_strongest = strongest.is_none_or(|strongest| overridden.rank < strongest.overridden.rank);
        if is_strongest {
            *strongest = Some(ActiveOverride { overridden, segment: Some(segment) });
        }
        self.visitor.override_offered(&Offer {
            feature: overridden.feature.to_native() as usize,
            source: OverrideSource::Segment(index),
            rank: overridden.rank.to_native(),
            is_strongest,
        });
    }

    /// Whether all rules of a segment match; a segment without rules never does.
    pub(super) fn rules_match(&mut self, segment: &'e ArchivedSegment) -> bool {
        let range = segment.rules.range();
        let first = range.start;
        let rules = self.rules(range);
        let mut rules_with_index = rules.iter().enumerate().map(|(place, rule)| (first + place, rule));
        !rules.is_empty() && rules_with_index.all(|(index, rule)| self.rule_matches(index, rule, segment))
    }

    fn rules(&self, range: Range<usize>) -> &'e [ArchivedRule] {
        self.environment.rules.get(range).unwrap_or_default()
    }

    /// The rule's quantifier holds over its conditions, and over its rules.
    fn rule_matches(&mut self, index: usize, rule: &'e ArchivedRule, segment: &'e ArchivedSegment) -> bool {
        let range = rule.conditions.range();
        let conditions = self.environment.conditions.get(range.clone()).unwrap_or_default();
        if self.dependencies.is_repeat() && !self.pay(work::rule(conditions.len())) {
            return false;
        }
        let by_conditions = quantify(&rule.quantifier, conditions, range.start, |index, condition| {
            self.condition_matches(index, condition, segment)
        });
        let range = rule.rules.range();
        let rules = self.rules(range.clone());
        // The rules are evaluated even if the conditions do not match: a flag that they read may close a cycle
        // (`SEMANTICS.md`, 8).
        let by_rules = quantify(&rule.quantifier, rules, range.start, |index, rule| {
            self.rule_matches(index, rule, segment)
        });
        let matched = by_conditions && by_rules;
        self.visitor.rule(index, matched);
        matched
    }

    fn condition_matches(
        &mut self,
        index: usize,
        condition: &'e ArchivedCondition,
        segment: &'e ArchivedSegment,
    ) -> bool {
        let property = condition.property.to_native() as usize;
        let value = match self.values.of(property) {
            PropertyValue::Flag | PropertyValue::Read(_) => self.read_flag(property),
            value => value,
        };
        if self.dependencies.is_repeat() && !self.pay_for(condition, segment, value) {
            return false;
        }
        let Some(subject) = self.values.subject(value) else {
            let matched = condition.predicate.matches_no_value();
            self.visitor.condition(index, None, matched);
            return matched;
        };
        let environment = self.environment;
        // Many segments search the same trait for the same text.
        let searches = &mut self.searches;
        let contains = |text: &str, part: &'e str| match value {
            PropertyValue::Held(at) | PropertyValue::Read(Some(at))
                if text.len() as u64 > work::SHORT_TEXT =>
            {
                *searches.entry((at, part)).or_insert_with(|| contains_text(text, part))
            }
            _ => contains_text(text, part),
        };
        let regex = |pattern: u32, text: &str| {
            let pattern = environment.patterns.get(pattern as usize);
            pattern.is_some_and(|pattern| pattern.is_match(text, &environment.categories))
        };
        let percentage = |text: &str, percentage| {
            self.visitor.percentage(Split::Condition(index), [&segment.key, text], percentage);
        };
        let matched = condition.predicate.matches(subject, &segment.key, contains, regex, percentage);
        self.visitor.condition(index, Some(Read { raw: subject.raw, typed: subject.typed }), matched);
        matched
    }

    /// Pays for what a condition does with its value, where it is evaluated again.
    #[cold]
    fn pay_for(
        &mut self,
        condition: &ArchivedCondition,
        segment: &ArchivedSegment,
        value: PropertyValue,
    ) -> bool {
        let size = self.values.subject(value).map(Subject::size);
        let operation = condition.predicate.operation(&segment.key);
        let pattern = condition.predicate.pattern().and_then(|at| self.environment.patterns.get(at));
        let steps =
            size.map_or(0, |size| operation.steps(size) + pattern.map_or(0, |pattern| pattern.steps(size)));
        self.pay(work::CYCLIC_READ + steps)
    }
}

/// Whether a quantifier holds over items, of which `first` is the index of the first. An empty list satisfies every
/// quantifier but the unknown one.
fn quantify<'e, T>(
    quantifier: &ArchivedQuantifier,
    items: &'e [T],
    first: usize,
    mut matches: impl FnMut(usize, &'e T) -> bool,
) -> bool {
    let mut items_with_index = items.iter().enumerate().map(|(place, item)| (first + place, item));
    match quantifier {
        ArchivedQuantifier::Never => false,
        _ if items.is_empty() => true,
        ArchivedQuantifier::All => items_with_index.all(|(index, item)| matches(index, item)),
        ArchivedQuantifier::Any => items_with_index.any(|(index, item)| matches(index, item)),
        ArchivedQuantifier::None => !items_with_index.any(|(index, item)| matches(index, item)),
    }
}
