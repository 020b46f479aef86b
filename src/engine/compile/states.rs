//! Feature states: defaults and overrides, with their variants and priorities in order.

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::EnvironmentSource;
use super::interned::index;
use super::segments::Compiler;
use crate::compiled::environment::{FeatureState, IdentityOverride, Override, Variant};
use crate::python::number::Number;
use crate::wire::context::{FeatureContext, VariantContext};
use crate::wire::json::Json;

pub(super) fn state(feature: &FeatureContext) -> FeatureState {
    let mut variants: Vec<&VariantContext> = feature.variants.iter().collect();
    // Stable, and without a priority last.
    variants.sort_by(|a, b| match (&a.priority, &b.priority) {
        (Some(a), Some(b)) => a.compare(b),
        (a, b) => a.is_none().cmp(&b.is_none()),
    });
    let variants = variants.into_iter().map(|variant| Variant {
        key: variant.key.clone(),
        value: variant.value.text().to_string(),
        weight: variant.weight.to_f64(),
    });
    FeatureState {
        // Most states have no variants.
        key: if feature.variants.is_empty() { String::new() } else { feature.key.clone() },
        enabled: feature.enabled,
        value: feature.value.text().to_string(),
        variants: variants.collect(),
        metadata: metadata(feature.metadata.as_ref()),
    }
}

/// Metadata that is `null` or `{}` is left out of results.
pub(super) fn metadata(metadata: Option<&Json>) -> Option<String> {
    let text = metadata?.text();
    let empty = serde_json::from_str::<serde_json::Value>(text)
        .is_ok_and(|value| value.is_null() || value.as_object().is_some_and(serde_json::Map::is_empty));
    if empty { None } else { Some(text.to_string()) }
}

/// The ranks of all priorities: numbers of any size and kind become small integers.
pub(super) struct Ranks(Vec<Number>);

impl Ranks {
    /// Stronger than any priority.
    const IDENTITY: u32 = 0;
    /// Weaker than any priority.
    const ABSENT: u32 = u32::MAX;

    pub(super) fn new(source: &EnvironmentSource<'_>) -> Ranks {
        let overrides = source.segments.iter().flat_map(|segment| &segment.overrides);
        let mut priorities: Vec<Number> = overrides.filter_map(|o| o.priority.clone()).collect();
        priorities.sort_by(Number::compare);
        priorities.dedup_by(|a, b| a.compare(b).is_eq());
        Ranks(priorities)
    }

    /// Every priority, the strongest first.
    pub(super) fn priorities(&self) -> Vec<serde_json::Value> {
        self.0.iter().map(|priority| serde_json::to_value(priority).unwrap_or_default()).collect()
    }

    pub(super) fn of(&self, feature: &FeatureContext) -> u32 {
        let Some(priority) = &feature.priority else { return Ranks::ABSENT };
        let place = self.0.partition_point(|other| other.compare(priority).is_lt());
        index(place + 1)
    }
}

impl Compiler<'_> {
    pub(super) fn identity_overrides(
        &self,
        identities: &[(&str, Vec<FeatureContext>)],
    ) -> Vec<IdentityOverride> {
        let mut by_identifier: BTreeMap<&str, BTreeMap<u32, FeatureState>> = BTreeMap::new();
        for (identifier, features) in identities {
            for feature in features {
                if let Some(index) = self.by_name.get(&feature.name) {
                    let states = by_identifier.entry(identifier).or_default();
                    states.entry(*index).or_insert_with(|| state(feature));
                }
            }
        }
        let identities = by_identifier.into_iter().map(|(identifier, states)| IdentityOverride {
            identifier: identifier.to_string(),
            overrides: states
                .into_iter()
                .map(|(feature, state)| Override { feature, rank: Ranks::IDENTITY, state })
                .collect(),
        });
        identities.collect()
    }
}
