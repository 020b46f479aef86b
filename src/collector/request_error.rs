//! Why lines were not taken, and the HTTP answer to it.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use serde_json::json;
use thiserror::Error;

use crate::app::BODY_LIMIT;
use crate::intake::GunzipError;
use crate::spool::SpoolError;

/// Seconds after which what found no room is to be sent again.
const RETRY: HeaderValue = HeaderValue::from_static("10");

/// The text of each is the `detail` of its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum RequestError {
    #[error("Invalid authorization header")]
    Unauthorized,
    #[error("of codings, only gzip is known")]
    Coding,
    #[error("the body is not gzip")]
    NotGzip,
    #[error("the lines have more than {BODY_LIMIT} bytes")]
    TooLarge,
    #[error("the body took too long")]
    TooSlow,
    #[error("the body could not be read to its end")]
    BrokenOff,
    #[error("too many requests wait")]
    NoTurn,
    #[error("the spool is full")]
    Full,
    #[error("the spool could not be written")]
    Spool,
}

impl RequestError {
    fn status(self) -> StatusCode {
        match self {
            RequestError::Unauthorized => StatusCode::UNAUTHORIZED,
            RequestError::Coding => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            RequestError::NotGzip | RequestError::BrokenOff => StatusCode::BAD_REQUEST,
            RequestError::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            RequestError::TooSlow => StatusCode::REQUEST_TIMEOUT,
            RequestError::NoTurn | RequestError::Full | RequestError::Spool => {
                StatusCode::SERVICE_UNAVAILABLE
            }
        }
    }

    /// Whether the same request may be taken later, so that log streaming sends it again.
    pub(crate) fn may_pass(self) -> bool {
        self.status() == StatusCode::SERVICE_UNAVAILABLE
    }
}

impl From<SpoolError> for RequestError {
    fn from(error: SpoolError) -> RequestError {
        match error {
            SpoolError::Full { .. } => RequestError::Full,
            SpoolError::Io { .. } | SpoolError::Locked(_) => RequestError::Spool,
        }
    }
}

impl From<GunzipError> for RequestError {
    fn from(error: GunzipError) -> RequestError {
        match error {
            GunzipError::TooLarge => RequestError::TooLarge,
            GunzipError::Broken => RequestError::NotGzip,
        }
    }
}

impl IntoResponse for RequestError {
    fn into_response(self) -> Response {
        let mut response = detail(self.status(), &self.to_string());
        let headers = response.headers_mut();
        if self == RequestError::Unauthorized {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Token"));
        }
        if self.may_pass() {
            headers.insert(RETRY_AFTER, RETRY);
        }
        response
    }
}

/// `{"detail": "<text>"}`, the form of every error here.
pub(crate) fn detail(status: StatusCode, text: &str) -> Response {
    (status, Json(json!({ "detail": text }))).into_response()
}
