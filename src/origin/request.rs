//! What is read of a request, and what of it is refused, alike for all routes.

use std::time::Duration;

use api::{EnvironmentKey, Secret};
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request};
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tokio::time::timeout;

use crate::request_error::RequestError;
use crate::state::Origin;

/// How long a body may take. Flagsmith's caller gives up after two seconds.
const BODY_TIME: Duration = Duration::from_secs(10);

/// Lets a request pass that carries the token. Without a configured token, every request passes.
pub(crate) fn authorize(origin: &Origin, headers: &HeaderMap) -> Result<(), RequestError> {
    let header = headers.get(AUTHORIZATION);
    let passes = origin.token().is_none_or(|token| header.is_some_and(|header| carries(header, token)));
    if passes { Ok(()) } else { Err(RequestError::Unauthorized) }
}

/// Lets a request for a stream pass that carries an edge token. Without configured edge tokens, every request passes.
pub(crate) fn authorize_stream(origin: &Origin, headers: &HeaderMap) -> Result<(), RequestError> {
    let Some(tokens) = origin.edge_tokens() else { return Ok(()) };
    let header = headers.get(AUTHORIZATION).ok_or(RequestError::NoEdgeToken)?;
    let passes = token(header).is_some_and(|given| tokens.accept(given));
    if passes { Ok(()) } else { Err(RequestError::WrongEdgeToken) }
}

/// Whether a request carries a token of either kind, so that bounds of strangers do not apply to it. Without a configured token
/// there is no such request.
pub(crate) fn is_known(origin: &Origin, headers: &HeaderMap) -> bool {
    let is_publisher = origin.token().is_some() && authorize(origin, headers).is_ok();
    is_publisher || (origin.edge_tokens().is_some() && authorize_stream(origin, headers).is_ok())
}

/// Whether an `Authorization` header is `Token <token>`.
fn carries(header: &HeaderValue, expected: &Secret) -> bool {
    token(header).is_some_and(|given| expected.equals(given))
}

/// The token of an `Authorization` header; none if it has another scheme.
fn token(header: &HeaderValue) -> Option<&[u8]> {
    let header = header.as_bytes();
    let space = header.iter().position(|&byte| byte == b' ')?;
    let (scheme, given) = header.split_at(space);
    scheme.eq_ignore_ascii_case(b"token").then(|| given.trim_ascii())
}

pub(crate) fn key(path: Result<Path<String>, PathRejection>) -> Result<EnvironmentKey, RequestError> {
    // The one way in which a single text of a path that matched can be refused.
    let Path(key) = path.map_err(|_| RequestError::KeyNotUtf8)?;
    Ok(EnvironmentKey::parse(&key)?)
}

/// The whole body, of `limit` bytes at most.
pub(crate) async fn body(request: Request, limit: usize) -> Result<Vec<u8>, RequestError> {
    let mut whole = Vec::new();
    read(request, limit, |bytes| whole.extend_from_slice(bytes)).await?;
    Ok(whole)
}

/// Reads the body, of `limit` bytes at most: `take` gets its bytes as they come.
pub(crate) async fn read(
    request: Request,
    limit: usize,
    mut take: impl FnMut(&[u8]),
) -> Result<(), RequestError> {
    let mut body = Limited::new(request.into_body(), limit);
    let whole = async {
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| match error.is::<LengthLimitError>() {
                true => RequestError::TooLarge(limit),
                false => RequestError::BrokenOff,
            })?;
            frame.data_ref().into_iter().for_each(|bytes| take(bytes));
        }
        Ok(())
    };
    timeout(BODY_TIME, whole).await.map_err(|_| RequestError::TooSlow(BODY_TIME))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_header_with_the_whole_token_passes() {
        let token = Secret::parse_token("s3cret").unwrap();
        for (header, passes) in [
            ("Token s3cret", true),
            ("token  s3cret", true),
            ("Token s3cre", false),
            ("Token s3cret1", false),
            ("Token S3CRET", false),
            ("Token ", false),
            ("Token", false),
            ("", false),
            ("s3cret", false),
            ("Bearer s3cret", false),
            ("Tokens3cret", false),
        ] {
            assert_eq!(carries(&HeaderValue::from_static(header), &token), passes, "{header:?}");
        }
    }
}
