//! `POST /api/v1/analytics/flags/` and `/api/v2/analytics/flags/` (`PROTOCOL.md`, 10): how often apps asked for flags. What counts
//! a flag of the environment is added up, and becomes lines of the analytics log once the client has its answer. Other names
//! are left out, as Flagsmith does: anybody may make some up.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use http::{Request, StatusCode};
use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Value as Json, json};

use super::error::RequestError;
use super::fields::{each_item, first_items, kind, name, no_json, no_object, present, read_json, text};
use super::limits::{COUNTS_LIMIT, EVALUATIONS_LIMIT, TEXT_LIMIT};
use super::lines::{Kind, Lines};
use crate::access::Access;
use crate::reply::{After, Reply};
use crate::store::{Body, Store};

/// Flagsmith's words for `null`, and for members that are missing.
const NO_DATA: &str = "No data provided";
const REQUIRED: &str = "This field is required.";
const NOT_NULL: &str = "This field may not be null.";

type Counts<'b> = BTreeMap<Cow<'b, str>, u64>;

/// `{"<name>": <count>, …}`. Counts that are no positive integers are left out, as unknown names are.
pub(super) fn counts<S: Store>(
    request: &Request<()>,
    body: &mut dyn Body,
    mut access: Access<S::Handle>,
    store: &mut S,
) -> Result<Reply<S::Handle>, RequestError> {
    let body = read_json(request.headers(), body)?;
    let text = text(&body)?;
    let counts = parse_counts(text)?;
    let compiled = store.compiled(&mut access.copy).map_err(|_| RequestError::Unavailable)?;
    let mut lines = Lines::new(&access.environment, store.now(), store.random(), Kind::Counts);
    for name in compiled.feature_names() {
        if let Some(count) = counts.get(name) {
            lines.add(&format!("{}:{count}", Json::from(name)));
        }
    }
    // Android takes an answer without a body (204) for a failure; nobody reads the body.
    Ok(recorded(StatusCode::OK, lines))
}

/// `{"evaluations": [{"feature_name": …, "identity_identifier": …, "enabled_when_evaluated": …, "count": …}, …]}`.
pub(super) fn evaluations<S: Store>(
    request: &Request<()>,
    body: &mut dyn Body,
    mut access: Access<S::Handle>,
    store: &mut S,
) -> Result<Reply<S::Handle>, RequestError> {
    let body = read_json(request.headers(), body)?;
    let evaluations = parse_evaluations(text(&body)?)?;
    let compiled = store.compiled(&mut access.copy).map_err(|_| RequestError::Unavailable)?;
    let named: BTreeSet<&str> = evaluations.iter().map(|(what, _)| &*what.feature).collect();
    let known: BTreeSet<&str> = compiled.feature_names().filter(|name| named.contains(name)).collect();
    let mut sums: BTreeMap<Evaluated, u64> = BTreeMap::new();
    let counts = |(what, count): &(Evaluated, u64)| *count > 0 && known.contains(&*what.feature);
    for (evaluated, count) in evaluations.into_iter().filter(counts) {
        let sum = sums.entry(evaluated).or_default();
        *sum = sum.saturating_add(count);
    }
    let mut lines = Lines::new(&access.environment, store.now(), store.random(), Kind::Evaluations);
    for (Evaluated { feature, identifier, enabled }, count) in sums {
        let item = json!({
            "feature_name": feature, "identity_identifier": identifier, "enabled_when_evaluated": enabled, "count": count
        });
        lines.add(&item.to_string());
    }
    Ok(recorded(StatusCode::NO_CONTENT, lines))
}

fn recorded<H>(status: StatusCode, lines: Lines) -> Reply<H> {
    let mut reply = Reply::empty(status);
    reply.after = lines.finish().into_iter().map(After::Record).collect();
    reply
}

/// Reads counts, and stops behind the limit.
fn parse_counts(text: &str) -> Result<Counts<'_>, RequestError> {
    struct First<'m>(&'m mut bool);

    impl<'de> Visitor<'de> for First<'_> {
        type Value = Counts<'de>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("counts by name")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Counts<'de>, A::Error> {
            let mut counts = Counts::new();
            let mut read = 0;
            while let Some((name, count)) = map.next_entry::<Cow<'de, str>, &'de RawValue>()? {
                read += 1;
                if read > COUNTS_LIMIT {
                    *self.0 = true;
                    return Err(A::Error::custom("more counts than are read"));
                }
                if let Ok(Ok(count)) = count.get().parse::<i64>().map(u64::try_from)
                    && count > 0
                {
                    // The last one of a name counts.
                    counts.insert(name, count);
                }
            }
            Ok(counts)
        }
    }

    if let Some(other) = no_object(text)? {
        let message = if other.get() == "null" { NO_DATA } else { "Expected a JSON object." };
        return Err(RequestError::Invalid(json!({ "non_field_errors": [message] })));
    }
    let mut are_more = false;
    let mut json = serde_json::Deserializer::from_str(text);
    let counts = json.deserialize_map(First(&mut are_more)).and_then(|counts| json.end().map(|()| counts));
    counts.map_err(|error| {
        if are_more {
            let message = format!("Ensure this object has no more than {COUNTS_LIMIT} members.");
            RequestError::Invalid(json!({ "non_field_errors": [message] }))
        } else {
            no_json(&error)
        }
    })
}

/// What was evaluated, and for whom.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Evaluated {
    feature: String,
    identifier: Option<String>,
    enabled: bool,
}

fn parse_evaluations(text: &str) -> Result<Vec<(Evaluated, u64)>, RequestError> {
    #[derive(Deserialize)]
    struct Body<'a> {
        #[serde(borrow, default, deserialize_with = "present")]
        evaluations: Option<&'a RawValue>,
    }
    if let Some(other) = no_object(text)? {
        let message = match kind(other) {
            "NoneType" => NO_DATA.to_owned(),
            kind => format!("Invalid data. Expected a dictionary, but got {kind}."),
        };
        return Err(RequestError::Invalid(json!({ "non_field_errors": [message] })));
    }
    let body: Body<'_> = serde_json::from_str(text).map_err(|error| no_json(&error))?;
    let wrong = |what: Json| RequestError::Invalid(json!({ "evaluations": what }));
    let list = match body.evaluations {
        None => return Err(wrong(json!([REQUIRED]))),
        Some(null) if null.get() == "null" => return Err(wrong(json!([NOT_NULL]))),
        Some(list) if list.get().starts_with('[') => first_items(list, EVALUATIONS_LIMIT),
        Some(other) => {
            let message = format!("Expected a list of items but got type \"{}\".", kind(other));
            return Err(wrong(json!({ "non_field_errors": [message] })));
        }
    };
    if list.are_more {
        let message = format!("Ensure this field has no more than {EVALUATIONS_LIMIT} elements.");
        return Err(wrong(json!({ "non_field_errors": [message] })));
    }
    each_item(list.items, evaluation).map_err(|answers| wrong(Json::Array(answers)))
}

/// Reads one evaluation.
///
/// # Errors
/// What is wrong with each of its members, as Flagsmith says it.
fn evaluation(item: &RawValue) -> Result<(Evaluated, u64), Json> {
    #[derive(Deserialize)]
    struct Item<'a> {
        #[serde(borrow, default, deserialize_with = "present")]
        feature_name: Option<&'a RawValue>,
        #[serde(borrow, default, deserialize_with = "present")]
        identity_identifier: Option<&'a RawValue>,
        #[serde(borrow, default, deserialize_with = "present")]
        enabled_when_evaluated: Option<&'a RawValue>,
        #[serde(borrow, default, deserialize_with = "present")]
        count: Option<&'a RawValue>,
    }
    if item.get() == "null" {
        return Err(json!([NOT_NULL]));
    }
    if !item.get().starts_with('{') {
        let message = format!("Invalid data. Expected a dictionary, but got {}.", kind(item));
        return Err(json!({ "non_field_errors": [message] }));
    }
    let item: Item<'_> = serde_json::from_str(item.get())
        .map_err(|error| json!({ "non_field_errors": [error.to_string()] }))?;
    let mut errors = Map::new();
    let mut field = |member: &str, message: String| errors.insert(member.to_owned(), json!([message]));
    let feature = required(item.feature_name, given_name).map_err(|error| field("feature_name", error));
    let identifier = item.identity_identifier.map(given_name).transpose();
    let identifier = identifier.map_err(|error| field("identity_identifier", error));
    let enabled = required(item.enabled_when_evaluated, boolean);
    let enabled = enabled.map_err(|error| field("enabled_when_evaluated", error));
    let count = required(item.count, integer).map_err(|error| field("count", error));
    match (feature, identifier, enabled, count) {
        (Ok(feature), Ok(identifier), Ok(enabled), Ok(count)) => {
            Ok((Evaluated { feature, identifier, enabled }, count))
        }
        _ => Err(Json::Object(errors)),
    }
}

fn required<T>(
    raw: Option<&RawValue>,
    read: impl FnOnce(&RawValue) -> Result<T, String>,
) -> Result<T, String> {
    raw.map_or_else(|| Err(REQUIRED.to_owned()), read)
}

fn given_name(raw: &RawValue) -> Result<String, String> {
    match name(raw, TEXT_LIMIT)? {
        None => Err(NOT_NULL.to_owned()),
        Some(name) if name.is_empty() => Err("This field may not be blank.".to_owned()),
        Some(name) => Ok(name),
    }
}

/// The words that Flagsmith's framework takes for yes and no.
fn boolean(raw: &RawValue) -> Result<bool, String> {
    match raw.get().trim_matches('"') {
        "true" | "True" | "TRUE" | "t" | "T" | "yes" | "Yes" | "YES" | "y" | "Y" | "on" | "On" | "ON"
        | "1" => Ok(true),
        "false" | "False" | "FALSE" | "f" | "F" | "no" | "No" | "NO" | "n" | "N" | "off" | "Off" | "OFF"
        | "0" | "0.0" => Ok(false),
        "null" | "Null" | "NULL" | "" => Err(NOT_NULL.to_owned()),
        _ => Err("Must be a valid boolean.".to_owned()),
    }
}

/// A count: an integer, also with zeros behind a point or as a text. One that counts nothing is 0.
fn integer(raw: &RawValue) -> Result<u64, String> {
    if raw.get() == "null" {
        return Err(NOT_NULL.to_owned());
    }
    let text = raw.get().trim_matches('"').trim();
    let whole = match text.split_once('.') {
        Some((whole, zeros)) if zeros.bytes().all(|digit| digit == b'0') => whole,
        _ => text,
    };
    let count = whole.parse::<i64>().map_err(|_| "A valid integer is required.".to_owned())?;
    Ok(u64::try_from(count).unwrap_or(0))
}
