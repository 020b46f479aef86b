//! Shares of a split: over many identities each gets what it was allotted.

use engine::{Compiled, Context, Identity, Options};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::cases;

const IDENTITIES: u32 = 2_000;

/// Compiles the environment of a context.
fn compiled(context: &Value) -> Compiled {
    let context = Context::parse(&context.to_string()).unwrap();
    let (environment, warnings) = context.compile(Options::default()).unwrap();
    assert!(warnings.is_empty(), "{warnings:?}");
    Compiled::decode(environment.encode().unwrap()).unwrap()
}

fn identities(name: &str) -> impl Iterator<Item = Identity> {
    (0..IDENTITIES).map(move |number| Identity {
        identifier: format!("{name}{number}"),
        key: None,
        traits: Vec::new(),
        traits_answer_paths: true,
        ignore_own_overrides: false,
    })
}

/// Whether so many of all identities are a share (in percent) as chance has it: within five standard deviations, which
/// one try in a million leaves, and one identity.
fn is_share(count: u32, percent: f64) -> bool {
    let (all, share) = (f64::from(IDENTITIES), percent / 100.0);
    let deviation = (all * share * (1.0 - share)).sqrt();
    (f64::from(count) - all * share).abs() <= 5.0 * deviation + 1.0
}

proptest! {
    #![proptest_config(cases(12))]

    #[test]
    fn of_a_percentage_split(percent in 0_u32..=1_000, key in "[a-z0-9]{1,6}", name in "[a-zé]{0,6}") {
        let percent = f64::from(percent) / 10.0;
        let condition = json!({"operator": "PERCENTAGE_SPLIT", "property": "", "value": percent.to_string()});
        let compiled = compiled(&json!({
            "environment": {"key": "e", "name": "E"},
            "segments": {"1": {"key": key, "name": "s", "rules": [{"type": "ALL", "conditions": [condition]}]}},
        }));
        let matching = identities(&name).filter(|i| !compiled.evaluate(Some(i)).segments.is_empty());
        let count = u32::try_from(matching.count()).unwrap();
        prop_assert!(is_share(count, percent), "{count} of {IDENTITIES} are no {percent} %");
    }

    #[test]
    fn of_variants(
        weights in prop::collection::vec(0_u32..40, 1..5),
        key in "[a-z0-9]{1,6}",
        name in "[a-zé]{0,6}",
    ) {
        let variants = weights.iter().enumerate().map(|(place, weight)| {
            json!({"key": place.to_string(), "value": place, "weight": weight, "priority": place})
        });
        let feature = json!({
            "key": key, "name": "f", "enabled": true, "value": "control", "variants": variants.collect::<Vec<Value>>(),
        });
        let compiled = compiled(&json!({"environment": {"key": "e", "name": "E"}, "features": {"f": feature}}));
        let mut counts = vec![0_u32; weights.len()];
        let mut control = 0;
        for identity in identities(&name) {
            let evaluation = compiled.evaluate(Some(&identity));
            match evaluation.flags[0].variant().unwrap().parse::<usize>() {
                Ok(place) => counts[place] += 1,
                Err(_) => control += 1,
            }
        }
        // Variants beyond a sum of a hundred percent get no identity.
        let mut left = 100;
        for (count, weight) in counts.iter().zip(&weights) {
            let share = (*weight).min(left);
            left -= share;
            prop_assert!(is_share(*count, f64::from(share)), "{count} of {IDENTITIES} are no {share} %");
        }
        prop_assert!(is_share(control, f64::from(left)), "{control} of {IDENTITIES} are no {left} %");
    }

    /// When a share grows, the identities in it stay in it.
    #[test]
    fn a_growing_share_keeps_its_identities(percent in 0_u32..100, more in 0_u32..100, key in "[a-z0-9]{1,6}") {
        let segment = |id: &str, percent: u32| {
            let condition = json!({"operator": "PERCENTAGE_SPLIT", "property": "", "value": percent.to_string()});
            json!({"key": key, "name": id, "rules": [{"type": "ALL", "conditions": [condition]}]})
        };
        let compiled = compiled(&json!({
            "environment": {"key": "e", "name": "E"},
            "segments": {"1": segment("small", percent), "2": segment("large", percent + more)},
        }));
        for identity in identities("user-") {
            let evaluation = compiled.evaluate(Some(&identity));
            let names: Vec<&str> = evaluation.segments.iter().map(|segment| segment.name).collect();
            prop_assert!(names.is_empty() || names == ["large"] || names == ["small", "large"], "{names:?}");
        }
    }
}
