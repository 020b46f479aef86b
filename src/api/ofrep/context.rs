//! The context of an evaluation: who is asked about, and with which traits.

use std::collections::BTreeMap;

use engine::Value;
use http::HeaderMap;
use serde::Deserialize;
use serde_json::value::RawValue;
use xxhash_rust::xxh3::xxh3_128;

use super::error::EvaluationError;
use crate::flagsmith::{BODY_LIMIT, KEY_LIMIT, TEXT_LIMIT, TRAITS_LIMIT, is_longer, trait_value};
use crate::negotiate::check_json;
use crate::store::Body;

/// The member that says who is asked about.
const TARGETING_KEY: &str = "targetingKey";

/// A context, as it was sent.
pub(super) struct Context {
    /// Nobody without it, as for a list of flags.
    pub(super) targeting_key: Option<String>,
    /// In the order of their names.
    pub(super) traits: Vec<(String, Value)>,
    /// A hash of the whole context, as it was written.
    pub(super) hash: u128,
}

/// Reads the body of a request. Members beside `context` are ignored.
pub(super) fn read(headers: &HeaderMap, body: &mut dyn Body) -> Result<Context, EvaluationError> {
    #[derive(Deserialize)]
    struct Request<'a> {
        #[serde(borrow, default)]
        context: Option<&'a RawValue>,
    }
    check_json(headers).map_err(EvaluationError::MediaType)?;
    let body = body.read(BODY_LIMIT);
    if body.len() > BODY_LIMIT {
        return Err(EvaluationError::TooLarge(format!("the body has more than {BODY_LIMIT} bytes")));
    }
    let parse_error =
        |error: &dyn std::fmt::Display| EvaluationError::Parse(format!("the body is no JSON: {error}"));
    let text = std::str::from_utf8(&body).map_err(|error| parse_error(&error))?;
    let whole: &RawValue = serde_json::from_str(text.trim()).map_err(|error| parse_error(&error))?;
    if !whole.get().starts_with('{') {
        return Err(EvaluationError::Parse("the body is no object".to_owned()));
    }
    let request: Request<'_> = serde_json::from_str(whole.get()).map_err(|error| parse_error(&error))?;
    let context = request.context.ok_or_else(|| invalid("the body has no `context`"))?;
    if !context.get().starts_with('{') {
        return Err(invalid("`context` is no object"));
    }
    let members: BTreeMap<String, &RawValue> =
        serde_json::from_str(context.get()).map_err(|error| parse_error(&error))?;
    if members.len() > TRAITS_LIMIT + 1 {
        return Err(invalid(&format!("`context` has more than {TRAITS_LIMIT} members")));
    }
    let hash = xxh3_128(context.get().as_bytes());
    let mut read = Context { targeting_key: None, traits: Vec::with_capacity(members.len()), hash };
    for (name, raw) in members {
        if name == TARGETING_KEY {
            read.targeting_key = targeting_key(raw)?;
        } else if raw.get() != "null" {
            read.traits.push((name.clone(), attribute(&name, raw)?));
        }
    }
    Ok(read)
}

fn targeting_key(raw: &RawValue) -> Result<Option<String>, EvaluationError> {
    let wrong = || invalid("`targetingKey` is no text");
    let key: Option<String> = serde_json::from_str(raw.get()).map_err(|_| wrong())?;
    match key {
        Some(key) if is_longer(&key, TEXT_LIMIT) => {
            Err(invalid(&format!("`targetingKey` has more than {TEXT_LIMIT} characters")))
        }
        key => Ok(key.filter(|key| !key.is_empty())),
    }
}

/// An attribute as a trait. Objects and lists are their texts in Python's writing, as in Flagsmith's own API.
fn attribute(name: &str, raw: &RawValue) -> Result<Value, EvaluationError> {
    if is_longer(name, KEY_LIMIT) {
        return Err(invalid(&format!(
            "a member of `context` has a name of more than {KEY_LIMIT} characters"
        )));
    }
    let value = trait_value(raw).map(|(value, _)| value);
    value.map_err(|error| invalid(&format!("`context`: `{name}`: {error}")))
}

fn invalid(why: &str) -> EvaluationError {
    EvaluationError::Context(why.to_owned())
}
