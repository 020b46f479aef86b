//! What goes wrong with a call.

use std::time::Duration;

use thiserror::Error;
use ureq::http::StatusCode;

use crate::foreign::place_in_json;

/// What went wrong with a call, and which call it was.
#[derive(Debug, Error)]
pub enum CallError {
    #[error("{what}: {error}")]
    Transport { what: String, error: Box<ureq::Error> },
    #[error("{what}: answered {status}{detail}")]
    Status {
        what: String,
        status: StatusCode,
        detail: String,
        /// `Retry-After`.
        retry_after: Option<Duration>,
    },
    #[error("{what}: {why}")]
    InProcess { what: String, why: String },
    #[error("{what}: the answer has no header `{header}`")]
    Header { what: String, header: &'static str },
    #[error("{what}: the answer cannot be read: {}", place_in_json(error))]
    Unreadable { what: String, error: serde_json::Error },
    #[error("{what}: there are more than {pages} pages")]
    Endless { what: String, pages: usize },
    #[error("{what}: not tried any more after {} s", after.as_secs())]
    OutOfTime { what: String, after: Duration },
}

impl CallError {
    /// Whether another try may succeed.
    pub(crate) fn is_transient(&self) -> bool {
        match self {
            CallError::Transport { error, .. } => !matches!(
                **error,
                ureq::Error::BadUri(_) | ureq::Error::Http(_) | ureq::Error::BodyExceedsLimit(_)
            ),
            CallError::Status { status, .. } => {
                [StatusCode::TOO_MANY_REQUESTS, StatusCode::REQUEST_TIMEOUT].contains(status)
                    || status.is_server_error()
            }
            CallError::InProcess { .. }
            | CallError::Header { .. }
            | CallError::Unreadable { .. }
            | CallError::Endless { .. }
            | CallError::OutOfTime { .. } => false,
        }
    }

    /// How long the server asked not to be called again.
    pub(crate) fn asked_pause(&self) -> Option<Duration> {
        match self {
            CallError::Status { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// What failed and in which way, without what differs from one time to the next.
    pub(crate) fn kind(&self) -> String {
        match self {
            CallError::Transport { what, .. } => format!("{what}: transport"),
            CallError::Status { what, status, .. } => format!("{what}: {status}"),
            failed => failed.to_string(),
        }
    }

    /// Whether the call may have taken effect although it failed. Of several tries, each may have.
    pub(crate) fn may_have_happened(&self) -> bool {
        self.is_transient() || matches!(self, CallError::OutOfTime { .. })
    }
}
