//! The visitor that records an evaluation, by the indices of the compiled environment.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::ToString;
use alloc::vec;
use alloc::vec::Vec;

use serde_json::Value as Json;

use super::explanation::ExplainedHash;
use super::{shown, shown_value};
use crate::compiled::environment::ArchivedEnvironment;
use crate::evaluate::{Offer, OverrideSource, Read, SegmentOutcome, Split, Visitor};

/// What happened. Where a segment was evaluated several times, on a cycle of flags, the last time counts.
pub(super) struct Record<'e> {
    environment: &'e ArchivedEnvironment,
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
    pub(super) fn new(environment: &'e ArchivedEnvironment) -> Record<'e> {
        Record {
            environment,
            conditions: environment.conditions.iter().map(|_| None).collect(),
            rules: vec![None; environment.rules.len()],
            segments: vec![None; environment.segments.len()],
            hashed_by_condition: BTreeMap::new(),
            hashed_by_feature: BTreeMap::new(),
            own: BTreeSet::new(),
        }
    }
}

impl Visitor for Record<'_> {
    fn condition(&mut self, condition: usize, value: Option<Read<'_>>, matched: bool) {
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
                    compared_as: comparands.compared_as.map(|compared_as| compared_as.name()),
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
