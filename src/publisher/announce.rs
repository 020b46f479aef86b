//! Announcing a change to the origin of change signals, by the call that Flagsmith's own core makes.

use api::{EnvironmentKey, Revision};
use serde_json::json;
use ureq::Agent;

use crate::client::{CallFailed, Target, call};
use crate::kv::segment;

/// Announces a revision. Without an origin nobody is told.
pub(crate) fn announce(
    agent: &Agent,
    target: &Target,
    key: &EnvironmentKey,
    revision: Revision,
) -> Result<(), CallFailed> {
    let Some(origin) = &target.origin else { return Ok(()) };
    let origin = origin.trim_end_matches('/');
    let url = format!("{origin}/sse/environments/{}/queue-change", segment(key.as_str()));
    let body = json!({ "updated_at": revision.iso() }).to_string();
    call(&format!("announcing {key} to the origin"), &[], || {
        let mut request = agent.post(&url).header("Content-Type", "application/json");
        if let Some(token) = &target.origin_token {
            request = request.header("Authorization", format!("Token {}", token.reveal()));
        }
        request.send(&body)
    })?;
    Ok(())
}
