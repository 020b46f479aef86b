//! Identifiers and traits as a body of `POST /api/v1/identities/` says them (`PROTOCOL.md`, 5): checked, with Flagsmith's own
//! words for what is wrong. As in Flagsmith's API, blanks around an identifier and around a trait's key are left out here,
//! and are kept in the query of a `GET`; numbers in their place are their texts.

use engine::Value;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value as Json, json};

use super::error::RequestError;
use super::limits::{KEY_LIMIT, TEXT_LIMIT};
use super::python::{self, TextError};

/// Flagsmith's words for a character that its database refuses.
const NO_NULL: &str = "Null characters are not allowed.";

/// A trait that is set. One that is deleted (`null`) leaves no trace.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Trait {
    pub(super) key: String,
    pub(super) value: Value,
    /// The value as it was sent.
    pub(super) json: String,
    pub(super) transient: bool,
}

/// Reads an identifier from a query or a body.
pub(super) fn identifier(text: &str) -> Result<String, RequestError> {
    if text.chars().count() > TEXT_LIMIT {
        let message = format!("Ensure this field has no more than {TEXT_LIMIT} characters.");
        return Err(RequestError::Invalid(json!({ "identifier": [message] })));
    }
    Ok(text.to_owned())
}

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow, default)]
    identifier: Option<&'a RawValue>,
    #[serde(borrow, default)]
    traits: Option<&'a RawValue>,
}

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

fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

/// Reads identifier and traits from the body of a request. The identifier is empty if the body names none.
pub(super) fn parse(body: &[u8]) -> Result<(String, Vec<Trait>), RequestError> {
    let text = std::str::from_utf8(body)
        .map_err(|error| RequestError::detail(format!("JSON parse error - {error}")))?;
    let no_json = |error| RequestError::detail(format!("JSON parse error - {error}"));
    if !text.trim_start().starts_with('{') {
        let other: &RawValue = serde_json::from_str(text).map_err(no_json)?;
        let message = format!("Invalid data. Expected a dictionary, but got {}.", kind(other));
        return Err(RequestError::Invalid(json!({ "non_field_errors": [message] })));
    }
    let body: Body<'_> = serde_json::from_str(text).map_err(no_json)?;
    let name = match body.identifier.map(|raw| Value::from_json(raw.get())) {
        None | Some(Some(Value::Null)) => String::new(),
        Some(Some(Value::Str(text))) if text.contains('\0') => {
            return Err(RequestError::Invalid(json!({ "identifier": [NO_NULL] })));
        }
        Some(Some(Value::Str(text))) => identifier(python::strip(&text))?,
        Some(Some(Value::Int(integer))) => integer.to_string(),
        Some(Some(Value::Float(float))) if float.is_finite() => engine::float_text(float),
        Some(_) => return Err(RequestError::Invalid(json!({ "identifier": ["Not a valid string."] }))),
    };
    Ok((name, body.traits.map_or(Ok(Vec::new()), traits)?))
}

/// Reads the list of traits; of several with one key the last one counts. The errors stand in a list of the same
/// order, empty where a trait is sound.
fn traits(raw: &RawValue) -> Result<Vec<Trait>, RequestError> {
    if raw.get() == "null" {
        return Ok(Vec::new());
    }
    let items: Vec<&RawValue> = serde_json::from_str(raw.get()).map_err(|_| {
        let message = format!("Expected a list of items but got type \"{}\".", kind(raw));
        RequestError::Invalid(json!({ "traits": { "non_field_errors": [message] } }))
    })?;
    let mut traits: Vec<Trait> = Vec::with_capacity(items.len());
    let mut places = std::collections::BTreeMap::new();
    let mut errors = Vec::with_capacity(items.len());
    for item in items {
        match one(item) {
            Ok((key, sent)) => {
                errors.push(json!({}));
                let next = places.len();
                let place = *places.entry(key).or_insert(next);
                if place == traits.len() {
                    traits.push(sent);
                } else {
                    traits[place] = sent;
                }
            }
            Err(error) => errors.push(error),
        }
    }
    if errors.iter().any(|error| error != &json!({})) {
        return Err(RequestError::Invalid(json!({ "traits": errors })));
    }
    traits.retain(|sent| sent.value != Value::Null);
    Ok(traits)
}

fn one(item: &RawValue) -> Result<(String, Trait), Json> {
    let raw: RawTrait<'_> = if item.get().starts_with('{') {
        serde_json::from_str(item.get())
            .map_err(|error| json!({ "non_field_errors": [error.to_string()] }))?
    } else {
        let message = format!("Invalid data. Expected a dictionary, but got {}.", kind(item));
        return Err(json!({ "non_field_errors": [message] }));
    };
    let required = || "This field is required.".to_owned();
    let key = match raw.trait_key.map(|key| Value::from_json(key.get())) {
        None => Err(required()),
        Some(Some(Value::Null)) => Err("This field may not be null.".to_owned()),
        Some(Some(Value::Str(key))) => match python::strip(&key) {
            key if key.contains('\0') => Err(NO_NULL.to_owned()),
            "" => Err("This field may not be blank.".to_owned()),
            key if key.chars().count() > KEY_LIMIT => {
                Err(format!("Ensure this field has no more than {KEY_LIMIT} characters."))
            }
            key => Ok(key.to_owned()),
        },
        Some(Some(Value::Int(integer))) => Ok(integer.to_string()),
        Some(Some(Value::Float(float))) if float.is_finite() => Ok(engine::float_text(float)),
        Some(_) => Err("Not a valid string.".to_owned()),
    };
    let key = key.map_err(|message| json!({ "trait_key": [message] }))?;
    let value = match raw.trait_value {
        None => Err(required()),
        Some(value) => trait_value(value),
    };
    let (value, json) = value.map_err(|message| json!({ "trait_value": [message] }))?;
    let transient = match raw.transient.map(RawValue::get) {
        None | Some("null" | "false") => false,
        Some("true") => true,
        Some(_) => return Err(json!({ "transient": ["Must be a valid boolean."] })),
    };
    Ok((key.clone(), Trait { key, value, json, transient }))
}

/// A trait's value, and its JSON. A list or an object is a trait, too: its value is its text in Python's writing, as in
/// Flagsmith's API.
fn trait_value(raw: &RawValue) -> Result<(Value, String), String> {
    let too_long = || format!("Value string is too long. Must be less than {TEXT_LIMIT} character");
    // Half of a surrogate pair has no text.
    let no_text = || "Not a valid string.".to_owned();
    if raw.get().starts_with(['[', '{']) {
        let text = python::text(raw, TEXT_LIMIT).map_err(|fault| match fault {
            TextError::TooLong => too_long(),
            TextError::NoText => no_text(),
        })?;
        let json = serde_json::to_string(&text).unwrap_or_default();
        return Ok((Value::Str(text), json));
    }
    let value = Value::from_json(raw.get()).ok_or_else(no_text)?;
    match &value {
        Value::Str(text) if text.chars().count() > TEXT_LIMIT => Err(too_long()),
        Value::Float(float) if !float.is_finite() => Err("The number is too large.".to_owned()),
        _ => Ok((value, raw.get().to_owned())),
    }
}

/// What Python calls a JSON value.
fn kind(raw: &RawValue) -> &'static str {
    match raw.get().as_bytes().first() {
        Some(b'{') => "dict",
        Some(b'[') => "list",
        Some(b'"') => "str",
        Some(b't' | b'f') => "bool",
        Some(b'n') => "NoneType",
        _ if raw.get().contains(['.', 'e', 'E']) => "float",
        _ => "int",
    }
}
