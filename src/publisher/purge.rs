//! Purging: every POP looks at the KV store on its next request.

use ureq::http::Request;

use crate::call_error::CallError;
use crate::client::{Calls, built, url_encoded};

/// Softly purges what is stored in POPs under a key: it stays usable until the next look at the store replaces it. Without a
/// service nothing is purged.
pub(crate) fn purge(calls: &Calls<'_>, key: &str) -> Result<(), CallError> {
    let Some(service) = &calls.target().service else { return Ok(()) };
    let what = format!("purging {key}");
    let api = calls.target().api.trim_end_matches('/');
    let request = Request::post(format!("{api}/service/{}/purge/{}", url_encoded(service), url_encoded(key)))
        .header("Fastly-Key", calls.target().token.reveal())
        .header("Fastly-Soft-Purge", "1");
    calls.call(&what, &[], &built(&what, request, &[])?)?;
    Ok(())
}
