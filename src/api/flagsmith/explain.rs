//! `POST /api/v1/explain/` (`PROTOCOL.md`, 13): why the flags of an identity have their values, for server-side keys. The body
//! is that of `POST /api/v1/identities/`, and nothing of it is stored.

use engine::{ExplainedRule, Explanation, Texts};
use http::StatusCode;
use serde_json::Value as Json;
use serde_json::value::RawValue;

use super::Call;
use super::error::RequestError;
use super::identities::{self, Identified, Traits};
use super::traits::{self, Trait};
use crate::access::Access;
use crate::bundle::Section;
use crate::explanation::{
    ExplainedEnvironment, ExplainedIdentity, ExplainedTrait, ExplanationAnswer, TraitOrigin,
};
use crate::key::KeyKind;
use crate::reply::Reply;
use crate::store::{Body, Store};

/// How much an answer says at most, so that no request takes more than 50 ms of vCPU: see [`engine::Compiled::explanation_size`].
const SIZE_LIMIT: usize = 20_000;
/// Bytes of texts that are read.
const TEXTS_LIMIT: u64 = 2 << 20;

pub(super) fn answer<S: Store>(
    call: &Call<'_>,
    body: &mut dyn Body,
    mut access: Access<S::Handle>,
    store: &mut S,
) -> Result<Reply<S::Handle>, RequestError> {
    if access.kind == KeyKind::Client {
        return Err(RequestError::NoServerKey);
    }
    let request = identities::read(call.request, body)?;
    let Identified { mut identity, traits, feature } = identities::identified(call, request, &access, store);
    let Traits { traits, system, .. } = traits;
    let system: Vec<Trait> = system.iter().filter_map(traits::of_stored).collect();
    let hides = access.copy.header.switches.hide_sensitive_data;
    let shown = traits.iter().map(|counts| explained(counts, origin(counts), hides));
    let shown = shown.chain(system.iter().map(|counts| explained(counts, TraitOrigin::System, true)));
    let shown: Vec<ExplainedTrait> = shown.collect();
    let system_keys: Vec<String> = system.iter().map(|counts| counts.key.clone()).collect();
    let identifier = identity.identifier.clone();
    identity.traits = traits.into_iter().chain(system).map(|counts| (counts.key, counts.value)).collect();

    let compiled = store.compiled(&mut access.copy).map_err(|_| RequestError::Unavailable)?;
    let names = || compiled.feature_names().map(|name| (name, name));
    let feature = feature.map(|feature| feature.find(names())).transpose()?;
    check_size(compiled.explanation_size(feature), feature)?;
    let texts = texts(&mut access, store)?;
    let has_texts = texts.is_some();
    let texts = texts.unwrap_or_default();
    let mut explanation = compiled.explain(Some(&identity), feature, &texts);
    let may_hold_system = |property: &str| {
        let is_named = system_keys.iter().any(|key| key == property);
        is_named || (property.starts_with("$.identity") && !system_keys.is_empty())
    };
    hide(&mut explanation, &|property| hides || may_hold_system(property));
    let copy = &access.copy;
    let Explanation { flags, segments } = explanation;
    let answer = ExplanationAnswer {
        environment: ExplainedEnvironment {
            key: access.environment.to_string(),
            revision: Some(copy.header.revision.0),
            updated_at: Some(copy.header.revision.iso()),
            age: Some(copy.age),
            source: copy.source.as_str().to_owned(),
            hides_disabled_flags: copy.header.switches.hide_disabled_flags,
            hides_sensitive_data: hides,
            has_texts,
        },
        identity: Some(ExplainedIdentity { identifier, traits: shown }),
        flags,
        segments,
    };
    let body = serde_json::to_vec(&answer).map_err(|_| RequestError::Unavailable)?;
    Ok(Reply::json(StatusCode::OK, body))
}

fn check_size(size: usize, feature: Option<&str>) -> Result<(), RequestError> {
    let what = match feature {
        _ if size <= SIZE_LIMIT => return Ok(()),
        None => "The environment is too large to be explained whole. Name a ?feature=.",
        Some(_) => {
            "The segments of the feature are too large. `jackstaff explain` explains a document of any size."
        }
    };
    Err(RequestError::detail(what))
}

/// The texts of an environment. None in bundles of earlier versions, and if they are too many to be read.
fn texts<S: Store>(access: &mut Access<S::Handle>, store: &mut S) -> Result<Option<Texts>, RequestError> {
    if access.copy.header.span(Section::Texts).is_none_or(|span| span.bytes() > TEXTS_LIMIT) {
        return Ok(None);
    }
    let bytes = store.section(&mut access.copy, Section::Texts).map_err(|_| RequestError::Unavailable)?;
    Texts::decode(&bytes).map(Some).ok_or(RequestError::Unavailable)
}

fn origin(counts: &Trait) -> TraitOrigin {
    match counts {
        Trait { is_stored: true, .. } => TraitOrigin::Stored,
        Trait { transient: true, .. } => TraitOrigin::Transient,
        _ => TraitOrigin::Sent,
    }
}

fn explained(counts: &Trait, origin: TraitOrigin, is_hidden: bool) -> ExplainedTrait {
    let json = if is_hidden { None } else { RawValue::from_string(counts.json.clone()).ok() };
    ExplainedTrait {
        trait_key: counts.key.clone(),
        trait_value: json.unwrap_or_else(|| RawValue::NULL.to_owned()),
        origin,
    }
}

/// Leaves out what was read of the identity.
fn hide(explanation: &mut Explanation, is_hidden: &dyn Fn(&str) -> bool) {
    fn hide_in(rule: &mut ExplainedRule, is_hidden: &dyn Fn(&str) -> bool) {
        rule.rules.iter_mut().for_each(|rule| hide_in(rule, is_hidden));
        for condition in rule.conditions.iter_mut().filter(|condition| is_hidden(&condition.property)) {
            condition.found = Json::Null;
            if let Some(hash) = &mut condition.hash {
                hash.hash_input.clear();
            }
        }
    }
    for segment in &mut explanation.segments {
        segment.rules.iter_mut().for_each(|rule| hide_in(rule, is_hidden));
    }
}
