//! Members of bodies as Flagsmith's API reads them, and its words for what is wrong with one.

use std::fmt;

use engine::Value;
use http::HeaderMap;
use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use serde_json::{Value as Json, json};

use super::error::RequestError;
use super::limits::{BODY_LIMIT, ERRORS_LIMIT, GZIP_LIMIT, is_longer};
use super::python;
use crate::gunzip::{GunzipError, gunzip};
use crate::negotiate::{BodyCoding, check_json, json_coding};
use crate::store::Body;

/// Flagsmith's words for a character that its database refuses.
const NO_NULL: &str = "Null characters are not allowed.";
pub(super) const NO_STRING: &str = "Not a valid string.";

/// Reads the body of a request, if it is JSON by its headers.
///
/// # Errors
/// Another media type or a coding, and a body that is too large.
pub(super) fn read_json(headers: &HeaderMap, body: &mut dyn Body) -> Result<Vec<u8>, RequestError> {
    check_json(headers).map_err(RequestError::MediaType)?;
    let body = body.read(BODY_LIMIT);
    if body.len() > BODY_LIMIT { Err(RequestError::TooLarge { limit: BODY_LIMIT }) } else { Ok(body) }
}

/// Reads the body of a request, if it is JSON by its headers, compressed or not.
///
/// # Errors
/// Another media type or coding, a body that is too large, and one that cannot be decompressed.
pub(super) fn read_json_or_gzip(headers: &HeaderMap, body: &mut dyn Body) -> Result<Vec<u8>, RequestError> {
    if json_coding(headers).map_err(RequestError::MediaType)? == BodyCoding::Plain {
        return read_json(headers, body);
    }
    let compressed = body.read(GZIP_LIMIT);
    if compressed.len() > GZIP_LIMIT {
        return Err(RequestError::TooLarge { limit: GZIP_LIMIT });
    }
    gunzip(&compressed, BODY_LIMIT).map_err(|error| match error {
        GunzipError::TooLarge => RequestError::TooLarge { limit: BODY_LIMIT },
        GunzipError::Broken => RequestError::detail("The body is not gzip, or breaks off."),
    })
}

/// The text of a body that may be JSON.
///
/// # Errors
/// If it is not UTF-8.
pub(super) fn text(body: &[u8]) -> Result<&str, RequestError> {
    std::str::from_utf8(body).map_err(|error| no_json(&error))
}

/// The one JSON value that a body is.
///
/// # Errors
/// The body is not one JSON value.
pub(super) fn whole(body: &[u8]) -> Result<&RawValue, RequestError> {
    serde_json::from_str(text(body)?.trim()).map_err(|error| no_json(&error))
}

pub(super) fn no_json(error: &dyn fmt::Display) -> RequestError {
    RequestError::detail(format!("JSON parse error - {error}"))
}

/// What a body is that is no object.
///
/// # Errors
/// If it is no JSON.
pub(super) fn no_object(text: &str) -> Result<Option<&RawValue>, RequestError> {
    if text.trim_start().starts_with('{') {
        return Ok(None);
    }
    serde_json::from_str(text).map(Some).map_err(|error| no_json(&error))
}

/// The first items of a list.
pub(super) struct FirstItems<'a> {
    pub(super) items: Vec<&'a RawValue>,
    pub(super) are_more: bool,
}

/// Reads a list, of which it is known that it is sound, and stops behind the limit: half a million items take ten
/// milliseconds.
pub(super) fn first_items(list: &RawValue, limit: usize) -> FirstItems<'_> {
    struct Items<'v, 'a>(&'v mut Vec<&'a RawValue>, usize);

    impl<'a> Visitor<'a> for Items<'_, 'a> {
        type Value = ();

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list")
        }

        fn visit_seq<A: SeqAccess<'a>>(self, mut list: A) -> Result<(), A::Error> {
            while let Some(item) = list.next_element()? {
                if self.0.len() == self.1 {
                    return Err(A::Error::custom("more items than are read"));
                }
                self.0.push(item);
            }
            Ok(())
        }
    }

    let mut items = Vec::new();
    let read = serde_json::Deserializer::from_str(list.get()).deserialize_seq(Items(&mut items, limit));
    FirstItems { items, are_more: read.is_err() }
}

/// Reads each item of a list.
///
/// # Errors
/// The errors in a list of the same order, empty where an item is sound. It ends with the last one that is still told.
pub(super) fn each_item<T>(
    items: Vec<&RawValue>,
    read: impl Fn(&RawValue) -> Result<T, Json>,
) -> Result<Vec<T>, Vec<Json>> {
    let mut sound = Vec::with_capacity(items.len());
    let mut answers = Vec::new();
    let mut errors = 0;
    for item in items {
        match read(item) {
            Ok(item) => {
                answers.push(json!({}));
                sound.push(item);
            }
            Err(error) => {
                answers.push(error);
                errors += 1;
            }
        }
        if errors == ERRORS_LIMIT {
            break;
        }
    }
    if errors > 0 { Err(answers) } else { Ok(sound) }
}

pub(super) fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

/// A text that names something: a string without the blanks around it, or the text of a number. None for `null`.
pub(super) fn name(raw: &RawValue, limit: usize) -> Result<Option<String>, String> {
    if is_long_number(raw, limit) {
        return Err(too_long(limit));
    }
    match Value::from_json(raw.get()) {
        Some(Value::Null) => Ok(None),
        Some(Value::Str(text)) if text.contains('\0') => Err(NO_NULL.to_owned()),
        Some(Value::Str(text)) => match python::strip(&text) {
            text if is_longer(text, limit) => Err(too_long(limit)),
            text => Ok(Some(text.to_owned())),
        },
        Some(Value::Int(integer)) => Ok(Some(integer.to_string())),
        Some(Value::Float(float)) if float.is_finite() => Ok(Some(engine::float_text(float))),
        Some(Value::Bool(_) | Value::Float(_)) | None => Err(NO_STRING.to_owned()),
    }
}

/// Whether a value is a number of more characters, as it was sent. It is seen before the number is read: arithmetic with a
/// million digits takes long.
pub(super) fn is_long_number(raw: &RawValue, limit: usize) -> bool {
    raw.get().len() > limit && raw.get().starts_with(|c: char| c == '-' || c.is_ascii_digit())
}

pub(super) fn too_long(limit: usize) -> String {
    format!("Ensure this field has no more than {limit} characters.")
}

/// What Python calls a JSON value.
pub(super) fn kind(raw: &RawValue) -> &'static str {
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
