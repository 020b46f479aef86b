//! Checks a source against the limits.

use alloc::format;
use alloc::string::String;

use super::EnvironmentSource;
use crate::error::InputError;
use crate::limits;
use crate::wire::context::{Operand, RuleContext};

pub(super) fn check(source: &EnvironmentSource<'_>) -> Result<(), InputError> {
    let at_most = |place: &str, what: &str, count: usize, limit: usize| {
        if count <= limit {
            return Ok(());
        }
        Err(InputError::new(place, format!("{count} {what}, more than the {limit} that are accepted")))
    };
    at_most("features", "features", source.features.len(), limits::FEATURES)?;
    at_most("segments", "segments", source.segments.len(), limits::SEGMENTS)?;
    let identities = source.identity_overrides.len();
    at_most("identity_overrides", "identities", identities, limits::IDENTITY_OVERRIDES)?;
    let mut conditions = 0;
    for segment in &source.segments {
        let place = format!("segment `{}`", segment.name);
        at_most(&place, "levels of rules", depth(&segment.rules), limits::RULE_DEPTH)?;
        conditions += rules_and_conditions(&segment.rules, &place)?;
        at_most("segments", "rules and conditions", conditions, limits::CONDITIONS)?;
    }
    let overrides = source.segments.iter().flat_map(|segment| &segment.overrides);
    for feature in source.features.iter().map(|feature| feature.context).chain(overrides) {
        let place = format!("feature `{}`", feature.name);
        at_most(&place, "variants", feature.variants.len(), limits::VARIANTS)?;
    }
    Ok(())
}

fn depth(rules: &[RuleContext]) -> usize {
    rules.iter().map(|rule| 1 + depth(&rule.rules)).max().unwrap_or(0)
}

fn rules_and_conditions(rules: &[RuleContext], place: &str) -> Result<usize, InputError> {
    let mut count = 0;
    for rule in rules {
        for condition in &rule.conditions {
            let bytes = match &condition.value {
                Operand::Text(text) => text.len(),
                Operand::List(list) => list.iter().map(String::len).sum(),
                _ => 0,
            };
            if bytes > limits::CONDITION_VALUE {
                let fault = format!("a condition value of more than {} bytes", limits::CONDITION_VALUE);
                return Err(InputError::new(place, fault));
            }
        }
        count += 1 + rule.conditions.len() + rules_and_conditions(&rule.rules, place)?;
    }
    Ok(count)
}
