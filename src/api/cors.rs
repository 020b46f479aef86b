//! Cross-origin requests (`PROTOCOL.md`, 1.5). Browsers ask for the headers that their SDK or a tracing library
//! adds, so every requested header is allowed, up to a bound.

use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS, ALLOW, ORIGIN,
};
use http::{HeaderMap, HeaderValue, StatusCode};

use crate::reply::Reply;
use crate::settings::Settings;

/// What a page may read of an answer. Without the first one the JavaScript SDK fetches again whenever its stream
/// reconnects.
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "x-flagsmith-document-updated-at, retry-after, link, etag, last-modified, age, jackstaff-revision, jackstaff-source, jackstaff-traits",
);

/// Seconds for which a browser may remember the answer to a preflight.
const MAX_AGE: HeaderValue = HeaderValue::from_static("600");

/// Bytes of requested headers that a preflight allows by naming them. The known SDKs ask for about 200, and
/// tracing libraries add a few more. Without a bound an answer would grow with its request.
const REQUESTED_LIMIT: usize = 2_048;

/// Allowed when more was requested than that: the headers that the known SDKs send, and those of the tracing libraries that
/// Flagsmith's API lists (`PROTOCOL.md`, 1.5).
const KNOWN: HeaderValue = HeaderValue::from_static(
    "accept, authorization, baggage, cache-control, content-type, flagsmith-application-name, \
     flagsmith-application-version, flagsmith-sdk-user-agent, if-none-match, last-event-id, sentry-trace, traceparent, \
     tracestate, x-api-key, x-environment-key, x-requested-with",
);

/// The answer to `OPTIONS`, which looks at no store.
pub(crate) fn preflight<H>(request: &HeaderMap, methods: &'static str) -> Reply<H> {
    let mut reply = Reply::empty(StatusCode::OK);
    if request.contains_key(ACCESS_CONTROL_REQUEST_HEADERS) {
        reply.vary_by(&ACCESS_CONTROL_REQUEST_HEADERS);
    }
    let headers = reply.headers_mut();
    let methods = HeaderValue::from_static(methods);
    headers.insert(ALLOW, methods.clone());
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, methods);
    headers.insert(ACCESS_CONTROL_MAX_AGE, MAX_AGE);
    if let Some(allowed) = allowed_headers(request) {
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, allowed);
    }
    reply
}

/// The requested headers, on one line; the known ones if more was requested than the bound.
fn allowed_headers(request: &HeaderMap) -> Option<HeaderValue> {
    let lines = request.get_all(ACCESS_CONTROL_REQUEST_HEADERS).iter().map(HeaderValue::as_bytes);
    let lines: Vec<&[u8]> = lines.filter(|line| !line.is_empty()).collect();
    let requested = lines.join(&b", "[..]);
    if requested.is_empty() {
        return None;
    }
    if requested.len() > REQUESTED_LIMIT {
        return Some(KNOWN);
    }
    HeaderValue::from_bytes(&requested).ok()
}

/// What every answer carries, failures too.
pub(crate) fn decorate<H>(reply: &mut Reply<H>, request: &HeaderMap, settings: &Settings) {
    reply.headers_mut().insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    let Some(allowed) = &settings.allowed_origins else {
        reply.headers_mut().insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        return;
    };
    reply.vary_by(&ORIGIN);
    if let Some(origin) = request.get(ORIGIN)
        && allowed.iter().any(|allowed| allowed.as_bytes() == origin.as_bytes())
    {
        reply.headers_mut().insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    }
}
