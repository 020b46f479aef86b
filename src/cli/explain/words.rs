//! The sentences of a table.

use engine::{
    Candidate, CandidateOutcome, ExplainedCondition, ExplainedFlag, ExplainedSegment, ExplainedSplit, Origin,
};
use serde_json::Value as Json;

/// Whether a flag is on, and its value.
pub(super) fn state(enabled: bool, value: &str) -> String {
    format!("{}, value {value}", if enabled { "on" } else { "off" })
}

/// Where the state of a flag comes from.
pub(super) fn origin(flag: &ExplainedFlag) -> String {
    if flag.reason.starts_with("ERROR") {
        return "its segments read flags that depend on this flag (a cycle), so they do not match".to_owned();
    }
    let won = flag.candidates.iter().find(|one| one.outcome == CandidateOutcome::Won);
    match flag.origin {
        Origin::Identity => "the identity has an override of its own".to_owned(),
        Origin::Segment => {
            let segment = flag.segment.as_deref().unwrap_or_default();
            format!("the segment {segment} matches{}", won.map(priority).unwrap_or_default())
        }
        Origin::Default if flag.candidates.len() > 1 => {
            "the environment's default, since no override applies".to_owned()
        }
        Origin::Default => "the environment's default, which nothing overrides".to_owned(),
    }
}

fn priority(candidate: &Candidate) -> String {
    match &candidate.priority {
        Json::Null => String::new(),
        priority => format!(" (priority {priority})"),
    }
}

/// A state that the flag does not have, and why. None for the one that it has, and for a default.
pub(super) fn lost(candidate: &Candidate) -> Option<String> {
    let segment = candidate.segment.as_deref()?;
    let why = match candidate.outcome {
        CandidateOutcome::Won | CandidateOutcome::Overridden => return None,
        CandidateOutcome::NotMatched => "the segment does not match",
        CandidateOutcome::CycleCut => "the segment reads a flag that depends on it (a cycle)",
        CandidateOutcome::LostToIdentity => "it matches, and the identity's own override is stronger",
        CandidateOutcome::LostByPriority => "it matches, and a stronger priority won",
        CandidateOutcome::LostByOrder => "it matches, and an override of the same priority stands before it",
        CandidateOutcome::TooLate => "it matches, but the flag was decided before (a cycle)",
    };
    let state = state(candidate.enabled, candidate.value.get());
    Some(format!("not: segment {segment}{}, {state}: {why}", priority(candidate)))
}

/// How a variant was chosen.
pub(super) fn split(split: &ExplainedSplit) -> String {
    let name =
        |variant: &Option<String>| variant.clone().unwrap_or_else(|| "a variant without a key".to_owned());
    let shares = split.shares.iter().map(|share| {
        let chosen = if share.chosen { ", chosen" } else { "" };
        format!("{} from {} % to {} %{chosen}", name(&share.variant), percent(share.from), percent(share.to))
    });
    let shares: Vec<String> = shares.collect();
    format!("{:?} is hashed to {} %: {}", split.hash_input, percent(split.percent), shares.join("; "))
}

/// With two digits behind the point at most.
fn percent(percent: f64) -> String {
    let text = format!("{percent:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

pub(super) fn segment(segment: &ExplainedSegment) -> &'static str {
    match segment {
        _ if segment.matched => "matches",
        _ if segment.cycle_cut => "does not match, since it reads a flag that depends on it (a cycle)",
        _ if segment.rules.is_empty() => "does not match, since it has no rules",
        _ => "does not match",
    }
}

pub(super) fn rule(kind: &str) -> String {
    match kind {
        "ALL" => "all of these".to_owned(),
        "ANY" => "any of these".to_owned(),
        "NONE" => "none of these".to_owned(),
        other => format!("a rule of the unknown type {other:?}, which never matches"),
    }
}

/// A verdict, in four columns.
pub(super) fn verdict(matched: Option<bool>) -> &'static str {
    match matched {
        Some(true) => "yes",
        Some(false) => "no ",
        None => "-  ",
    }
}

pub(super) fn condition(condition: &ExplainedCondition) -> String {
    let ExplainedCondition { property, operator, value, .. } = condition;
    let head = match value {
        Json::Null => format!("{property} {operator}"),
        value => format!("{property} {operator} {value}"),
    };
    format!("{head}: {}", comparison(condition))
}

fn comparison(condition: &ExplainedCondition) -> String {
    if condition.matched.is_none() {
        return "not evaluated, since the rest decides".to_owned();
    }
    if let Some(fault) = &condition.fault {
        return format!("never matches: {fault}");
    }
    if let Some(hash) = &condition.hash {
        let share = condition.compared_with.as_f64().map_or_else(|| "?".to_owned(), percent);
        return format!(
            "{:?} is hashed to {} %, and up to {share} % match",
            hash.hash_input,
            percent(hash.percent)
        );
    }
    let ExplainedCondition { found, compared_with, .. } = condition;
    let Some(compared_as) = condition.compared_as.as_deref() else {
        return match found {
            Json::Null => "there is no such value".to_owned(),
            found => format!("found {found}, a type that the operator does not take"),
        };
    };
    if found.is_null() {
        return "found a value that is not shown".to_owned();
    }
    match (compared_as, compared_with) {
        ("presence", _) => format!("found {found}"),
        ("member", _) => format!("found {found}, compared as a member of the list"),
        ("pattern", _) => format!("found {found}, compared as a text with the pattern"),
        ("integer" | "float", Json::Null) => {
            format!("found {found}, a number, and the condition's value is not a number of that kind")
        }
        (compared_as, with) if with == &condition.value => {
            format!("found {found}, compared as {compared_as}")
        }
        (compared_as, with) => format!("found {found}, compared as {compared_as} with {with}"),
    }
}
