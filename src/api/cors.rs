//! Cross-origin requests (`PROTOCOL.md`, 1.5). Browsers ask with whatever headers their SDK, or a tracing
//! library, adds: every requested header is allowed.

use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS, ALLOW, ORIGIN,
    VARY,
};
use http::{HeaderMap, HeaderValue, StatusCode};

use crate::reply::Reply;
use crate::settings::Settings;

/// What a page may read of an answer. Without the first one the JavaScript SDK fetches again whenever its stream
/// reconnects.
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "x-flagsmith-document-updated-at, retry-after, link, etag, last-modified, age, jackstaff-revision, jackstaff-source",
);

/// Seconds for which a browser may remember the answer to a preflight.
const MAX_AGE: HeaderValue = HeaderValue::from_static("600");

/// Bytes of requested headers, on all lines, that a preflight allows by naming them. The known SDKs ask for about 200, and
/// tracing libraries add a few more. Without a bound an answer would grow with its request.
const REQUESTED_LIMIT: usize = 2_048;

/// Allowed when more was requested than that: the headers that the known SDKs send, and those of the tracing libraries that
/// Flagsmith's API lists (`PROTOCOL.md`, 1.5).
const KNOWN: HeaderValue = HeaderValue::from_static(
    "accept, authorization, baggage, cache-control, content-type, flagsmith-application-name, \
     flagsmith-application-version, flagsmith-sdk-user-agent, last-event-id, sentry-trace, traceparent, tracestate, \
     x-environment-key, x-requested-with",
);

/// The answer to `OPTIONS`, which looks at no store.
pub(crate) fn preflight<H>(request: &HeaderMap, methods: &'static str) -> Reply<H> {
    let mut reply = Reply::empty(StatusCode::OK);
    let headers = reply.headers_mut();
    let methods = HeaderValue::from_static(methods);
    headers.insert(ALLOW, methods.clone());
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, methods);
    headers.insert(ACCESS_CONTROL_MAX_AGE, MAX_AGE);
    if request.contains_key(ACCESS_CONTROL_REQUEST_HEADERS) {
        headers.append(VARY, HeaderValue::from_static("access-control-request-headers"));
    }
    let requested = request.get_all(ACCESS_CONTROL_REQUEST_HEADERS);
    // A line costs the answer its name, too; lines without text are not worth one.
    let lines: Vec<&HeaderValue> = requested.iter().filter(|line| !line.is_empty()).collect();
    if lines.iter().map(|line| line.len()).sum::<usize>() > REQUESTED_LIMIT {
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, KNOWN);
        return reply;
    }
    for line in lines {
        headers.append(ACCESS_CONTROL_ALLOW_HEADERS, line.clone());
    }
    reply
}

/// What every answer carries, failures too.
pub(crate) fn decorate(answer: &mut HeaderMap, request: &HeaderMap, settings: &Settings) {
    answer.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    let Some(allowed) = &settings.allowed_origins else {
        answer.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        return;
    };
    answer.append(VARY, HeaderValue::from_static("origin"));
    if let Some(origin) = request.get(ORIGIN)
        && allowed.iter().any(|allowed| allowed.as_bytes() == origin.as_bytes())
    {
        answer.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    }
}
