//! Why an announcement was not taken, and how that is said over HTTP.

use api::KeyFault;
use axum::Json;
use axum::response::{IntoResponse, Response};
use http::header::WWW_AUTHENTICATE;
use http::{HeaderValue, StatusCode};
use serde_json::json;

use crate::announcement::AnnouncementError;
use crate::hub::Full;

/// The text of each is the `detail` of its answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("Invalid authorization header")]
    Unauthorized,
    #[error("environment key: {0}")]
    Key(#[from] KeyFault),
    #[error("environment key: not UTF-8")]
    KeyNotUtf8,
    #[error("body is larger than {0} bytes")]
    TooLarge(usize),
    #[error("body could not be read to its end")]
    Unread,
    #[error(transparent)]
    Announcement(#[from] AnnouncementError),
    #[error(transparent)]
    Full(#[from] Full),
}

impl Refusal {
    fn status(&self) -> StatusCode {
        match self {
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::Key(_) | Self::KeyNotUtf8 | Self::Announcement(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Unread => StatusCode::BAD_REQUEST,
            // The caller did nothing wrong and may try again, on an origin with a greater limit.
            Self::Full(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = detail(self.status(), &self.to_string());
        if matches!(self, Self::Unauthorized) {
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Token"));
        }
        response
    }
}

/// `{"detail": "<text>"}`, the form of every error here and at Flagsmith's own origin.
pub(crate) fn detail(status: StatusCode, text: &str) -> Response {
    (status, Json(json!({ "detail": text }))).into_response()
}
