//! DynamoDB's own JSON, in which each value is an object that names its type.

use serde_json::{Map, Number, Value};

/// An item as plain JSON, whether its values name their types or not.
pub(crate) fn item(item: Value) -> Value {
    match item {
        Value::Object(members) if !members.is_empty() && members.values().all(is_attribute) => {
            plain_map(members)
        }
        item => item,
    }
}

/// Whether a value is an object that names its type.
fn is_attribute(value: &Value) -> bool {
    let Some(object) = value.as_object().filter(|object| object.len() == 1) else { return false };
    object.iter().all(|(kind, value)| match kind.as_str() {
        "S" | "N" | "B" => value.is_string(),
        "BOOL" | "NULL" => value.is_boolean(),
        "M" => value.is_object(),
        "L" | "SS" | "NS" | "BS" => value.is_array(),
        _ => false,
    })
}

fn plain_map(members: Map<String, Value>) -> Value {
    members.into_iter().map(|(name, value)| (name, plain(value))).collect()
}

fn plain(attribute: Value) -> Value {
    let Value::Object(object) = attribute else { return attribute };
    let Some((kind, value)) = object.into_iter().next() else { return Value::Null };
    match (kind.as_str(), value) {
        ("NULL", _) => Value::Null,
        ("N", Value::String(text)) => number(text),
        ("M", Value::Object(members)) => plain_map(members),
        ("L", Value::Array(values)) => values.into_iter().map(plain).collect(),
        ("NS", Value::Array(values)) => values
            .into_iter()
            .map(|value| if let Value::String(text) = value { number(text) } else { value })
            .collect(),
        (_, value) => value,
    }
}

/// A number, or its text if JSON has no such number; then the document is refused with its place.
fn number(text: String) -> Value {
    text.parse::<Number>().map_or(Value::String(text), Value::Number)
}
