//! One request, from its path to its answer: `OPTIONS`, method, health, which protocol, and what every answer carries.

use http::header::{ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode};

use crate::bundle::Coding;
use crate::cors;
use crate::flagsmith::{self, RequestError};
use crate::negotiate::coding;
use crate::ofrep;
use crate::reply::{Reply, ReplyBody};
use crate::route::Route;
use crate::settings::Settings;
use crate::store::{Body, Store};

/// Answers a request. Never fails: a request that cannot be served is answered in the words of its protocol.
///
/// The order is part of the contract: path, method, key, then the body, and the body only where a route wants one.
pub fn respond<S: Store>(
    request: &Request<()>,
    body: &mut dyn Body,
    store: &mut S,
    settings: &Settings,
) -> Reply<S::Handle> {
    let mut reply = decide(request, body, store, settings);
    decorate(&mut reply, request.headers(), settings);
    reply
}

/// The answer when a section that was promised cannot be read after all.
pub fn unavailable<H>(request: &HeaderMap, settings: &Settings) -> Reply<H> {
    let mut reply = flagsmith::unavailable();
    decorate(&mut reply, request, settings);
    reply
}

fn decide<S: Store>(
    request: &Request<()>,
    body: &mut dyn Body,
    store: &mut S,
    settings: &Settings,
) -> Reply<S::Handle> {
    let Some(route) = Route::of(request.uri().path()) else {
        return RequestError::NotFound.reply();
    };
    if request.method() == Method::OPTIONS {
        return cors::preflight(request.headers(), route.methods());
    }
    if !route.allows(request.method()) {
        let method = request.method().to_string();
        return RequestError::MethodNotAllowed { method, allowed: route.methods() }.reply();
    }
    match route {
        Route::Health => Reply::json(StatusCode::OK, br#"{"status":"ok"}"#.to_vec()),
        Route::Flagsmith(route) => flagsmith::answer(route, request, body, store, settings),
        Route::Ofrep(route) => ofrep::answer(route, request, body, store, settings),
    }
}

/// Asks the platform to compress what is made for each request.
const COMPRESS_HINT: HeaderName = HeaderName::from_static("x-compress-hint");

/// What every answer carries.
fn decorate<H>(reply: &mut Reply<H>, request: &HeaderMap, settings: &Settings) {
    let of_section = match &reply.body {
        ReplyBody::Section(_, section) => section.coding(),
        ReplyBody::Full(_) | ReplyBody::Stream(_) => Coding::Plain,
    };
    let is_dynamic = matches!(&reply.body, ReplyBody::Full(body) if !body.is_empty());
    let is_stream = matches!(&reply.body, ReplyBody::Stream(_));
    if !is_stream {
        reply.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        reply.vary_by(&ACCEPT_ENCODING);
    }
    let headers = reply.headers_mut();
    if of_section != Coding::Plain {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static(of_section.name()));
    }
    if is_dynamic && coding(request, |_| true) != Coding::Plain {
        headers.insert(COMPRESS_HINT, HeaderValue::from_static("on"));
    }
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    cors::decorate(reply, request, settings);
}
