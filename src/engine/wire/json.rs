//! JSON values that are kept as text, and lenient readers for the members of wire types.

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use serde::de::{self, Deserialize, DeserializeOwned, Deserializer};
use serde::ser::{Serialize, Serializer};
use serde_json::value::RawValue;

use crate::error::InputError;
use crate::python::number::{Number, float_text};

/// The text of one JSON value, on one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Json(String);

impl Default for Json {
    /// `null`
    fn default() -> Self {
        Json("null".to_owned())
    }
}

impl Json {
    /// `{"<member>":<number>}`
    pub(crate) fn number_member(member: &str, number: i64) -> Json {
        Json(alloc::format!("{{\"{member}\":{number}}}"))
    }

    /// The metadata that SDKs give to a feature's state of a document, with the experiment that the state is part of.
    pub(crate) fn state_metadata(id: i64, experiment: Option<&str>) -> Json {
        match experiment {
            None => Json::number_member("id", id),
            Some(experiment) => Json(alloc::format!("{{\"id\":{id},\"experiment\":{experiment}}}")),
        }
    }

    /// The metadata that SDKs give to a segment of a document.
    pub(crate) fn segment_metadata(id: i64) -> Json {
        Json(alloc::format!("{{\"id\":{id},\"source\":\"api\"}}"))
    }

    pub(crate) fn text(&self) -> &str {
        &self.0
    }

    /// Rewrites it in the one spelling of its value: see [`unified`].
    pub(crate) fn unify(&mut self) {
        if let Some(text) = unified(&self.0, NESTING) {
            self.0 = text;
        }
    }
}

/// The experiment of a state's metadata, as JSON: `{"id", "name", "in_experiment"}`, while the experiment is running
/// (flagsmith#8532). Whatever is no object counts for nothing.
pub(crate) fn experiment(metadata: &str) -> Option<&str> {
    #[derive(serde::Deserialize)]
    struct Metadata<'a> {
        #[serde(borrow, default)]
        experiment: Option<&'a RawValue>,
    }
    let metadata: Metadata<'_> = serde_json::from_str(metadata).ok()?;
    metadata.experiment.map(RawValue::get).filter(|experiment| experiment.starts_with('{'))
}

/// The nesting depth down to which a value is rewritten; deeper parts keep their spelling.
const NESTING: usize = 64;

/// The one spelling of a JSON text: no spaces, members in their order, no escapes without need, numbers as Python
/// writes them. Integers stay integers, and floats stay floats. None if the text has to keep its spelling.
fn unified(text: &str, nesting: usize) -> Option<String> {
    let deeper = nesting.checked_sub(1)?;
    let of = |raw: &RawValue| unified(raw.get(), deeper).unwrap_or_else(|| raw.get().to_owned());
    match text.as_bytes().first()? {
        b'{' => {
            let members: BTreeMap<String, Box<RawValue>> = serde_json::from_str(text).ok()?;
            let members = members
                .iter()
                .map(|(name, raw)| Some(alloc::format!("{}:{}", serde_json::to_string(name).ok()?, of(raw))));
            Some(alloc::format!("{{{}}}", members.collect::<Option<Vec<_>>>()?.join(",")))
        }
        b'[' => {
            let items: Vec<Box<RawValue>> = serde_json::from_str(text).ok()?;
            let items: Vec<String> = items.iter().map(|raw| of(raw)).collect();
            Some(alloc::format!("[{}]", items.join(",")))
        }
        // An unpaired surrogate can only be written as an escape.
        b'"' => serde_json::to_string(&serde_json::from_str::<String>(text).ok()?).ok(),
        b'-' | b'0'..=b'9' => match Number::from_json(text)? {
            Number::Int(integer) => Some(integer.to_string()),
            Number::Float(float) if float.is_finite() => Some(float_text(float)),
            Number::Float(_) => None,
        },
        _ => None,
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        let text = raw.get();
        // Only objects and arrays can hold line breaks; they are written again without.
        if text.contains(['\n', '\r']) {
            let value: serde_json::Value = serde_json::from_str(text).map_err(de::Error::custom)?;
            return serde_json::to_string(&value).map(Json).map_err(de::Error::custom);
        }
        Ok(Json(text.to_owned()))
    }
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match serde_json::from_str::<&RawValue>(&self.0) {
            Ok(raw) => raw.serialize(serializer),
            Err(_) => serializer.serialize_unit(),
        }
    }
}

/// Parses one JSON text. An error names its place.
///
/// # Errors
/// An [`InputError`] that names the invalid member, or the line and column where the JSON is invalid.
pub(crate) fn parse<T: DeserializeOwned>(text: &str) -> Result<T, InputError> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = error.path().to_owned();
        let cause = error.into_inner();
        let fault = alloc::format!("{cause}");
        let place = if cause.is_data() && path.iter().next().is_some() {
            alloc::format!("{path}")
        } else if cause.is_data() {
            "the whole".to_owned()
        } else {
            "invalid JSON".to_owned()
        };
        InputError::new(place, fault)
    })?;
    deserializer.end().map_err(|error| InputError::new("invalid JSON", alloc::format!("{error}")))?;
    Ok(value)
}

/// `null` reads as the default, as does an absent member with `#[serde(default)]`.
pub(crate) fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

/// A string, or an integer as its text.
pub(crate) fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    deserializer.deserialize_any(TextVisitor)
}

/// As [`text`]; none for `null` and an absent member.
pub(crate) fn optional_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    #[derive(serde::Deserialize)]
    struct Text(#[serde(deserialize_with = "text")] String);
    Ok(Option::<Text>::deserialize(deserializer)?.map(|text| text.0))
}

struct TextVisitor;

impl de::Visitor<'_> for TextVisitor {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string or an integer")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<String, E> {
        Ok(text.to_owned())
    }

    fn visit_i64<E: de::Error>(self, integer: i64) -> Result<String, E> {
        Ok(alloc::format!("{integer}"))
    }

    fn visit_u64<E: de::Error>(self, integer: u64) -> Result<String, E> {
        Ok(alloc::format!("{integer}"))
    }
}

/// A number of the wanted kind. DynamoDB exports write numbers as strings ("30", "30.0"), which are accepted.
struct LenientNumber<T>(Option<T>);

impl<'de, T: FromNumber> Deserialize<'de> for LenientNumber<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        let text = raw.get();
        if text == "null" {
            return Ok(LenientNumber(None));
        }
        let bare = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(text);
        match Number::from_json(bare).and_then(|number| T::from_number(&number)) {
            Some(number) => Ok(LenientNumber(Some(number))),
            None => Err(de::Error::custom(format_args!("expected {}, found {text}", T::EXPECTED))),
        }
    }
}

pub(crate) trait FromNumber: Sized {
    const EXPECTED: &'static str;
    fn from_number(number: &Number) -> Option<Self>;
}

impl FromNumber for i64 {
    const EXPECTED: &'static str = "an integer";
    fn from_number(number: &Number) -> Option<Self> {
        match number {
            Number::Int(crate::python::number::Integer::Small(small)) => Some(*small),
            Number::Int(_) => None,
            #[expect(clippy::cast_possible_truncation, reason = "the range is checked")]
            Number::Float(float) => {
                let whole = float.abs() < 9e15 && float % 1.0 == 0.0;
                whole.then_some(*float as i64)
            }
        }
    }
}

impl FromNumber for Number {
    const EXPECTED: &'static str = FINITE;
    fn from_number(number: &Number) -> Option<Self> {
        let infinite = matches!(number, Number::Float(float) if !float.is_finite());
        (!infinite).then(|| number.clone())
    }
}

impl FromNumber for f64 {
    const EXPECTED: &'static str = FINITE;
    fn from_number(number: &Number) -> Option<Self> {
        Some(number.to_f64()).filter(|float| float.is_finite())
    }
}

/// A number that is too large for a double would be served as `null`.
const FINITE: &str = "a finite number";

/// Numbers, or their texts. A `null` list is empty, and `null` elements are left out.
pub(crate) fn numbers<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: FromNumber,
{
    let numbers = Option::<Vec<LenientNumber<T>>>::deserialize(deserializer)?.unwrap_or_default();
    Ok(numbers.into_iter().filter_map(|number| number.0).collect())
}

/// A number or its text; `null` is none.
pub(crate) fn optional_number<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: FromNumber,
{
    Ok(LenientNumber::deserialize(deserializer)?.0)
}
