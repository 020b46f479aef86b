//! Asks an edge why flags have their values.

use api::Secret;
use api::explanation::ExplanationAnswer;
use thiserror::Error;
use ureq::http::{Request, StatusCode};

use crate::client::url_encoded;
use crate::foreign::{excerpt, place_in_json, shown_url};
use crate::status::agent;

/// Bytes of an answer.
const LIMIT: u64 = 64 << 20;

/// Why an edge did not explain.
#[derive(Debug, Error)]
pub enum ExplainError {
    #[error("asking the edge at {edge}: {error}")]
    NotAsked { edge: String, error: ureq::Error },
    /// The key, the feature or the body is refused.
    #[error("the edge at {edge} refuses with {status}{answer}")]
    Refused { edge: String, status: u16, answer: String },
    #[error("the edge at {edge} answers {status}{answer}")]
    Failed { edge: String, status: u16, answer: String },
    #[error("the answer of the edge at {edge} is no explanation: {place}")]
    NoExplanation { edge: String, place: String },
}

/// Asks the edge at a base URL with a server-side key. `body` is that of `POST /api/v1/identities/`.
///
/// # Errors
/// An [`ExplainError`].
pub fn explain(
    base: &str,
    key: &Secret,
    feature: Option<&str>,
    body: &str,
) -> Result<ExplanationAnswer, ExplainError> {
    let edge = shown_url(base);
    let query = feature.map_or_else(String::new, |feature| format!("?feature={}", url_encoded(feature)));
    let request = Request::post(format!("{}/api/v1/explain/{query}", base.trim_end_matches('/')))
        .header("X-Environment-Key", key.reveal())
        .header("Content-Type", "application/json")
        .body(body.to_owned());
    let asked = || -> Result<_, ureq::Error> {
        let (parts, mut body) = agent().run(request?)?.into_parts();
        Ok((parts.status, body.with_config().limit(LIMIT).read_to_vec()?))
    };
    let (status, answer) = asked().map_err(|error| ExplainError::NotAsked { edge: edge.clone(), error })?;
    if status == StatusCode::OK {
        return serde_json::from_slice(&answer)
            .map_err(|error| ExplainError::NoExplanation { edge, place: place_in_json(&error) });
    }
    let answer = excerpt(&answer, [key]);
    if status.is_client_error() {
        Err(ExplainError::Refused { edge, status: status.as_u16(), answer })
    } else {
        Err(ExplainError::Failed { edge, status: status.as_u16(), answer })
    }
}
