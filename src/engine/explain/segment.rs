//! One segment: its rules and conditions, each with what was compared and the verdict.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;
use core::ops::Range;

use super::Explained;
use super::explanation::{ExplainedCondition, ExplainedRule, ExplainedSegment};
use super::scope::{flag_of, read_by};
use crate::compiled::environment::{ArchivedQuantifier, ArchivedRule};
use crate::compiled::property::{ArchivedProperty, ArchivedTarget};
use crate::evaluate::SegmentOutcome;

impl Explained<'_> {
    pub(super) fn segment(&self, at: usize) -> Option<ExplainedSegment> {
        let segment = self.environment.segments.get(at)?;
        let outcome = self.record.segments.get(at).copied().flatten();
        let overrides = segment.overrides.iter().map(|overridden| overridden.feature.to_native() as usize);
        Some(ExplainedSegment {
            key: segment.key.as_str().to_owned(),
            name: segment.name.as_str().to_owned(),
            matched: outcome == Some(SegmentOutcome::Matched),
            cycle_cut: outcome == Some(SegmentOutcome::CycleCut),
            overrides: self.names(overrides),
            reads: self.names(read_by(self.environment, at)),
            rules: self.rules(segment.rules.range()),
        })
    }

    fn property(&self, at: u32) -> Option<&ArchivedProperty> {
        self.environment.properties.get(at as usize)
    }

    fn rules(&self, range: Range<usize>) -> Vec<ExplainedRule> {
        let first = range.start;
        let rules = self.environment.rules.get(range).unwrap_or_default().iter().enumerate();
        let mut rules: Vec<(usize, ExplainedRule)> = rules
            .map(|(place, rule)| {
                let text = self.texts.rules.get(first + place);
                let kind = text.map_or_else(|| kind(rule).to_owned(), |text| text.kind.clone());
                let explained = ExplainedRule {
                    kind,
                    matched: self.record.rules.get(first + place).copied().flatten(),
                    conditions: self.conditions(rule.conditions.range()),
                    rules: self.rules(rule.rules.range()),
                };
                (text.map_or(place, |text| text.place), explained)
            })
            .collect();
        rules.sort_by_key(|(place, _)| *place);
        rules.into_iter().map(|(_, rule)| rule).collect()
    }

    fn conditions(&self, range: Range<usize>) -> Vec<ExplainedCondition> {
        let mut conditions: Vec<ExplainedCondition> = range.filter_map(|at| self.condition(at)).collect();
        conditions.sort_by_key(|condition| condition.number);
        conditions
    }

    fn condition(&self, at: usize) -> Option<ExplainedCondition> {
        let condition = self.environment.conditions.get(at)?;
        let property = self.property(condition.property.to_native())?;
        let text = self.texts.conditions.get(at);
        let tested = self.record.conditions.get(at)?.as_ref();
        let written = |of: fn(&crate::compiled::texts::ConditionText) -> &String| text.map(of).cloned();
        let property_name = written(|text| &text.property)
            .or_else(|| property.trait_name.as_deref().map(ToOwned::to_owned))
            .unwrap_or_default();
        let operator = written(|text| &text.operator)
            .or_else(|| condition.predicate.operator().map(ToOwned::to_owned))
            .unwrap_or_default();
        Some(ExplainedCondition {
            number: text.map(|text| text.number),
            property: match property_name {
                // What a percentage split reads if it names nothing.
                empty
                    if empty.is_empty() && property.target.as_ref() == Some(&ArchivedTarget::IdentityKey) =>
                {
                    "$.identity.key".to_owned()
                }
                name => name,
            },
            operator,
            value: text.map(|text| text.value.clone()).unwrap_or_default(),
            found: tested.map(|tested| tested.found.clone()).unwrap_or_default(),
            compared_as: tested.and_then(|tested| tested.compared_as).map(ToOwned::to_owned),
            compared_with: tested.map(|tested| tested.compared_with.clone()).unwrap_or_default(),
            hash: self.record.hashed_by_condition.get(&at).cloned(),
            reads: flag_of(property).and_then(|feature| self.names([feature]).pop()),
            matched: tested.map(|tested| tested.matched),
            fault: text.and_then(|text| text.fault.clone()),
        })
    }
}

fn kind(rule: &ArchivedRule) -> &'static str {
    match rule.quantifier {
        ArchivedQuantifier::All => "ALL",
        ArchivedQuantifier::Any => "ANY",
        ArchivedQuantifier::None => "NONE",
        ArchivedQuantifier::Never => "",
    }
}
