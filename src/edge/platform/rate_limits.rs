//! The platform's rate limiter. Under Viceroy it limits nobody.

use std::time::Duration;

use api::pop::ports::RateLimits;
use fastly::erl::{ERL, Penaltybox, RateCounter, RateWindow};

use super::Host;
use crate::names::{WRITERS, WRITES};

/// How long a client stays limited. The platform takes whole minutes.
const PENALTY: Duration = Duration::from_secs(60);

impl RateLimits for Host {
    fn is_over_limit(&self, client: &str, writes: u32, limit: u32) -> bool {
        let limiter = ERL::open(RateCounter::open(WRITES), Penaltybox::open(WRITERS));
        limiter.check_rate(client, writes, RateWindow::TenSecs, limit, PENALTY).unwrap_or(false)
    }
}
