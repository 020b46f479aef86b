//! Routes and handlers. There are no redirects: a path means the same with a slash at its end, and with doubled slashes, which
//! a Flagsmith calls whose `SSE_SERVER_BASE_URL` ends with one.

mod streams;

use api::progress::Changed;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use axum::{Json, Router};
use http::StatusCode;
use http::header::CONTENT_TYPE;
use prometheus_client::registry::Registry;
use serde_json::Value;
use tower::Layer;
use tower::util::MapRequestLayer;

use crate::bus::Bus;
use crate::request_error::{RequestError, detail};
use crate::state::Origin;
use crate::{health, metrics, queue_change, request, watch_metrics, webhook};

/// A body has about fifty bytes; this leaves room for members that are not known.
const BODY_LIMIT: usize = 16 * 1024;

/// The routes of an origin:
///
/// | route | answer |
/// |---|---|
/// | `GET /health/liveness` | 200 `{"status":"ok"}` |
/// | `GET /health` | the same; with announcements that were ahead of the clock, how many; with a control or a bus, which environments are behind (with the token, also their names and why), and whether the bus is up |
/// | `GET /health/readiness`, `/sse/health` | as `/health`; 503 once the origin is ending |
/// | `GET /status` | the report of the control, for requests with the token; 404 without a control |
/// | `GET /metrics` | Prometheus text; without the token, environments are summed up |
/// | `GET /sse/environments/{key}/stream` | 200, an endless event stream, for any key of the right shape; a part of a stream, for any key; 401 without one of the [`edge_tokens`](crate::Settings::edge_tokens), if there are any |
/// | `POST /sse/environments/{key}/queue-change` | 200 `null`, once the change is announced; or, if this process publishes the environment, once it was triggered to look |
/// | `POST /webhooks/flagsmith`, `/webhooks/flagsmith/{key}` | 200 `{"status":"ok"}`, once this process was triggered to look; not there without a [`webhook_secret`](crate::Settings::webhook_secret) |
///
/// Errors are `{"detail": "<text>"}`.
pub fn app(origin: Origin) -> Router {
    let routes: [(&str, MethodRouter<Origin>); 8] = [
        ("/health", get(health::health)),
        ("/health/liveness", get(health::liveness)),
        ("/health/readiness", get(health::readiness)),
        ("/status", get(health::status)),
        ("/metrics", get(metrics)),
        // Flagsmith's own path.
        ("/sse/health", get(health::readiness)),
        ("/sse/environments/{key}/stream", get(streams::get).head(streams::head)),
        ("/sse/environments/{key}/queue-change", post(queue_change)),
    ];
    let webhooks: [(&str, MethodRouter<Origin>); 2] =
        [("/webhooks/flagsmith", post(webhook::any)), ("/webhooks/flagsmith/{key}", post(webhook::one))];
    let webhooks = webhooks.into_iter().filter(|_| origin.webhook_secret().is_some());
    let routes = routes
        .into_iter()
        .chain(webhooks)
        .fold(Router::new(), |router, (path, methods)| {
            router.route(path, methods.clone()).route(&format!("{path}/"), methods)
        })
        .fallback(async || detail(StatusCode::NOT_FOUND, "Not Found"))
        .method_not_allowed_fallback(async || detail(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed"))
        .with_state(origin);
    let doubled = MapRequestLayer::new(with_single_slashes).layer(routes.clone());
    routes.fallback_service(doubled)
}

fn with_single_slashes(mut request: Request) -> Request {
    let path = request.uri().path();
    if path.contains("//") {
        let parts = path.split('/').filter(|part| !part.is_empty());
        let mut single: String = parts.flat_map(|part| ["/", part]).collect();
        if path.ends_with('/') {
            single.push('/');
        }
        if let Some(query) = request.uri().query() {
            single.push('?');
            single.push_str(query);
        }
        if let Ok(uri) = single.parse() {
            *request.uri_mut() = uri;
        }
    }
    request
}

async fn metrics(State(origin): State<Origin>, request: Request) -> Response {
    let with_names = request::authorize(&origin, request.headers()).is_ok();
    let bus = origin.bus().map(Bus::metrics);
    let watch = origin.control().map(|control| watch_metrics::registry(&control.progress(), with_names));
    let others: Vec<Registry> = bus.into_iter().chain(watch).collect();
    match origin.metrics().text(&others) {
        Ok(text) => ([(CONTENT_TYPE, metrics::CONTENT_TYPE)], text).into_response(),
        Err(error) => detail(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
    }
}

async fn queue_change(
    State(origin): State<Origin>,
    key: Result<Path<String>, PathRejection>,
    request: Request,
) -> Response {
    match announce(&origin, key, request).await {
        Ok(()) => Json(Value::Null).into_response(),
        Err(error) => {
            origin.metrics().announcements_refused.inc();
            error.into_response()
        }
    }
}

/// The token is checked first: without it, a request learns nothing else, and its body is not waited for.
///
/// For an environment that this process publishes, the call is only a trigger: the change is announced once the store
/// has it.
async fn announce(
    origin: &Origin,
    key: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<(), RequestError> {
    request::authorize(origin, request.headers())?;
    let key = request::key(key)?;
    let body = request::body(request, BODY_LIMIT).await?;
    if origin.control().is_some_and(|control| control.changed(Changed::Environment(key.clone()))) {
        origin.metrics().triggers.inc();
        return Ok(());
    }
    origin.announce(&key, queue_change::parse(&body)?)?;
    Ok(())
}

#[cfg(test)]
mod tests;
