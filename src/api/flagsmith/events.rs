//! `POST /v1/events` (`PROTOCOL.md`, 10.2): what users did, for experiments. Each event has a verdict of its own. Those that are
//! accepted become lines of the analytics log once the client has its answer.

mod compact;
mod event;

use http::{HeaderMap, HeaderName, Request, StatusCode};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value as Json, json};

use super::error::RequestError;
use super::fields::{first_items, kind, no_json, no_object, present, read_json_or_gzip, text};
use super::limits::{EVENTS_LIMIT, SDK_LIMIT};
use super::lines::{Kind, Lines};
use crate::access::Access;
use crate::reply::{After, Reply};
use crate::store::{Body, Store};
use event::EventError;

/// The SDK that sends events. Browsers cannot set `User-Agent`.
const SDK: HeaderName = HeaderName::from_static("flagsmith-sdk-user-agent");

/// How far ahead of the edge's clock an event may be, in milliseconds: a day.
const LEAD: i64 = 24 * 60 * 60 * 1_000;

/// `{"events": [{"event": …, "timestamp": …, …}, …]}`.
pub(super) fn answer<S: Store>(
    request: &Request<()>,
    body: &mut dyn Body,
    access: &Access<S::Handle>,
    store: &mut S,
) -> Result<Reply<S::Handle>, RequestError> {
    let body = read_json_or_gzip(request.headers(), body)?;
    let events = list(text(&body)?)?;
    let now = store.now();
    let sdk = sdk(request.headers());
    let mut lines =
        Lines::new(&access.environment, now, store.random(), Kind::Events { sdk: sdk.as_deref() });
    let verdicts = judge(&events, now, &mut lines)?;
    let status = if verdicts.accepted > 0 { StatusCode::ACCEPTED } else { StatusCode::BAD_REQUEST };
    let mut body = json!({ "accepted": verdicts.accepted, "rejected": verdicts.rejected });
    if events.is_empty() {
        body["error"] = json!("events must be non-empty");
    }
    let mut reply = Reply::json(status, body.to_string().into_bytes());
    reply.after = lines.finish().into_iter().map(After::Record).collect();
    Ok(reply)
}

struct Verdicts {
    accepted: usize,
    rejected: Vec<Json>,
}

/// Reads the events, and adds those that are sound to the lines.
///
/// # Errors
/// If a member has a type that none of its values has. Then nothing of the request counts, as at Flagsmith.
fn judge(events: &[&RawValue], now: Timestamp, lines: &mut Lines) -> Result<Verdicts, RequestError> {
    let latest = now.as_millisecond().saturating_add(LEAD);
    let mut verdicts = Verdicts { accepted: 0, rejected: Vec::new() };
    for (index, event) in events.iter().enumerate() {
        match event::line_item(event, latest) {
            Ok(item) => {
                lines.add(&item);
                verdicts.accepted += 1;
            }
            Err(EventError::Rejected(error)) => {
                verdicts
                    .rejected
                    .push(json!({ "index": index, "error": format!("events[{index}].{error}") }));
            }
            Err(EventError::Schema(error)) => {
                return Err(RequestError::Unprocessable(format!("events[{index}]{error}")));
            }
        }
    }
    Ok(verdicts)
}

/// The items of the list in a body.
fn list(text: &str) -> Result<Vec<&RawValue>, RequestError> {
    #[derive(Deserialize)]
    struct Body<'a> {
        #[serde(borrow, default, deserialize_with = "present")]
        events: Option<&'a RawValue>,
    }
    let wrong = |text: String| Err(RequestError::Unprocessable(text));
    if let Some(other) = no_object(text)? {
        return wrong(format!("expected an object, but got {}", kind(other)));
    }
    let body: Body<'_> = serde_json::from_str(text).map_err(|error| no_json(&error))?;
    let list = match body.events {
        None => return wrong("events: missing".to_owned()),
        Some(list) if list.get().starts_with('[') => first_items(list, EVENTS_LIMIT),
        Some(other) => return wrong(format!("events: expected a list, but got {}", kind(other))),
    };
    if list.are_more {
        return Err(RequestError::detail(format!("events: more than {EVENTS_LIMIT}")));
    }
    Ok(list.items)
}

/// The name and version of the SDK, shortened.
fn sdk(headers: &HeaderMap) -> Option<String> {
    let sdk = headers.get(SDK)?.to_str().ok()?;
    Some(sdk.chars().take(SDK_LIMIT).collect())
}
