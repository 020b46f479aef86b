//! Identifiers and traits as a body of `POST /api/v1/identities/` says them (`PROTOCOL.md`, 5): checked, with Flagsmith's own
//! words for what is wrong. As in Flagsmith's API, blanks around an identifier and around a trait's key are left out here,
//! and are kept in the query of a `GET`; numbers in their place are their texts.
//!
//! However a body is made, reading it takes steps in proportion to its bytes, and memory for at most
//! [`TRAITS_LIMIT`] traits.

use std::collections::BTreeMap;

use engine::Value;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value as Json, json};

use super::error::RequestError;
use super::fields::{
    NO_STRING, each_item, first_items, is_long_number, kind, name, no_json, present, text, too_long,
};
use super::limits::{KEY_LIMIT, TEXT_LIMIT, TRAITS_LIMIT, is_longer};
use super::python::{self, TextError};
use crate::identity::{StoredTrait, Update};

/// A trait, as it was sent or stored. A value of null deletes it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Trait {
    pub(super) key: String,
    pub(super) value: Value,
    /// The value as it was sent.
    pub(super) json: String,
    /// It counts for this request, and is not stored.
    pub(super) transient: bool,
    /// It was not sent.
    pub(super) is_stored: bool,
}

/// What the body of a request says of an identity.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Sent {
    /// Empty if the body names none.
    pub(super) identifier: String,
    /// Each key once.
    pub(super) traits: Vec<Trait>,
    /// Nothing of it is to be stored.
    pub(super) transient: bool,
}

impl Trait {
    /// What it changes in what is stored.
    pub(super) fn update(&self) -> Update {
        let json = (self.value != Value::Null).then(|| self.json.clone());
        Update { key: self.key.clone(), json }
    }
}

/// Checks an identifier of a query.
pub(super) fn check_identifier(text: &str) -> Result<(), RequestError> {
    if is_longer(text, TEXT_LIMIT) { Err(identifier_error(&too_long(TEXT_LIMIT))) } else { Ok(()) }
}

/// Reads the body of a request.
pub(super) fn parse(body: &[u8]) -> Result<Sent, RequestError> {
    #[derive(Deserialize)]
    struct Body<'a> {
        #[serde(borrow, default)]
        identifier: Option<&'a RawValue>,
        #[serde(borrow, default)]
        traits: Option<&'a RawValue>,
        #[serde(borrow, default)]
        transient: Option<&'a RawValue>,
    }
    let text = text(body)?;
    let no_json = |error: serde_json::Error| no_json(&error);
    if !text.trim_start().starts_with('{') {
        let other: &RawValue = serde_json::from_str(text).map_err(no_json)?;
        let message = format!("Invalid data. Expected a dictionary, but got {}.", kind(other));
        return Err(RequestError::Invalid(json!({ "non_field_errors": [message] })));
    }
    let body: Body<'_> = serde_json::from_str(text).map_err(no_json)?;
    let identifier = body.identifier.map_or(Ok(None), |raw| name(raw, TEXT_LIMIT));
    let identifier = identifier.map_err(|message| identifier_error(&message))?;
    // Flagsmith refuses other values than booleans.
    let transient = body.transient.is_some_and(|raw| raw.get() == "true");
    let traits = body.traits.map_or(Ok(Vec::new()), list)?;
    Ok(Sent { identifier: identifier.unwrap_or_default(), traits, transient })
}

fn identifier_error(message: &str) -> RequestError {
    RequestError::Invalid(json!({ "identifier": [message] }))
}

/// Reads the list of traits; of several with one key the last one counts.
pub(super) fn list(raw: &RawValue) -> Result<Vec<Trait>, RequestError> {
    if raw.get() == "null" {
        return Ok(Vec::new());
    }
    let wrong =
        |message: String| RequestError::Invalid(json!({ "traits": { "non_field_errors": [message] } }));
    if !raw.get().starts_with('[') {
        return Err(wrong(format!("Expected a list of items but got type \"{}\".", kind(raw))));
    }
    let first = first_items(raw, TRAITS_LIMIT);
    if first.are_more {
        return Err(wrong(format!("Ensure this field has no more than {TRAITS_LIMIT} elements.")));
    }
    let all =
        each_item(first.items, one).map_err(|answers| RequestError::Invalid(json!({ "traits": answers })))?;
    Ok(put_over(Vec::with_capacity(all.len()), all))
}

/// Puts traits over others: of several with one key the last counts, in the place of the first.
fn put_over(mut traits: Vec<Trait>, over: Vec<Trait>) -> Vec<Trait> {
    let mut places: BTreeMap<String, usize> =
        traits.iter().enumerate().map(|(place, stored)| (stored.key.clone(), place)).collect();
    for sent in over {
        let place = *places.entry(sent.key.clone()).or_insert(traits.len());
        if place == traits.len() {
            traits.push(sent);
        } else {
            traits[place] = sent;
        }
    }
    traits
}

/// The traits that count: what is stored, and over it what was sent.
pub(super) fn counting(stored: &[StoredTrait], sent: Vec<Trait>) -> Vec<Trait> {
    let stored = stored.iter().filter_map(of_stored).collect();
    let mut traits = put_over(stored, sent);
    traits.retain(|counts| counts.value != Value::Null);
    traits
}

/// A stored trait; none if its value is not one.
pub(super) fn of_stored(stored: &StoredTrait) -> Option<Trait> {
    let json = stored.trait_value.get();
    let value = Value::from_json(json)?;
    Some(Trait {
        key: stored.trait_key.clone(),
        value,
        json: json.to_owned(),
        transient: false,
        is_stored: true,
    })
}

fn one(item: &RawValue) -> Result<Trait, Json> {
    #[derive(Deserialize)]
    struct RawTrait<'a> {
        #[serde(borrow, default, deserialize_with = "present")]
        trait_key: Option<&'a RawValue>,
        /// `Some` of `null` is a trait to be deleted; none is an error.
        #[serde(borrow, default, deserialize_with = "present")]
        trait_value: Option<&'a RawValue>,
        #[serde(borrow, default)]
        transient: Option<&'a RawValue>,
    }
    let raw: RawTrait<'_> = if item.get().starts_with('{') {
        serde_json::from_str(item.get())
            .map_err(|error| json!({ "non_field_errors": [error.to_string()] }))?
    } else {
        let message = format!("Invalid data. Expected a dictionary, but got {}.", kind(item));
        return Err(json!({ "non_field_errors": [message] }));
    };
    let required = || "This field is required.".to_owned();
    let key = raw.trait_key.map_or_else(|| Err(required()), trait_key);
    let key = key.map_err(|message| json!({ "trait_key": [message] }))?;
    let value = raw.trait_value.map_or_else(|| Err(required()), trait_value);
    let (value, json) = value.map_err(|message| json!({ "trait_value": [message] }))?;
    let transient = match raw.transient.map(RawValue::get) {
        None | Some("null" | "false") => false,
        Some("true") => true,
        Some(_) => return Err(json!({ "transient": ["Must be a valid boolean."] })),
    };
    Ok(Trait { key, value, json, transient, is_stored: false })
}

pub(super) fn trait_key(raw: &RawValue) -> Result<String, String> {
    match name(raw, KEY_LIMIT)?.as_deref() {
        None => Err("This field may not be null.".to_owned()),
        Some("") => Err("This field may not be blank.".to_owned()),
        Some(key) => Ok(key.to_owned()),
    }
}

/// A trait's value, and its JSON. A list or an object is a trait, too: its value is its text in Python's writing, as in
/// Flagsmith's API.
pub(crate) fn trait_value(raw: &RawValue) -> Result<(Value, String), String> {
    let too_long = || format!("Value string is too long. Must be less than {TEXT_LIMIT} character");
    // Half of a surrogate pair has no text.
    let no_text = || NO_STRING.to_owned();
    if raw.get().starts_with(['[', '{']) {
        let text = python::text(raw, TEXT_LIMIT).map_err(|error| match error {
            TextError::TooLong => too_long(),
            TextError::NoText => no_text(),
        })?;
        let json = serde_json::to_string(&text).unwrap_or_default();
        return Ok((Value::Str(text), json));
    }
    if is_long_number(raw, TEXT_LIMIT) {
        return Err(too_long());
    }
    let value = Value::from_json(raw.get()).ok_or_else(no_text)?;
    match &value {
        Value::Str(text) if is_longer(text, TEXT_LIMIT) => Err(too_long()),
        Value::Float(float) if !float.is_finite() => Err("The number is too large.".to_owned()),
        _ => Ok((value, raw.get().to_owned())),
    }
}
