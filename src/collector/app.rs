//! Routes: what Fastly's log streaming calls, and what operators look at.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use base16ct::lower;
use http::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde_json::json;
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use api::Secret;

use crate::intake::{Intake, gunzip};
use crate::metrics;
use crate::request_error::{RequestError, detail};
use crate::spool::Taken;

/// Bytes of the lines of a request. Fastly sends up to 100 MB, unless the endpoint says how much (`README.md`).
pub const BODY_LIMIT: usize = 16 << 20;
/// Requests whose bodies are read at a time.
const BODIES: usize = 8;
/// How long a request waits for its turn, and its body for its end.
const TURN: Duration = Duration::from_secs(5);
const BODY_TIME: Duration = Duration::from_secs(30);

/// What requests share.
pub(crate) struct Shared {
    pub(crate) intake: Arc<Intake>,
    pub(crate) token: Option<Secret>,
    pub(crate) challenge: String,
    pub(crate) turns: Semaphore,
}

impl Shared {
    pub(crate) fn new(intake: Arc<Intake>, token: Option<Secret>, services: &[String]) -> Shared {
        Shared { intake, token, challenge: challenge(services), turns: Semaphore::new(BODIES) }
    }
}

/// The routes of a collector. Errors are `{"detail": "<text>"}`.
pub(crate) fn app(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/", post(lines).put(lines))
        .route("/.well-known/fastly/logging/challenge", get(answer_challenge))
        .route("/health", get(health))
        .route("/health/", get(health))
        .route("/health/liveness", get(async || Json(json!({ "status": "ok" }))))
        .route("/health/readiness", get(readiness))
        .route("/metrics", get(show_metrics))
        .fallback(async || detail(StatusCode::NOT_FOUND, "Not Found"))
        .method_not_allowed_fallback(async || detail(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed"))
        .with_state(shared)
}

/// What proves to Fastly that this server wants the logs of these services: their identifiers as Fastly hashes them, or that all
/// are welcome.
fn challenge(services: &[String]) -> String {
    if services.is_empty() {
        return "*\n".to_owned();
    }
    services.iter().map(|service| lower::encode_string(&Sha256::digest(service)) + "\n").collect()
}

async fn answer_challenge(State(shared): State<Arc<Shared>>) -> Response {
    ([(CONTENT_TYPE, "text/plain")], shared.challenge.clone()).into_response()
}

/// Answers 200 once the lines are in the spool, which is what log streaming waits for.
async fn lines(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let metrics = &shared.intake.metrics;
    metrics.requests.inc();
    match take(&shared, request).await {
        Ok(taken) => {
            let text = format!(r#"{{"lines":{},"duplicates":{}}}"#, taken.lines, taken.duplicates);
            ([(CONTENT_TYPE, "application/json")], text).into_response()
        }
        Err(error) => {
            if !error.may_pass() {
                metrics.requests_refused.inc();
            }
            error.into_response()
        }
    }
}

/// The token is checked first: without it, a body is not waited for.
async fn take(shared: &Arc<Shared>, request: Request) -> Result<Taken, RequestError> {
    if shared.token.as_ref().is_some_and(|token| !carries(request.headers(), token)) {
        return Err(RequestError::Unauthorized);
    }
    let is_gzip = match request.headers().get(CONTENT_ENCODING).map(HeaderValue::as_bytes) {
        None | Some(b"identity") => false,
        Some(coding) if coding.eq_ignore_ascii_case(b"gzip") => true,
        Some(_) => return Err(RequestError::Coding),
    };
    let Ok(Ok(_turn)) = timeout(TURN, shared.turns.acquire()).await else {
        return Err(RequestError::NoTurn);
    };
    let body = timeout(BODY_TIME, Limited::new(request.into_body(), BODY_LIMIT).collect()).await;
    let body = body.map_err(|_| RequestError::TooSlow)?;
    let body = body.map_err(|error| match error.is::<LengthLimitError>() {
        true => RequestError::TooLarge,
        false => RequestError::BrokenOff,
    })?;
    let body = body.to_bytes();
    let intake = Arc::clone(&shared.intake);
    let taken = spawn_blocking(move || {
        if is_gzip {
            Ok(intake.take(&gunzip(&body, BODY_LIMIT)?, None)?)
        } else {
            Ok(intake.take(&body, None)?)
        }
    });
    // It fails if it panics.
    taken.await.unwrap_or(Err(RequestError::Spool))
}

/// Whether the header `Authorization` is `Token <token>` or `Bearer <token>`.
fn carries(headers: &HeaderMap, token: &Secret) -> bool {
    let given = headers.get(AUTHORIZATION).map(HeaderValue::as_bytes).unwrap_or_default();
    let Some(space) = given.iter().position(|&byte| byte == b' ') else { return false };
    let (scheme, given) = given.split_at(space);
    let is_known = [&b"token"[..], b"bearer"].iter().any(|known| scheme.eq_ignore_ascii_case(known));
    is_known && token.equals(given.trim_ascii())
}

async fn health(State(shared): State<Arc<Shared>>) -> Response {
    let Intake { spool, metrics, .. } = &*shared.intake;
    let seconds = |time: Option<Duration>| time.map(|time| time.as_secs());
    Json(json!({
        "status": "ok",
        "spool": if spool.is_full() { "full" } else { "ok" },
        "spool_bytes": spool.held(),
        "oldest_seconds": seconds(spool.waits()),
        "forwarded_seconds_ago": seconds(metrics.since_forwarded()),
        "set_aside": metrics.set_aside.get(),
        "dropped": metrics.dropped.get(),
    }))
    .into_response()
}

/// Not ready while nothing can be taken.
async fn readiness(State(shared): State<Arc<Shared>>) -> Response {
    if shared.intake.spool.is_full() {
        return RequestError::Full.into_response();
    }
    health(State(shared)).await
}

async fn show_metrics(State(shared): State<Arc<Shared>>) -> Response {
    let metrics = &shared.intake.metrics;
    metrics.spool_bytes.set(shared.intake.spool.held());
    match metrics.text() {
        Ok(text) => ([(CONTENT_TYPE, metrics::CONTENT_TYPE)], text).into_response(),
        Err(error) => detail(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
    }
}
