//! What is read of a request, and what of it is refused, alike for all routes.

use std::time::Duration;

use api::EnvironmentKey;
use axum::body::to_bytes;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request};
use bytes::Bytes;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use http_body_util::LengthLimitError;
use tokio::time::timeout;

use crate::refusal::Refusal;
use crate::state::Origin;

/// How long a body may take. Flagsmith's caller gives up after two seconds.
const BODY_TIME: Duration = Duration::from_secs(10);

/// Who brings the token, if there is one.
pub(crate) fn authorize(origin: &Origin, headers: &HeaderMap) -> Result<(), Refusal> {
    let carried = headers.get(AUTHORIZATION);
    let passes = origin.token().is_none_or(|token| carried.is_some_and(|header| token.is_carried_by(header)));
    if passes { Ok(()) } else { Err(Refusal::Unauthorized) }
}

pub(crate) fn key(path: Result<Path<String>, PathRejection>) -> Result<EnvironmentKey, Refusal> {
    // The one way in which a single text of a path that matched can be refused.
    let Path(key) = path.map_err(|_| Refusal::KeyNotUtf8)?;
    Ok(EnvironmentKey::parse(&key)?)
}

/// The whole body, of `limit` bytes at most.
pub(crate) async fn body(request: Request, limit: usize) -> Result<Bytes, Refusal> {
    let body = timeout(BODY_TIME, to_bytes(request.into_body(), limit)).await;
    body.map_err(|_| Refusal::Slow(BODY_TIME))?.map_err(|error| {
        match std::error::Error::source(&error).is_some_and(<dyn std::error::Error>::is::<LengthLimitError>) {
            true => Refusal::TooLarge(limit),
            false => Refusal::Unread,
        }
    })
}
