//! The HTTP client: one agent, bounded in time, that tries again what may pass.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use api::Revision;
use backon::{BackoffBuilder, ExponentialBuilder};
use jiff::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use thiserror::Error;
use ureq::Agent;
use ureq::http::{HeaderMap, Method, Request, Response, StatusCode, request};

use crate::clock::Clock;
use crate::quota::Quota;
use crate::target::Target;

/// How long everything may take that is done for one item of the store, waiting included.
const ITEM_TIMEOUT: Duration = Duration::from_secs(180);
/// Pauses between the tries of a call.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// Bytes of an answer: more than a KV value can have.
const ANSWER_LIMIT: u64 = 64 << 20;

/// A key is one segment of the path.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Calls a target.
pub struct Client<'a> {
    agent: Agent,
    target: Target,
    clock: &'a dyn Clock,
    /// Calls to the API so far, and what it said last of how many more it takes.
    calls: AtomicU64,
    quota: Mutex<Option<Quota>>,
}

/// How often a call is tried again, and for how long.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RetryPolicy {
    retries: usize,
    /// How long one call may take.
    call: Duration,
    /// The longest pause that an answer may ask for; who is asked for more gives up, and says so.
    asked: Duration,
    /// How long a write waits for the one before, whoever made that; and how long until it is tried again.
    between_writes: Duration,
}

impl RetryPolicy {
    /// Of one who has one chance. A KV key takes one write a second, so the pauses outlast that by far.
    pub(crate) const ONE_SHOT: RetryPolicy = RetryPolicy {
        retries: 5,
        call: Duration::from_secs(60),
        asked: ITEM_TIMEOUT,
        between_writes: Duration::ZERO,
    };
    /// Of one who comes back by itself, and writes a key once a second at most.
    pub(crate) const WATCHING: RetryPolicy = RetryPolicy {
        retries: 3,
        call: Duration::from_secs(60),
        asked: LONGEST_PAUSE,
        between_writes: Duration::from_secs(1),
    };
    /// Of one who comes back by itself, and has better things to do meanwhile.
    pub(crate) const PROBE: RetryPolicy = RetryPolicy {
        retries: 0,
        call: Duration::from_secs(5),
        asked: Duration::ZERO,
        between_writes: Duration::ZERO,
    };
}

/// The calls that are made for one item, with their common end.
pub(crate) struct Calls<'a> {
    client: &'a Client<'a>,
    deadline: Duration,
    policy: RetryPolicy,
}

/// What went wrong with a call, and with which.
#[derive(Debug, Error)]
pub enum CallError {
    #[error("{what}: {error}")]
    Transport { what: String, error: Box<ureq::Error> },
    #[error("{what}: answered {status}{detail}")]
    Status {
        what: String,
        status: StatusCode,
        detail: String,
        /// How long not to be called again.
        asked: Option<Duration>,
    },
    #[error("{what}: {why}")]
    InProcess { what: String, why: String },
    #[error("{what}: the answer has no header `{header}`")]
    Header { what: String, header: &'static str },
    #[error("{what}: the answer cannot be read: {error}")]
    Unreadable { what: String, error: serde_json::Error },
    #[error("{what}: there are more than {pages} pages")]
    Endless { what: String, pages: usize },
    #[error("{what}: not tried any more after {} s", ITEM_TIMEOUT.as_secs())]
    OutOfTime { what: String },
}

impl CallError {
    /// Whether another try may end otherwise.
    fn is_transient(&self) -> bool {
        match self {
            CallError::Transport { error, .. } => !matches!(
                **error,
                ureq::Error::BadUri(_) | ureq::Error::Http(_) | ureq::Error::BodyExceedsLimit(_)
            ),
            CallError::Status { status, .. } => {
                [StatusCode::TOO_MANY_REQUESTS, StatusCode::REQUEST_TIMEOUT].contains(status)
                    || status.is_server_error()
            }
            CallError::InProcess { .. }
            | CallError::Header { .. }
            | CallError::Unreadable { .. }
            | CallError::Endless { .. }
            | CallError::OutOfTime { .. } => false,
        }
    }

    /// How long whoever answered asked not to be called again.
    pub(crate) fn asked_pause(&self) -> Option<Duration> {
        match self {
            CallError::Status { asked, .. } => *asked,
            _ => None,
        }
    }

    /// What failed and in which way, without what may differ from one time to the next.
    pub(crate) fn gist(&self) -> String {
        match self {
            CallError::Transport { what, .. } => format!("{what}: transport"),
            CallError::Status { what, status, .. } => format!("{what}: {status}"),
            failed => failed.to_string(),
        }
    }

    /// Whether what was asked for may have been done nevertheless. What may pass was tried several times, and each
    /// of them counts.
    pub(crate) fn may_have_happened(&self) -> bool {
        self.is_transient() || matches!(self, CallError::OutOfTime { .. })
    }
}

impl<'a> Client<'a> {
    pub fn new(target: Target, clock: &'a dyn Clock) -> Client<'a> {
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_connect(Some(Duration::from_secs(5)))
            // A token goes to nobody but whom it was given for.
            .max_redirects(0)
            .user_agent(concat!("jackstaff/", env!("CARGO_PKG_VERSION")))
            .build()
            .into();
        Client { agent, target, clock, calls: AtomicU64::new(0), quota: Mutex::new(None) }
    }

    /// How many calls the API was asked so far.
    pub fn api_calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    /// What the API said last of how many more calls it takes.
    pub fn quota(&self) -> Option<Quota> {
        *self.quota.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn clock(&self) -> &dyn Clock {
        self.clock
    }

    /// Begins with an item.
    pub(crate) fn calls(&self, policy: RetryPolicy) -> Calls<'_> {
        Calls { client: self, deadline: self.clock.elapsed() + ITEM_TIMEOUT, policy }
    }
}

impl Calls<'_> {
    pub(crate) fn target(&self) -> &Target {
        &self.client.target
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.client.clock.now()
    }

    pub(crate) fn sleep(&self, pause: Duration) {
        self.client.clock.sleep(pause.min(self.remaining()));
    }

    /// A key takes one write a second. Whoever wrote a revision did so within the second that it is named after, and
    /// the next one waits for that to be over for a second, however it came that somebody else wrote it.
    pub(crate) fn wait_for_turn(&self, stored: Revision) {
        if self.policy.between_writes.is_zero() {
            return;
        }
        let turn = i64::try_from(stored.0).unwrap_or(i64::MAX).saturating_add(2);
        let wait = turn.saturating_mul(1_000).saturating_sub(self.now().as_millisecond());
        // A revision from a clock that was ahead is no reason to wait for it.
        self.sleep(Duration::from_millis(u64::try_from(wait).unwrap_or_default().min(2_000)));
    }

    fn remaining(&self) -> Duration {
        self.deadline.saturating_sub(self.client.clock.elapsed())
    }

    /// Makes a call, a few times if need be, and reads its answer to the end. Statuses that are `expected` are
    /// answers to the question, beside success.
    pub(crate) fn call(
        &self,
        what: &str,
        expected: &[StatusCode],
        request: &Request<&[u8]>,
    ) -> Result<Response<Vec<u8>>, CallError> {
        let is_write = request.method() == Method::PUT;
        let first_pause = if is_write { FIRST_PAUSE.max(self.policy.between_writes) } else { FIRST_PAUSE };
        let mut pauses = ExponentialBuilder::default()
            .with_min_delay(first_pause)
            .with_max_delay(LONGEST_PAUSE)
            .with_max_times(self.policy.retries)
            .with_jitter()
            .build();
        loop {
            let failed = match self.once(what, request) {
                Ok(response) if response.status().is_success() || expected.contains(&response.status()) => {
                    return Ok(response);
                }
                Ok(response) => refused(what, &response, self.now()),
                Err(failed) => failed,
            };
            let asked = failed.asked_pause().unwrap_or_default();
            let again = failed.is_transient() && asked <= self.policy.asked;
            let pause = if again { pauses.next() } else { None };
            let pause = pause.map(|pause| pause.max(asked));
            match pause.filter(|pause| *pause < self.remaining()) {
                Some(pause) => self.client.clock.sleep(pause),
                None => return Err(failed),
            }
        }
    }

    fn once(&self, what: &str, request: &Request<&[u8]>) -> Result<Response<Vec<u8>>, CallError> {
        let remaining = self.remaining();
        if remaining.is_zero() {
            return Err(CallError::OutOfTime { what: what.to_owned() });
        }
        let agent = &self.client.agent;
        let limit = Some(remaining.min(self.policy.call));
        let is_of_api = request.headers().contains_key("fastly-key");
        if is_of_api {
            self.client.calls.fetch_add(1, Ordering::Relaxed);
        }
        let response = if request.method() == Method::GET {
            let request = request.clone().map(|_| ());
            agent.run(agent.configure_request(request).timeout_global(limit).build())
        } else {
            agent.run(agent.configure_request(request.clone()).timeout_global(limit).build())
        };
        let read = response.and_then(|response| {
            let (parts, mut body) = response.into_parts();
            if is_of_api && let Some(quota) = Quota::of(&parts.headers) {
                *self.client.quota.lock().unwrap_or_else(PoisonError::into_inner) = Some(quota);
            }
            let body = body.with_config().limit(ANSWER_LIMIT).read_to_vec()?;
            Ok(Response::from_parts(parts, body))
        });
        read.map_err(|error| CallError::Transport { what: what.to_owned(), error: Box::new(error) })
    }
}

/// A text as one segment of a path.
pub(crate) fn url_encoded(text: &str) -> String {
    utf8_percent_encode(text, UNRESERVED).to_string()
}

/// A request with its body, which may be empty.
pub(crate) fn built<'b>(
    what: &str,
    request: request::Builder,
    body: &'b [u8],
) -> Result<Request<&'b [u8]>, CallError> {
    let request = request.body(body);
    request.map_err(|error| CallError::Transport { what: what.to_owned(), error: Box::new(error.into()) })
}

/// What an answer says that is none.
fn refused(what: &str, response: &Response<Vec<u8>>, now: Timestamp) -> CallError {
    const SHOWN: usize = 1_000;
    let status = response.status();
    let body = response.body();
    let text = String::from_utf8_lossy(&body[..body.len().min(SHOWN)]);
    let mut detail = if text.trim().is_empty() { String::new() } else { format!(": {}", text.trim()) };
    let asked = asked_pause(status, response.headers(), now);
    if let Some(asked) = asked {
        detail.push_str(&format!(" (to be called again after {} s)", asked.as_secs()));
    }
    CallError::Status { what: what.to_owned(), status, detail, asked }
}

/// `Retry-After`, in seconds or as a date. Without it, a used-up quota says when it is renewed, in seconds since the
/// epoch.
pub(crate) fn asked_pause(status: StatusCode, headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = |name: &str| headers.get(name)?.to_str().ok().map(str::trim);
    let until = |second: u64| {
        Duration::from_secs(second.saturating_sub(u64::try_from(now.as_second()).unwrap_or_default()))
    };
    if let Some(after) = text("retry-after") {
        let seconds = after.parse().ok().map(Duration::from_secs);
        return seconds.or_else(|| {
            let date = httpdate::parse_http_date(after).ok()?;
            Some(until(date.duration_since(std::time::UNIX_EPOCH).ok()?.as_secs()))
        });
    }
    let used_up = status == StatusCode::TOO_MANY_REQUESTS && text("fastly-ratelimit-remaining") == Some("0");
    if used_up { text("fastly-ratelimit-reset")?.parse().ok().map(until) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_that_are_asked_for() {
        let now = Timestamp::from_second(1_772_450_553).unwrap();
        let quota =
            |remaining| [("fastly-ratelimit-remaining", remaining), ("fastly-ratelimit-reset", "1772450600")];
        for (status, headers, expected) in [
            (429, [("retry-after", "7"), ("x", "")], Some(7)),
            (503, [("retry-after", "Mon, 02 Mar 2026 11:22:43 GMT"), ("x", "")], Some(10)),
            (503, [("retry-after", "Mon, 02 Mar 2026 11:22:03 GMT"), ("x", "")], Some(0)),
            (503, [("retry-after", "soon"), ("x", "")], None),
            (429, quota("0"), Some(47)),
            (429, quota("12"), None),
            (503, quota("0"), None),
        ] {
            let headers: HeaderMap =
                headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
            let status = StatusCode::from_u16(status).unwrap();
            let expected = expected.map(Duration::from_secs);
            assert_eq!(asked_pause(status, &headers, now), expected, "{status} {headers:?}");
        }
    }

    #[test]
    fn a_key_is_one_segment() {
        assert_eq!(url_encoded("environment/a:b_c.d-é"), "environment%2Fa%3Ab_c.d-%C3%A9");
    }
}
