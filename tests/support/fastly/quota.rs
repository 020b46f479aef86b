//! How many calls are answered in a time, as Fastly limits them.

use std::time::Duration;

use hyper::Response;
use jiff::Timestamp;

/// Calls in a window of time; none is limited without one.
#[derive(Default)]
pub(crate) struct Quota(Option<Window>);

struct Window {
    calls: u64,
    every: Duration,
    left: u64,
    ends: Timestamp,
    /// The call that is being answered had none left.
    is_used_up: bool,
}

impl Quota {
    pub(crate) fn new(calls: u64, every: Duration) -> Quota {
        let ends = Timestamp::now() + every;
        Quota(Some(Window { calls, every, left: calls, ends, is_used_up: false }))
    }

    pub(crate) fn count(&mut self) {
        let Some(window) = &mut self.0 else { return };
        let now = Timestamp::now();
        if now >= window.ends {
            window.ends = now + window.every;
            window.left = window.calls;
        }
        window.is_used_up = window.left == 0;
        window.left = window.left.saturating_sub(1);
    }

    pub(crate) fn is_used_up(&self) -> bool {
        self.0.as_ref().is_some_and(|window| window.is_used_up)
    }

    /// The answer, with how many are left, and the second in which they are renewed.
    pub(crate) fn label<T>(&self, mut response: Response<T>) -> Response<T> {
        if let Some(window) = &self.0 {
            let headers = response.headers_mut();
            headers.insert("fastly-ratelimit-remaining", window.left.into());
            headers.insert("fastly-ratelimit-reset", (window.ends.as_second() + 1).into());
        }
        response
    }
}
