//! A flag as the protocol has it (`README.md`, *A flag*).

use engine::{Flag, Reason};
use serde_json::{Map, Value, json};

use crate::settings::JsonValues;

/// A flag's JSON.
pub(super) fn json(flag: &Flag<'_>, json_values: JsonValues) -> Value {
    let mut answer = json!({ "key": flag.name() });
    let value = value(flag, json_values);
    let is_off = !flag.enabled() && !is_without_value(flag.value());
    answer["reason"] = if is_off { "DISABLED" } else { reason(&flag.reason) }.into();
    if let Some(value) = value {
        answer["value"] = value;
    }
    if let Some(variant) = flag.variant() {
        answer["variant"] = variant.into();
    }
    answer["metadata"] = metadata(flag);
    answer
}

/// The value that a getter gets; none where it is to take the default of its code: the flag is off.
fn value(flag: &Flag<'_>, json_values: JsonValues) -> Option<Value> {
    if is_without_value(flag.value()) {
        return Some(flag.enabled().into());
    }
    if !flag.enabled() {
        return None;
    }
    let value: Value = serde_json::from_str(flag.value()).ok()?;
    let object = match (&value, json_values) {
        (Value::String(text), JsonValues::Object) if text.trim_start().starts_with('{') => {
            serde_json::from_str(text).ok().filter(Value::is_object)
        }
        _ => None,
    };
    Some(object.unwrap_or(value))
}

/// Whether a flag is nothing but on or off: its value, as JSON, is null or an empty text.
fn is_without_value(value: &str) -> bool {
    matches!(value, "null" | "\"\"")
}

/// In the words of the protocol. It has none for a default beside overrides that did not match, and `STATIC` would let a
/// client keep it for other contexts.
fn reason(reason: &Reason<'_>) -> &'static str {
    match reason {
        Reason::Static => "STATIC",
        Reason::TargetingMatch { .. } => "TARGETING_MATCH",
        Reason::Split { .. } => "SPLIT",
        Reason::Default | Reason::CircularDependency => "UNKNOWN",
    }
}

/// What the feature's state says of itself, as far as the protocol takes it, and whether the flag is on.
fn metadata(flag: &Flag<'_>) -> Value {
    let own: Option<Map<String, Value>> = flag.metadata().and_then(|json| serde_json::from_str(json).ok());
    let is_scalar = |value: &Value| value.is_boolean() || value.is_string() || value.is_number();
    let mut members: Map<String, Value> =
        own.unwrap_or_default().into_iter().filter(|(_, value)| is_scalar(value)).collect();
    members.insert("enabled".to_owned(), flag.enabled().into());
    members.into()
}
