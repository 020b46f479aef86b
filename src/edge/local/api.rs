//! The calls of Fastly's REST API that a publisher makes, answered by the edge itself, since Viceroy's KV store cannot
//! be written from outside. Only for requests whose `Fastly-Key` the local runtime holds valid.

use std::time::Duration;

use fastly::http::purge::{purge_surrogate_key, soft_purge_surrogate_key};
use fastly::http::{Method, StatusCode};
use fastly::kv_store::{InsertMode, KVStoreError, LookupResponse};
use fastly::{KVStore, Request, Response};
use percent_encoding::percent_decode_str;

use super::faults::previous;
use crate::names::KV_STORE;

/// Keys of a page of a list, unless more or fewer are asked for.
const LIST_LIMIT: u32 = 100;

/// The answer, if the request is one of those calls.
pub(crate) fn answer(request: &mut Request) -> Option<Response> {
    let parts: Vec<&str> = request.get_path().split('/').skip(1).collect();
    let call = match (request.get_method(), parts.as_slice()) {
        (method, ["resources", "stores", "kv", _store, "keys", key]) => Call::Kv(method.clone(), decode(key)),
        (&Method::GET, ["resources", "stores", "kv", _store, "keys"]) => Call::List,
        (&Method::POST, ["service", _service, "purge", key]) => Call::Purge(decode(key)),
        _ => return None,
    };
    if !request.fastly_key_is_valid() {
        return Some(problem(StatusCode::UNAUTHORIZED, "the Fastly-Key is not valid"));
    }
    Some(match call {
        Call::Kv(method, key) => kv(|store| one(store, request, &method, &key)),
        Call::List => kv(|store| list(store, request)),
        Call::Purge(key) => purge(request, &key),
    })
}

enum Call {
    Kv(Method, String),
    List,
    Purge(String),
}

fn decode(part: &str) -> String {
    percent_decode_str(part).decode_utf8_lossy().into_owned()
}

fn problem(status: StatusCode, detail: &str) -> Response {
    Response::from_status(status).with_body(format!("{{\"title\":{status:?},\"detail\":{detail:?}}}"))
}

fn kv(act: impl FnOnce(&KVStore) -> Result<Response, KVStoreError>) -> Response {
    match KVStore::open(KV_STORE) {
        Ok(Some(store)) => act(&store).unwrap_or_else(|error| failure(&error)),
        Ok(None) => problem(StatusCode::NOT_FOUND, "there is no such KV store"),
        Err(error) => failure(&error),
    }
}

fn one(store: &KVStore, request: &mut Request, method: &Method, key: &str) -> Result<Response, KVStoreError> {
    match *method {
        Method::GET => get(store, key),
        Method::PUT => put(store, key, request),
        Method::DELETE => delete(store, key),
        _ => Ok(problem(StatusCode::METHOD_NOT_ALLOWED, "GET, PUT or DELETE")),
    }
}

fn list(store: &KVStore, request: &Request) -> Result<Response, KVStoreError> {
    let parameter = |name| request.get_query_parameter(name).map(decode).filter(|value| !value.is_empty());
    let mut list = store.build_list();
    if let Some(prefix) = parameter("prefix") {
        list = list.prefix(&prefix);
    }
    if let Some(cursor) = parameter("cursor") {
        list = list.cursor(&cursor);
    }
    let limit = parameter("limit").and_then(|limit| limit.parse().ok()).unwrap_or(LIST_LIMIT);
    let page = list.limit(limit).execute()?;
    let mut meta = serde_json::json!({ "limit": limit });
    if let Some(cursor) = page.next_cursor() {
        meta["next_cursor"] = cursor.into();
    }
    let body = serde_json::json!({ "data": page.keys(), "meta": meta }).to_string();
    Ok(Response::from_body(body).with_header("content-type", "application/json"))
}

fn get(store: &KVStore, key: &str) -> Result<Response, KVStoreError> {
    let mut item = store.lookup(key)?;
    let mut response = Response::new().with_header("generation", item.current_generation().to_string());
    if let Some(metadata) = item.metadata() {
        response.set_header("metadata", metadata.as_ref());
    }
    response.set_body(item.take_body());
    Ok(response)
}

fn put(store: &KVStore, key: &str, request: &mut Request) -> Result<Response, KVStoreError> {
    let header = |name: &str| request.get_header_str(name).map(str::to_owned);
    let mut insert = store.build_insert();
    if let Some(metadata) = header("metadata") {
        insert = insert.metadata(&metadata);
    }
    if let Some(seconds) = header("time_to_live_sec").and_then(|text| text.parse().ok()) {
        insert = insert.time_to_live(Duration::from_secs(seconds));
    }
    if request.get_query_parameter("add") == Some("true") {
        insert = insert.mode(InsertMode::Add);
    }
    if let Some(generation) = header("if-generation-match").and_then(|text| text.parse().ok()) {
        // The local runtime takes a missing item for a match.
        store.lookup(key).map_err(|_| KVStoreError::ItemPreconditionFailed)?;
        insert = insert.if_generation_match(generation);
    }
    let before = store.lookup(key);
    insert.execute(key, request.take_body_bytes())?;
    keep(store, key, before)?;
    Ok(Response::from_status(StatusCode::OK))
}

fn delete(store: &KVStore, key: &str) -> Result<Response, KVStoreError> {
    let before = store.lookup(key);
    store.delete(key)?;
    keep(store, key, before)?;
    Ok(Response::from_status(StatusCode::NO_CONTENT))
}

/// Keeps what a key held before, for the fault that reads it.
fn keep(
    store: &KVStore,
    key: &str,
    before: Result<LookupResponse, KVStoreError>,
) -> Result<(), KVStoreError> {
    let Ok(mut item) = before else { return Ok(()) };
    let mut insert = store.build_insert();
    let metadata = item.metadata().map(|metadata| String::from_utf8_lossy(&metadata).into_owned());
    if let Some(metadata) = &metadata {
        insert = insert.metadata(metadata);
    }
    insert.execute(&previous(key), item.take_body_bytes())
}

fn purge(request: &Request, key: &str) -> Response {
    let soft = request.get_header_str("fastly-soft-purge") == Some("1");
    let result = if soft { soft_purge_surrogate_key(key) } else { purge_surrogate_key(key) };
    match result {
        Ok(()) => Response::from_body("{\"status\":\"ok\",\"id\":\"local\"}"),
        Err(error) => problem(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
    }
}

fn failure(error: &KVStoreError) -> Response {
    let status = match error {
        KVStoreError::ItemNotFound => StatusCode::NOT_FOUND,
        KVStoreError::ItemPreconditionFailed => StatusCode::PRECONDITION_FAILED,
        KVStoreError::ItemPayloadTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        KVStoreError::TooManyRequests => StatusCode::TOO_MANY_REQUESTS,
        KVStoreError::InvalidKey | KVStoreError::ItemBadRequest => StatusCode::BAD_REQUEST,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    };
    problem(status, &error.to_string())
}
