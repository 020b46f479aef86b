//! The origin's stream.

use std::io::Read as _;

use api::pop::ports::PortError;
use api::relay::ports::{ConnectError, Origin};
use api::{EnvironmentKey, Secret};
use fastly::handle::{BodyHandle, CacheOverride, RequestHandle};
use fastly::http::header::{AUTHORIZATION, CONTENT_TYPE};
use fastly::http::{HeaderValue, Url};
use fastly::{Backend, Body};

use super::secrets::secret;
use super::{Host, port_error};
use crate::names::{EDGE_TOKEN, ORIGIN};

const EVENT_STREAM: &str = "text/event-stream";

/// Longer than any media type that counts.
const MEDIA_TYPE_LIMIT: usize = 256;

/// More bytes than the origin sends at once.
const READ: usize = 4 * 1024;

impl Origin for Host {
    type Upstream = Body;

    fn edge_token(&self) -> Result<Option<Vec<u8>>, PortError> {
        secret(EDGE_TOKEN)
    }

    /// By handles: the request type of the SDK brings all of its read-through cache, which is a tenth of the package and has
    /// nothing to do here.
    ///
    /// Whether it goes over TLS is up to the backend.
    fn connect(&self, key: &EnvironmentKey, token: Option<&Secret>) -> Result<Body, ConnectError> {
        let backend = Backend::from_name(ORIGIN).map_err(port_error)?;
        if !backend.exists() {
            return Err(PortError(format!("there is no backend {ORIGIN:?}")).into());
        }
        let url = format!("http://{}/sse/environments/{key}/stream", backend.get_host());
        let mut request = RequestHandle::new();
        request.set_url(&Url::parse(&url).map_err(port_error)?);
        request.set_cache_override(&CacheOverride::Pass);
        if let Some(token) = token {
            let value = HeaderValue::try_from(format!("Token {}", token.reveal())).map_err(port_error)?;
            request.insert_header(&AUTHORIZATION, &value);
        }
        let (response, body) = request.send(BodyHandle::new(), ORIGIN).map_err(port_error)?;
        let status = response.get_status();
        let kind = response.get_header_value(&CONTENT_TYPE, MEDIA_TYPE_LIMIT).ok().flatten();
        if !status.is_success() || !kind.is_some_and(|kind| is_event_stream(&kind)) {
            return Err(ConnectError::NoStream(status));
        }
        Ok(body.into())
    }

    fn receive(&self, upstream: &mut Body) -> Result<Vec<u8>, PortError> {
        let mut bytes = vec![0; READ];
        let length = upstream.read(&mut bytes).map_err(port_error)?;
        bytes.truncate(length);
        Ok(bytes)
    }
}

fn is_event_stream(kind: &HeaderValue) -> bool {
    let essence = kind.to_str().unwrap_or_default().split(';').next().unwrap_or_default();
    essence.trim().eq_ignore_ascii_case(EVENT_STREAM)
}
