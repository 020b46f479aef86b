//! `GET /api/v1/flags/` (wire protocol reference, 2.1): every flag, evaluated for nobody, finished when it was published.

use std::borrow::Cow;
use std::ops::Range;

use engine::{Compiled, DefaultFlag, DefaultJson, Flag, Switches};
use http::Response;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::bundle::Section;
use crate::failure::Failure;
use crate::reply::{JSON, Reply};
use crate::respond::{Access, KeyKind};
use crate::store::Store;

/// The type of features whose flags have a variant.
const MULTIVARIATE: &str = "MULTIVARIATE";
/// The variant of an identity for which none of the variants was picked.
const CONTROL: &str = "\"control\"";

/// A flag's JSON for an identity, in its feature's default state: `{"feature":{"id":…},"enabled":true,
/// "feature_state_value":"x","variant":null}`. What stands in front of the state is the same in any.
pub fn text(flag: DefaultFlag<'_>) -> DefaultJson {
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
    let json =
        format!(r#"{prefix}{},"feature_state_value":{},"variant":{variant}}}"#, flag.enabled, flag.value);
    DefaultJson { prefix_len: prefix.len(), json }
}

/// The variant of a flag that is not in its default state, as JSON: as in Flagsmith's API, the type of the feature decides
/// whether there is one, and the type is the last that `head` says.
fn variant(flag: &Flag<'_>, head: &str) -> Cow<'static, str> {
    let is_multivariate =
        head.strip_suffix(r#""},"enabled":"#).is_some_and(|head| head.ends_with(MULTIVARIATE));
    match flag.variant_key() {
        Some(key) => Cow::Owned(serde_json::to_string(&key).unwrap_or_default()),
        None if is_multivariate => Cow::Borrowed(CONTROL),
        None => Cow::Borrowed("null"),
    }
}

/// The body of the list: the flags that a key of this kind may see, for nobody. Flags of nobody have no variant.
pub fn for_nobody(compiled: &Compiled, kind: KeyKind, switches: Switches) -> Vec<u8> {
    let evaluation = compiled.evaluate(None);
    let shown = evaluation.flags.iter().filter(|flag| {
        let is_hidden = flag.server_only() && kind == KeyKind::Client;
        !is_hidden && (flag.enabled() || !switches.hide_disabled_flags)
    });
    let flags: Vec<String> = shown
        .map(|flag| {
            let head = evaluation.default_json.get(flag.json_prefix()).unwrap_or_default();
            format!(r#"{head}{},"feature_state_value":{}}}"#, flag.enabled(), flag.value())
        })
        .collect();
    format!("[{}]", flags.join(",")).into_bytes()
}

/// Writes flags one after the other, with commas between them. Neighbours in their default state are copied together.
pub(crate) struct Writer<'a> {
    texts: &'a str,
    out: &'a mut Vec<u8>,
    first: bool,
    /// What of the texts is to be copied next.
    pending: Range<usize>,
}

impl<'a> Writer<'a> {
    /// `texts` are those of the evaluation whose flags will be written.
    pub(crate) fn new(texts: &'a str, out: &'a mut Vec<u8>) -> Self {
        Writer { texts, out, first: true, pending: 0..0 }
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
        let enabled: &[u8] = if flag.enabled() { b"true" } else { b"false" };
        self.out.extend_from_slice(enabled);
        self.out.extend_from_slice(br#","feature_state_value":"#);
        self.out.extend_from_slice(flag.value().as_bytes());
        self.out.extend_from_slice(br#","variant":"#);
        self.out.extend_from_slice(variant(flag, head).as_bytes());
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

pub(crate) fn list(access: &Access, gzip: bool) -> Reply {
    let section = match (access.kind, gzip) {
        (KeyKind::Client, false) => Section::FlagsClient,
        (KeyKind::Client, true) => Section::FlagsClientGzip,
        (KeyKind::Server, false) => Section::FlagsServer,
        (KeyKind::Server, true) => Section::FlagsServerGzip,
    };
    let mut response = Response::new(());
    response.headers_mut().insert(http::header::CONTENT_TYPE, JSON);
    Reply::Section(response, section)
}

/// `?feature=`: one flag, by its name in whatever case.
pub(crate) fn one(access: &Access, feature: &str, store: &mut dyn Store) -> Result<Reply, Failure> {
    let section = match access.kind {
        KeyKind::Client => Section::FlagsClient,
        KeyKind::Server => Section::FlagsServer,
    };
    let list = store.section(section).map_err(|_| Failure::Unavailable)?;
    find(&list, |name| name.to_lowercase() == feature.to_lowercase()).ok_or(Failure::FeatureNotFound)
}

/// The flag of a list whose name is wanted.
pub(crate) fn find(list: &[u8], wanted: impl Fn(&str) -> bool) -> Option<Reply> {
    #[derive(Deserialize)]
    struct Flag {
        feature: Feature,
    }
    #[derive(Deserialize)]
    struct Feature {
        name: String,
    }
    let flags: Vec<&RawValue> = serde_json::from_slice(list).ok()?;
    let flag = flags
        .into_iter()
        .find(|flag| serde_json::from_str::<Flag>(flag.get()).is_ok_and(|flag| wanted(&flag.feature.name)))?;
    Some(Reply::json(http::StatusCode::OK, flag.get().as_bytes().to_vec()))
}
