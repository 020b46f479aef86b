//! A flag as the protocol has it (`README.md`, *A flag*), written without anything in between: all flags of a large environment
//! are an answer of 100 KB.

use std::borrow::Cow;

use engine::{Flag, Reason};
use serde::Deserializer;
use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::object::object;
use crate::json_text::write_text;
use crate::settings::JsonValues;

/// The member of the metadata that says whether the flag is on.
const ENABLED: &str = "enabled";
/// The member that says that the answer may be old.
const STALE: &str = "stale";

/// Writes a flag's JSON. Only the answer to one flag says by itself whether it is stale.
///
/// Few and long pieces: each costs a call, and there are as many as flags.
pub(super) fn write(flag: &Flag<'_>, json_values: JsonValues, is_stale: bool, out: &mut Vec<u8>) {
    let value = flag.value();
    let is_without_value = is_without_value(value);
    out.extend_from_slice(br#"{"key":"#);
    write_text(flag.name(), out);
    if !flag.enabled() && !is_without_value {
        // The getter takes the default of its code.
        out.extend_from_slice(br#","reason":"DISABLED""#);
    } else {
        out.extend_from_slice(reason(&flag.reason));
        if is_without_value {
            out.extend_from_slice(if flag.enabled() { b"true" } else { b"false" });
        } else {
            write_value(value, json_values, out);
        }
    }
    // Python's provider reads the variant whether it is there or not, and takes an answer without it for an error. To the
    // hooks of OpenFeature, an empty text is no variant.
    out.extend_from_slice(br#","variant":"#);
    write_text(flag.variant().unwrap_or_default(), out);
    out.extend_from_slice(if flag.enabled() {
        br#","metadata":{"enabled":true"#
    } else {
        br#","metadata":{"enabled":false"#
    });
    if is_stale {
        out.extend_from_slice(br#","stale":true"#);
    }
    if let Some(metadata) = flag.metadata() {
        write_metadata(metadata, is_stale, out);
    }
    out.extend_from_slice(b"}}");
}

/// The value that a getter gets.
fn write_value(value: &str, json_values: JsonValues, out: &mut Vec<u8>) {
    // The protocol has no lists.
    if value.starts_with('[') {
        return write_text(value, out);
    }
    if json_values == JsonValues::Object && value.starts_with('"') && value.contains('{') {
        let text: Result<Cow<'_, str>, _> = serde_json::from_str(value);
        if let Some(object) = text.as_deref().ok().and_then(object) {
            out.extend_from_slice(object.as_bytes());
            return;
        }
    }
    out.extend_from_slice(value.as_bytes());
}

/// Whether a flag is nothing but on or off: its value, as JSON, is null or an empty text.
fn is_without_value(value: &str) -> bool {
    matches!(value, "null" | "\"\"")
}

/// The reason in the words of the protocol, and what stands before a value. The protocol has no word for a default beside
/// overrides that did not match, and `STATIC` would let a client keep it for other contexts.
fn reason(reason: &Reason<'_>) -> &'static [u8] {
    match reason {
        Reason::Static => br#","reason":"STATIC","value":"#,
        Reason::TargetingMatch { .. } => br#","reason":"TARGETING_MATCH","value":"#,
        Reason::Split { .. } => br#","reason":"SPLIT","value":"#,
        Reason::Default | Reason::CircularDependency => br#","reason":"UNKNOWN","value":"#,
    }
}

/// Writes what the feature's state says of itself, as far as the protocol takes it. Metadata that cannot be read are left
/// out.
fn write_metadata(metadata: &str, is_stale: bool, out: &mut Vec<u8>) {
    let written = out.len();
    let members = Members { out, is_stale };
    if serde_json::Deserializer::from_str(metadata).deserialize_map(members).is_err() {
        out.truncate(written);
    }
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

#[cfg(test)]
mod tests {
    use engine::{Compiled, Context, Options};
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn metadata_that_the_protocol_has_no_place_for_are_left_out() {
        let of = |metadata: &str, is_stale| {
            let context = format!(
                r#"{{"environment": {{"key": "e", "name": "E"}}, "features": {{"f":
                {{"key": "1", "name": "f", "enabled": true, "value": 1, "metadata": {metadata}}}}}}}"#
            );
            let (environment, _) = Context::parse(&context).unwrap().compile(Options::default()).unwrap();
            let compiled = Compiled::decode(environment.encode().unwrap()).unwrap();
            let mut out = Vec::new();
            write(&compiled.evaluate(None).flags[0], JsonValues::Object, is_stale, &mut out);
            let flag: Value = serde_json::from_slice(&out).unwrap();
            flag["metadata"].clone()
        };
        let own = r#"{"text": "é\"", "a \"name\"": 1.5, "yes": false, "enabled": "no", "stale": "no",
            "null": null, "list": [1, {}], "object": {"a": "}"}, "minus": -1}"#;
        let mut expected = json!({
            "enabled": true, "stale": "no", "text": "é\"", "a \"name\"": 1.5, "yes": false, "minus": -1,
        });
        assert_eq!(of(own, false), expected);
        expected["stale"] = json!(true);
        assert_eq!(of(own, true), expected);
        for other in ["null", "[1]", "{}"] {
            assert_eq!(of(other, false), json!({ "enabled": true }), "{other}");
        }
    }
}
