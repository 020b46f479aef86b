//! `POST /api/v1/traits/`: one trait.

use http::StatusCode;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value as Json, json};

use super::super::Call;
use super::super::error::RequestError;
use super::super::fields::{kind, name, present, read_json, whole};
use super::super::limits::TEXT_LIMIT;
use super::super::traits::{trait_key, trait_value};
use super::{Changes, check_stored, forbidden, member, member_errors, required};
use crate::access::Access;
use crate::identity::{Change, Update};
use crate::reply::Reply;
use crate::store::{Body, Store};

/// One trait of one identity.
pub(super) struct OneTrait {
    pub(super) identifier: String,
    pub(super) key: String,
    /// The value as it was sent; none deletes the trait.
    pub(super) json: Option<String>,
}

pub(in super::super) fn one<S: Store>(
    call: &Call<'_>,
    body: &mut dyn Body,
    access: &Access<S::Handle>,
    store: &mut S,
) -> Result<Reply<S::Handle>, RequestError> {
    check_stored(access, call.settings)?;
    let body = read_json(call.request.headers(), body)?;
    let raw = whole(&body)?;
    let sent = read(raw, false).map_err(RequestError::Invalid)?;
    if !access.may_store_traits() {
        return Err(forbidden());
    }
    Changes::begin(call, access, store, 1)?.store(&sent.identifier, &Change::Merge(vec![sent.update()]))?;
    Ok(Reply::json(StatusCode::OK, sent.json().into_bytes()))
}

impl OneTrait {
    pub(super) fn update(&self) -> Update {
        Update { key: self.key.clone(), json: self.json.clone() }
    }

    /// As it was sent.
    pub(super) fn json(&self) -> String {
        format!(
            r#"{{"identity":{{"identifier":{}}},"trait_value":{},"trait_key":{}}}"#,
            json!(self.identifier),
            self.json.as_deref().unwrap_or("null"),
            json!(self.key)
        )
    }
}

/// Reads a trait with its identity; the errors of each member in its place.
pub(super) fn read(item: &RawValue, may_be_null: bool) -> Result<OneTrait, Json> {
    #[derive(Deserialize)]
    struct Raw<'a> {
        #[serde(borrow, default, deserialize_with = "present")]
        identity: Option<&'a RawValue>,
        #[serde(borrow, default, deserialize_with = "present")]
        trait_key: Option<&'a RawValue>,
        #[serde(borrow, default, deserialize_with = "present")]
        trait_value: Option<&'a RawValue>,
    }
    let raw: Raw<'_> = object(item)?;
    let identifier = raw.identity.map_or_else(|| Err(required()), identifier);
    let key = member(raw.trait_key, trait_key);
    let value = match raw.trait_value {
        None => Err(required()),
        Some(raw) if raw.get() == "null" && may_be_null => Ok(None),
        Some(raw) if raw.get() == "null" => Err(json!(["This field may not be null."])),
        Some(raw) => trait_value(raw).map(|(_, json)| Some(json)).map_err(|error| json!([error])),
    };
    match (identifier, key, value) {
        (Ok(identifier), Ok(key), Ok(json)) => Ok(OneTrait { identifier, key, json }),
        (identifier, key, value) => Err(member_errors([
            ("identity", identifier.err()),
            ("trait_value", value.err()),
            ("trait_key", key.err()),
        ])),
    }
}

/// Reads an object.
pub(super) fn object<'a, T: Deserialize<'a>>(item: &'a RawValue) -> Result<T, Json> {
    if !item.get().starts_with('{') {
        let message = format!("Invalid data. Expected a dictionary, but got {}.", kind(item));
        return Err(json!({ "non_field_errors": [message] }));
    }
    serde_json::from_str(item.get()).map_err(|error| json!({ "non_field_errors": [error.to_string()] }))
}

fn identifier(identity: &RawValue) -> Result<String, Json> {
    #[derive(Deserialize)]
    struct Raw<'a> {
        #[serde(borrow, default, deserialize_with = "present")]
        identifier: Option<&'a RawValue>,
    }
    if identity.get() == "null" {
        return Err(json!(["This field may not be null."]));
    }
    let raw: Raw<'_> = object(identity)?;
    given_identifier(raw.identifier).map_err(|errors| json!({ "identifier": errors }))
}

/// An identifier that must be there.
pub(super) fn given_identifier(raw: Option<&RawValue>) -> Result<String, Json> {
    match raw.map(|raw| name(raw, TEXT_LIMIT)) {
        None => Err(required()),
        Some(Err(error)) => Err(json!([error])),
        Some(Ok(None)) => Err(json!(["This field may not be null."])),
        Some(Ok(Some(text))) if text.is_empty() => Err(json!(["This field may not be blank."])),
        Some(Ok(Some(text))) => Ok(text),
    }
}
