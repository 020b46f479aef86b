//! `POST /api/v1/traits/increment-value/`: adds to a trait that is an integer.

use http::StatusCode;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value as Json, json};

use super::super::Call;
use super::super::error::RequestError;
use super::super::fields::{present, read_json, whole};
use super::super::traits::trait_key;
use super::one::{given_identifier, object};
use super::{Changes, check_stored, forbidden, member, member_errors};
use crate::access::Access;
use crate::identity::Change;
use crate::reply::Reply;
use crate::store::{Body, Store};

struct Increment {
    identifier: String,
    key: String,
    by: i64,
}

pub(in super::super) fn increment<S: Store>(
    call: &Call<'_>,
    body: &mut dyn Body,
    access: &Access<S::Handle>,
    store: &mut S,
) -> Result<Reply<S::Handle>, RequestError> {
    check_stored(access, call.settings)?;
    let body = read_json(call.request.headers(), body)?;
    let raw = whole(&body)?;
    let Increment { identifier, key, by } = read(raw).map_err(RequestError::Invalid)?;
    if !access.may_store_traits() {
        return Err(forbidden());
    }
    let change = Change::Increment { key: key.clone(), by };
    let record = Changes::begin(call, access, store, 1)?.store(&identifier, &change)?;
    let value = record.traits.iter().find(|stored| stored.trait_key == key);
    let answer = json!({
        "trait_key": key,
        "trait_value": value.map(|stored| &stored.trait_value),
        "identifier": identifier,
    });
    Ok(Reply::json(StatusCode::OK, answer.to_string().into_bytes()))
}

fn read(item: &RawValue) -> Result<Increment, Json> {
    #[derive(Deserialize)]
    struct Raw<'a> {
        #[serde(borrow, default, deserialize_with = "present")]
        identifier: Option<&'a RawValue>,
        #[serde(borrow, default, deserialize_with = "present")]
        trait_key: Option<&'a RawValue>,
        #[serde(borrow, default, deserialize_with = "present")]
        increment_by: Option<&'a RawValue>,
    }
    let raw: Raw<'_> = object(item)?;
    let identifier = given_identifier(raw.identifier);
    let key = member(raw.trait_key, trait_key);
    let by = member(raw.increment_by, integer);
    match (identifier, key, by) {
        (Ok(identifier), Ok(key), Ok(by)) => Ok(Increment { identifier, key, by }),
        (identifier, key, by) => Err(member_errors([
            ("trait_key", key.err()),
            ("increment_by", by.err()),
            ("identifier", identifier.err()),
        ])),
    }
}

/// An integer, or a text that is one.
fn integer(raw: &RawValue) -> Result<i64, &'static str> {
    match raw.get() {
        "null" => Err("This field may not be null."),
        text => text.trim_matches('"').parse().map_err(|_| "A valid integer is required."),
    }
}
