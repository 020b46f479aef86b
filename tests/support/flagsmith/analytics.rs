//! What Flagsmith does with analytics, as a running one was seen to, and its server for events (`src/api/PROTOCOL.md`, 10).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use bytes::Bytes;
use hyper::http::request::Parts;
use hyper::{Method, Response};
use serde_json::{Value, json};

use super::{State, lock};
use crate::server::Cut;

/// A feature, an identifier, and whether the feature was enabled.
pub type Evaluated = (String, Option<String>, bool);

/// What was counted, by the client-side keys of environments.
#[derive(Debug, Clone, Default)]
pub struct Analytics {
    pub counts: BTreeMap<String, BTreeMap<String, u64>>,
    pub evaluations: BTreeMap<String, BTreeMap<Evaluated, u64>>,
    /// Each with the SDK that sent it.
    pub events: BTreeMap<String, Vec<(String, Value)>>,
    /// Requests, whatever became of them.
    pub requests: u64,
    /// Requests that were counted, and whose answer was not given.
    pub lost_answers: u64,
    /// Requests with an event that came before, and all events that came.
    pub repeated: u64,
    known: BTreeSet<String>,
    /// What the largest request counted.
    pub largest: u64,
    pub(super) trouble: Option<Trouble>,
}

/// What is wrong with requests that bring analytics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// It is answered so.
    Answer(u16),
    /// The connection is cut before anything is counted.
    Cut,
    /// It is counted, and the connection is cut in place of the answer.
    LoseAnswers,
}

impl Analytics {
    fn note(&mut self, body: &Value) {
        let sum = body.as_object().into_iter().flatten().filter_map(|(_, count)| count.as_u64()).sum();
        self.largest = self.largest.max(sum);
        let events = body["events"].as_array().into_iter().flatten().map(Value::to_string);
        let known = events.filter(|event| !self.known.insert(event.clone())).count();
        self.repeated += u64::from(known > 0);
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Route {
    Counts,
    Evaluations,
    Events,
}

impl Route {
    pub(super) fn of(path: &str) -> Option<Route> {
        match path {
            "/api/v1/analytics/flags/" => Some(Route::Counts),
            "/api/v2/analytics/flags/" => Some(Route::Evaluations),
            "/v1/events" => Some(Route::Events),
            _ => None,
        }
    }
}

pub(super) fn answer(
    route: Route,
    parts: &Parts,
    body: &[u8],
    state: &Mutex<State>,
) -> Result<Response<Bytes>, Cut> {
    let mut state = lock(state);
    state.analytics.requests += 1;
    match state.analytics.trouble {
        Some(Trouble::Answer(status)) => return Ok(text(status, "<h1>Server Error</h1>")),
        Some(Trouble::Cut) => return Err(Cut),
        Some(Trouble::LoseAnswers) | None => {}
    }
    let answer = judge(route, parts, body, &mut state);
    if state.analytics.trouble == Some(Trouble::LoseAnswers) && answer.status().is_success() {
        state.analytics.lost_answers += 1;
        return Err(Cut);
    }
    Ok(answer)
}

fn judge(route: Route, parts: &Parts, body: &[u8], state: &mut State) -> Response<Bytes> {
    if parts.method != Method::POST {
        return detail(405, &format!("Method \"{}\" not allowed.", parts.method));
    }
    let given = parts.headers.get("x-environment-key").and_then(|key| key.to_str().ok()).unwrap_or_default();
    let key = state.server_keys.get(given).cloned().unwrap_or_else(|| given.to_owned());
    let Some(environment) = state.environments.get(&key) else {
        return detail(403, "Invalid or missing Environment Key");
    };
    if parts.headers.get("content-type").is_none_or(|kind| kind != "application/json") {
        return detail(415, "Unsupported media type \"\" in request.");
    }
    let Ok(body) = serde_json::from_slice::<Value>(body) else {
        return detail(400, "JSON parse error - Expecting value: line 1 column 1 (char 0)");
    };
    let document = environment.document();
    let states = document["feature_states"].as_array().into_iter().flatten();
    let names: Vec<&str> = states.filter_map(|state| state["feature"]["name"].as_str()).collect();
    let is_known = |name: &str| names.contains(&name);
    state.analytics.note(&body);
    match route {
        Route::Counts => counts(&body, is_known, state.analytics.counts.entry(key).or_default()),
        Route::Evaluations => {
            evaluations(&body, is_known, state.analytics.evaluations.entry(key).or_default())
        }
        Route::Events => {
            let sdk = parts.headers.get("flagsmith-sdk-user-agent").and_then(|sdk| sdk.to_str().ok());
            events(&body, sdk.unwrap_or("unknown"), state.analytics.events.entry(key).or_default())
        }
    }
}

fn counts(
    body: &Value,
    is_known: impl Fn(&str) -> bool,
    counts: &mut BTreeMap<String, u64>,
) -> Response<Bytes> {
    let Some(given) = body.as_object() else {
        return json_text(400, &json!({ "non_field_errors": ["Expected a JSON object."] }));
    };
    for (name, count) in given {
        if let Some(count) = count.as_u64().filter(|_| is_known(name)) {
            *counts.entry(name.clone()).or_default() += count;
        }
    }
    text(200, "")
}

fn evaluations(
    body: &Value,
    is_known: impl Fn(&str) -> bool,
    evaluations: &mut BTreeMap<Evaluated, u64>,
) -> Response<Bytes> {
    let Some(given) = body["evaluations"].as_array() else {
        return json_text(400, &json!({ "evaluations": ["This field is required."] }));
    };
    let read = |item: &Value| {
        let identifier = match &item["identity_identifier"] {
            Value::Null if item.get("identity_identifier").is_none() => None,
            identifier => Some(identifier.as_str()?.to_owned()),
        };
        let feature = item["feature_name"].as_str()?.to_owned();
        Some(((feature, identifier, item["enabled_when_evaluated"].as_bool()?), item["count"].as_u64()?))
    };
    let Some(read) = given.iter().map(read).collect::<Option<Vec<(Evaluated, u64)>>>() else {
        return json_text(400, &json!({ "evaluations": [{ "count": ["This field is required."] }] }));
    };
    for (what, count) in read.into_iter().filter(|((name, ..), _)| is_known(name)) {
        *evaluations.entry(what).or_default() += count;
    }
    text(204, "")
}

/// As ingestion-server. It rejects events named `rejected`, so that tests see that.
fn events(body: &Value, sdk: &str, events: &mut Vec<(String, Value)>) -> Response<Bytes> {
    let Some(given) = body["events"].as_array() else { return text(422, "missing field `events`") };
    let mut rejected = Vec::new();
    let mut accepted = 0;
    for (index, event) in given.iter().enumerate() {
        if event["event"] == "rejected" {
            rejected.push(json!({ "index": index, "error": format!("events[{index}].event is rejected") }));
        } else {
            accepted += 1;
            events.push((sdk.to_owned(), event.clone()));
        }
    }
    let status = if accepted > 0 { 202 } else { 400 };
    json_text(status, &json!({ "accepted": accepted, "rejected": rejected }))
}

fn detail(status: u16, detail: &str) -> Response<Bytes> {
    json_text(status, &json!({ "detail": detail }))
}

fn json_text(status: u16, json: &Value) -> Response<Bytes> {
    let response = Response::builder().status(status).header("content-type", "application/json");
    response.body(json.to_string().into()).unwrap()
}

fn text(status: u16, text: &str) -> Response<Bytes> {
    let response = Response::builder().status(status).header("content-type", "text/html");
    response.body(text.to_owned().into()).unwrap()
}
