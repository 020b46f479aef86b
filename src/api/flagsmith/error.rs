//! Answers to requests that cannot be served, in the words of Flagsmith's own API where it has some (`PROTOCOL.md`, 1.2
//! and 5.4).

use http::header::{ALLOW, RETRY_AFTER};
use http::{HeaderValue, StatusCode};
use serde_json::json;

use super::limits::shortened;
use crate::access::AccessError;
use crate::reply::Reply;

/// Why a request is not served. No answer to one is longer than 16 KiB, whatever the request holds.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum RequestError {
    NotFound,
    MethodNotAllowed {
        method: String,
        /// As the `Allow` header wants them.
        allowed: &'static str,
    },
    NoKey,
    /// A client-side key where only a server-side key is accepted. Flagsmith answers as if there were no key.
    NoServerKey,
    UnknownKey,
    OrganisationBlocked,
    FeatureNotFound,
    MissingIdentifier,
    TooLarge {
        limit: usize,
    },
    MediaType(String),
    /// A body that is wrong, with what is wrong as JSON.
    Invalid(serde_json::Value),
    /// A body that is sound JSON, and not what the route takes.
    Unprocessable(String),
    /// The stores do not answer, and there is no copy.
    Unavailable,
}

impl RequestError {
    pub(crate) fn detail(text: impl Into<String>) -> RequestError {
        RequestError::Invalid(json!({ "detail": text.into() }))
    }

    pub(crate) fn reply<H>(&self) -> Reply<H> {
        let (status, body) = match self {
            RequestError::NotFound => (StatusCode::NOT_FOUND, detail("Not Found")),
            RequestError::MethodNotAllowed { method, .. } => (
                StatusCode::METHOD_NOT_ALLOWED,
                detail(&format!("Method \"{}\" not allowed.", shortened(method))),
            ),
            // Two spellings, "key" and "Key", and both are Flagsmith's.
            RequestError::NoKey | RequestError::NoServerKey => {
                (StatusCode::FORBIDDEN, detail("Invalid or missing Environment key"))
            }
            RequestError::UnknownKey => (StatusCode::FORBIDDEN, detail("Invalid or missing Environment Key")),
            RequestError::OrganisationBlocked => {
                (StatusCode::FORBIDDEN, detail("Organisation is disabled from serving flags."))
            }
            RequestError::FeatureNotFound => (StatusCode::NOT_FOUND, detail("Given feature not found")),
            RequestError::MissingIdentifier => (StatusCode::BAD_REQUEST, detail("Missing identifier")),
            RequestError::TooLarge { limit } => {
                (StatusCode::PAYLOAD_TOO_LARGE, detail(&format!("Request body of more than {limit} bytes.")))
            }
            RequestError::MediaType(found) => (
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                detail(&format!("Unsupported media type \"{}\" in request.", shortened(found))),
            ),
            RequestError::Invalid(body) => (StatusCode::BAD_REQUEST, body.clone()),
            RequestError::Unprocessable(text) => (StatusCode::UNPROCESSABLE_ENTITY, detail(text)),
            RequestError::Unavailable => {
                (StatusCode::SERVICE_UNAVAILABLE, detail("Flags are not available at the moment."))
            }
        };
        let mut reply = Reply::json(status, body.to_string().into_bytes());
        match self {
            RequestError::MethodNotAllowed { allowed, .. } => {
                reply.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
            }
            RequestError::Unavailable => {
                reply.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
            }
            _ => {}
        }
        reply
    }
}

impl From<AccessError> for RequestError {
    fn from(error: AccessError) -> RequestError {
        match error {
            AccessError::NoKey => RequestError::NoKey,
            AccessError::UnknownKey => RequestError::UnknownKey,
            AccessError::Blocked => RequestError::OrganisationBlocked,
            AccessError::Unavailable => RequestError::Unavailable,
        }
    }
}

fn detail(text: &str) -> serde_json::Value {
    json!({ "detail": text })
}
