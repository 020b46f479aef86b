//! How much of each limit a document uses.

use alloc::vec::Vec;

use crate::limits;
use crate::wire::document::{Document, FeatureStateWire, RuleWire};

/// How much of a limit a document uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// What is counted, in the plural.
    pub what: &'static str,
    pub count: usize,
    pub limit: usize,
}

impl Document {
    /// The counts of what is limited in number.
    pub fn usage(&self) -> Vec<Usage> {
        let segments = &self.project.segments;
        let mut rules_and_conditions = 0;
        let mut rules: Vec<&RuleWire> = segments.iter().flat_map(|segment| &segment.rules).collect();
        while let Some(rule) = rules.pop() {
            rules_and_conditions += 1 + rule.conditions.len();
            rules.extend(&rule.rules);
        }
        let overrides = segments.iter().flat_map(|segment| &segment.feature_states);
        let variants = |state: &FeatureStateWire| state.multivariate_feature_state_values.len();
        let variants = self.feature_states.iter().chain(overrides).map(variants).max().unwrap_or(0);
        let usage = |what, count, limit| Usage { what, count, limit };
        Vec::from([
            usage("features", self.feature_states.len(), limits::FEATURES),
            usage("segments", segments.len(), limits::SEGMENTS),
            usage("rules and conditions", rules_and_conditions, limits::CONDITIONS),
            usage("identities with overrides", self.identity_overrides.len(), limits::IDENTITY_OVERRIDES),
            usage("variants of one feature", variants, limits::VARIANTS),
        ])
    }
}
