//! What a request may cost, as the engine counts it, and what a publisher says of it.

use std::fmt;

use engine::Cost;

/// How dear an environment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CostLevel {
    /// Up to a tenth of what the platform allows a request.
    Green,
    /// It is published with a warning.
    Dear,
    /// More than the platform allows a request: it is held back unless the publisher insists.
    TooDear,
}

impl CostLevel {
    /// Of so many steps of counted work.
    pub fn of(steps: u64) -> CostLevel {
        if steps > Cost::REFUSE {
            CostLevel::TooDear
        } else if steps > Cost::WARN {
            CostLevel::Dear
        } else {
            CostLevel::Green
        }
    }
}

/// The total in words: "a request may take 20000 steps, 0.4 % of what the platform allows".
pub fn share(steps: u64) -> String {
    // Tenths of a percent, rounded up, so that nothing but nothing costs 0.0 %.
    let tenths = u128::from(steps).saturating_mul(1_000).div_ceil(u128::from(Cost::REFUSE));
    let (percent, tenth) = (tenths / 10, tenths % 10);
    format!("a request may take {steps} steps, {percent}.{tenth} % of what the platform allows")
}

/// The total, the parts that cost most, and the dearest segments by name.
pub fn sentence(cost: &Cost) -> String {
    let mut parts = [
        ("conditions", cost.conditions),
        ("percentage splits", cost.splits),
        ("regular expressions", cost.patterns),
        ("flags that conditions read", cost.flags_read),
        ("hashes that choose variants", cost.identity_hashes),
        ("flags and overrides", cost.answer),
        ("checking a new copy", cost.copy),
    ];
    parts.sort_by_key(|(_, steps)| std::cmp::Reverse(*steps));
    // What is less than a tenth of the whole is not worth a word.
    let is_much = |steps: u64| steps > cost.steps() / 10;
    let parts = parts.iter().filter(|(_, steps)| is_much(*steps));
    let parts: Vec<String> = parts.map(|(part, steps)| format!("{part} {steps}")).collect();
    let segments = cost.dearest.iter().filter(|(_, steps)| *steps > cost.steps() / 100);
    let segments: Vec<String> =
        segments.map(|(segment, steps)| format!("segment `{segment}` {steps}")).collect();
    let list = |what: &str, list: &[String]| {
        if list.is_empty() { String::new() } else { format!("; {what}: {}", list.join(", ")) }
    };
    format!("{}{}{}", share(cost.steps()), list("most of it", &parts), list("the dearest", &segments))
}

/// The warning of a dear environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DearWarning(pub Cost);

impl DearWarning {
    /// None if the environment is green.
    pub fn of(cost: &Cost) -> Option<DearWarning> {
        (CostLevel::of(cost.steps()) > CostLevel::Green).then(|| DearWarning(cost.clone()))
    }
}

impl fmt::Display for DearWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&sentence(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dearest_parts_are_named() {
        let cost = Cost {
            conditions: 5_000,
            patterns: 600_000,
            splits: 100_000,
            dearest: vec![("beta".into(), 600_000), ("gamma".into(), 9_000), ("delta".into(), 10)],
            ..Cost::default()
        };
        assert_eq!(
            sentence(&cost),
            "a request may take 705000 steps, 14.1 % of what the platform allows; most of it: regular expressions \
             600000, percentage splits 100000; the dearest: segment `beta` 600000, segment `gamma` 9000"
        );
        assert_eq!(share(0), "a request may take 0 steps, 0.0 % of what the platform allows");
        assert_eq!(share(1), "a request may take 1 steps, 0.1 % of what the platform allows");
    }

    #[test]
    fn levels_change_above_a_tenth_and_above_the_whole() {
        for (steps, level) in [
            (0, CostLevel::Green),
            (500_000, CostLevel::Green),
            (500_001, CostLevel::Dear),
            (5_000_000, CostLevel::Dear),
            (5_000_001, CostLevel::TooDear),
        ] {
            assert_eq!(CostLevel::of(steps), level, "{steps}");
        }
    }
}
