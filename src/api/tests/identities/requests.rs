//! Whole requests, and what is known of them afterwards.

use std::collections::BTreeMap;
use std::time::Duration;

use api::identity::{IdentityKey, IdentityName, IdentityRecord};
use api::pop::ports::Clock as _;
use api::{AnswerBody, EnvironmentKey, Secret, Served, finish, serve};
use http::Request;
use serde_json::{Value, json};

use crate::drivers::Driver;
use crate::sandbox::{IDENTITY_KEY, sandbox};
use crate::state::State;

/// The environment of `invariants::sound_bundle`.
const CLIENT: &str = "client";

/// Traits by their keys.
pub(crate) type Traits = BTreeMap<String, Value>;

/// The answer to a request.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) began: Duration,
    pub(crate) ended: Duration,
    pub(crate) status: u16,
    /// What the header `jackstaff-traits` says.
    pub(crate) state: String,
    pub(crate) body: Value,
}

/// A store with the environment.
pub(crate) fn with_environment(mut state: State) -> State {
    state.write(&format!("environment/{CLIENT}"), invariants::sound_bundle(), "", 0);
    state
}

/// The name of an identity in the KV store.
pub(crate) fn name(identifier: &str) -> IdentityName {
    let key = IdentityKey::new(Secret::parse(IDENTITY_KEY).unwrap()).unwrap();
    key.name(&EnvironmentKey::parse(CLIENT).unwrap(), identifier)
}

/// Sends a request to a POP, and does what is left for the time after its answer.
pub(crate) fn send<D: Driver>(
    driver: &D,
    pop: usize,
    number: usize,
    method: &str,
    path: &str,
    body: &Value,
) -> Answered {
    let mut pop = sandbox(driver, pop, number);
    let began = pop.ports().elapsed();
    let request = Request::builder().method(method).uri(path).header("x-environment-key", CLIENT);
    let body = body.to_string().into_bytes();
    let served = serve(&request.body(()).unwrap(), &mut body.as_slice(), &mut pop);
    let Served::Answer(answer, after) = served else { panic!("a stream") };
    let ended = pop.ports().elapsed();
    finish(after, &mut pop);
    let state =
        answer.headers().get("jackstaff-traits").map_or("", |state| state.to_str().unwrap()).to_owned();
    let status = answer.status().as_u16();
    let AnswerBody::Bytes(body) = answer.into_body() else { panic!("a stream") };
    Answered { began, ended, status, state, body: serde_json::from_slice(&body).unwrap_or_default() }
}

/// The body of a request that sets traits of one identity by a route that waits.
pub(crate) fn identities(identifier: &str, set: &Traits) -> Value {
    json!({ "data": [{ "identifier": identifier, "traits": list(set) }] })
}

pub(crate) fn list(traits: &Traits) -> Vec<Value> {
    traits.iter().map(|(key, value)| json!({ "trait_key": key, "trait_value": value })).collect()
}

/// The traits in a list of Flagsmith's.
pub(crate) fn of_list(list: &Value) -> Traits {
    let one = |one: &Value| (one["trait_key"].as_str().unwrap().to_owned(), one["trait_value"].clone());
    list.as_array().into_iter().flatten().map(one).collect()
}

/// The traits of a record.
pub(crate) fn of_record(record: &IdentityRecord) -> Traits {
    of_list(&serde_json::to_value(&record.traits).unwrap())
}

/// Puts a change over traits.
pub(crate) fn merge(traits: &mut Traits, change: &Traits) {
    for (key, value) in change {
        if value.is_null() {
            traits.remove(key);
        } else {
            traits.insert(key.clone(), value.clone());
        }
    }
}
