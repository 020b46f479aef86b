//! Fastly's KV store, by its REST API.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::Deserialize;
use ureq::http::{Request, StatusCode};

use crate::call_error::CallError;
use crate::client::{Calls, built, url_encoded};

/// Keys of one page of a list, and pages of one list.
const LIST_LIMIT: usize = 1_000;
const LIST_PAGES: usize = 1_000;

/// An item as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Item {
    pub(crate) value: Vec<u8>,
    /// At most 2,000 bytes.
    pub(crate) metadata: Option<String>,
}

/// What is stored under a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoredItem {
    /// Another one after each write; generations have no order.
    pub(crate) generation: String,
    pub(crate) item: Item,
}

/// Whether a write took place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Write {
    Done,
    /// What is stored is not what the write was to replace.
    Mismatch,
}

/// Looks a key up; none if the store does not have it.
pub(crate) fn get(calls: &Calls<'_>, key: &str) -> Result<Option<StoredItem>, CallError> {
    let what = format!("reading {key} from the KV store");
    let request = Request::get(url(calls, key)).header("Fastly-Key", calls.target().token.reveal());
    let response = calls.call(&what, &[StatusCode::NOT_FOUND], &built(&what, request, &[])?)?;
    if response.status() == StatusCode::NOT_FOUND {
        return Ok(None);
    }
    let header = |name: &str| response.headers().get(name)?.to_str().ok().map(str::to_owned);
    let metadata = header("metadata");
    let Some(generation) = header("generation") else {
        return Err(CallError::Header { what, header: "generation" });
    };
    Ok(Some(StoredItem { generation, item: Item { value: response.into_body(), metadata } }))
}

/// The keys that begin with a prefix.
pub(crate) fn list(calls: &Calls<'_>, prefix: &str) -> Result<Vec<String>, CallError> {
    #[derive(Deserialize)]
    struct Page {
        data: Vec<String>,
        #[serde(default)]
        meta: Meta,
    }
    #[derive(Deserialize, Default)]
    struct Meta {
        next_cursor: Option<String>,
    }
    let what = "listing the KV store".to_owned();
    let mut names = BTreeSet::new();
    let mut cursor: Option<String> = None;
    for _ in 0..LIST_PAGES {
        let mut url = format!("{}?prefix={}&limit={LIST_LIMIT}", keys_url(calls), url_encoded(prefix));
        if let Some(cursor) = &cursor {
            url.push_str(&format!("&cursor={}", url_encoded(cursor)));
        }
        let request = Request::get(url).header("Fastly-Key", calls.target().token.reveal());
        let response = calls.call(&what, &[], &built(&what, request, &[])?)?;
        let page: Page = serde_json::from_slice(response.body())
            .map_err(|error| CallError::Unreadable { what: what.clone(), error })?;
        names.extend(page.data.into_iter().filter(|name| name.starts_with(prefix)));
        cursor = page.meta.next_cursor.filter(|cursor| !cursor.is_empty());
        if cursor.is_none() {
            return Ok(names.into_iter().collect());
        }
    }
    Err(CallError::Endless { what, pages: LIST_PAGES })
}

/// Writes a key, provided that the store still has the `replaced` generation of it, or none if there was none. There
/// is no write without a condition. The store forgets the item after its `lifetime`, if it has one.
pub(crate) fn put(
    calls: &Calls<'_>,
    key: &str,
    item: &Item,
    replaced: Option<&str>,
    lifetime: Option<Duration>,
) -> Result<Write, CallError> {
    let what = format!("writing {key} to the KV store");
    let url = url(calls, key);
    let mut request = match replaced {
        Some(generation) => Request::put(url).header("if-generation-match", generation),
        None => Request::put(format!("{url}?add=true")),
    };
    request = request
        .header("Fastly-Key", calls.target().token.reveal())
        .header("Content-Type", "application/octet-stream");
    if let Some(metadata) = &item.metadata {
        request = request.header("metadata", metadata);
    }
    if let Some(lifetime) = lifetime {
        request = request.header("time_to_live_sec", lifetime.as_secs().to_string());
    }
    // Fastly documents 412; 409 can hardly mean anything else.
    let mismatch = [StatusCode::PRECONDITION_FAILED, StatusCode::CONFLICT];
    let response = calls.call(&what, &mismatch, &built(&what, request, &item.value)?)?;
    Ok(if mismatch.contains(&response.status()) { Write::Mismatch } else { Write::Done })
}

fn url(calls: &Calls<'_>, key: &str) -> String {
    format!("{}/{}", keys_url(calls), url_encoded(key))
}

fn keys_url(calls: &Calls<'_>) -> String {
    let api = calls.target().api.trim_end_matches('/');
    format!("{api}/resources/stores/kv/{}/keys", url_encoded(&calls.target().store))
}
