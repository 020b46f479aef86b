//! Segments: their rules are laid out level by level, and each condition becomes a predicate on a property.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::EnvironmentSource;
use super::interned::{Interned, Patterns, span};
use super::order;
use super::states::{Ranks, metadata, state};
use crate::compiled::environment::{Condition, Override, Quantifier, Rule, Segment, Span};
use crate::compiled::predicate::Predicate;
use crate::compiled::property::{Field, Path, Property, Target};
use crate::compiled::texts::{ConditionText, RuleText, Texts};
use crate::error::Warning;
use crate::error::WarningKind::{self, NeverMatches};
use crate::options::Anchoring;
use crate::pattern::PatternCache;
use crate::wire::context::{ConditionContext, SegmentContext};

/// The parts that are compiled so far.
pub(super) struct Compiler<'c> {
    pub(super) ranks: Ranks,
    pub(super) by_name: BTreeMap<String, u32>,
    pub(super) properties: Interned<Property>,
    pub(super) patterns: Patterns<'c>,
    pub(super) rules: Vec<Rule>,
    pub(super) conditions: Vec<Condition>,
    pub(super) warnings: Vec<Warning>,
    pub(super) texts: Texts,
}

impl<'c> Compiler<'c> {
    pub(super) fn new(
        source: &EnvironmentSource<'_>,
        anchoring: Anchoring,
        cache: &'c mut PatternCache,
    ) -> Compiler<'c> {
        let features = source.features.iter().zip(0..);
        let ranks = Ranks::new(source);
        let texts = Texts { priorities: ranks.priorities(), ..Texts::default() };
        Compiler {
            ranks,
            texts,
            by_name: features.map(|(feature, index)| (feature.context.name.clone(), index)).collect(),
            properties: Interned::default(),
            patterns: Patterns::new(anchoring, cache),
            rules: Vec::new(),
            conditions: Vec::new(),
            warnings: Vec::new(),
        }
    }

    pub(super) fn segment(&mut self, segment: &SegmentContext) -> Segment {
        let first_condition = self.conditions.len();
        let rules = self.rules(segment);
        let reads_flags = self.conditions[first_condition..].iter().any(|condition| {
            let property = &self.properties.values[condition.property as usize];
            matches!(property.target, Some(Target::Flag { .. }))
        });
        let overrides = segment.overrides.iter().filter_map(|feature| {
            let index = self.by_name.get(&feature.name)?;
            Some(Override { feature: *index, rank: self.ranks.of(feature), state: state(feature) })
        });
        Segment {
            key: segment.key.clone(),
            name: segment.name.clone(),
            metadata: metadata(segment.metadata.as_ref()),
            rules,
            overrides: overrides.collect(),
            reads_flags,
        }
    }

    /// Stores the rules of a segment level by level, each level after the one above. They are compiled in the order of
    /// the document, so that warnings have that order too.
    fn rules(&mut self, segment: &SegmentContext) -> Span {
        let (nodes, mut pending) = order::nodes(segment);
        let mut compiled: Vec<(Quantifier, Vec<(Condition, ConditionText)>)> = Vec::new();
        for node in &nodes {
            let conditions = node.rule.conditions.iter().zip(node.first_condition..);
            let conditions = conditions.map(|(condition, number)| self.condition(segment, number, condition));
            let conditions = conditions.collect();
            compiled.push((self.quantifier(segment, &node.rule.kind), conditions));
        }
        let base = self.rules.len();
        let mut at = 0;
        while let Some(index) = pending.get(at).copied() {
            let node = &nodes[index];
            let (quantifier, conditions) = &compiled[index];
            let of_rule = span(self.conditions.len(), conditions.len());
            for (condition, text) in node.conditions.iter().map(|place| conditions[*place].clone()) {
                self.conditions.push(condition);
                self.texts.conditions.push(text);
            }
            self.texts.rules.push(RuleText { place: index, kind: node.rule.kind.clone() });
            let rules = span(base + pending.len(), node.rules.len());
            pending.extend(&node.rules);
            self.rules.push(Rule { quantifier: *quantifier, conditions: of_rule, rules });
            at += 1;
        }
        span(base, segment.rules.len())
    }

    fn quantifier(&mut self, segment: &SegmentContext, kind: &str) -> Quantifier {
        match kind {
            "ALL" => Quantifier::All,
            "ANY" => Quantifier::Any,
            "NONE" => Quantifier::None,
            _ => {
                let place = format!("segment `{}`", segment.name);
                let fault = format!("unknown rule type {kind:?}");
                self.warnings.push(Warning { place, fault, kind: WarningKind::Unknown });
                Quantifier::Never
            }
        }
    }

    /// `number`: its place among the conditions of the segment, level by level, from 1.
    fn condition(
        &mut self,
        segment: &SegmentContext,
        number: usize,
        condition: &ConditionContext,
    ) -> (Condition, ConditionText) {
        let mut text = ConditionText {
            number,
            property: condition.property.clone(),
            operator: condition.operator.clone(),
            value: condition.value.json(),
            fault: None,
        };
        let mut warn = |fault, kind| {
            let place = format!("segment `{}`, condition {number}", segment.name);
            self.warnings.push(Warning { place, fault, kind });
        };
        let property = if condition.operator == "PERCENTAGE_SPLIT" && condition.property.is_empty() {
            Property::identity_key()
        } else {
            let feature = |name: &str| self.by_name.get(name).copied();
            let (property, path) = Property::parse(&condition.property, feature);
            let name = &condition.property;
            match path {
                Some(Path::Nowhere | Path::Leads(Target::Flag { field: Field::Nothing, .. })) => {
                    warn(format!("the path {name:?} leads to no value"), NeverMatches);
                }
                Some(Path::Invalid) => {
                    warn(
                        format!("{name:?} is not a valid path, and is read as the name of a trait"),
                        NeverMatches,
                    );
                }
                Some(Path::Leads(_)) | None => {}
            }
            property
        };
        let operator = &condition.operator;
        let predicate = match Predicate::new(operator, &condition.value, |text| self.patterns.index(text)) {
            Some(Ok(predicate)) => predicate,
            Some(Err(fault)) => {
                text.fault = Some(fault.clone());
                warn(fault, NeverMatches);
                Predicate::Never
            }
            None => {
                let fault = format!("unknown operator {operator:?}");
                text.fault = Some(fault.clone());
                warn(fault, WarningKind::Unknown);
                Predicate::Never
            }
        };
        (Condition { property: self.properties.index(property), predicate }, text)
    }
}
