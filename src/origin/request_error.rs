//! Why an announcement or a trigger was not taken or a stream not opened, and the HTTP answer to it.

use std::time::Duration;

use api::KeyError;
use axum::Json;
use axum::response::{IntoResponse, Response};
use http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use serde_json::json;

use crate::connections::AddressLimitError;
use crate::hub::HubError;
use crate::queue_change::QueueChangeError;

/// Seconds after which a caller may try again that a limit refused: streams and origins end.
const RETRY: &str = "10";

/// The text of each is the `detail` of its answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RequestError {
    #[error("Invalid authorization header")]
    Unauthorized,
    #[error("this stream needs an edge token: send the header `Authorization: Token <edge token>`")]
    NoEdgeToken,
    #[error("the header `Authorization` does not hold one of the edge tokens of this origin")]
    WrongEdgeToken,
    #[error("X-Flagsmith-Signature is missing, or not of this body and the webhook's secret")]
    NotSigned,
    #[error("what changed is not published here")]
    NotPublishedHere,
    #[error("nothing is published by this process")]
    NothingPublished,
    #[error("environment key: {0}")]
    Key(#[from] KeyError),
    #[error("environment key: not UTF-8")]
    KeyNotUtf8,
    #[error("body is larger than {0} bytes")]
    TooLarge(usize),
    #[error("body could not be read to its end")]
    BrokenOff,
    #[error("body did not arrive within {} seconds", .0.as_secs())]
    TooSlow(Duration),
    #[error(transparent)]
    QueueChange(#[from] QueueChangeError),
    #[error(transparent)]
    AddressLimit(#[from] AddressLimitError),
    #[error(transparent)]
    Hub(#[from] HubError),
}

impl RequestError {
    fn status(&self) -> StatusCode {
        match self {
            Self::Unauthorized | Self::NoEdgeToken | Self::WrongEdgeToken | Self::NotSigned => {
                StatusCode::UNAUTHORIZED
            }
            Self::NotPublishedHere | Self::NothingPublished => StatusCode::NOT_FOUND,
            Self::Key(_) | Self::KeyNotUtf8 | Self::QueueChange(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::BrokenOff => StatusCode::BAD_REQUEST,
            Self::TooSlow(_) => StatusCode::REQUEST_TIMEOUT,
            Self::AddressLimit(_) => StatusCode::TOO_MANY_REQUESTS,
            // The caller did nothing wrong and may try again, on an origin with a greater limit or less to do.
            Self::Hub(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

impl IntoResponse for RequestError {
    fn into_response(self) -> Response {
        let mut response = detail(self.status(), &self.to_string());
        let header = match self {
            Self::Unauthorized | Self::NoEdgeToken | Self::WrongEdgeToken => {
                Some((WWW_AUTHENTICATE, "Token"))
            }
            Self::Hub(_) | Self::AddressLimit(_) => Some((RETRY_AFTER, RETRY)),
            _ => None,
        };
        let header = header.map(|(name, value)| (name, HeaderValue::from_static(value)));
        response.headers_mut().extend(header);
        response
    }
}

/// `{"detail": "<text>"}`, the form of every error here and at Flagsmith's own origin.
pub(crate) fn detail(status: StatusCode, text: &str) -> Response {
    (status, Json(json!({ "detail": text }))).into_response()
}
