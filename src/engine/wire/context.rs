//! The evaluation context: the input of Flagsmith's engines (`SEMANTICS.md`, 1.1). Wire types only.

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use indexmap::IndexMap;
use serde::de::{self, Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::error::InputError;
use crate::limits;
use crate::python::number::{Number, float_text};
use crate::python::value::Value;
use crate::wire::json::{self, Json};

/// A map that keeps the order of its members: of two equal priorities, the first wins.
pub(crate) type Ordered<T> = IndexMap<String, T, core::hash::BuildHasherDefault<Fnv>>;

/// One evaluation context: an environment, and optionally an identity.
///
/// Tolerated beyond the published schema: `identity`, `segments` and `features` that are `null` or absent; absent
/// `variants`, `overrides`, `metadata`, `conditions`, `rules` and `traits`; integers for keys; variants without a
/// priority; conditions whose value is a number, a boolean, `null` or absent; unknown operators, rule types and
/// members. A `flags` member is ignored: the flags that conditions read are always evaluated here.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(expecting = "an object")]
pub struct Context {
    pub(crate) environment: EnvironmentContext,
    #[serde(default)]
    pub(crate) identity: Option<IdentityContext>,
    #[serde(default, deserialize_with = "json::or_default")]
    pub(crate) segments: Ordered<SegmentContext>,
    #[serde(default, deserialize_with = "json::or_default")]
    pub(crate) features: Ordered<FeatureContext>,
}

impl Context {
    /// Parses one context.
    ///
    /// # Errors
    /// An [`InputError`] that names the member at fault, or the limit that was passed.
    pub fn parse(text: &str) -> Result<Context, InputError> {
        if text.len() > limits::TEXT {
            return Err(InputError::new("the whole", alloc::format!("more than {} bytes", limits::TEXT)));
        }
        json::parse(text)
    }
}

#[derive(Debug, Clone, serde::Deserialize)]
#[serde(expecting = "an object")]
pub(crate) struct EnvironmentContext {
    #[serde(deserialize_with = "json::text")]
    pub(crate) key: String,
    #[serde(default, deserialize_with = "json::or_default")]
    pub(crate) name: String,
}

#[derive(Debug, Clone, serde::Deserialize)]
#[serde(expecting = "an object")]
pub(crate) struct IdentityContext {
    pub(crate) identifier: String,
    #[serde(default, deserialize_with = "json::optional_text")]
    pub(crate) key: Option<String>,
    #[serde(default, deserialize_with = "json::or_default")]
    pub(crate) traits: Ordered<Value>,
}

#[derive(Debug, Clone, serde::Deserialize)]
#[serde(expecting = "an object")]
pub(crate) struct SegmentContext {
    #[serde(deserialize_with = "json::text")]
    pub(crate) key: String,
    pub(crate) name: String,
    #[serde(default, deserialize_with = "json::or_default")]
    pub(crate) rules: Vec<RuleContext>,
    #[serde(default, deserialize_with = "json::or_default")]
    pub(crate) overrides: Vec<FeatureContext>,
    #[serde(default)]
    pub(crate) metadata: Option<Json>,
}

#[derive(Debug, Clone, serde::Deserialize)]
#[serde(expecting = "an object")]
pub(crate) struct RuleContext {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    #[serde(default, deserialize_with = "json::or_default")]
    pub(crate) conditions: Vec<ConditionContext>,
    #[serde(default, deserialize_with = "json::or_default")]
    pub(crate) rules: Vec<RuleContext>,
}

#[derive(Debug, Clone, serde::Deserialize)]
#[serde(expecting = "an object")]
pub(crate) struct ConditionContext {
    #[serde(default, deserialize_with = "json::or_default")]
    pub(crate) property: String,
    pub(crate) operator: String,
    #[serde(default)]
    pub(crate) value: Operand,
}

#[derive(Debug, Clone, serde::Deserialize)]
#[serde(expecting = "an object")]
pub(crate) struct FeatureContext {
    #[serde(deserialize_with = "json::text")]
    pub(crate) key: String,
    pub(crate) name: String,
    pub(crate) enabled: bool,
    pub(crate) value: Json,
    #[serde(default, deserialize_with = "json::or_default")]
    pub(crate) variants: Vec<VariantContext>,
    #[serde(default)]
    pub(crate) priority: Option<Number>,
    #[serde(default)]
    pub(crate) metadata: Option<Json>,
}

#[derive(Debug, Clone, serde::Deserialize)]
#[serde(expecting = "an object")]
pub(crate) struct VariantContext {
    pub(crate) value: Json,
    pub(crate) weight: Number,
    #[serde(default)]
    pub(crate) priority: Option<Number>,
    #[serde(default)]
    pub(crate) key: Option<String>,
}

/// The value of a condition.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) enum Operand {
    #[default]
    Absent,
    Text(String),
    List(Vec<String>),
    /// An object, which no operator accepts.
    Unusable,
}

impl<'de> Deserialize<'de> for Operand {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        Ok(Operand::from_json(raw.get()))
    }
}

impl Operand {
    /// The value as an explanation shows it.
    pub(crate) fn json(&self) -> serde_json::Value {
        match self {
            Operand::Text(text) => text.as_str().into(),
            Operand::List(texts) => texts.as_slice().into(),
            Operand::Absent | Operand::Unusable => serde_json::Value::Null,
        }
    }

    fn from_json(text: &str) -> Operand {
        if text.starts_with('[') {
            return list_texts(text).map_or(Operand::Unusable, Operand::List);
        }
        match Value::from_json(text) {
            Some(Value::Null) => Operand::Absent,
            Some(value) => value.text().map_or(Operand::Absent, |text| Operand::Text(text.into_owned())),
            None => Operand::Unusable,
        }
    }
}

/// The elements of a JSON array as texts, as Python's `str()` gives them; nested arrays and objects are left out. None
/// if the text is not a JSON array.
pub(crate) fn list_texts(text: &str) -> Option<Vec<String>> {
    let elements: Vec<Box<RawValue>> = serde_json::from_str(text).ok()?;
    let texts = elements.iter().filter_map(|element| match Value::from_json(element.get())? {
        Value::Null => Some("None".to_owned()),
        Value::Float(float) => Some(float_text(float)),
        value => value.text().map(|text| text.to_string()),
    });
    Some(texts.collect())
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        Number::from_json(raw.get()).ok_or_else(|| de::Error::custom("expected a number"))
    }
}

/// FNV-1a: the maps of wire types are small and short-lived, and without `std` there is no default hasher.
#[derive(Debug, Clone)]
pub(crate) struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Fnv(0xcbf2_9ce4_8422_2325)
    }
}

impl core::hash::Hasher for Fnv {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
