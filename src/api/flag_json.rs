//! Flags in JSON, as Flagsmith's SDKs read them (`PROTOCOL.md`, 3): the lists that are finished at publication, and what is
//! written for an identity.

use std::borrow::Cow;
use std::io::Write as _;
use std::ops::Range;

use engine::{Compiled, DefaultFlag, DefaultJson, Flag, Reason, Switches};

use crate::json_text::write_inner;
use crate::key::KeyKind;
use crate::visible::is_visible;

/// The type of features whose flags have a variant.
const MULTIVARIATE: &str = "MULTIVARIATE";
/// The variant of an identity for which none of the variants was picked.
const CONTROL: &str = "\"control\"";

/// A flag's JSON for an identity, in its feature's default state: `{"feature":{"id":…},"enabled":true,
/// "feature_state_value":"x","variant":null,"reason":"DEFAULT"}`, with `"metadata":{"experiment":{…}}` where there is an
/// experiment. What stands in front of the state is the same for every state.
pub fn flag_json(flag: DefaultFlag<'_>) -> DefaultJson {
    #[derive(serde::Serialize)]
    struct Feature<'a> {
        id: i64,
        name: &'a str,
        r#type: &'a str,
    }
    let feature = Feature { id: flag.id, name: flag.name, r#type: flag.kind };
    let feature = serde_json::to_string(&feature).unwrap_or_default();
    let prefix = format!(r#"{{"feature":{feature},"enabled":"#);
    let variant = if flag.kind == MULTIVARIATE { CONTROL } else { "null" };
    let reason = if flag.targeted { Reason::Default } else { Reason::Static };
    let metadata = flag.experiment.map(metadata).unwrap_or_default();
    let json = format!(
        r#"{prefix}{},"feature_state_value":{},"variant":{variant},"reason":"{reason}"{metadata}}}"#,
        flag.enabled, flag.value
    );
    DefaultJson { prefix_len: prefix.len(), json }
}

/// The member of a flag that says which experiment it is part of.
fn metadata(experiment: &str) -> String {
    format!(r#","metadata":{{"experiment":{experiment}}}"#)
}

/// Writes the member of a flag that says why it has its value, in the words of Flagsmith's engine. An environment
/// that hides sensitive data does not tell how it calls its segments.
///
/// Few and long pieces: each costs a call, and there are hundreds of flags.
fn write_reason(reason: &Reason<'_>, hides_segments: bool, out: &mut Vec<u8>) {
    match reason {
        Reason::Static => out.extend_from_slice(br#","reason":"STATIC""#),
        Reason::Default => out.extend_from_slice(br#","reason":"DEFAULT""#),
        Reason::TargetingMatch { .. } if hides_segments => {
            out.extend_from_slice(br#","reason":"TARGETING_MATCH""#);
        }
        Reason::TargetingMatch { segment } => {
            out.extend_from_slice(br#","reason":"TARGETING_MATCH; segment="#);
            write_inner(segment, out);
            out.push(b'"');
        }
        // No character of these has to be escaped, and memory takes them.
        reason @ (Reason::Split { .. } | Reason::CircularDependency) => {
            let _ = write!(out, r#","reason":"{reason}""#);
        }
    }
}

/// The variant of a flag that is not in its default state, as JSON: as in Flagsmith's API, the type of the feature decides
/// whether there is one; `head` ends with the type.
fn variant(flag: &Flag<'_>, head: &str) -> Cow<'static, str> {
    let is_multivariate =
        head.strip_suffix(r#""},"enabled":"#).is_some_and(|head| head.ends_with(MULTIVARIATE));
    match flag.variant_key() {
        Some(key) => Cow::Owned(serde_json::to_string(&key).unwrap_or_default()),
        None if is_multivariate => Cow::Borrowed(CONTROL),
        None => Cow::Borrowed("null"),
    }
}

/// The body of the list: the flags that a key of this kind may see, evaluated without an identity. They have three members.
pub(crate) fn finished_list(compiled: &Compiled, kind: KeyKind, switches: Switches) -> Vec<u8> {
    let evaluation = compiled.evaluate(None);
    let shown = evaluation.flags.iter().filter(|flag| is_visible(flag, kind, switches.hide_disabled_flags));
    let flags: Vec<String> = shown
        .map(|flag| {
            let head = evaluation.default_json.get(flag.json_prefix()).unwrap_or_default();
            format!(r#"{head}{},"feature_state_value":{}}}"#, flag.enabled(), flag.value())
        })
        .collect();
    format!("[{}]", flags.join(",")).into_bytes()
}

/// The flags of a finished list, each with the name of its feature. Nothing but names is read as JSON, one at a time.
pub(crate) fn flags_of(list: &str) -> impl Iterator<Item = (Cow<'_, str>, &str)> {
    let mut rest = list;
    std::iter::from_fn(move || {
        // What stands before a flag: the bracket of the list, or a comma.
        rest = rest.get(1..)?;
        let (flag, after) = rest.split_at(end_of_object(rest)?);
        rest = after;
        Some((name(flag)?, flag))
    })
}

/// The length of the JSON object that a text begins with. Braces in strings do not count.
pub(crate) fn end_of_object(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    let mut in_string = false;
    let mut bytes = text.bytes().enumerate();
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'"' => in_string = !in_string,
            b'\\' if in_string => drop(bytes.next()),
            b'{' if !in_string => depth += 1,
            b'}' if !in_string => depth = depth.checked_sub(1)?,
            _ => {}
        }
        if depth == 0 {
            return (at > 0).then_some(at + 1);
        }
    }
    None
}

/// The name of a flag's feature, which stands behind the id (see [`flag_json`]).
fn name(flag: &str) -> Option<Cow<'_, str>> {
    let (_, name) = flag.strip_prefix(r#"{"feature":{"id":"#)?.split_once(r#","name":"#)?;
    let mut is_escaped = false;
    let end = name.bytes().skip(1).position(|byte| {
        let is_end = byte == b'"' && !is_escaped;
        is_escaped = byte == b'\\' && !is_escaped;
        is_end
    })?;
    let name = name.get(..end + 2)?;
    if name.contains('\\') {
        return serde_json::from_str(name).ok().map(Cow::Owned);
    }
    name.get(1..=end).map(Cow::Borrowed)
}

/// Writes flags one after the other, with commas between them. Neighbours in their default state are copied together.
pub(crate) struct Writer<'a> {
    texts: &'a str,
    hides_segments: bool,
    out: &'a mut Vec<u8>,
    first: bool,
    /// The range of the texts that is copied next.
    pending: Range<usize>,
}

impl<'a> Writer<'a> {
    /// `texts` are those of the evaluation whose flags are written; `hides_segments`: their names are not shown.
    pub(crate) fn new(texts: &'a str, hides_segments: bool, out: &'a mut Vec<u8>) -> Self {
        Writer { texts, hides_segments, out, first: true, pending: 0..0 }
    }

    pub(crate) fn write(&mut self, flag: &Flag<'_>) {
        if let Some(text) = flag.default_json() {
            // One byte lies between neighbours, the comma.
            if !self.pending.is_empty() && text.start == self.pending.end + 1 {
                self.pending.end = text.end;
                return;
            }
            self.flush();
            self.pending = text;
            return;
        }
        self.flush();
        self.comma();
        let head = self.texts.get(flag.json_prefix()).unwrap_or_default();
        self.out.extend_from_slice(head.as_bytes());
        let enabled: &[u8] = if flag.enabled() {
            br#"true,"feature_state_value":"#
        } else {
            br#"false,"feature_state_value":"#
        };
        self.out.extend_from_slice(enabled);
        self.out.extend_from_slice(flag.value().as_bytes());
        self.out.extend_from_slice(br#","variant":"#);
        self.out.extend_from_slice(variant(flag, head).as_bytes());
        write_reason(&flag.reason, self.hides_segments, self.out);
        if let Some(experiment) = flag.experiment() {
            self.out.extend_from_slice(metadata(experiment).as_bytes());
        }
        self.out.push(b'}');
    }

    pub(crate) fn finish(mut self) {
        self.flush();
    }

    fn flush(&mut self) {
        let text = std::mem::take(&mut self.pending);
        if !text.is_empty() {
            self.comma();
            self.copy(text);
        }
    }

    fn comma(&mut self) {
        if !std::mem::take(&mut self.first) {
            self.out.push(b',');
        }
    }

    fn copy(&mut self, text: Range<usize>) {
        self.out.extend_from_slice(self.texts.get(text).unwrap_or_default().as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finished_list_is_read_flag_by_flag() {
        let odd = [
            "",
            "a",
            "\"",
            "\\",
            "\\\"",
            "},{",
            r#","name":"b""#,
            "\u{1}\n",
            "ſ\u{1F6A9}",
            r#"{"feature":{"id":"#,
        ];
        let states = odd.iter().zip(1..).map(|(text, id)| {
            serde_json::json!({ "feature": { "id": id, "name": text }, "enabled": true, "feature_state_value": text })
        });
        let states: Vec<serde_json::Value> = states.collect();
        let document =
            serde_json::json!({ "api_key": "k", "project": { "segments": [] }, "feature_states": states });
        let document = engine::Document::parse(&document.to_string()).unwrap();
        let (environment, _) = document.compile(engine::Options::default(), flag_json).unwrap();
        let compiled = Compiled::decode(environment.encode().unwrap()).unwrap();
        let list = finished_list(&compiled, KeyKind::Server, document.switches());
        let list = String::from_utf8(list).unwrap();
        let read: Vec<(String, String)> = flags_of(&list)
            .map(|(name, flag)| {
                let flag: serde_json::Value = serde_json::from_str(flag).unwrap();
                (name.into_owned(), flag["feature_state_value"].as_str().unwrap().to_owned())
            })
            .collect();
        assert_eq!(read, odd.map(|text| (text.to_owned(), text.to_owned())));
        for other in ["", "[", "[]", "[,]", "[{", "[}", "[{\"", "null", "é", "[{}]"] {
            assert_eq!(flags_of(other).count(), 0, "{other}");
        }
    }
}
