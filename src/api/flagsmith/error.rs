//! Answers to requests that cannot be served, in the words of Flagsmith's own API where it has some (`PROTOCOL.md`, 1.2
//! and 5.4).

use http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, StatusCode};
use serde_json::json;

use super::limits::shortened;
use crate::access::AccessError;
use crate::reply::{Reply, ReplyBody};

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
    /// A page of another revision, or one that never was.
    PageGone,
    MissingIdentifier,
    TooLarge {
        limit: usize,
    },
    MediaType(String),
    /// A body that is wrong, with what is wrong as JSON.
    Invalid(serde_json::Value),
    /// A body that is wrong, in the words of the Edge API, which are no JSON.
    Text(String),
    /// No traits of this environment are stored.
    NoTraits,
    /// The client has written too often.
    TooManyWrites,
    /// The identities of the request have too many bytes of traits in all. Those before are stored.
    LargeIdentities {
        limit: usize,
    },
    /// Other writes to the same identity were first.
    TooManyChanges,
    /// The store failed, and nobody knows whether it has the traits.
    NotStored,
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
            RequestError::PageGone => (
                StatusCode::GONE,
                detail("There is no such page of the current revision. Ask for the first page again."),
            ),
            RequestError::MissingIdentifier => (StatusCode::BAD_REQUEST, detail("Missing identifier")),
            RequestError::TooLarge { limit } => {
                (StatusCode::PAYLOAD_TOO_LARGE, detail(&format!("Request body of more than {limit} bytes.")))
            }
            RequestError::MediaType(found) => (
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                detail(&format!("Unsupported media type \"{}\" in request.", shortened(found))),
            ),
            RequestError::Invalid(body) => (StatusCode::BAD_REQUEST, body.clone()),
            RequestError::Text(text) => return plain(StatusCode::BAD_REQUEST, text),
            RequestError::NoTraits => {
                (StatusCode::FORBIDDEN, detail("Organisation is not authorised to store traits."))
            }
            RequestError::TooManyWrites => {
                (StatusCode::TOO_MANY_REQUESTS, detail("Request was throttled: too many traits are written."))
            }
            RequestError::LargeIdentities { limit } => (
                StatusCode::PAYLOAD_TOO_LARGE,
                detail(&format!(
                    "Identities with more than {limit} bytes of traits in all. Send fewer of them."
                )),
            ),
            RequestError::TooManyChanges => (
                StatusCode::TOO_MANY_REQUESTS,
                detail("Request was throttled: others are changing the identity."),
            ),
            RequestError::NotStored => {
                (StatusCode::SERVICE_UNAVAILABLE, detail("Traits cannot be stored at the moment."))
            }
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
            RequestError::Unavailable | RequestError::TooManyChanges | RequestError::NotStored => {
                reply.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
            }
            // As long as the platform remembers a client with too many writes.
            RequestError::TooManyWrites => {
                reply.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("60"));
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
            AccessError::UnknownKey | AccessError::Removed => RequestError::UnknownKey,
            AccessError::Blocked => RequestError::OrganisationBlocked,
            AccessError::Unavailable => RequestError::Unavailable,
        }
    }
}

fn plain<H>(status: StatusCode, text: &str) -> Reply<H> {
    let mut reply = Reply::empty(status);
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    reply.body = ReplyBody::Full(text.as_bytes().to_vec());
    reply
}

fn detail(text: &str) -> serde_json::Value {
    json!({ "detail": text })
}
