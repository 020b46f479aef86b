//! One event: what it may hold, and how it stands in a line of the log.

use std::borrow::Cow;
use std::fmt::Write;

use serde::Deserialize;
use serde::de::{Deserializer as _, MapAccess, Visitor};
use serde_json::Value as Json;
use serde_json::value::RawValue;

use super::compact::{CompactError, compact};
use crate::flagsmith::fields::{kind, present};
use crate::flagsmith::limits::{
    EVENT_DEPTH_LIMIT, EVENT_LIMIT, EVENT_METADATA_LIMIT, EVENT_NAME_LIMIT, EVENT_TRAITS_LIMIT,
    EVENT_VALUE_LIMIT, KEY_LIMIT, TEXT_LIMIT, is_longer,
};

/// The one event whose name begins with `$`: a user saw a variant of a feature.
const EXPOSURE: &str = "$flag_exposure";

/// The beginning of 2020, in milliseconds. What is not later is in seconds, or made up.
const EARLIEST: i64 = 1_577_836_800_000;

/// Why an event does not count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum EventError {
    /// Others of the request count. The text begins with the member.
    Rejected(String),
    /// The request does not have the form that this route asks for. The text begins with `.` and the member, or with `:`.
    Schema(String),
}

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow, default, deserialize_with = "present")]
    event: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    feature_name: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    identifier: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    value: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    traits: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    metadata: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    timestamp: Option<&'a RawValue>,
}

/// The event as a line of the log holds it, without members that are null or unknown.
///
/// # Errors
/// Why it does not count. `latest` is the last millisecond that it may be of.
pub(super) fn line_item(event: &RawValue, latest: i64) -> Result<String, EventError> {
    if !event.get().starts_with('{') {
        return Err(EventError::Schema(format!(": expected an object, but got {}", kind(event))));
    }
    let event: Event<'_> =
        serde_json::from_str(event.get()).map_err(|error| EventError::Schema(format!(": {error}")))?;
    // Types first: one that is wrong counts more than all that is missing.
    let name = match event.event {
        None => Cow::Borrowed(""),
        Some(name) => string("event", name)?,
    };
    let feature = optional_string("feature_name", event.feature_name)?;
    let identifier = optional_string("identifier", event.identifier)?;
    let time = event.timestamp.map_or(Ok(0), integer)?;

    check_name(&name, feature.is_some())?;
    for (member, text) in [("feature_name", &feature), ("identifier", &identifier)] {
        if text.as_ref().is_some_and(|text| is_longer(text, TEXT_LIMIT)) {
            return rejected(format!("{member} must be at most {TEXT_LIMIT} characters"));
        }
    }
    if time <= EARLIEST {
        return rejected("timestamp must be an epoch-millis value after 2020-01-01");
    }
    if time > latest {
        return rejected("timestamp must not be more than 24h in the future");
    }
    let value = written("value", event.value, EVENT_VALUE_LIMIT)?;
    let traits = written("traits", event.traits, EVENT_TRAITS_LIMIT)?;
    if let Some(traits) = &traits {
        check_traits(traits)?;
    }
    let metadata = written("metadata", event.metadata, EVENT_METADATA_LIMIT)?;

    let mut item = format!(r#"{{"event":{}"#, Json::from(&*name));
    let text = |text: Option<Cow<'_, str>>| text.map(|text| Json::from(&*text).to_string());
    for (member, json) in [
        ("feature_name", text(feature)),
        ("identifier", text(identifier)),
        ("value", value),
        ("traits", traits),
        ("metadata", metadata),
    ] {
        if let Some(json) = json {
            // Writing to a string cannot fail.
            let _ = write!(item, r#","{member}":{json}"#);
        }
    }
    let _ = write!(item, r#","timestamp":{time}}}"#);
    if item.len() > EVENT_LIMIT {
        return rejected(format!(
            "event must have at most {EVENT_LIMIT} bytes as JSON, since a line of the log holds it"
        ));
    }
    Ok(item)
}

fn rejected<T>(text: impl Into<String>) -> Result<T, EventError> {
    Err(EventError::Rejected(text.into()))
}

fn check_name(name: &str, has_feature: bool) -> Result<(), EventError> {
    if name.trim().is_empty() {
        return rejected("event must be non-empty");
    }
    if is_longer(name, EVENT_NAME_LIMIT) {
        return rejected(format!("event must be at most {EVENT_NAME_LIMIT} characters"));
    }
    if name.starts_with('$') && name != EXPOSURE {
        return rejected("event begins with `$`, which is reserved, and is not a known system event");
    }
    if name == EXPOSURE && !has_feature {
        return rejected(format!("feature_name is required for {EXPOSURE} events"));
    }
    Ok(())
}

fn string<'a>(member: &str, raw: &'a RawValue) -> Result<Cow<'a, str>, EventError> {
    if !raw.get().starts_with('"') {
        let found = kind(raw);
        return Err(EventError::Schema(format!(".{member}: expected a string, but got {found}")));
    }
    read_string(raw.get()).map_or_else(|| rejected(format!("{member} holds a text that cannot be read")), Ok)
}

/// A JSON string; none if it holds half of a surrogate pair.
fn read_string(json: &str) -> Option<Cow<'_, str>> {
    serde_json::from_str::<Text<'_>>(json).ok().map(|text| text.0)
}

/// A text that is borrowed where it holds no escapes.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

fn optional_string<'a>(member: &str, raw: Option<&'a RawValue>) -> Result<Option<Cow<'a, str>>, EventError> {
    raw.filter(|raw| raw.get() != "null").map(|raw| string(member, raw)).transpose()
}

fn integer(raw: &RawValue) -> Result<i64, EventError> {
    raw.get().parse().map_err(|_| EventError::Schema(".timestamp: expected an integer".to_owned()))
}

/// A value on one line; none of `null`.
fn written(member: &str, raw: Option<&RawValue>, limit: usize) -> Result<Option<String>, EventError> {
    let Some(raw) = raw.filter(|raw| raw.get() != "null") else { return Ok(None) };
    match compact(raw, limit) {
        Ok(json) => Ok(Some(json)),
        Err(CompactError::TooLong) => rejected(format!("{member} must serialize to at most {limit} bytes")),
        Err(CompactError::TooDeep) => {
            rejected(format!("{member} must have at most {EVENT_DEPTH_LIMIT} levels of lists and objects"))
        }
        Err(CompactError::Unreadable) => {
            rejected(format!("{member} holds a text or a number that cannot be read"))
        }
    }
}

fn check_traits(json: &str) -> Result<(), EventError> {
    struct Traits;

    impl<'de> Visitor<'de> for Traits {
        type Value = Result<(), EventError>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("traits by key")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut verdict = Ok(());
            while let Some((key, value)) = map.next_entry::<Text<'de>, &'de RawValue>()? {
                if is_longer(&key.0, KEY_LIMIT) {
                    verdict = rejected(format!("traits: keys must be at most {KEY_LIMIT} characters"));
                }
                let is_long = |text: Cow<'_, str>| is_longer(&text, TEXT_LIMIT);
                if value.get().len() > TEXT_LIMIT && read_string(value.get()).is_some_and(is_long) {
                    verdict =
                        rejected(format!("traits: string values must be at most {TEXT_LIMIT} characters"));
                }
            }
            Ok(verdict)
        }
    }

    if !json.starts_with('{') {
        return rejected("traits must be a JSON object");
    }
    let verdict = serde_json::Deserializer::from_str(json).deserialize_map(Traits);
    verdict.unwrap_or_else(|_| rejected("traits must be a JSON object"))
}
