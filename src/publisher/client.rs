//! The HTTP client: one agent, bounded in time, that tries transient failures again.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use api::Revision;
use backon::{BackoffBuilder, ExponentialBuilder};
use jiff::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use ureq::Agent;
use ureq::http::{HeaderMap, Method, Request, Response, StatusCode, request};

use crate::call_error::CallError;
use crate::clock::Clock;
use crate::foreign::excerpt;
use crate::quota::Quota;
use crate::target::{Signals, Target};

/// How long all calls for one item of the store may take, pauses included.
const ITEM_TIMEOUT: Duration = Duration::from_secs(180);
/// Pauses between the tries of a call.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// Bytes of an answer: more than a KV value can have.
const ANSWER_LIMIT: u64 = 64 << 20;

/// What is not encoded in a path or a query. A key is encoded as one piece of a path.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Calls a target.
pub struct Client<'a> {
    agent: Agent,
    target: Target,
    clock: &'a dyn Clock,
    /// Calls to the API so far, and the quota of its last answer.
    calls: AtomicU64,
    quota: Mutex<Option<Quota>>,
}

/// How often a call is tried again, and for how long.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RetryPolicy {
    retries: usize,
    /// How long one call may take.
    call: Duration,
    /// The longest `Retry-After` that is waited for; a longer one ends the tries.
    longest_retry_after: Duration,
    /// How long a write waits after the one before, also after one of another publisher; and until it is tried again.
    between_writes: Duration,
}

impl RetryPolicy {
    /// For `publish`, which runs once. A KV key takes one write a second, and the pauses last much longer.
    pub(crate) const ONE_SHOT: RetryPolicy = RetryPolicy {
        retries: 5,
        call: Duration::from_secs(60),
        longest_retry_after: ITEM_TIMEOUT,
        between_writes: Duration::ZERO,
    };
    /// For `watch`, which tries again by itself, and writes a key once a second at most.
    pub(crate) const WATCHING: RetryPolicy = RetryPolicy {
        retries: 3,
        call: Duration::from_secs(60),
        longest_retry_after: LONGEST_PAUSE,
        between_writes: Duration::from_secs(1),
    };
    /// For a short call that is made again by itself: one try.
    pub(crate) const PROBE: RetryPolicy = RetryPolicy {
        retries: 0,
        call: Duration::from_secs(5),
        longest_retry_after: Duration::ZERO,
        between_writes: Duration::ZERO,
    };
}

/// The calls for one item, with their common deadline.
pub(crate) struct Calls<'a> {
    client: &'a Client<'a>,
    deadline: Duration,
    policy: RetryPolicy,
}

impl<'a> Client<'a> {
    pub fn new(target: Target, clock: &'a dyn Clock) -> Client<'a> {
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_connect(Some(Duration::from_secs(5)))
            // A token is sent to no other server than the one that it is for.
            .max_redirects(0)
            .user_agent(concat!("jackstaff/", env!("CARGO_PKG_VERSION")))
            .build()
            .into();
        Client { agent, target, clock, calls: AtomicU64::new(0), quota: Mutex::new(None) }
    }

    /// How many calls were made to the API so far.
    pub fn api_calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    /// The quota of the API's last answer.
    pub fn quota(&self) -> Option<Quota> {
        *self.quota.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn clock(&self) -> &dyn Clock {
        self.clock
    }

    /// Calls for one item, whose time begins now.
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

    /// Waits until a key takes the next write: it takes one write a second. A revision is named after the second in which
    /// it was written, by this publisher or another, so the next write waits until a second after that one is over.
    pub(crate) fn wait_for_turn(&self, stored: Revision) {
        if self.policy.between_writes.is_zero() {
            return;
        }
        let turn = i64::try_from(stored.0).unwrap_or(i64::MAX).saturating_add(2);
        let wait = turn.saturating_mul(1_000).saturating_sub(self.now().as_millisecond());
        // The wait is bounded: a revision may be from a clock that was ahead.
        self.sleep(Duration::from_millis(u64::try_from(wait).unwrap_or_default().min(2_000)));
    }

    fn remaining(&self) -> Duration {
        self.deadline.saturating_sub(self.client.clock.elapsed())
    }

    /// Makes a call, with further tries if it fails, and reads its answer to the end. Beside success, `expected` statuses
    /// are answers, too.
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
                Ok(response) => self.status_error(what, &response),
                Err(failed) => failed,
            };
            let asked = failed.asked_pause().unwrap_or_default();
            let again = failed.is_transient() && asked <= self.policy.longest_retry_after;
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
            return Err(CallError::OutOfTime { what: what.to_owned(), after: ITEM_TIMEOUT });
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

    /// The error of an answer with any other status.
    fn status_error(&self, what: &str, response: &Response<Vec<u8>>) -> CallError {
        let target = &self.client.target;
        let of_signals = match &target.signals {
            Signals::Origin { token, .. } => token.as_ref(),
            Signals::None | Signals::InProcess(_) => None,
        };
        let mut detail = excerpt(response.body(), [&target.token].into_iter().chain(of_signals));
        let status = response.status();
        let asked = asked_pause(status, response.headers(), self.now());
        if let Some(asked) = asked {
            detail.push_str(&format!(" (to be called again after {} s)", asked.as_secs()));
        }
        CallError::Status { what: what.to_owned(), status, detail, retry_after: asked }
    }
}

/// A text as one piece of a path or a query.
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
    fn a_key_is_one_piece_of_a_path() {
        assert_eq!(url_encoded("environment/a:b_c.d-é"), "environment%2Fa%3Ab_c.d-%C3%A9");
    }
}
