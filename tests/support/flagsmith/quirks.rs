//! Quirks of a real Flagsmith: answers that are out of date, or differ without a change.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bytes::Bytes;
use fastrand::Rng;
use jiff::{SignedDuration, Timestamp};

/// How long a process of Flagsmith's caches the environment of a key.
const CACHED: Duration = Duration::from_secs(60);
/// How far `updated_at` goes back at most: audit records are written by tasks, which run in any order.
const BACK: i64 = 2_300;
/// How long before the change itself a webhook comes at most.
const EARLY: u64 = 300;
const MEMBER: &[u8] = b"\"identity_uuid\":\"";
const UUID: usize = 36;

/// The quirks of one Flagsmith:
///
/// - each answer has another `identity_uuid` for each override
/// - the time of one change in three is up to 2.3 seconds early, so that `updated_at` goes back
/// - the environment of a key is cached for a minute: a deleted key still works, and conditional requests are answered by the
///   cached time
/// - one webhook in three comes up to 0.3 seconds before the change
pub(super) struct Quirks {
    rng: Rng,
    /// By server-side key: since when it is cached, what it opens, and when that was updated.
    cached: BTreeMap<String, (Instant, String, Timestamp)>,
}

impl Quirks {
    pub(super) fn new(seed: u64) -> Quirks {
        Quirks { rng: Rng::with_seed(seed), cached: BTreeMap::new() }
    }

    /// The environment of a key, and its time; both may be a minute old.
    pub(super) fn look_up(
        &mut self,
        server_key: &str,
        found: Option<(String, Timestamp)>,
    ) -> Option<(String, Timestamp)> {
        self.cached.retain(|_, (since, ..)| since.elapsed() < CACHED);
        if let Some((_, key, updated_at)) = self.cached.get(server_key) {
            return Some((key.clone(), *updated_at));
        }
        let (key, updated_at) = found?;
        self.cached.insert(server_key.to_owned(), (Instant::now(), key.clone(), updated_at));
        Some((key, updated_at))
    }

    /// The `updated_at` of a change.
    pub(super) fn time(&mut self, now: Timestamp) -> Timestamp {
        let back = if self.rng.u8(..3) == 0 { self.rng.i64(0..BACK) } else { 0 };
        now - SignedDuration::from_millis(back)
    }

    /// How long after its signal a change shows.
    pub(super) fn lateness(&mut self) -> Duration {
        let late = if self.rng.u8(..3) == 0 { self.rng.u64(..EARLY) } else { 0 };
        Duration::from_millis(late)
    }

    /// An answer with new UUIDs.
    pub(super) fn with_new_uuids(&mut self, text: &Bytes) -> Bytes {
        let mut bytes = text.to_vec();
        let mut at = 0;
        while let Some(found) = bytes[at..].windows(MEMBER.len()).position(|window| window == MEMBER) {
            at += found + MEMBER.len();
            let digits = format!("{:032x}", self.rng.u128(..));
            let (a, b, c, d, e) =
                (&digits[..8], &digits[8..12], &digits[13..16], &digits[17..20], &digits[20..]);
            bytes[at..at + UUID].copy_from_slice(format!("{a}-{b}-4{c}-8{d}-{e}").as_bytes());
            at += UUID;
        }
        bytes.into()
    }
}
