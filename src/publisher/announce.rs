//! Announcing a change to the origin of change signals, by the call that Flagsmith's own core makes.

use api::{EnvironmentKey, Revision};
use serde_json::json;
use ureq::http::Request;

use crate::client::{CallFailed, Calls, built, segment};

/// Announces a revision. Without an origin nobody is told.
pub(crate) fn announce(
    calls: &Calls<'_>,
    key: &EnvironmentKey,
    revision: Revision,
) -> Result<(), CallFailed> {
    let Some(origin) = &calls.target().origin else { return Ok(()) };
    let what = format!("announcing {key} to the origin");
    let origin = origin.trim_end_matches('/');
    let mut request =
        Request::post(format!("{origin}/sse/environments/{}/queue-change", segment(key.as_str())))
            .header("Content-Type", "application/json");
    if let Some(token) = &calls.target().origin_token {
        request = request.header("Authorization", format!("Token {}", token.reveal()));
    }
    let body = json!({ "updated_at": revision.iso() }).to_string();
    calls.call(&what, &[], &built(&what, request, body.as_bytes())?)?;
    Ok(())
}
