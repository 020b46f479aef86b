//! A try to connect to the origin, with the edge token, and the words for what goes wrong.

use http::StatusCode;

use super::ports::{ConnectError, StreamPorts};
use crate::key::EnvironmentKey;
use crate::secret::{Secret, SecretError};

/// Asks the origin for the stream of an environment. Where no token can be read, it asks without one: an origin without edge
/// tokens wants none.
///
/// What went wrong is said by `say`, in words that show no part of the token.
pub(super) fn connect<P: StreamPorts>(
    ports: &P,
    key: &EnvironmentKey,
    mut say: impl FnMut(String),
) -> Option<P::Upstream> {
    let stored = ports.edge_token().unwrap_or_else(|error| {
        say(format!("the secret `edge_token` cannot be read, so the origin is asked without it: {error}"));
        None
    });
    let token = match stored.as_deref().map(token).transpose() {
        Ok(token) => token,
        Err(error) => {
            say(format!("the origin is not asked for streams: the secret `edge_token` {error}"));
            return None;
        }
    };
    match ports.connect(key, token.as_ref()) {
        Ok(upstream) => return Some(upstream),
        Err(ConnectError::NoStream(status)) if is_refusal(status) && token.is_some() => say(format!(
            "the origin refuses the edge token: it answered {status} for {key}; store a token of its --edge-token-file as \
             the secret `edge_token`"
        )),
        Err(ConnectError::NoStream(status)) if is_refusal(status) => say(format!(
            "the origin wants an edge token, and the secret store has none: it answered {status} for {key}; store a token of \
             its --edge-token-file as the secret `edge_token`"
        )),
        Err(error) => say(format!("the origin gives no stream of {key}: {error}")),
    }
    None
}

fn is_refusal(status: StatusCode) -> bool {
    matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)
}

fn token(stored: &[u8]) -> Result<Secret, SecretError> {
    let text = std::str::from_utf8(stored).map_err(|_| SecretError::NotUtf8)?;
    Secret::parse_token(text)
}
