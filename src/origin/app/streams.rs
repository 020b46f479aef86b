//! `GET` and `HEAD` of `/sse/environments/{key}/stream`.

use api::EnvironmentKey;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::HeaderMap;

use crate::listener::Listener;
use crate::request_error::RequestError;
use crate::state::Origin;
use crate::{request, stream, stream_part};

type Key = Result<Path<String>, PathRejection>;

/// The token is checked first: without it, a request learns nothing else, and takes no room.
pub(super) async fn get(State(origin): State<Origin>, key: Key, headers: HeaderMap) -> Response {
    if let Err(error) = authorize(&origin, &headers) {
        return error.into_response();
    }
    match listen(&origin, key) {
        Ok(listener) => match origin.stream_part() {
            Some(part) => stream::part(listener, part),
            None => stream::endless(listener),
        },
        Err(error) => {
            origin.metrics().streams_refused.inc();
            error.into_response()
        }
    }
}

/// The head that `GET` has. It opens no stream.
pub(super) async fn head(State(origin): State<Origin>, key: Key, headers: HeaderMap) -> Response {
    let wanted = authorize(&origin, &headers).and_then(|()| environment(&origin, key));
    wanted.map_or_else(RequestError::into_response, |_| stream::head(origin.stream_part()))
}

fn authorize(origin: &Origin, headers: &HeaderMap) -> Result<(), RequestError> {
    request::authorize_stream(origin, headers).inspect_err(|_| {
        origin.metrics().streams_without_token.inc();
    })
}

fn listen(origin: &Origin, key: Key) -> Result<Listener, RequestError> {
    Ok(origin.hub().listen(environment(origin, key)?)?)
}

/// The environment of a key, whose shape a stream in parts does not refuse.
fn environment(origin: &Origin, key: Key) -> Result<EnvironmentKey, RequestError> {
    if origin.stream_part().is_none() {
        return request::key(key);
    }
    let key = key.map_or_else(|_| String::new(), |Path(key)| key);
    Ok(stream_part::environment(&key)?)
}
