//! An explanation for people: what was evaluated, then each flag, then each segment.

use api::explanation::{ExplainedEnvironment, ExplainedIdentity, ExplanationAnswer, TraitOrigin};
use engine::{ExplainedFlag, ExplainedRule, ExplainedSegment};
use publisher::on_one_line;

use super::words;

/// The whole of it. Names and values may be text of others, so each line is made safe for a terminal.
pub(super) fn table(answer: &ExplanationAnswer) -> String {
    let mut lines = vec![environment(&answer.environment)];
    lines.extend(identity(answer.identity.as_ref()));
    for explained in &answer.flags {
        lines.push(String::new());
        lines.extend(flag(explained));
    }
    for explained in &answer.segments {
        lines.push(String::new());
        lines.extend(segment(explained));
    }
    lines.iter().map(|line| on_one_line(line) + "\n").collect()
}

fn environment(environment: &ExplainedEnvironment) -> String {
    let ExplainedEnvironment { key, revision, updated_at, age, source, .. } = environment;
    let mut line = format!("environment {key}");
    if let Some(revision) = revision {
        line.push_str(&format!(", revision {revision}"));
    }
    if let Some(updated_at) = updated_at {
        line.push_str(&format!(", of {updated_at}"));
    }
    line.push_str(match source.as_str() {
        "file" => ", from a file",
        "kv" => ", from the KV store",
        "stale" => ", from a stale copy of the POP",
        _ => ", from the POP's copy",
    });
    if let Some(age) = age {
        line.push_str(&format!(", confirmed {age} s ago"));
    }
    if !environment.has_texts {
        line.push_str("; texts of conditions and priorities are not known");
    }
    line
}

fn identity(identity: Option<&ExplainedIdentity>) -> Vec<String> {
    let Some(ExplainedIdentity { identifier, traits }) = identity else {
        return vec!["no identity".to_owned()];
    };
    let mut lines = vec![format!("identity {identifier:?}")];
    lines.extend(traits.iter().map(|counts| {
        let origin = match counts.origin {
            TraitOrigin::Stored => "stored",
            TraitOrigin::Sent => "sent",
            TraitOrigin::Transient => "sent, transient",
            TraitOrigin::System => "set by the control plane",
        };
        format!("  trait {} = {} ({origin})", counts.trait_key, counts.trait_value.get())
    }));
    lines
}

fn flag(flag: &ExplainedFlag) -> Vec<String> {
    let state = words::state(flag.enabled, flag.value.get());
    let mut lines = vec![format!("flag {}: {state}", flag.name), format!("  {}", words::origin(flag))];
    lines.extend(flag.candidates.iter().filter_map(words::lost).map(|line| format!("  {line}")));
    lines.extend(flag.split.iter().map(|split| format!("  {}", words::split(split))));
    if !flag.reads.is_empty() {
        lines.push(format!("  its segments read the flags: {}", flag.reads.join(", ")));
    }
    if flag.server_only {
        lines.push("  client-side keys do not see it".to_owned());
    }
    lines
}

fn segment(segment: &ExplainedSegment) -> Vec<String> {
    let mut lines = vec![format!("segment {}: {}", segment.name, words::segment(segment))];
    for one in &segment.rules {
        rule(one, 1, &mut lines);
    }
    lines
}

fn rule(rule: &ExplainedRule, depth: usize, lines: &mut Vec<String>) {
    let indent = "  ".repeat(depth);
    lines.push(format!("{indent}{}  {}", words::verdict(rule.matched), words::rule(&rule.kind)));
    for condition in &rule.conditions {
        let verdict = words::verdict(condition.matched);
        lines.push(format!("{indent}  {verdict}  {}", words::condition(condition)));
    }
    for one in &rule.rules {
        self::rule(one, depth + 1, lines);
    }
}
