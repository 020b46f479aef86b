//! Cross-origin requests (wire protocol reference, 1.5). Browsers ask with whatever headers their SDK, or a tracing
//! library, adds: every requested header is allowed.

use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS, ALLOW, ORIGIN,
    VARY,
};
use http::{HeaderMap, HeaderValue, Response};

use crate::reply::Reply;
use crate::route::Route;
use crate::settings::Settings;

/// What a page may read of an answer. Without the first one the JavaScript SDK fetches again whenever its stream
/// reconnects.
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "x-flagsmith-document-updated-at, retry-after, link, etag, last-modified, age, jackstaff-revision, jackstaff-source",
);

/// Seconds for which a browser may remember the answer to a preflight.
const MAX_AGE: HeaderValue = HeaderValue::from_static("600");

/// The answer to `OPTIONS`, which looks at no store.
pub(crate) fn preflight<H>(request: &HeaderMap, route: Route) -> Reply<H> {
    let mut response = Response::new(Vec::new());
    let headers = response.headers_mut();
    let methods = HeaderValue::from_static(route.methods());
    headers.insert(ALLOW, methods.clone());
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, methods);
    headers.insert(ACCESS_CONTROL_MAX_AGE, MAX_AGE);
    if request.contains_key(ACCESS_CONTROL_REQUEST_HEADERS) {
        headers.append(VARY, HeaderValue::from_static("access-control-request-headers"));
    }
    for asked in request.get_all(ACCESS_CONTROL_REQUEST_HEADERS) {
        headers.append(ACCESS_CONTROL_ALLOW_HEADERS, asked.clone());
    }
    Reply::Full(response)
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
