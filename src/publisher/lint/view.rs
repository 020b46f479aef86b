//! What a document has twice, overrides in vain, or does not use. The engine merges and sorts what it reads; this looks at the
//! document as it was written, so that the places are those of the file.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use serde::Deserialize;
use serde_json::Value;

use super::{Finding, rules, warning};

#[derive(Deserialize)]
struct DocumentView {
    feature_states: Vec<State>,
    project: Project,
    identity_overrides: Option<Vec<Identity>>,
}

#[derive(Deserialize)]
struct Project {
    segments: Vec<Segment>,
}

#[derive(Deserialize)]
struct Segment {
    id: Option<Value>,
    name: Option<String>,
    feature_states: Option<Vec<State>>,
}

#[derive(Deserialize)]
struct State {
    feature: Feature,
}

#[derive(Deserialize)]
struct Feature {
    id: Option<Value>,
    name: String,
}

#[derive(Deserialize)]
struct Identity {
    identifier: String,
    identity_features: Option<Vec<State>>,
}

/// Looks at the text of a document that can be read.
pub(super) fn findings(document: &str) -> Vec<Finding> {
    let Ok(document) = serde_json::from_str::<DocumentView>(document) else { return Vec::new() };
    let mut findings = Vec::new();
    features(&document.feature_states, &mut findings);
    let known: BTreeMap<&str, usize> =
        document.feature_states.iter().zip(0..).map(|(state, at)| (&*state.feature.name, at)).collect();
    segments(&document.project.segments, &known, &mut findings);
    identities(document.identity_overrides.as_deref().unwrap_or_default(), &known, &mut findings);
    findings
}

/// The first place of each name.
#[derive(Default)]
struct FirstPlaces(BTreeMap<String, String>);

impl FirstPlaces {
    /// The place where the name was before; none if it is new.
    fn before(&mut self, name: &str, place: &str) -> Option<String> {
        match self.0.entry(name.to_owned()) {
            Entry::Occupied(first) => Some(first.get().clone()),
            Entry::Vacant(new) => {
                new.insert(place.to_owned());
                None
            }
        }
    }
}

/// The text of an id that counts: absent, `null` and 0 are none, and texts may be numbers.
fn id_text(id: Option<&Value>) -> Option<String> {
    let text = match id? {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    (text != "0").then_some(text)
}

fn features(states: &[State], findings: &mut Vec<Finding>) {
    let (mut names, mut ids) = (FirstPlaces::default(), FirstPlaces::default());
    for (state, at) in states.iter().zip(0..) {
        let place = format!("feature_states[{at}]");
        let name = &state.feature.name;
        if let Some(first) = names.before(name, &place) {
            let message = format!("feature `{name}` is at {first} already; the last of them counts");
            findings.push(warning(&place, message, rules::FEATURE_TWICE));
            continue;
        }
        let id = id_text(state.feature.id.as_ref());
        if let Some(first) = id.as_ref().and_then(|id| ids.before(id, &place)) {
            let id = id.unwrap_or_default();
            let message = format!("feature `{name}` has the id {id} of the feature at {first}");
            findings.push(warning(&place, message, rules::FEATURE_TWICE));
        }
    }
}

fn segments(segments: &[Segment], known: &BTreeMap<&str, usize>, findings: &mut Vec<Finding>) {
    let (mut names, mut ids) = (FirstPlaces::default(), FirstPlaces::default());
    for (segment, at) in segments.iter().zip(0..) {
        let place = format!("project.segments[{at}]");
        let name = segment.name.as_deref().unwrap_or_default();
        if let Some(first) = names.before(name, &place) {
            let message = format!("segment `{name}` has the name of the segment at {first}");
            findings.push(warning(&place, message, rules::SEGMENT_TWICE));
        }
        let id = id_text(segment.id.as_ref());
        if let Some(first) = id.as_ref().and_then(|id| ids.before(id, &place)) {
            let id = id.unwrap_or_default();
            let message = format!(
                "segment `{name}` has the id {id} of the segment at {first}, so both split identities alike"
            );
            findings.push(warning(&place, message, rules::SEGMENT_TWICE));
        }
        let states = segment.feature_states.as_deref().unwrap_or_default();
        if states.is_empty() {
            let message = format!("segment `{name}` overrides no feature");
            findings.push(warning(&place, message, rules::SEGMENT_UNUSED));
        }
        let mut overridden = FirstPlaces::default();
        let owner = format!("segment `{name}`");
        let list = format!("{place}.feature_states");
        let which = "the one with the lowest priority counts, or else the first";
        overrides(states, &owner, &list, known, &mut overridden, which, findings);
    }
}

fn identities(identities: &[Identity], known: &BTreeMap<&str, usize>, findings: &mut Vec<Finding>) {
    let mut identifiers = FirstPlaces::default();
    let mut overridden: BTreeMap<&str, FirstPlaces> = BTreeMap::new();
    for (identity, at) in identities.iter().zip(0..) {
        let place = format!("identity_overrides[{at}]");
        let identifier = identity.identifier.as_str();
        if let Some(first) = identifiers.before(identifier, &place) {
            let message = format!("identity `{identifier}` is at {first} already; both are put together");
            findings.push(warning(&place, message, rules::IDENTITY_TWICE));
        }
        let states = identity.identity_features.as_deref().unwrap_or_default();
        let owner = format!("identity `{identifier}`");
        let list = format!("{place}.identity_features");
        let of_identity = overridden.entry(identifier).or_default();
        overrides(states, &owner, &list, known, of_identity, "the first counts", findings);
    }
}

/// Overrides of one segment or identity. `which`: what of two of one feature counts.
fn overrides(
    states: &[State],
    owner: &str,
    list: &str,
    known: &BTreeMap<&str, usize>,
    overridden: &mut FirstPlaces,
    which: &str,
    findings: &mut Vec<Finding>,
) {
    for (state, at) in states.iter().zip(0..) {
        let place = format!("{list}[{at}]");
        let name = &state.feature.name;
        if !known.contains_key(name.as_str()) {
            let message = format!("{owner} overrides feature `{name}`, which the environment does not have");
            findings.push(warning(&place, message, rules::OVERRIDE_UNKNOWN_FEATURE));
        }
        if let Some(first) = overridden.before(name, &place) {
            let message = format!("{owner} overrides feature `{name}` at {first} already; {which}");
            findings.push(warning(&place, message, rules::OVERRIDE_TWICE));
        }
    }
}
