//! The 25 checks that a server of Flagsmith's protocol has to pass, each by its number: against a running edge, and with real
//! SDKs where a check is about them.

mod analytics;
mod browsers;
mod documents;
mod evaluation;
mod flags;
mod identities;
mod keys;
mod requests;
mod streams;
mod switches;
mod traits;

use serde_json::{Value, json};
use tests::{Answer, Edge, Origin, edge, edge_with_origin, fixture, origin, tools};

const FLAGS: &str = "/api/v1/flags/";
const IDENTITIES: &str = "/api/v1/identities/";
const IDENTITY: &str = "/api/v1/identities/?identifier=user-7";
const DOCUMENT: &str = "/api/v1/environment-document/";
const ANALYTICS: &str = "/api/v1/analytics/flags/";
const EVALUATIONS: &str = "/api/v2/analytics/flags/";

/// The keys of the environment that most checks ask about, `fixtures/sdk.json`.
const CLIENT: &str = crate::sdk::CLIENT;
const SERVER: &str = crate::sdk::SERVER;
/// Its feature that client-side keys must never see.
const SERVER_ONLY: &str = "fraud_rules";

/// An edge that serves `fixtures/sdk.json`, if the programs are there.
#[track_caller]
fn sdk_edge() -> Option<Edge> {
    let edge = edge(&tools()?, &json!({}));
    edge.publish_fixture("sdk.json", SERVER);
    Some(edge)
}

/// The same, behind an origin, with parts of these seconds.
#[track_caller]
fn sdk_edge_with_origin(settings: &Value) -> Option<(Edge, Origin)> {
    let tools = tools()?;
    let origin = origin(&tools);
    let edge = edge_with_origin(&tools, settings, &origin.url());
    edge.publish_fixture("sdk.json", SERVER);
    Some((edge, origin))
}

/// An environment with other members: each is a JSON pointer and its value.
fn environment(key: &str, members: &[(&str, Value)]) -> Value {
    let mut document = fixture("sdk.json");
    document["api_key"] = json!(key);
    for (pointer, value) in members {
        let (parent, member) = pointer.rsplit_once('/').unwrap();
        let parent = document.pointer_mut(parent).unwrap_or_else(|| panic!("no {parent}"));
        parent[member] = value.clone();
    }
    document
}

/// Publishes an environment, and returns its client-side and its server-side key.
#[track_caller]
fn publish(edge: &Edge, key: &str, members: &[(&str, Value)]) -> [String; 2] {
    let server = format!("ser.{key}");
    edge.publish(&environment(key, members), &server);
    [key.to_owned(), server]
}

/// The names of flags in an answer: a list, or those of an identity.
#[track_caller]
fn names(answer: &Answer) -> Vec<String> {
    flags(answer).iter().map(|flag| flag["feature"]["name"].as_str().unwrap().to_owned()).collect()
}

#[track_caller]
fn flags(answer: &Answer) -> Vec<Value> {
    assert_eq!(answer.status, 200, "{answer:?}");
    let body = answer.json();
    body.get("flags").unwrap_or(&body).as_array().unwrap().clone()
}

/// `[enabled, value]` of a flag; null if it is not there.
#[track_caller]
fn flag(answer: &Answer, name: &str) -> Value {
    let flags = flags(answer);
    let flag = flags.iter().find(|flag| flag["feature"]["name"] == name);
    flag.map_or(Value::Null, |flag| json!([flag["enabled"], flag["feature_state_value"]]))
}

/// `POST /api/v1/identities/` with traits.
#[track_caller]
fn identify(edge: &Edge, key: &str, identifier: &str, traits: &Value) -> Answer {
    let traits: Vec<Value> = traits
        .as_object()
        .unwrap()
        .iter()
        .map(|(key, value)| json!({ "trait_key": key, "trait_value": value }))
        .collect();
    edge.post(IDENTITIES, key, &json!({ "identifier": identifier, "traits": traits }))
}

/// Compares all situations, and shows every one that differs.
#[track_caller]
fn compare<T: PartialEq + std::fmt::Debug>(situations: impl IntoIterator<Item = (String, T, T)>) {
    let differ = |(what, found, expected): (String, T, T)| {
        (found != expected).then(|| format!("{what}: {found:?} instead of {expected:?}"))
    };
    let wrong: Vec<String> = situations.into_iter().filter_map(differ).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
