//! One request to Flagsmith, and what its answer means.

use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use ureq::Agent;
use ureq::http::header::{CONTENT_TYPE, RETRY_AFTER};
use ureq::http::{HeaderValue, Request, StatusCode};
use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};
use url::Url;

use crate::batch::{Batch, Kind};

/// How long a request may take.
const TIMEOUT: Duration = Duration::from_secs(30);
/// The longest pause that is kept because a server asks for it.
const LONGEST_ASKED: Duration = Duration::from_secs(300);
/// Bytes of an answer that are read.
const ANSWER: u64 = 64 << 10;
/// Characters of an answer that are shown.
const SHOWN: usize = 300;

/// Where batches go.
#[derive(Debug)]
pub(crate) struct Servers {
    counts: String,
    evaluations: String,
    events: Option<String>,
    agent: Agent,
}

/// Why a URL cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ServerUrlError {
    #[error("not a URL: {0}")]
    Unreadable(url::ParseError),
    #[error("not a URL of http or https")]
    Scheme,
    #[error("a user name, a password, a query or a fragment has no place in it")]
    Extras,
}

/// Why a file of certificates is of no use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum CertificatesError {
    #[error("a certificate in it cannot be read")]
    Unreadable,
    #[error("there is no certificate in it")]
    None,
}

/// What became of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    Accepted {
        /// Events that the server did not accept, though it did others.
        rejected: u64,
    },
    /// It would be refused again: a 4xx.
    Refused(String),
    /// The server, or what is on the way to it, does not work now.
    Away {
        why: String,
        /// How long it asks to be left alone.
        asked: Option<Duration>,
        /// It answered 500, which may be because of this one batch.
        is_failure: bool,
    },
}

impl Servers {
    /// `flagsmith` is the URL of Flagsmith's API, with `/api/v1` at its end or without it; `events` that of its ingestion server.
    ///
    /// # Errors
    /// If one of them is no URL of a server.
    pub(crate) fn new(
        flagsmith: &str,
        events: Option<&str>,
        trusted: RootCerts,
    ) -> Result<Servers, ServerUrlError> {
        let root = base(flagsmith)?;
        let root = root.strip_suffix("/api/v1").unwrap_or(&root);
        let events = events.map(base).transpose()?;
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_connect(Some(Duration::from_secs(5)))
            .timeout_global(Some(TIMEOUT))
            // What was sent to one server is not repeated to another.
            .max_redirects(0)
            .tls_config(TlsConfig::builder().root_certs(trusted).build())
            .user_agent(concat!("jackstaff/", env!("CARGO_PKG_VERSION")))
            .build();
        Ok(Servers {
            counts: format!("{root}/api/v1/analytics/flags/"),
            evaluations: format!("{root}/api/v2/analytics/flags/"),
            events: events.map(|events| format!("{events}/v1/events")),
            agent: agent.into(),
        })
    }

    /// Where batches of a kind go.
    pub(crate) fn url(&self, kind: Kind) -> Option<&str> {
        match kind {
            Kind::Counts => Some(&self.counts),
            Kind::Evaluations => Some(&self.evaluations),
            Kind::Events => self.events.as_deref(),
        }
    }

    /// Sends a batch once.
    pub(crate) fn send(&self, batch: &Batch) -> Outcome {
        let away = |why: String| Outcome::Away { why, asked: None, is_failure: false };
        let Some(url) = self.url(batch.kind) else { return away("it has no server".to_owned()) };
        let mut request = Request::post(url)
            .header(CONTENT_TYPE, "application/json")
            .header("X-Environment-Key", &batch.environment);
        if let Some(sdk) = batch.sdk.as_ref().and_then(|sdk| HeaderValue::from_str(sdk).ok()) {
            request = request.header("Flagsmith-SDK-User-Agent", sdk);
        }
        let answer = request.body(batch.body.as_bytes()).map_err(Into::into);
        match answer.and_then(|request| self.agent.run(request)) {
            Err(error) => away(error.to_string()),
            Ok(answer) => {
                let (head, mut body) = answer.into_parts();
                let mut bytes = Vec::new();
                // One that breaks off has said enough.
                let _ = body.as_reader().take(ANSWER).read_to_end(&mut bytes);
                judge(batch.kind, head.status, head.headers.get(RETRY_AFTER), &bytes)
            }
        }
    }
}

fn judge(kind: Kind, status: StatusCode, retry_after: Option<&HeaderValue>, body: &[u8]) -> Outcome {
    if status.is_success() {
        let rejected = match kind {
            Kind::Events => rejected_events(body),
            Kind::Counts | Kind::Evaluations => 0,
        };
        return Outcome::Accepted { rejected };
    }
    let why = format!("answered {status}{}", excerpt(body));
    // Too slow, sent to the wrong server, too early, too often.
    if status.is_client_error() && ![408, 421, 425, 429].contains(&status.as_u16()) {
        return Outcome::Refused(why);
    }
    let seconds = retry_after.and_then(|seconds| seconds.to_str().ok()?.trim().parse().ok());
    let asked = seconds.map(|seconds| Duration::from_secs(seconds).min(LONGEST_ASKED));
    Outcome::Away { why, asked, is_failure: status == StatusCode::INTERNAL_SERVER_ERROR }
}

/// How many verdicts there are in the answer of an ingestion server.
fn rejected_events(body: &[u8]) -> u64 {
    let body: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    body["rejected"].as_array().map_or(0, |rejected| rejected.len() as u64)
}

/// The start of an answer, on one line.
fn excerpt(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let words: Vec<&str> = text.split(|c: char| c.is_whitespace() || c.is_control()).collect();
    let words: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
    let line: String = words.join(" ").chars().take(SHOWN).collect();
    if line.is_empty() { line } else { format!(": {line}") }
}

/// A URL without a slash at its end.
fn base(url: &str) -> Result<String, ServerUrlError> {
    let url = Url::parse(url).map_err(ServerUrlError::Unreadable)?;
    if !["http", "https"].contains(&url.scheme()) {
        return Err(ServerUrlError::Scheme);
    }
    let has_extras = !url.username().is_empty()
        || url.password().is_some()
        || url.query().is_some()
        || url.fragment().is_some();
    if has_extras {
        return Err(ServerUrlError::Extras);
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

/// The certificates of a PEM file.
///
/// # Errors
/// If there is none, or one cannot be read.
pub(crate) fn certificates(pem: &[u8]) -> Result<RootCerts, CertificatesError> {
    let mut certificates = Vec::new();
    for item in parse_pem(pem) {
        if let PemItem::Certificate(certificate) = item.map_err(|_| CertificatesError::Unreadable)? {
            certificates.push(certificate);
        }
    }
    if certificates.is_empty() {
        return Err(CertificatesError::None);
    }
    Ok(RootCerts::Specific(Arc::new(certificates)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_of_a_flagsmith() {
        for url in
            ["http://host:8000", "http://host:8000/", "http://host:8000/api/v1", "http://host:8000/api/v1/"]
        {
            let servers = Servers::new(url, Some("https://events.example/"), RootCerts::WebPki).unwrap();
            let found = Kind::ALL.map(|kind| servers.url(kind).unwrap());
            let expected = [
                "http://host:8000/api/v1/analytics/flags/",
                "http://host:8000/api/v2/analytics/flags/",
                "https://events.example/v1/events",
            ];
            assert_eq!(found, expected, "{url}");
        }
        for (url, error) in [
            ("flagsmith:8000", ServerUrlError::Scheme),
            ("http://me:secret@host", ServerUrlError::Extras),
            ("http://host/?a=b", ServerUrlError::Extras),
        ] {
            assert_eq!(Servers::new(url, None, RootCerts::WebPki).unwrap_err(), error);
            assert_eq!(Servers::new("http://host", Some(url), RootCerts::WebPki).unwrap_err(), error);
        }
    }

    #[test]
    fn what_answers_mean() {
        let of = |status: u16, body: &str| {
            let five = HeaderValue::from_static("5");
            judge(Kind::Events, StatusCode::from_u16(status).unwrap(), Some(&five), body.as_bytes())
        };
        for status in [200, 202, 204] {
            assert_eq!(of(status, ""), Outcome::Accepted { rejected: 0 });
        }
        let partly = r#"{"accepted":1,"rejected":[{"index":0,"error":"x"}]}"#;
        assert_eq!(of(202, partly), Outcome::Accepted { rejected: 1 });
        for status in [400, 401, 403, 404, 405, 413, 415, 422] {
            assert!(
                matches!(of(status, "a\nb"), Outcome::Refused(why) if why.ends_with(": a b")),
                "{status}"
            );
        }
        for status in [301, 307, 408, 421, 425, 429, 500, 502, 503, 504] {
            let Outcome::Away { asked, is_failure, .. } = of(status, "") else { panic!("{status}") };
            assert_eq!((asked, is_failure), (Some(Duration::from_secs(5)), status == 500), "{status}");
        }
    }
}
