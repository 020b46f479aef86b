//! The visitor that records an evaluation, by the indices of the compiled environment.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::ToString;
use alloc::vec;
use alloc::vec::Vec;
use core::ops::Range;

use serde_json::Value as Json;

use super::explanation::ExplainedHash;
use super::scope::Scope;
use super::{shown, shown_value};
use crate::compiled::environment::ArchivedEnvironment;
use crate::evaluate::{Offer, OverrideSource, Read, SegmentOutcome, Split, Visitor};

/// What happened. Where a segment was evaluated several times, on a cycle of flags, the last time counts.
pub(super) struct Record<'e> {
    environment: &'e ArchivedEnvironment,
    /// Of the segments that are explained; the others stay as they are here.
    is_explained: Vec<bool>,
    pub(super) conditions: Vec<Option<Tested>>,
    pub(super) rules: Vec<Option<bool>>,
    pub(super) segments: Vec<Option<SegmentOutcome>>,
    pub(super) hashed_by_condition: BTreeMap<usize, ExplainedHash>,
    pub(super) hashed_by_feature: BTreeMap<usize, ExplainedHash>,
    /// The features that the identity overrides.
    pub(super) own: BTreeSet<usize>,
}

/// A condition that was evaluated.
pub(super) struct Tested {
    pub(super) found: Json,
    pub(super) compared_as: Option<&'static str>,
    pub(super) compared_with: Json,
    pub(super) matched: bool,
}

impl<'e> Record<'e> {
    pub(super) fn new(environment: &'e ArchivedEnvironment, scope: &Scope) -> Record<'e> {
        let mut is_explained = vec![false; environment.conditions.len()];
        for segment in scope.segments.iter().filter_map(|at| environment.segments.get(*at)) {
            mark(environment, segment.rules.range(), &mut is_explained);
        }
        Record {
            environment,
            is_explained,
            conditions: environment.conditions.iter().map(|_| None).collect(),
            rules: vec![None; environment.rules.len()],
            segments: vec![None; environment.segments.len()],
            hashed_by_condition: BTreeMap::new(),
            hashed_by_feature: BTreeMap::new(),
            own: BTreeSet::new(),
        }
    }
}

/// Marks the conditions of rules.
fn mark(environment: &ArchivedEnvironment, rules: Range<usize>, is_explained: &mut [bool]) {
    for rule in environment.rules.get(rules).unwrap_or_default() {
        if let Some(conditions) = is_explained.get_mut(rule.conditions.range()) {
            conditions.fill(true);
        }
        mark(environment, rule.rules.range(), is_explained);
    }
}

impl Visitor for Record<'_> {
    fn condition(&mut self, condition: usize, value: Option<Read<'_>>, matched: bool) {
        if self.is_explained.get(condition) != Some(&true) {
            return;
        }
        let (Some(place), Some(compiled)) =
            (self.conditions.get_mut(condition), self.environment.conditions.get(condition))
        else {
            return;
        };
        let tested = Tested { found: Json::Null, compared_as: None, compared_with: Json::Null, matched };
        *place = Some(match value {
            None => tested,
            Some(Read { raw, typed }) => {
                let comparands = compiled.predicate.comparands(raw, typed);
                Tested {
                    found: shown_value(raw),
                    compared_as: comparands.compared_as,
                    compared_with: comparands.with,
                    matched,
                }
            }
        });
    }

    fn rule(&mut self, rule: usize, matched: bool) {
        if let Some(place) = self.rules.get_mut(rule) {
            *place = Some(matched);
        }
    }

    fn segment(&mut self, segment: usize, outcome: SegmentOutcome) {
        if let Some(place) = self.segments.get_mut(segment) {
            *place = Some(outcome);
        }
    }

    fn percentage(&mut self, split: Split, [salt, text]: [&str; 2], percent: f64) {
        if let Split::Condition(condition) = split
            && self.is_explained.get(condition) != Some(&true)
        {
            return;
        }
        let hash_input = match text.len() {
            ..super::SHOWN => format!("{salt},{text}"),
            _ => shown(&format!("{salt},{}", shown(text))).to_string(),
        };
        let hash = ExplainedHash { hash_input, percent };
        match split {
            Split::Condition(condition) => self.hashed_by_condition.insert(condition, hash),
            Split::Variants(feature) => self.hashed_by_feature.insert(feature, hash),
        };
    }

    fn override_offered(&mut self, offer: &Offer) {
        if offer.source == OverrideSource::Identity {
            self.own.insert(offer.feature);
        }
    }
}
