//! A flag as the protocol has it (`README.md`, *A flag*), written without anything in between: all flags of a large environment
//! are an answer of 100 KB.

use std::borrow::Cow;

use engine::{Flag, Reason};
use serde::Deserializer;
use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::settings::JsonValues;

/// The member of the metadata that says whether the flag is on.
const ENABLED: &str = "enabled";
/// The member that says that the answer may be old.
const STALE: &str = "stale";

/// Writes a flag's JSON. Only the answer to one flag says by itself whether it is stale.
pub(super) fn write(flag: &Flag<'_>, json_values: JsonValues, is_stale: bool, out: &mut Vec<u8>) {
    let is_off = !flag.enabled() && !is_without_value(flag.value());
    out.extend_from_slice(br#"{"key":"#);
    write_text(flag.name(), out);
    out.extend_from_slice(br#","reason":""#);
    out.extend_from_slice(if is_off { b"DISABLED" } else { reason(&flag.reason) });
    out.push(b'"');
    if !is_off {
        out.extend_from_slice(br#","value":"#);
        write_value(flag, json_values, out);
    }
    // Python's provider reads the member whether it is there or not, and takes an answer without it for an error. To the
    // hooks of OpenFeature, an empty text is no variant.
    out.extend_from_slice(br#","variant":"#);
    write_text(flag.variant().unwrap_or_default(), out);
    write_metadata(flag, is_stale, out);
    out.push(b'}');
}

/// The value that a getter gets. A flag that is off has none: then the getter takes the default of its code.
fn write_value(flag: &Flag<'_>, json_values: JsonValues, out: &mut Vec<u8>) {
    let value = flag.value();
    if is_without_value(value) {
        write_bool(flag.enabled(), out);
        return;
    }
    let object = (json_values == JsonValues::Object).then(|| object(value)).flatten();
    match object {
        Some(object) => write_json(&object, out),
        // The protocol has no lists.
        None if value.starts_with('[') => write_text(value, out),
        None => out.extend_from_slice(value.as_bytes()),
    }
}

/// The object that a text holds, if it does.
fn object(value: &str) -> Option<Value> {
    if !value.starts_with('"') || !value.contains('{') {
        return None;
    }
    let text: Cow<'_, str> = serde_json::from_str(value).ok()?;
    if !text.trim_start().starts_with('{') {
        return None;
    }
    serde_json::from_str(&text).ok().filter(Value::is_object)
}

/// Whether a flag is nothing but on or off: its value, as JSON, is null or an empty text.
fn is_without_value(value: &str) -> bool {
    matches!(value, "null" | "\"\"")
}

/// In the words of the protocol. It has none for a default beside overrides that did not match, and `STATIC` would let a
/// client keep it for other contexts.
fn reason(reason: &Reason<'_>) -> &'static [u8] {
    match reason {
        Reason::Static => b"STATIC",
        Reason::TargetingMatch { .. } => b"TARGETING_MATCH",
        Reason::Split { .. } => b"SPLIT",
        Reason::Default | Reason::CircularDependency => b"UNKNOWN",
    }
}

/// What the feature's state says of itself, as far as the protocol takes it, and whether the flag is on.
fn write_metadata(flag: &Flag<'_>, is_stale: bool, out: &mut Vec<u8>) {
    out.extend_from_slice(br#","metadata":{"enabled":"#);
    write_bool(flag.enabled(), out);
    if is_stale {
        out.extend_from_slice(br#","stale":true"#);
    }
    if let Some(metadata) = flag.metadata() {
        let written = out.len();
        let members = Members { out, is_stale };
        // Metadata that cannot be read are left out.
        if serde_json::Deserializer::from_str(metadata).deserialize_map(members).is_err() {
            out.truncate(written);
        }
    }
    out.push(b'}');
}

/// Writes the members of metadata that are texts, numbers or booleans, each after a comma.
struct Members<'o> {
    out: &'o mut Vec<u8>,
    is_stale: bool,
}

impl<'de> Visitor<'de> for Members<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        while let Some(name) = members.next_key::<Name<'_>>()? {
            if name.0 == ENABLED || (self.is_stale && name.0 == STALE) {
                members.next_value::<IgnoredAny>()?;
                continue;
            }
            let value: &RawValue = members.next_value()?;
            if value.get().starts_with(['{', '[', 'n']) {
                continue;
            }
            self.out.push(b',');
            write_text(&name.0, self.out);
            self.out.push(b':');
            self.out.extend_from_slice(value.get().as_bytes());
        }
        Ok(())
    }
}

/// The name of a member: borrowed, unless there is something escaped in it.
#[derive(serde::Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

fn write_bool(value: bool, out: &mut Vec<u8>) {
    out.extend_from_slice(if value { b"true" } else { b"false" });
}

fn write_text(text: &str, out: &mut Vec<u8>) {
    // Nothing can fail: a text is JSON, and memory takes it.
    drop(serde_json::to_writer(out, text));
}

fn write_json(value: &Value, out: &mut Vec<u8>) {
    drop(serde_json::to_writer(out, value));
}
