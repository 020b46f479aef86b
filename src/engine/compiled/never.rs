//! Segments that can match no identity. Only what is certain is found; a segment that is not named here may still never match.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::environment::{Condition, Environment, Quantifier, Rule, Span};
use super::predicate::Predicate;
use super::property::Target;

/// How many conditions on one property are compared with one another.
const COMPARED: usize = 64;

impl Environment {
    /// The segments that can never match: their places in the document, their names, and the reasons.
    pub fn segments_that_never_match(&self) -> Vec<(usize, &str, &'static str)> {
        let reasons = self.segments.iter().enumerate().filter_map(|(at, segment)| {
            let reason = self.reason(segment.rules)?;
            Some((at, segment.name.as_str(), reason))
        });
        reasons.collect()
    }

    fn reason(&self, rules: Span) -> Option<&'static str> {
        if rules.range().is_empty() {
            return Some("it has no rules");
        }
        let mut required = Vec::new();
        if !self.rules[rules.range()].iter().all(|rule| self.can_match(rule, &mut required)) {
            return Some("a rule that has to match can never match");
        }
        self.contradiction(&required)
            .then_some("two conditions that both have to match contradict each other")
    }

    /// Whether a rule may match. Adds the conditions that match whenever it does.
    fn can_match<'a>(&'a self, rule: &Rule, required: &mut Vec<&'a Condition>) -> bool {
        let conditions = &self.conditions[rule.conditions.range()];
        let rules = &self.rules[rule.rules.range()];
        match rule.quantifier {
            Quantifier::All => {
                required.extend(conditions);
                !conditions.iter().any(|condition| is_never(&condition.predicate))
                    && rules.iter().all(|rule| self.can_match(rule, required))
            }
            Quantifier::Any => {
                if let [condition] = conditions {
                    required.push(condition);
                }
                let condition = conditions.is_empty()
                    || conditions.iter().any(|condition| !is_never(&condition.predicate));
                condition
                    && match rules {
                        [] => true,
                        [rule] => self.can_match(rule, required),
                        // What only one of several rules needs is not needed.
                        rules => rules.iter().any(|rule| self.can_match(rule, &mut Vec::new())),
                    }
            }
            Quantifier::None => true,
            Quantifier::Never => false,
        }
    }

    fn contradiction(&self, required: &[&Condition]) -> bool {
        let mut by_property: BTreeMap<u32, Vec<&Predicate>> = BTreeMap::new();
        for condition in required {
            // The value of a flag may change while a cycle of flags is evaluated.
            let target = &self.properties[condition.property as usize].target;
            let predicates = by_property.entry(condition.property).or_default();
            if !matches!(target, Some(Target::Flag { .. })) && predicates.len() < COMPARED {
                predicates.push(&condition.predicate);
            }
        }
        by_property.values().any(|predicates| {
            let pairs = predicates.iter().flat_map(|one| predicates.iter().map(move |other| (one, other)));
            pairs.into_iter().any(|(one, other)| contradict(one, other))
        })
    }
}

/// Whether a predicate matches no value.
fn is_never(predicate: &Predicate) -> bool {
    match predicate {
        Predicate::Never => true,
        Predicate::In(members) => members.is_empty(),
        // A hash is at least 0. Nothing is at most NaN.
        Predicate::Split(share) => share.is_nan() || *share < 0.0,
        Predicate::Modulo { divisor, remainder } => {
            remainder.is_nan() || (*divisor > 0.0 && (*remainder < 0.0 || remainder > divisor))
        }
        _ => false,
    }
}

/// Whether no value, and no absence of a value, matches both.
fn contradict(one: &Predicate, other: &Predicate) -> bool {
    match (one, other) {
        (Predicate::IsNotSet, other) => !matches!(other, Predicate::IsNotSet),
        (Predicate::Contains(text), Predicate::NotContains(part)) => text.contains(part.as_str()),
        (Predicate::Compare(one), Predicate::Compare(other)) => one.is_negation_of(other),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use crate::{DefaultJson, Document, Options};

    /// Whether a segment with these rules is said to match never.
    fn never(rules: &str) -> bool {
        let text = format!(
            r#"{{"api_key": "e", "feature_states": [{{"feature": {{"name": "f"}}}}],
                "project": {{"segments": [{{"name": "other", "rules": [{{"type": "ALL"}}]}}, {{"name": "s", "rules": [{rules}]}}]}}}}"#
        );
        let document = Document::parse(&text).unwrap();
        let (environment, _) = document.compile(Options::default(), |_| DefaultJson::default()).unwrap();
        let never = environment.segments_that_never_match();
        assert!(never.iter().all(|(at, name, _)| (*at, *name) == (1, "s")), "{never:?}");
        !never.is_empty()
    }

    fn condition(property: &str, operator: &str, value: &str) -> alloc::string::String {
        format!(r#"{{"property_": "{property}", "operator": "{operator}", "value": "{value}"}}"#)
    }

    #[test]
    fn segments_that_can_never_match() {
        let c = condition;
        let all = |parts: &[alloc::string::String]| {
            format!(r#"{{"type": "ALL", "conditions": [{}]}}"#, parts.join(","))
        };
        let any = |parts: &[alloc::string::String]| {
            format!(r#"{{"type": "ANY", "conditions": [{}]}}"#, parts.join(","))
        };
        let unknown = || c("p", "NEWER", "1");
        let good = || c("p", "EQUAL", "1");
        let within = |kind: &str, rules: &[alloc::string::String]| {
            format!(r#"{{"type": "{kind}", "rules": [{}]}}"#, rules.join(","))
        };
        for (situation, rules, expected) in [
            ("no rules", alloc::string::String::new(), true),
            ("an empty rule", all(&[]), false),
            ("an unknown operator among all", all(&[good(), unknown()]), true),
            ("an unknown operator among any", any(&[good(), unknown()]), false),
            ("unknown operators only", any(&[unknown(), unknown()]), true),
            ("an unknown operator among none", all(&[unknown()]).replace("ALL", "NONE"), false),
            ("an unknown type of rule", all(&[good()]).replace("ALL", "SOME"), true),
            ("one of several rules", format!("{},{}", all(&[good()]), all(&[unknown()])), true),
            ("a rule within", within("ALL", &[any(&[unknown()])]), true),
            ("one rule within of any", within("ANY", &[any(&[unknown()]), any(&[good()])]), false),
            ("both rules within of any", within("ANY", &[any(&[unknown()]), all(&[unknown()])]), true),
            ("set and not set", all(&[c("p", "IS_NOT_SET", ""), good()]), true),
            ("another trait", all(&[c("q", "IS_NOT_SET", ""), good()]), false),
            ("not set twice", all(&[c("p", "IS_NOT_SET", ""), c("p", "IS_NOT_SET", "")]), false),
            ("set or not set", any(&[c("p", "IS_NOT_SET", ""), good()]), false),
            ("equal and not equal", all(&[c("p", "NOT_EQUAL", "1"), good()]), true),
            ("not equal to something else", all(&[c("p", "NOT_EQUAL", "2"), good()]), false),
            // A trait that is true equals both.
            ("two texts", all(&[c("p", "EQUAL", "a"), c("p", "EQUAL", "b")]), false),
            // The text "2a" is in between.
            ("bounds of texts", all(&[c("p", "GREATER_THAN", "10"), c("p", "LESS_THAN", "5")]), false),
            ("contains and not", all(&[c("p", "CONTAINS", "abc"), c("p", "NOT_CONTAINS", "b")]), true),
            ("contains more", all(&[c("p", "CONTAINS", "b"), c("p", "NOT_CONTAINS", "abc")]), false),
            (
                "in rules of one condition",
                within("ALL", &[any(&[c("p", "IS_NOT_SET", "")]), any(&[good()])]),
                true,
            ),
            ("in rules of any", within("ANY", &[any(&[c("p", "IS_NOT_SET", "")]), any(&[good()])]), false),
            ("a share below 0", all(&[c("", "PERCENTAGE_SPLIT", "-1")]), true),
            ("a share of 0", all(&[c("", "PERCENTAGE_SPLIT", "0")]), false),
            ("a remainder beyond the divisor", all(&[c("p", "MODULO", "5|7")]), true),
            ("a remainder", all(&[c("p", "MODULO", "5|4")]), false),
            ("an empty list", all(&[c("p", "IN", "[]")]), true),
            ("the empty text as a list", all(&[c("p", "IN", "")]), false),
            (
                "a flag",
                all(&[c("$.flags.f.enabled", "IS_NOT_SET", ""), c("$.flags.f.enabled", "IS_SET", "")]),
                false,
            ),
        ] {
            assert_eq!(never(&rules), expected, "{situation}");
        }
    }
}
