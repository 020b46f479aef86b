//! Answers to requests that cannot be served, in the words of Flagsmith's own API where it has some (wire protocol
//! reference, 1.2 and 2.3).

use http::header::{ALLOW, RETRY_AFTER};
use http::{HeaderValue, StatusCode};
use serde_json::json;

use crate::reply::Reply;
use crate::route::Route;

/// Why a request is not served.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Failure {
    NotFound,
    MethodNotAllowed {
        method: String,
        route: Route,
    },
    MissingKey,
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
    /// Nothing to serve from at the moment.
    Unavailable,
}

impl Failure {
    pub(crate) fn detail(text: impl Into<String>) -> Failure {
        Failure::Invalid(json!({ "detail": text.into() }))
    }

    pub(crate) fn reply<H>(&self) -> Reply<H> {
        let (status, body) = match self {
            Failure::NotFound => (StatusCode::NOT_FOUND, detail("Not Found")),
            Failure::MethodNotAllowed { method, .. } => {
                (StatusCode::METHOD_NOT_ALLOWED, detail(&format!("Method \"{method}\" not allowed.")))
            }
            Failure::MissingKey => (StatusCode::FORBIDDEN, detail("Invalid or missing Environment key")),
            Failure::UnknownKey => (StatusCode::FORBIDDEN, detail("Invalid or missing Environment Key")),
            Failure::OrganisationBlocked => {
                (StatusCode::FORBIDDEN, detail("Organisation is disabled from serving flags."))
            }
            Failure::FeatureNotFound => (StatusCode::NOT_FOUND, detail("Given feature not found")),
            Failure::MissingIdentifier => (StatusCode::BAD_REQUEST, detail("Missing identifier")),
            Failure::TooLarge { limit } => {
                (StatusCode::PAYLOAD_TOO_LARGE, detail(&format!("Request body of more than {limit} bytes.")))
            }
            Failure::MediaType(found) => (
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                detail(&format!("Unsupported media type \"{found}\" in request.")),
            ),
            Failure::Invalid(body) => (StatusCode::BAD_REQUEST, body.clone()),
            Failure::Unavailable => {
                (StatusCode::SERVICE_UNAVAILABLE, detail("Flags are not available at the moment."))
            }
        };
        let mut reply = Reply::json(status, body.to_string().into_bytes());
        match self {
            Failure::MethodNotAllowed { route, .. } => {
                reply.headers_mut().insert(ALLOW, HeaderValue::from_static(route.methods()));
            }
            Failure::Unavailable => {
                reply.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
            }
            _ => {}
        }
        reply
    }
}

fn detail(text: &str) -> serde_json::Value {
    json!({ "detail": text })
}
