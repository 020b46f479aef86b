//! What whoever publishes says of it: the answer to `GET /status`.

use api::{EnvironmentKey, KeyFault, Revision};
use serde::Deserialize;
use ureq::http::{Request, StatusCode};

use super::edge::agent;
use crate::target::Secret;

/// Bytes of an answer: a thousand environments have half a megabyte.
const LIMIT: u64 = 64 << 20;

/// How publishing goes.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Publishing {
    /// `none`, `up` or `down`.
    #[serde(default)]
    pub bus: Option<String>,
    /// Calls to Fastly's API since its start.
    #[serde(default)]
    pub api_calls: Option<u64>,
    environments: Vec<Written>,
    /// Places whose document is broken or cannot be had.
    #[serde(default)]
    pub troubles: Vec<PlaceTrouble>,
}

/// A place whose document is broken or cannot be had; the last good one stays served.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct PlaceTrouble {
    pub place: String,
    pub why: String,
}

/// How an environment's publication goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watched {
    pub key: EnvironmentKey,
    pub place: String,
    /// What it stored last, as far as it knows.
    pub revision: Option<Revision>,
    /// Seconds since when the edge is owed something.
    pub behind: Option<u64>,
    pub why: Option<String>,
    pub last_success: Option<String>,
    pub failures: u64,
    pub published: u64,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
struct Written {
    key: String,
    #[serde(default)]
    place: String,
    revision: Option<Revision>,
    behind_seconds: Option<f64>,
    why: Option<String>,
    last_success: Option<String>,
    #[serde(default)]
    failures: u64,
    #[serde(default)]
    published: u64,
}

impl Publishing {
    pub(super) fn parse(json: &[u8]) -> Result<Publishing, String> {
        let publishing: Publishing = serde_json::from_slice(json).map_err(|error| error.to_string())?;
        let keys = publishing.environments.iter().map(|written| EnvironmentKey::parse(&written.key));
        keys.collect::<Result<Vec<_>, KeyFault>>().map_err(|fault| format!("environments: key: {fault}"))?;
        Ok(publishing)
    }

    /// The environments that are published.
    pub(super) fn take_environments(&mut self) -> Vec<Watched> {
        std::mem::take(&mut self.environments).into_iter().filter_map(Written::watched).collect()
    }
}

impl Written {
    fn watched(self) -> Option<Watched> {
        // Those that are no keys were refused when the answer was read.
        let key = EnvironmentKey::parse(&self.key).ok()?;
        let Written { place, revision, behind_seconds, why, last_success, failures, published, .. } = self;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it saturates")]
        let behind = behind_seconds.map(|seconds| seconds as u64);
        Some(Watched { key, place, revision, behind, why, last_success, failures, published })
    }
}

/// Asks whoever publishes.
pub(super) fn ask(base: &str, token: Option<&Secret>) -> Result<Publishing, String> {
    let base = base.trim_end_matches('/');
    let failed = |why: &dyn std::fmt::Display| format!("asking {base}/status: {why}");
    let mut request = Request::get(format!("{base}/status"));
    if let Some(token) = token {
        request = request.header("Authorization", format!("Token {}", token.reveal()));
    }
    let request = request.body(()).map_err(|error| failed(&error))?;
    let (parts, mut body) = agent().run(request).map_err(|error| failed(&error))?.into_parts();
    match parts.status {
        StatusCode::OK => {}
        StatusCode::NOT_FOUND => return Err(failed(&"answered 404: nobody publishes there")),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            return Err(failed(&format!("answered {}: the token is missing or wrong", parts.status)));
        }
        status => return Err(failed(&format!("answered {status}"))),
    }
    let json = body.with_config().limit(LIMIT).read_to_vec().map_err(|error| failed(&error))?;
    Publishing::parse(&json).map_err(|why| failed(&format!("not a report: {why}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports() {
        let mut publishing = Publishing::parse(
            br#"{"bus": "up", "api_calls": 7, "environments": [
                {"key": "a", "place": "a.json", "revision": 5, "behind_seconds": 1.9, "why": "503",
                 "last_success": "2026-03-02T11:22:33Z", "failures": 2, "published": 1, "more": {}},
                {"key": "b", "revision": null, "behind_seconds": null, "why": null}
            ], "troubles": [{"place": "c.json", "why": "invalid JSON"}]}"#,
        )
        .unwrap();
        let a = Watched {
            key: EnvironmentKey::parse("a").unwrap(),
            place: "a.json".into(),
            revision: Some(Revision(5)),
            behind: Some(1),
            why: Some("503".into()),
            last_success: Some("2026-03-02T11:22:33Z".into()),
            failures: 2,
            published: 1,
        };
        let b = Watched {
            key: EnvironmentKey::parse("b").unwrap(),
            place: String::new(),
            revision: None,
            behind: None,
            why: None,
            last_success: None,
            failures: 0,
            published: 0,
        };
        assert_eq!(publishing.take_environments(), [a, b]);
        let trouble = PlaceTrouble { place: "c.json".into(), why: "invalid JSON".into() };
        assert_eq!(
            publishing,
            Publishing {
                bus: Some("up".into()),
                api_calls: Some(7),
                environments: vec![],
                troubles: vec![trouble]
            }
        );
        assert!(Publishing::parse(b"[]").is_err());
        assert!(
            Publishing::parse(br#"{"environments": [{"key": "a/b"}]}"#)
                .unwrap_err()
                .starts_with("environments")
        );
    }
}
