//! The HTTP client: one agent, bounded in time, that tries again what may pass.

use std::fmt;
use std::time::Duration;

use backon::{BlockingRetryable, ExponentialBuilder};
use thiserror::Error;
use ureq::Agent;
use ureq::http::{Response, StatusCode};

/// Where bundles go, and who is told.
#[derive(Debug, Clone)]
pub struct Target {
    /// Base of Fastly's REST API, or of an edge that answers in its place.
    pub api: String,
    pub token: Secret,
    /// The id of the KV store.
    pub store: String,
    /// The id of the service whose copies are purged; none are without it.
    pub service: Option<String>,
    /// Base of the origin of change signals; nobody is told without it.
    pub origin: Option<String>,
    pub origin_token: Option<Secret>,
}

/// A token. It shows itself to nobody.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

/// Why a text is no token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SecretFault {
    #[error("an empty token")]
    Empty,
    #[error("a token holds visible ASCII characters only")]
    Character,
}

impl Secret {
    /// # Errors
    /// If the text cannot stand in a header.
    pub fn parse(text: &str) -> Result<Secret, SecretFault> {
        if text.is_empty() {
            Err(SecretFault::Empty)
        } else if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            Err(SecretFault::Character)
        } else {
            Ok(Secret(text.to_owned()))
        }
    }

    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// What went wrong with a call, and with which.
#[derive(Debug, Error)]
pub enum CallFailed {
    #[error("{what}: {error}")]
    Transport { what: String, error: ureq::Error },
    #[error("{what}: answered {status}{detail}")]
    Status { what: String, status: StatusCode, detail: String },
}

/// Answers that may be another one in a moment.
fn may_pass(error: &CallFailed) -> bool {
    match error {
        CallFailed::Transport { .. } => true,
        CallFailed::Status { status, .. } => {
            *status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error()
        }
    }
}

/// Statuses that are answers to the question, beside success.
pub(crate) type Expected = &'static [StatusCode];

pub(crate) fn agent() -> Agent {
    Agent::config_builder()
        .http_status_as_error(false)
        .timeout_connect(Some(Duration::from_secs(5)))
        .timeout_global(Some(Duration::from_secs(60)))
        .user_agent(concat!("jackstaff/", env!("CARGO_PKG_VERSION")))
        .build()
        .into()
}

/// Makes a call, a few times if need be.
pub(crate) fn call(
    what: &str,
    expected: Expected,
    mut send: impl FnMut() -> Result<Response<ureq::Body>, ureq::Error>,
) -> Result<Response<ureq::Body>, CallFailed> {
    let once = || {
        let mut response = send().map_err(|error| CallFailed::Transport { what: what.to_owned(), error })?;
        let status = response.status();
        if status.is_success() || expected.contains(&status) {
            return Ok(response);
        }
        let body = response.body_mut().with_config().limit(1_000).read_to_string().unwrap_or_default();
        let detail = if body.trim().is_empty() { String::new() } else { format!(": {}", body.trim()) };
        Err(CallFailed::Status { what: what.to_owned(), status, detail })
    };
    let backoff = ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(200))
        .with_max_delay(Duration::from_secs(2))
        .with_max_times(3)
        .with_jitter();
    once.retry(backoff).when(may_pass).call()
}
