//! Environments as Flagsmith's own DynamoDB tables hold them (`src/api/PROTOCOL.md`, 6.2 and 6.4), made into documents: what
//! `aws dynamodb get-item`, `query` or an export to S3 writes of one environment.
//!
//! | shape | what is made of it |
//! |---|---|
//! | an item, `{"Item": …}`, `{"Items": […]}`, a list, or a line each | its items |
//! | `{"S": "a"}`, `{"N": "1"}`, … | `"a"`, `1`, … |
//! | `compressed: true` | `project` and `feature_states` are gzip in base64 |
//! | `document_key: "_META"` | the environment, without its overrides |
//! | `document_key: "identity_override:…"` | an override of an identity |

mod attribute;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::io::Read;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::read::MultiGzDecoder;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use thiserror::Error;

/// Bytes of a compressed part: more than may be stored of an environment.
const LIMIT: u64 = 64 << 20;
/// What may be compressed.
const COMPRESSED: [&str; 2] = ["project", "feature_states"];
/// Switches that mean no where an item does not have them; documents of the API always have them.
const ABSENT_IS_NO: [&str; 2] =
    ["use_identity_composite_key_for_hashing", "use_identity_overrides_in_local_eval"];

/// Why items make no document.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ExportError {
    #[error("an export without an environment: none of its {items} items is one")]
    NoEnvironment { items: usize },
    #[error("an export of {environments} environments, where one is to be published")]
    Environments { environments: usize },
    #[error("an export with an override of environment `{other}` beside environment `{environment}`")]
    Another { environment: String, other: String },
    #[error("item {number} of an export is not an object")]
    Item { number: usize },
    #[error("{member}: not JSON compressed by gzip, in base64, although the item says that it is compressed")]
    Compressed { member: &'static str },
}

type Item = Map<String, Value>;

/// The document that a text stands for: mostly the text itself.
pub(crate) fn document(text: &str) -> Result<Cow<'_, str>, ExportError> {
    match items(text) {
        None => Ok(Cow::Borrowed(text)),
        Some(items) => assemble(items?).map(|document| Cow::Owned(document.to_string())),
    }
}

/// The members by which an item differs from a document.
#[derive(Deserialize)]
struct ExportMarkers {
    #[serde(rename = "Item")]
    item: Option<Value>,
    #[serde(rename = "Items")]
    items: Option<Value>,
    document_key: Option<Value>,
    compressed: Option<Value>,
    api_key: Option<Value>,
    environment_api_key: Option<Value>,
}

impl ExportMarkers {
    fn is_export(&self) -> bool {
        let keys = [&self.api_key, &self.environment_api_key].into_iter().flatten();
        self.item.is_some()
            || self.items.is_some()
            || self.document_key.is_some()
            || self.compressed.is_some()
            || keys.into_iter().any(Value::is_object)
    }
}

/// The items of an export; none if it is a document, or cannot be read.
fn items(text: &str) -> Option<Result<Vec<Item>, ExportError>> {
    if !text.trim_start().starts_with('[') {
        let mut values = serde_json::Deserializer::from_str(text).into_iter::<ExportMarkers>();
        if !values.next()?.ok()?.is_export() {
            return None;
        }
    }
    let values: Result<Vec<Value>, _> = serde_json::Deserializer::from_str(text).into_iter().collect();
    let items: Vec<Value> = values.ok()?.into_iter().flat_map(unwrapped).collect();
    let items = items.into_iter().zip(1..).map(|(item, number)| match attribute::item(item) {
        Value::Object(item) => Ok(item),
        _ => Err(ExportError::Item { number }),
    });
    Some(items.collect())
}

/// The items in what holds them.
fn unwrapped(value: Value) -> Vec<Value> {
    match value {
        Value::Array(values) => values.into_iter().flat_map(unwrapped).collect(),
        Value::Object(mut object) => match (object.remove("Items"), object.remove("Item")) {
            (Some(Value::Array(items)), _) => items,
            (_, Some(item)) => vec![item],
            _ => vec![Value::Object(object)],
        },
        value => vec![value],
    }
}

fn assemble(items: Vec<Item>) -> Result<Value, ExportError> {
    let count = items.len();
    let (overrides, mut environments): (Vec<Item>, Vec<Item>) = items.into_iter().partition(is_override);
    if environments.len() > 1 {
        return Err(ExportError::Environments { environments: environments.len() });
    }
    let Some(mut environment) = environments.pop() else {
        return Err(ExportError::NoEnvironment { items: count });
    };
    if environment.remove("compressed") == Some(Value::Bool(true)) {
        for member in COMPRESSED {
            if let Some(Value::String(packed)) = environment.get(member) {
                let part = unpacked(packed).ok_or(ExportError::Compressed { member })?;
                environment.insert(member.to_owned(), part);
            }
        }
    }
    if let Some(key) = environment.remove("environment_api_key") {
        environment.entry("api_key").or_insert(key);
    }
    if let Some(id) = environment.remove("environment_id") {
        environment.entry("id").or_insert(id);
    }
    for switch in ABSENT_IS_NO {
        environment.entry(switch).or_insert(Value::Bool(false));
    }
    add_overrides(&mut environment, overrides)?;
    Ok(Value::Object(environment))
}

fn is_override(item: &Item) -> bool {
    item.get("document_key").and_then(Value::as_str).is_some_and(|key| key.starts_with("identity_override:"))
}

/// Adds overrides, of which each item has one. The engine merges those of one identity.
fn add_overrides(environment: &mut Item, items: Vec<Item>) -> Result<(), ExportError> {
    if items.is_empty() {
        return Ok(());
    }
    let key = environment.get("api_key").cloned().unwrap_or_default();
    let given = environment.remove("identity_overrides");
    let mut overrides = if let Some(Value::Array(given)) = given { given } else { Vec::new() };
    for mut item in items {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        if let Some(other) = item.get("environment_api_key").filter(|other| **other != key) {
            return Err(ExportError::Another { environment: text(&key), other: text(other) });
        }
        let state = item.remove("feature_state");
        item.insert("identity_features".to_owned(), json!(Vec::from_iter(state)));
        overrides.push(Value::Object(item));
    }
    environment.insert("identity_overrides".to_owned(), Value::Array(overrides));
    Ok(())
}

/// JSON that was compressed.
fn unpacked(packed: &str) -> Option<Value> {
    let bytes = STANDARD.decode(packed).ok()?;
    let mut json = Vec::new();
    MultiGzDecoder::new(bytes.as_slice()).take(LIMIT).read_to_end(&mut json).ok()?;
    serde_json::from_slice(&json).ok()
}
