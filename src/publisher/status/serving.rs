//! What a `jackstaff serve` reports: the answer to `GET /status`.

use api::Secret;
use api::progress::Publishing;
use ureq::http::{Request, StatusCode};

use super::edge::agent;
use crate::foreign::{place_in_json, shown_url};

/// Bytes of an answer: a thousand environments have half a megabyte.
const LIMIT: u64 = 64 << 20;

/// Asks a `jackstaff serve`.
pub(super) fn ask(base: &str, token: Option<&Secret>) -> Result<Publishing, String> {
    let base = base.trim_end_matches('/');
    let failed = |why: &dyn std::fmt::Display| format!("asking {}/status: {why}", shown_url(base));
    let mut request = Request::get(format!("{base}/status"));
    if let Some(token) = token {
        request = request.header("Authorization", format!("Token {}", token.reveal()));
    }
    let request = request.body(()).map_err(|error| failed(&error))?;
    let (parts, mut body) = agent().run(request).map_err(|error| failed(&error))?.into_parts();
    match parts.status {
        StatusCode::OK => {}
        StatusCode::NOT_FOUND => return Err(failed(&"answered 404: no publisher runs there")),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            return Err(failed(&format!("answered {}: the token is missing or wrong", parts.status)));
        }
        status => return Err(failed(&format!("answered {status}"))),
    }
    let json = body.with_config().limit(LIMIT).read_to_vec().map_err(|error| failed(&error))?;
    serde_json::from_slice(&json).map_err(|error| failed(&format!("not a report: {}", place_in_json(&error))))
}
