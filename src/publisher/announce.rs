//! Announcing a change to the origin of change signals, by the call that Flagsmith's own core makes.

use api::{EnvironmentKey, Revision};
use serde_json::json;
use ureq::http::Request;

use crate::call_error::CallError;
use crate::client::{Calls, built, url_encoded};
use crate::target::Signals;

/// Announces a revision, if there is an origin.
pub(crate) fn announce(calls: &Calls<'_>, key: &EnvironmentKey, revision: Revision) -> Result<(), CallError> {
    let what = format!("announcing {key} to the origin");
    let (origin, token) = match &calls.target().signals {
        Signals::None => return Ok(()),
        Signals::InProcess(origin) => {
            return origin.announce(key, revision).map_err(|why| CallError::InProcess { what, why });
        }
        Signals::Origin { url, token } => (url.trim_end_matches('/'), token),
    };
    let mut request =
        Request::post(format!("{origin}/sse/environments/{}/queue-change", url_encoded(key.as_str())))
            .header("Content-Type", "application/json");
    if let Some(token) = token {
        request = request.header("Authorization", format!("Token {}", token.reveal()));
    }
    let body = json!({ "updated_at": revision.iso() }).to_string();
    calls.call(&what, &[], &built(&what, request, body.as_bytes())?)?;
    Ok(())
}
