//! Requests as clients make them, and what came.

use std::time::{Duration, Instant};

use http::{HeaderMap, Method};
use ureq::Agent;
use ureq::http::Request;

/// How long an answer may take. SDKs give up after about this time.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes of an answer: more than the largest document has.
const LIMIT: u64 = 64 << 20;
/// Characters of a body that are shown.
const SHOWN: usize = 160;

pub(crate) struct Asking(Agent);

/// An answer.
pub(crate) struct Answer {
    /// Method and URL of the request.
    pub(crate) asked: String,
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
    pub(crate) took: Duration,
}

impl Asking {
    pub(crate) fn new() -> Asking {
        Asking(agent(|config| config.timeout_global(Some(TIMEOUT))))
    }

    /// # Errors
    /// Why there is no answer, in words.
    pub(crate) fn ask(
        &self,
        method: &Method,
        url: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Result<Answer, (String, String)> {
        let asked = format!("{method} {url}");
        let began = Instant::now();
        let mut request = Request::builder().method(method).uri(url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answered = request.body(body.to_owned()).map_err(ureq::Error::from).and_then(|request| {
            let (parts, mut body) = self.0.run(request)?.into_parts();
            Ok((parts, body.with_config().limit(LIMIT).read_to_vec()?))
        });
        match answered {
            Ok((parts, body)) => Ok(Answer {
                asked,
                status: parts.status.as_u16(),
                headers: parts.headers,
                body,
                took: began.elapsed(),
            }),
            Err(error) => Err((asked, error.to_string())),
        }
    }

    pub(crate) fn get(&self, url: &str, headers: &[(&str, &str)]) -> Result<Answer, (String, String)> {
        self.ask(&Method::GET, url, headers, "")
    }
}

/// An agent that follows no redirect: SDKs do not, after a `POST`.
pub(crate) fn agent(
    timeouts: impl FnOnce(
        ureq::config::ConfigBuilder<ureq::typestate::AgentScope>,
    ) -> ureq::config::ConfigBuilder<ureq::typestate::AgentScope>,
) -> Agent {
    let config = Agent::config_builder()
        .http_status_as_error(false)
        .timeout_connect(Some(Duration::from_secs(5)))
        .max_redirects(0)
        .user_agent(concat!("jackstaff/", env!("CARGO_PKG_VERSION")));
    timeouts(config).build().into()
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// Status and the beginning of the body, on one line.
    pub(crate) fn shown(&self) -> String {
        let text = String::from_utf8_lossy(&self.body);
        let text: String = text.split_whitespace().collect::<Vec<&str>>().join(" ");
        match text.char_indices().nth(SHOWN) {
            _ if text.is_empty() => self.status.to_string(),
            Some((end, _)) => format!("{} {}…", self.status, &text[..end]),
            None => format!("{} {text}", self.status),
        }
    }

    /// Status and a header, which may be missing.
    pub(crate) fn shown_with(&self, name: &str) -> String {
        match self.header(name) {
            "" => format!("{} without {name}", self.status),
            value => format!("{} with {name}: {value}", self.status),
        }
    }
}
