//! What an explanation is about: features and segments.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use core::ops::Range;

use crate::compiled::environment::{ArchivedEnvironment, ArchivedFeatureState};
use crate::compiled::property::{ArchivedProperty, ArchivedTarget};

/// Features in the order of the explanation, and segments in that of the document.
pub(super) struct Scope {
    pub(super) features: Vec<usize>,
    pub(super) segments: BTreeSet<usize>,
}

impl Scope {
    /// All; or the feature of this name, the features that its segments read, theirs in turn, and the segments of all these.
    pub(super) fn new(environment: &ArchivedEnvironment, feature: Option<&str>) -> Scope {
        let Some(name) = feature else {
            return Scope {
                features: (0..environment.features.len()).collect(),
                segments: (0..environment.segments.len()).collect(),
            };
        };
        let named = environment.features.iter().position(|feature| feature.name.as_str() == name);
        let mut features: Vec<usize> = named.into_iter().collect();
        let mut known: BTreeSet<usize> = features.iter().copied().collect();
        let mut segments = BTreeSet::new();
        let mut at = 0;
        while let Some(feature) = features.get(at).and_then(|at| environment.features.get(*at)) {
            for segment in feature.overriding.iter().map(|segment| segment.to_native() as usize) {
                if segments.insert(segment) {
                    features
                        .extend(read_by(environment, segment).into_iter().filter(|read| known.insert(*read)));
                }
            }
            at += 1;
        }
        Scope { features, segments }
    }

    /// See [`crate::Compiled::explanation_size`].
    pub(super) fn size(&self, environment: &ArchivedEnvironment) -> usize {
        let features = self.features.iter().filter_map(|at| environment.features.get(*at));
        let features = features.map(|feature| 1 + state_size(&feature.default));
        let segments = self.segments.iter().filter_map(|at| environment.segments.get(*at));
        let segments = segments.map(|segment| {
            let overrides = segment.overrides.iter().map(|overridden| state_size(&overridden.state));
            1 + overrides.sum::<usize>() + rules_size(environment, segment.rules.range())
        });
        features.sum::<usize>() + segments.sum::<usize>()
    }
}

fn state_size(state: &ArchivedFeatureState) -> usize {
    let variants = state.variants.iter().map(|variant| 1 + variant.value.len() / 128);
    1 + state.value.len() / 128 + variants.sum::<usize>()
}

fn rules_size(environment: &ArchivedEnvironment, rules: Range<usize>) -> usize {
    let rules = environment.rules.get(rules).unwrap_or_default().iter();
    rules.map(|rule| 1 + rule.conditions.range().len() + rules_size(environment, rule.rules.range())).sum()
}

/// The features that a segment reads, each once.
pub(super) fn read_by(environment: &ArchivedEnvironment, segment: usize) -> Vec<usize> {
    let mut read = Reads::default();
    if let Some(segment) = environment.segments.get(segment).filter(|segment| segment.reads_flags) {
        read.collect(environment, segment.rules.range());
    }
    read.in_order
}

#[derive(Default)]
struct Reads {
    in_order: Vec<usize>,
    known: BTreeSet<usize>,
}

impl Reads {
    fn collect(&mut self, environment: &ArchivedEnvironment, rules: Range<usize>) {
        for rule in environment.rules.get(rules).unwrap_or_default() {
            for condition in environment.conditions.get(rule.conditions.range()).unwrap_or_default() {
                let property = environment.properties.get(condition.property.to_native() as usize);
                if let Some(feature) = property.and_then(flag_of)
                    && self.known.insert(feature)
                {
                    self.in_order.push(feature);
                }
            }
            self.collect(environment, rule.rules.range());
        }
    }
}

/// The feature whose flag a property reads.
pub(super) fn flag_of(property: &ArchivedProperty) -> Option<usize> {
    match property.target.as_ref()? {
        ArchivedTarget::Flag { feature, .. } => Some(feature.to_native() as usize),
        _ => None,
    }
}
