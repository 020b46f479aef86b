//! The body of `queue-change`: `{"updated_at": "2026-03-02T11:22:33.123456+00:00"}`, as Flagsmith's own core sends it.
//!
//! The zone may be missing and is UTC then; members that are not known are ignored (`src/api/PROTOCOL.md`, 7.4).

use api::{Revision, parse_time};
use jiff::Timestamp;
use serde_json::Value;

/// Why a body announces nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum QueueChangeError {
    #[error(r#"body is empty, expected {{"updated_at": "<ISO 8601 time>"}}"#)]
    Empty,
    #[error("body is not JSON: {0}")]
    NotJson(serde_json::Error),
    #[error("body is not a JSON object")]
    NotAnObject,
    #[error("body has no member `updated_at`")]
    Missing,
    #[error("`updated_at` is not a string")]
    NotAString,
    #[error("`updated_at` is not an ISO 8601 time such as 2026-03-02T11:22:33.123456+00:00")]
    NotATime,
}

/// The time in the body as a revision, see [`revision`].
pub(crate) fn parse(body: &[u8]) -> Result<Revision, QueueChangeError> {
    if body.trim_ascii().is_empty() {
        return Err(QueueChangeError::Empty);
    }
    let body: Value = serde_json::from_slice(body).map_err(QueueChangeError::NotJson)?;
    let members = body.as_object().ok_or(QueueChangeError::NotAnObject)?;
    let updated_at = members.get("updated_at").ok_or(QueueChangeError::Missing)?;
    let text = updated_at.as_str().ok_or(QueueChangeError::NotAString)?;
    parse_time(text).map(revision).ok_or(QueueChangeError::NotATime)
}

/// Whole seconds since the epoch, a begun second counted as a whole one; 0 before 1970.
///
/// Up and not down, because a signal must not be lower than the revision of the document that it speaks of. Take two
/// changes within a second, the first of them already in the store: rounded down, the announcement of the second would
/// name a revision that every edge has, and no edge would wait for it. Rounded up it is a second too high at worst; then
/// edges look a few times more than needed, and the number never reaches a client.
///
/// "Now", the bound of an announcement, is rounded in the same way. Otherwise it would take the rounding back.
pub(crate) fn revision(time: Timestamp) -> Revision {
    let begun = u64::from(time.subsec_nanosecond() > 0);
    Revision(u64::try_from(time.as_second()).unwrap_or(0) + begun)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        // 1772450553 is 2026-03-02T11:22:33Z, the revision in most tests.
        for (text, revision) in [
            ("2026-03-02T11:22:33Z", Some(1_772_450_553)),
            ("2026-03-02T11:22:33+00:00", Some(1_772_450_553)),
            ("2026-03-02T11:22:33.000000+00:00", Some(1_772_450_553)),
            ("2026-03-02T12:22:33+01:00", Some(1_772_450_553)),
            ("2026-03-02T05:52:33-05:30", Some(1_772_450_553)),
            ("2026-03-02T11:22:33", Some(1_772_450_553)),
            ("2026-03-02 11:22:33", Some(1_772_450_553)),
            ("2026-03-02t11:22:33z", Some(1_772_450_553)),
            // A begun second counts as a whole one.
            ("2026-03-02T11:22:33.123456+00:00", Some(1_772_450_554)),
            ("2026-03-02T11:22:33.123456", Some(1_772_450_554)),
            ("2026-03-02T11:22:33.1Z", Some(1_772_450_554)),
            ("2026-03-02T11:22:33,999Z", Some(1_772_450_554)),
            ("2026-03-02T11:22:33.0000000000000000000000001Z", Some(1_772_450_554)),
            ("2026-03-02T11:22:33.0000000000000000000000000+00:00", Some(1_772_450_553)),
            ("2026-03-02T11:22:33.9999999999999999999999999", Some(1_772_450_554)),
            ("1970-01-01T00:00:00Z", Some(0)),
            ("1969-12-31T23:59:59.5Z", Some(0)),
            ("0001-01-01T00:00:00Z", Some(0)),
            ("9999-12-30T22:00:00Z", Some(253_402_207_200)),
            ("", None),
            ("now", None),
            ("1772450553", None),
            ("1772450553.5", None),
            ("2026-03-02T11:22:33.Z", None),
            ("2026-03-02T11:22:33.1.2Z", None),
            ("2026-03-02T11:22.5Z", None),
            ("2026-02-30T11:22:33Z", None),
            ("2026-03-02T25:00:00Z", None),
            ("2026-03-02T11:22:33+99:00", None),
            ("2026-03-02T11:22:33Z trailing", None),
            ("2026-03-02T11:22:33\u{663}Z", None),
        ] {
            assert_eq!(parse_time(text).map(super::revision), revision.map(Revision), "{text}");
        }
    }

    #[test]
    fn bodies() {
        for (body, outcome) in [
            (r#"{"updated_at":"2026-03-02T11:22:33Z"}"#, "1772450553"),
            (r#" {"project": 7, "updated_at": "2026-03-02T11:22:33Z"} "#, "1772450553"),
            ("", r#"body is empty, expected {"updated_at": "<ISO 8601 time>"}"#),
            (" \n", r#"body is empty, expected {"updated_at": "<ISO 8601 time>"}"#),
            ("{", "body is not JSON: EOF while parsing an object at line 1 column 1"),
            (
                r#"{"updated_at":"2026-03-02T11:22:33Z"}}"#,
                "body is not JSON: trailing characters at line 1 column 38",
            ),
            (r#"["2026-03-02T11:22:33Z"]"#, "body is not a JSON object"),
            ("{}", "body has no member `updated_at`"),
            (r#"{"updated_at":null}"#, "`updated_at` is not a string"),
            (r#"{"updated_at":1772450553.0}"#, "`updated_at` is not a string"),
            (
                r#"{"updated_at":"soon"}"#,
                "`updated_at` is not an ISO 8601 time such as 2026-03-02T11:22:33.123456+00:00",
            ),
        ] {
            let got = parse(body.as_bytes()).map_or_else(|error| error.to_string(), |n| n.to_string());
            assert_eq!(got, outcome, "{body}");
        }
        assert!(matches!(parse(b"{\"updated_at\":\"\xff\"}"), Err(QueueChangeError::NotJson(_))));
    }
}
