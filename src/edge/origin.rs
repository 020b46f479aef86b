//! The origin's stream.

use api::EnvironmentKey;
use fastly::handle::{BodyHandle, CacheOverride, RequestHandle};
use fastly::http::header::CONTENT_TYPE;
use fastly::http::{HeaderValue, Url};
use fastly::{Backend, Body};

use crate::names::ORIGIN;

const EVENT_STREAM: &str = "text/event-stream";

/// Longer than any media type that counts.
const MEDIA_TYPE_LIMIT: usize = 256;

/// Asks the origin for the stream of an environment.
///
/// By handles: the request type of the SDK brings all of its read-through cache, which is a tenth of the package and
/// has nothing to do here.
///
/// # Errors
/// What the platform said, or that what was answered is no event stream.
pub(crate) fn connect(key: &EnvironmentKey) -> Result<Body, String> {
    let backend = Backend::from_name(ORIGIN).map_err(|error| error.to_string())?;
    if !backend.exists() {
        return Err(format!("there is no backend {ORIGIN:?}"));
    }
    let url = format!("http://{}/sse/environments/{key}/stream", backend.get_host());
    let mut request = RequestHandle::new();
    request.set_url(&Url::parse(&url).map_err(|error| format!("{url}: {error}"))?);
    request.set_cache_override(&CacheOverride::Pass);
    let (response, body) = request.send(BodyHandle::new(), ORIGIN).map_err(|error| error.to_string())?;
    let status = response.get_status();
    let kind = response.get_header_value(&CONTENT_TYPE, MEDIA_TYPE_LIMIT).ok().flatten();
    if !status.is_success() || !kind.is_some_and(|kind| is_event_stream(&kind)) {
        return Err(format!("it answered {status}, and no event stream"));
    }
    Ok(body.into())
}

fn is_event_stream(kind: &HeaderValue) -> bool {
    let essence = kind.to_str().unwrap_or_default().split(';').next().unwrap_or_default();
    essence.trim().eq_ignore_ascii_case(EVENT_STREAM)
}
