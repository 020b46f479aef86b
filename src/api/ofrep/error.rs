//! Requests that are not evaluated, in the protocol's words.

use http::StatusCode;
use http::header::RETRY_AFTER;
use percent_encoding::percent_decode_str;
use serde_json::json;

use crate::access::AccessError;
use crate::reply::Reply;

/// Why a request is not evaluated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum EvaluationError {
    /// No key, or one that opens nothing.
    Unauthorized,
    /// The environment was removed, or its organisation is blocked.
    Forbidden(&'static str),
    FlagNotFound,
    /// A body that is no JSON, or no request.
    Parse(String),
    Context(String),
    TooLarge(String),
    MediaType(String),
    /// The stores do not answer, and there is no copy.
    Unavailable,
}

impl EvaluationError {
    /// The answer to a request for all flags, or for this one, as it stands in the path.
    pub(super) fn reply<H>(&self, flag: Option<&str>) -> Reply<H> {
        let (status, code, details) = match self {
            EvaluationError::Unauthorized => {
                (StatusCode::UNAUTHORIZED, None, "the key is missing, or opens no environment")
            }
            EvaluationError::Forbidden(why) => (StatusCode::FORBIDDEN, None, *why),
            EvaluationError::FlagNotFound => {
                (StatusCode::NOT_FOUND, Some("FLAG_NOT_FOUND"), "there is no flag of this name")
            }
            EvaluationError::Parse(why) => (StatusCode::BAD_REQUEST, Some("PARSE_ERROR"), &**why),
            EvaluationError::Context(why) => (StatusCode::BAD_REQUEST, Some("INVALID_CONTEXT"), &**why),
            EvaluationError::TooLarge(why) => (StatusCode::PAYLOAD_TOO_LARGE, None, &**why),
            EvaluationError::MediaType(why) => (StatusCode::UNSUPPORTED_MEDIA_TYPE, None, &**why),
            EvaluationError::Unavailable => {
                (StatusCode::SERVICE_UNAVAILABLE, None, "flags are not available at the moment")
            }
        };
        let mut body = json!({ "errorDetails": details });
        if let Some(code) = code {
            body["errorCode"] = code.into();
            if let Some(flag) = flag {
                body["key"] = percent_decode_str(flag).decode_utf8_lossy().into();
            }
        }
        let mut reply = Reply::json(status, body.to_string().into_bytes());
        if *self == EvaluationError::Unavailable {
            reply.headers_mut().insert(RETRY_AFTER, http::HeaderValue::from_static("1"));
        }
        reply
    }
}

impl From<AccessError> for EvaluationError {
    fn from(error: AccessError) -> EvaluationError {
        match error {
            AccessError::NoKey | AccessError::UnknownKey => EvaluationError::Unauthorized,
            AccessError::Removed => EvaluationError::Forbidden("the environment was removed"),
            AccessError::Blocked => EvaluationError::Forbidden("the organisation is blocked"),
            AccessError::Unavailable => EvaluationError::Unavailable,
        }
    }
}
