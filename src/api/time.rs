//! Times as they are read and written in JSON.

use std::borrow::Cow;
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;

/// An ISO 8601 time. Without a zone it is UTC: Flagsmith writes some times so. None if the text is no such time.
pub fn parse_time(text: &str) -> Option<Timestamp> {
    let text = with_nine_digits(text);
    let zoned = text.parse::<Timestamp>();
    zoned.or_else(|_| Offset::UTC.to_timestamp(text.parse::<DateTime>()?)).ok()
}

/// Seconds, to the millisecond.
pub fn seconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1_000.0).round() / 1_000.0
}

/// Milliseconds since the epoch.
pub fn milliseconds(time: Timestamp) -> u64 {
    u64::try_from(time.as_millisecond()).unwrap_or_default()
}

/// A fraction of a second may have any number of digits, and jiff takes nine. What is cut off counts for one nanosecond
/// if nothing else is left, so that a begun second stays one.
fn with_nine_digits(text: &str) -> Cow<'_, str> {
    const DIGITS: usize = 9;
    let Some((whole, rest)) = text.split_once(['.', ',']) else { return text.into() };
    let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    if digits <= DIGITS {
        return text.into();
    }
    let (fraction, zone) = rest.split_at(digits);
    let kept = &fraction[..DIGITS];
    let is_zero = |digits: &str| digits.bytes().all(|digit| digit == b'0');
    let kept = if is_zero(kept) && !is_zero(fraction) { "000000001" } else { kept };
    format!("{whole}.{kept}{zone}").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_with_and_without_a_zone() {
        for (text, expected) in [
            ("2026-03-02T11:22:33Z", Some("2026-03-02T11:22:33Z")),
            ("2026-03-02T12:22:33+01:00", Some("2026-03-02T11:22:33Z")),
            ("2026-03-02T11:22:33", Some("2026-03-02T11:22:33Z")),
            ("2026-03-02 11:22:33.25", Some("2026-03-02T11:22:33.25Z")),
            ("2026-03-02T11:22:33.1234567899999", Some("2026-03-02T11:22:33.123456789Z")),
            ("2026-03-02T11:22:33.000000000000+00:00", Some("2026-03-02T11:22:33Z")),
            ("2026-03-02T11:22:33,0000000000001Z", Some("2026-03-02T11:22:33.000000001Z")),
            ("2026-03-02T11:22:33.Z", None),
            ("2026-02-30T11:22:33Z", None),
            ("noon", None),
            ("", None),
        ] {
            assert_eq!(parse_time(text), expected.map(|time| time.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn seconds_to_the_millisecond() {
        for (microseconds, expected) in [(0, 0.0), (1_499, 0.001), (1_500, 0.002), (61_000_000, 61.0)] {
            assert!((seconds(Duration::from_micros(microseconds)) - expected).abs() < 1e-9, "{microseconds}");
        }
    }
}
