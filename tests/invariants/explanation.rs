use engine::{
    CandidateOutcome, Compiled, Environment, ExplainedCondition, ExplainedFlag, ExplainedRule, Explanation,
    Identity, Origin, Texts,
};
use serde_json::{Value, from_str, json, to_string};

/// An explanation says what the evaluation says, and its parts lead to that: the verdicts of conditions to those of rules and
/// segments, the matching segments and their priorities to the state, the percentage to the variant. It is the same after its
/// texts were stored, and what is said without texts is the same, too.
pub fn explanation(environment: &Environment, compiled: &Compiled, identity: Option<&Identity>) {
    let texts = Texts::decode(&environment.texts().encode()).unwrap();
    assert_eq!(&texts, environment.texts());
    let explained = compiled.explain(identity, None, &texts);
    agrees_with_the_evaluation(&explained, compiled, identity);
    for segment in &explained.segments {
        segment.rules.iter().for_each(rule);
        let decided = all(segment.rules.iter().map(|rule| rule.matched));
        let expected = !segment.rules.is_empty() && decided != Some(false);
        assert!(segment.matched == expected || segment.cycle_cut, "{segment:?}");
    }
    explained.flags.iter().for_each(flag);
    let without = compiled.explain(identity, None, &Texts::default());
    agrees_with_the_evaluation(&without, compiled, identity);
    for one in &explained.flags {
        let alone = compiled.explain(identity, Some(&one.name), &texts);
        assert_eq!(to_string(&alone.flags[0]).unwrap(), to_string(one).unwrap());
    }
    from_str::<Explanation>(&to_string(&explained).unwrap()).unwrap();
}

fn agrees_with_the_evaluation(explained: &Explanation, compiled: &Compiled, identity: Option<&Identity>) {
    let evaluation = compiled.evaluate(identity);
    let flags: Vec<Value> = evaluation
        .flags
        .iter()
        .map(|flag| {
            json!([flag.name(), flag.enabled(), flag.value(), flag.reason.to_string(), flag.variant()])
        })
        .collect();
    let said: Vec<Value> = explained
        .flags
        .iter()
        .map(|flag| json!([flag.name, flag.enabled, flag.value.get(), flag.reason, flag.variant]))
        .collect();
    assert_eq!(said, flags);
    let is_own = |flag: &ExplainedFlag| flag.origin == Origin::Identity;
    let own = explained.flags.iter().any(is_own).then_some("identity_overrides");
    let matched = explained.segments.iter().filter(|segment| segment.matched);
    let said: Vec<&str> = matched.map(|segment| segment.name.as_str()).chain(own).collect();
    let segments: Vec<&str> = evaluation.segments.iter().map(|segment| segment.name).collect();
    assert_eq!(said, segments);
}

fn rule(rule: &ExplainedRule) {
    rule.rules.iter().for_each(self::rule);
    rule.conditions.iter().for_each(condition);
    let Some(matched) = rule.matched else { return };
    let verdict = |verdicts: Vec<Option<bool>>| match rule.kind.as_str() {
        _ if verdicts.is_empty() => Some(true),
        "ALL" => all(verdicts.into_iter()),
        "ANY" => any(verdicts.into_iter()),
        "NONE" => any(verdicts.into_iter()).map(|any| !any),
        _ => Some(false),
    };
    let is_known = ["ALL", "ANY", "NONE"].contains(&rule.kind.as_str());
    let conditions = verdict(rule.conditions.iter().map(|condition| condition.matched).collect());
    let rules = verdict(rule.rules.iter().map(|rule| rule.matched).collect());
    let expected = is_known && conditions == Some(true) && rules == Some(true);
    assert_eq!(matched, expected, "{rule:?}");
}

/// Whether all match; none if it is not decided.
fn all(mut verdicts: impl Iterator<Item = Option<bool>> + Clone) -> Option<bool> {
    if verdicts.clone().any(|verdict| verdict == Some(false)) {
        return Some(false);
    }
    verdicts.all(|verdict| verdict == Some(true)).then_some(true)
}

fn any(mut verdicts: impl Iterator<Item = Option<bool>> + Clone) -> Option<bool> {
    if verdicts.clone().any(|verdict| verdict == Some(true)) {
        return Some(true);
    }
    verdicts.all(|verdict| verdict == Some(false)).then_some(false)
}

fn condition(condition: &ExplainedCondition) {
    if let Some(hash) = &condition.hash {
        let share = condition.compared_with.as_f64();
        let expected = share.is_some_and(|share| hash.percent <= share);
        // JSON has no infinite share.
        assert!(condition.matched == Some(expected) || share.is_none(), "{condition:?}");
    }
    if condition.fault.is_some() && condition.matched.is_some() {
        assert_eq!(condition.matched, Some(false), "{condition:?}");
    }
}

fn flag(flag: &ExplainedFlag) {
    let won: Vec<_> = flag.candidates.iter().filter(|one| one.outcome == CandidateOutcome::Won).collect();
    let [won] = won.as_slice() else { panic!("{} winners: {flag:?}", won.len()) };
    assert_eq!((won.origin, &won.segment, won.enabled), (flag.origin, &flag.segment, flag.enabled));
    let priority = |priority: &Value| priority.as_f64().unwrap_or(f64::INFINITY);
    for other in &flag.candidates {
        let (own, other_priority) = (priority(&won.priority), priority(&other.priority));
        match other.outcome {
            CandidateOutcome::LostByPriority => assert!(own <= other_priority, "{flag:?}"),
            CandidateOutcome::LostByOrder => assert!(own.total_cmp(&other_priority).is_eq(), "{flag:?}"),
            CandidateOutcome::LostToIdentity => assert_eq!(flag.origin, Origin::Identity),
            CandidateOutcome::Overridden => assert_ne!(flag.origin, Origin::Default),
            _ => {}
        }
    }
    match &flag.split {
        None => assert_eq!(won.value.get(), flag.value.get()),
        Some(split) => {
            let chosen: Vec<_> = split.shares.iter().filter(|share| share.chosen).collect();
            let [chosen] = chosen.as_slice() else { panic!("{} shares: {flag:?}", chosen.len()) };
            assert_eq!((chosen.value.get(), &chosen.variant), (flag.value.get(), &flag.variant));
            let in_share = chosen.from <= split.percent && split.percent < chosen.to;
            assert!(in_share || chosen.variant.as_deref() == Some("control"), "{flag:?}");
        }
    }
}
