//! What a person wants to know of a document before it is published: all that publication refuses or warns of, and more.
//! Nothing is asked or written.

mod rules;
#[cfg(test)]
mod tests;
mod view;

use api::{EnvironmentKey, Revision};
use engine::{Cost, DefaultJson, InputError, Warning, WarningKind};
use jiff::Timestamp;

use crate::bundle::{self, BundleError};
use crate::cost::{CostLevel, sentence};
use crate::export;
use crate::members::UnknownMembers;
use crate::options::PublishOptions;
use crate::source::{DocumentSource, Place, SourceError, without_mark};

pub use rules::LINT_RULES;

/// Something that a person should look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Where: `feature_states[3]`, or "segment `beta`, condition 2".
    pub place: String,
    pub severity: Severity,
    /// A lower-case sentence without a full stop.
    pub message: String,
    /// The name of the rule: one of [`LINT_RULES`], which stay the same.
    pub rule: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    Warning,
    /// Publication refuses the document.
    Error,
}

/// What was found in a document.
#[derive(Debug)]
pub struct Lint {
    pub findings: Vec<Finding>,
    /// The document, unless it is refused.
    pub source: Option<DocumentSource>,
    /// What a request of it may cost, in steps; none if it could not be compiled.
    pub steps: Option<u64>,
}

impl Finding {
    /// The environment of a file is that of another file, too.
    pub fn environment_twice(key: &EnvironmentKey, other: &Place) -> Finding {
        let message = format!("environment `{key}` is in {other}, too");
        error("api_key", message, rules::ENVIRONMENT_TWICE)
    }
}

/// A limit is near from this share of it, in percent.
const NEAR: usize = 80;

/// Looks at the text of a file.
pub fn lint(place: &Place, text: &str, options: &PublishOptions, now: Timestamp) -> Lint {
    let mut findings = Vec::new();
    let text = without_mark(text);
    let document = match export::document(text) {
        Ok(document) => document,
        Err(fault) => return refused(findings, "the whole", &fault.to_string(), rules::EXPORT),
    };
    let members = UnknownMembers::of(&document);
    let misspelt = members.misspelt.iter();
    findings.extend(misspelt.map(|member| error(&member.place, member.to_string(), rules::MISSPELT_MEMBER)));
    let unknown = members.unknown.iter();
    findings.extend(
        unknown.map(|place| warning(place, "unknown, and left out".to_owned(), rules::UNKNOWN_MEMBER)),
    );
    if !members.misspelt.is_empty() {
        return Lint { findings, source: None, steps: None };
    }
    let source = match DocumentSource::parse(place, text) {
        Ok(source) => source,
        Err(fault) => {
            let (place, message) = parts(fault);
            return refused(findings, &place, &message, rules::DOCUMENT);
        }
    };
    findings.extend(view::findings(&document));
    let steps = match bundle::build(&source, None, Revision::next(None, now), now, options) {
        Ok(bundle) => {
            findings.extend(bundle.warnings.iter().filter_map(of_warning));
            findings.extend(near("the whole", "bytes of the bundle", bundle.bytes.len(), bundle::LIMIT));
            findings.extend(bundle.cost.as_ref().and_then(dear));
            bundle.cost.as_ref().map(Cost::steps)
        }
        Err(fault) => {
            let (place, message) = parts_of_bundle(&fault);
            return refused(findings, &place, &message, rules::LIMIT);
        }
    };
    findings.extend(never_matching(&source, options));
    if let Some(at) = source.updated_at.filter(|at| *at > now) {
        let message = format!("{at} is in the future");
        findings.push(warning("updated_at", message, rules::FUTURE));
    }
    for usage in source.document.usage() {
        findings.extend(near("the whole", usage.what, usage.count, usage.limit));
    }
    let is_refused = findings.iter().any(|finding| finding.severity == Severity::Error);
    Lint { findings, source: (!is_refused).then_some(source), steps }
}

fn error(place: &str, message: String, rule: &'static str) -> Finding {
    Finding { place: place.to_owned(), severity: Severity::Error, message, rule }
}

fn warning(place: &str, message: String, rule: &'static str) -> Finding {
    Finding { place: place.to_owned(), severity: Severity::Warning, message, rule }
}

fn refused(mut findings: Vec<Finding>, place: &str, message: &str, rule: &'static str) -> Lint {
    findings.push(error(place, message.to_owned(), rule));
    Lint { findings, source: None, steps: None }
}

/// The place in a document that was refused, and what is wrong there.
fn parts(fault: SourceError) -> (String, String) {
    match fault {
        SourceError::Refused { refusal: InputError { place, fault }, .. } => (place, fault),
        SourceError::Key { fault, .. } => ("api_key".to_owned(), fault.to_string()),
        SourceError::UpdatedAt { text, .. } => {
            ("updated_at".to_owned(), format!("not an ISO 8601 time: {text:?}"))
        }
        other => ("the whole".to_owned(), other.to_string()),
    }
}

fn parts_of_bundle(fault: &BundleError) -> (String, String) {
    let text = fault.to_string();
    match text.split_once(": ") {
        Some((place, message)) => (place.to_owned(), message.to_owned()),
        None => ("the whole".to_owned(), text),
    }
}

/// A warning of publication as a finding. Unknown members are findings of their own already.
fn of_warning(given: &Warning) -> Option<Finding> {
    let rule = match given.kind {
        WarningKind::NeverMatches => rules::CONDITION_NEVER_MATCHES,
        WarningKind::Unknown => rules::UNKNOWN_OPERATOR,
        WarningKind::Switch => rules::SWITCH,
        WarningKind::Share => rules::SHARE,
        WarningKind::UnknownMember => return None,
    };
    Some(warning(&given.place, given.fault.clone(), rule))
}

/// What a request may cost, if publication warns of it or refuses it.
fn dear(cost: &Cost) -> Option<Finding> {
    let severity = match CostLevel::of(cost.steps()) {
        CostLevel::Green => return None,
        CostLevel::Dear => Severity::Warning,
        CostLevel::TooDear => Severity::Error,
    };
    Some(Finding { place: "the whole".to_owned(), severity, message: sentence(cost), rule: rules::DEAR })
}

fn never_matching(source: &DocumentSource, options: &PublishOptions) -> Vec<Finding> {
    let compiled = source.document.compile(options.engine(), |_| DefaultJson::default());
    let Ok((environment, _)) = compiled else { return Vec::new() };
    let never = environment.segments_that_never_match().into_iter();
    never
        .map(|(at, name, why)| {
            let place = format!("project.segments[{at}]");
            warning(&place, format!("segment `{name}` can never match: {why}"), rules::SEGMENT_NEVER_MATCHES)
        })
        .collect()
}

fn near(place: &str, what: &str, count: usize, limit: usize) -> Option<Finding> {
    (count * 100 > limit * NEAR).then(|| {
        let share = count * 100 / limit;
        warning(
            place,
            format!("{count} {what}, {share} % of the {limit} that are accepted"),
            rules::LIMIT_NEAR,
        )
    })
}
