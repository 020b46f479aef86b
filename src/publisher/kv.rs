//! Fastly's KV store, by its REST API.

use ureq::http::{Request, StatusCode};

use crate::client::{CallFailed, Calls, built, segment};

/// An item as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Item {
    pub(crate) value: Vec<u8>,
    /// At most 2,000 bytes.
    pub(crate) metadata: Option<String>,
}

/// What is stored under a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stored {
    /// Equal as long as nobody wrote; it orders nothing.
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
pub(crate) fn get(calls: &Calls<'_>, key: &str) -> Result<Option<Stored>, CallFailed> {
    let what = format!("reading {key} from the KV store");
    let request = Request::get(url(calls, key)).header("Fastly-Key", calls.target().token.reveal());
    let response = calls.call(&what, &[StatusCode::NOT_FOUND], &built(&what, request, &[])?)?;
    if response.status() == StatusCode::NOT_FOUND {
        return Ok(None);
    }
    let header = |name: &str| response.headers().get(name)?.to_str().ok().map(str::to_owned);
    let metadata = header("metadata");
    let Some(generation) = header("generation") else {
        return Err(CallFailed::Header { what, header: "generation" });
    };
    Ok(Some(Stored { generation, item: Item { value: response.into_body(), metadata } }))
}

/// Writes a key, provided that the store still has the `replaced` generation of it, or none if there was none. There
/// is no write without a condition.
pub(crate) fn put(
    calls: &Calls<'_>,
    key: &str,
    item: &Item,
    replaced: Option<&str>,
) -> Result<Write, CallFailed> {
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
    // Documentation names 412; 409 could hardly mean anything else.
    let mismatch = [StatusCode::PRECONDITION_FAILED, StatusCode::CONFLICT];
    let response = calls.call(&what, &mismatch, &built(&what, request, &item.value)?)?;
    Ok(if mismatch.contains(&response.status()) { Write::Mismatch } else { Write::Done })
}

fn url(calls: &Calls<'_>, key: &str) -> String {
    let api = calls.target().api.trim_end_matches('/');
    format!("{api}/resources/stores/kv/{}/keys/{}", segment(&calls.target().store), segment(key))
}
