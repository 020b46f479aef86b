//! What Flagsmith's API answers to a question for an environment document, as `src/api/PROTOCOL.md`, 1, 6.1
//! and 6.3 tell. Every sentence and status of a refusal is that of Flagsmith's core.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use hyper::http::request::Parts;
use hyper::http::response::Builder;
use hyper::{Method, Response};
use jiff::Timestamp;

use super::State;
use super::environment::{gzip, token};

const DOCUMENT: &str = "/api/v1/environment-document/";
const NO_KEY: &str = "Invalid or missing Environment key";
const UNKNOWN_KEY: &str = "Invalid or missing Environment Key";

/// A question that is answered with a refusal.
pub(super) struct Refused {
    status: u16,
    location: Option<&'static str>,
    content_type: &'static str,
    body: String,
}

impl Refused {
    pub(super) fn response(self) -> Response<Bytes> {
        let response = Response::builder().status(self.status).header("content-type", self.content_type);
        let location = self.location.into_iter();
        let response = location.fold(response, |response, location| response.header("location", location));
        response.body(self.body.into()).unwrap()
    }
}

/// Which environment is asked for, and when the answer says that it was updated.
pub(super) fn environment(state: &mut State, parts: &Parts) -> Result<(String, Option<Timestamp>), Refused> {
    let path = parts.uri.path();
    if path != DOCUMENT {
        let body = "<!doctype html><html lang=\"en\"><title>Not Found</title></html>".to_owned();
        let html = Refused { status: 404, location: None, content_type: "text/html", body };
        // Django's way with a slash that is missing.
        let is_without_slash = DOCUMENT.strip_suffix('/') == Some(path);
        return Err(if is_without_slash {
            Refused { status: 301, location: Some(DOCUMENT), ..html }
        } else {
            html
        });
    }
    if ![Method::GET, Method::HEAD].contains(&parts.method) {
        return Err(detail(405, &format!("Method \\\"{}\\\" not allowed.", parts.method)));
    }
    let key = header(parts, "x-environment-key").unwrap_or_default();
    let found = state.server_keys.get(key).map(|environment| {
        let updated_at = state.environments[environment].current.updated_at;
        (environment.clone(), updated_at)
    });
    let found = match &mut state.quirks {
        Some(quirks) => quirks.look_up(key, found).map(|(environment, at)| (environment, Some(at))),
        None => found.map(|(environment, _)| (environment, None)),
    };
    match found {
        Some(found) => Ok(found),
        None if key.starts_with("ser.") => Err(detail(403, UNKNOWN_KEY)),
        None => Err(detail(403, NO_KEY)),
    }
}

fn detail(status: u16, detail: &str) -> Refused {
    let body = format!(r#"{{"detail":"{detail}"}}"#);
    Refused { status, location: None, content_type: "application/json", body }
}

/// The document of an environment, or that it is the same as before, which only its time decides: the one that is
/// `cached`, if any is.
pub(super) fn document(
    state: &mut State,
    key: &str,
    stale: bool,
    cached: Option<Timestamp>,
    parts: &Parts,
) -> Response<Bytes> {
    let environment = &state.environments[key];
    let version = environment.shown(stale);
    let updated_at = cached.unwrap_or(version.updated_at);
    let since = header(parts, "if-modified-since").and_then(|date| httpdate::parse_http_date(date).ok());
    if since.is_some_and(|since| seconds(updated_at) <= since) {
        return dated(304, updated_at).body(Bytes::new()).unwrap();
    }
    let mut response = dated(200, updated_at).header("content-type", "application/json");
    let zips = header(parts, "accept-encoding").is_some_and(|accepted| accepted.contains("gzip"));
    if zips {
        response = response.header("content-encoding", "gzip");
    }
    let instead = environment.instead.clone();
    if version.is_unanswerable && instead.is_none() {
        return Response::builder().status(500).body("<h1>Server Error (500)</h1>".into()).unwrap();
    }
    let body = match (instead, state.page) {
        (Some(text), _) if zips => gzip(&text),
        (Some(text), _) => text,
        (None, Some(overrides)) => {
            let page = version.page(overrides, token(parts.uri.query()).as_deref());
            if let Some(next) = page.next {
                response = response.header("link", format!("<{next}>; rel=\"next\""));
            }
            if zips { gzip(&page.text) } else { page.text }
        }
        (None, None) => match &mut state.quirks {
            Some(quirks) if zips => gzip(&quirks.with_new_uuids(&version.text)),
            Some(quirks) => quirks.with_new_uuids(&version.text),
            None if zips => version.gzipped(),
            None => version.text.clone(),
        },
    };
    response.body(body).unwrap()
}

fn dated(status: u16, updated_at: Timestamp) -> Builder {
    let micros = updated_at.as_microsecond();
    Response::builder()
        .status(status)
        .header(
            "x-flagsmith-document-updated-at",
            format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000),
        )
        .header("last-modified", httpdate::fmt_http_date(seconds(updated_at)))
        .header("cache-control", "max-age=0, no-cache, no-store, must-revalidate, private")
        .header("pragma", "no-cache")
        .header("vary", "accept-encoding, x-environment-key")
        .header("flagsmith-version", "2.200.0")
}

/// A time as HTTP has it.
fn seconds(time: Timestamp) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(u64::try_from(time.as_second()).unwrap_or_default())
}

fn header<'a>(parts: &'a Parts, name: &str) -> Option<&'a str> {
    parts.headers.get(name)?.to_str().ok()
}
