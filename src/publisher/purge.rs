//! Purging: every POP looks at the KV store on its next request.

use ureq::Agent;

use crate::client::{CallFailed, Target, call};
use crate::kv::segment;

/// Softly purges what is stored in POPs under a key: it stays usable until the next look replaces it. Without a
/// service nothing is purged.
pub(crate) fn purge(agent: &Agent, target: &Target, key: &str) -> Result<(), CallFailed> {
    let Some(service) = &target.service else { return Ok(()) };
    let api = target.api.trim_end_matches('/');
    let url = format!("{api}/service/{}/purge/{}", segment(service), segment(key));
    call(&format!("purging {key}"), &[], || {
        agent
            .post(&url)
            .header("Fastly-Key", target.token.reveal())
            .header("Fastly-Soft-Purge", "1")
            .send_empty()
    })?;
    Ok(())
}
