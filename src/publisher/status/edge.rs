//! What an edge serves of an environment.

use std::time::Duration;

use api::{EnvironmentKey, Revision};
use ureq::Agent;
use ureq::http::{HeaderMap, Request, StatusCode};

use crate::foreign::shown_url;

/// How long an answer may take.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes of an answer: more than an environment's flags can have.
const LIMIT: u64 = 64 << 20;

/// What an edge answers to the client-side key of an environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EdgeAnswer {
    Serves {
        revision: Revision,
        /// `pop`, `kv` or `stale`.
        source: String,
        /// Seconds since the store confirmed it.
        age: Option<u64>,
    },
    /// The key opens nothing there.
    Refuses,
    /// The answer is not an edge's, or the edge can serve nothing.
    Fails { status: u16 },
}

/// An edge at an address.
pub(super) struct Edge<'a> {
    base: &'a str,
    agent: Agent,
}

impl Edge<'_> {
    pub(super) fn new(base: &str) -> Edge<'_> {
        Edge { base: base.trim_end_matches('/'), agent: agent() }
    }

    /// Asks for an environment's flags, as any client would.
    pub(super) fn ask(&self, key: &EnvironmentKey) -> Result<EdgeAnswer, String> {
        let failed = |error: ureq::Error| format!("asking the edge at {}: {error}", shown_url(self.base));
        let request =
            Request::get(format!("{}/api/v1/flags/", self.base)).header("X-Environment-Key", key.as_str());
        let request = request.body(()).map_err(|error| failed(error.into()))?;
        let (parts, mut body) = self.agent.run(request).map_err(failed)?.into_parts();
        // An answer that breaks off serves nothing.
        body.with_config().limit(LIMIT).read_to_vec().map_err(failed)?;
        Ok(EdgeAnswer::of(parts.status, &parts.headers))
    }
}

impl EdgeAnswer {
    fn of(status: StatusCode, headers: &HeaderMap) -> EdgeAnswer {
        let text = |name: &str| headers.get(name)?.to_str().ok();
        let revision = text("jackstaff-revision").and_then(|text| text.parse().ok());
        match (status, revision) {
            (StatusCode::OK, Some(revision)) => EdgeAnswer::Serves {
                revision: Revision(revision),
                source: text("jackstaff-source").unwrap_or_default().to_owned(),
                age: text("age").and_then(|text| text.parse().ok()),
            },
            (StatusCode::FORBIDDEN, _) => EdgeAnswer::Refuses,
            _ => EdgeAnswer::Fails { status: status.as_u16() },
        }
    }
}

/// For requests to servers that are not Fastly's.
pub(crate) fn agent() -> Agent {
    Agent::config_builder()
        .http_status_as_error(false)
        .timeout_connect(Some(Duration::from_secs(5)))
        .timeout_global(Some(ANSWER_TIMEOUT))
        // A key or token is sent to no other server than the one that it is for.
        .max_redirects(0)
        .user_agent(concat!("jackstaff/", env!("CARGO_PKG_VERSION")))
        .build()
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers() {
        let serves =
            |source: &str, age| EdgeAnswer::Serves { revision: Revision(7), source: source.into(), age };
        for (status, headers, expected) in [
            (
                200,
                vec![("jackstaff-revision", "7"), ("jackstaff-source", "pop"), ("age", "3")],
                serves("pop", Some(3)),
            ),
            (200, vec![("jackstaff-revision", "7")], serves("", None)),
            (200, vec![], EdgeAnswer::Fails { status: 200 }),
            (403, vec![("jackstaff-revision", "7")], EdgeAnswer::Refuses),
            (503, vec![], EdgeAnswer::Fails { status: 503 }),
        ] {
            let parsed = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
            let parsed: HeaderMap = parsed.collect();
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(EdgeAnswer::of(status, &parsed), expected, "{status} {headers:?}");
        }
    }
}
