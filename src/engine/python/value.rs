//! The values that conditions read: traits, and members named by paths.

use alloc::borrow::{Cow, ToOwned};
use alloc::boxed::Box;
use alloc::string::{String, ToString};

use serde::de::{self, Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::python::number::{Integer, Number, float_text};

/// A trait's value. `Null` counts as not set (`SEMANTICS.md`, 3.1).
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Null,
    Bool(bool),
    Int(Integer),
    Float(f64),
    Str(String),
}

impl Value {
    /// Reads the text of a JSON scalar; none for objects, arrays and invalid JSON.
    pub fn from_json(text: &str) -> Option<Value> {
        match text.as_bytes().first()? {
            b'n' => Some(Value::Null),
            b't' => Some(Value::Bool(true)),
            b'f' => Some(Value::Bool(false)),
            b'"' => serde_json::from_str(text).ok().map(Value::Str),
            _ => Number::from_json(text).map(|number| match number {
                Number::Int(integer) => Value::Int(integer),
                Number::Float(float) => Value::Float(float),
            }),
        }
    }

    /// The number that a string denotes: `-?[0-9]+` is an integer, `-?[0-9]+\.[0-9]+` a float
    /// (`SEMANTICS.md`, 3.2). None for every other string and every other value.
    pub(crate) fn as_number(&self) -> Option<Value> {
        let Value::Str(text) = self else { return None };
        if !text.starts_with(|c: char| c == '-' || c.is_ascii_digit()) {
            return None;
        }
        if let Some(integer) = Integer::parse(text) {
            return Some(Value::Int(integer));
        }
        let (whole, fraction) = text.split_once('.')?;
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if digits(whole.strip_prefix('-').unwrap_or(whole)) && digits(fraction) {
            return text.parse().ok().map(Value::Float);
        }
        None
    }

    /// The text that regular expressions and hashes see: Python's `str()`. None for `Null`.
    pub(crate) fn text(&self) -> Option<Cow<'_, str>> {
        match self {
            Value::Null => None,
            Value::Bool(true) => Some(Cow::Borrowed("True")),
            Value::Bool(false) => Some(Cow::Borrowed("False")),
            Value::Int(integer) => Some(Cow::Owned(integer.to_string())),
            Value::Float(float) => Some(Cow::Owned(float_text(*float))),
            Value::Str(text) => Some(Cow::Borrowed(text)),
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Value::Str(text.to_owned())
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        Value::from_json(raw.get())
            .ok_or_else(|| de::Error::custom("expected a string, a number, a boolean or null"))
    }
}
