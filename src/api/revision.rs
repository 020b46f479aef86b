//! The revision of an environment: whole seconds since the epoch, strictly increasing. One number, and the four texts
//! in which SDKs meet it; a whole second is exact in all of them.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Revision(pub u64);

impl Revision {
    /// The revision after `stored`, at `now`: greater than the one, and not less than the other, in whole seconds.
    pub fn next(stored: Option<Revision>, now: Timestamp) -> Revision {
        let now = u64::try_from(now.as_second()).unwrap_or_default();
        Revision(stored.map_or(0, |Revision(stored)| stored + 1).max(now))
    }

    /// `2026-03-02T11:22:33.000000+00:00`: the `updated_at` of a document.
    pub fn iso(self) -> String {
        let second = i64::try_from(self.0).ok().and_then(|second| Timestamp::from_second(second).ok());
        let text = second.unwrap_or_default().to_string();
        format!("{}.000000+00:00", text.trim_end_matches('Z'))
    }

    /// `Mon, 02 Mar 2026 11:22:33 GMT`: `Last-Modified`.
    pub fn http_date(self) -> String {
        httpdate::fmt_http_date(self.time())
    }

    /// `1772450553.0`: `x-flagsmith-document-updated-at`. The fraction makes it a float for SDKs that expect one.
    pub fn float(self) -> String {
        self.0.to_string() + ".0"
    }

    /// Whether a document of this revision was already there at the time of an HTTP date. Flagsmith's edge proxy
    /// writes `+0000` for `GMT`, and the first nine days of a month with one digit; any other text is ignored.
    pub fn is_known_since(self, http_date: &str) -> bool {
        let date = http_date.replace("+0000", "GMT");
        let date = match date.split_once(", ") {
            Some((weekday, rest)) if rest.as_bytes().get(1) == Some(&b' ') => format!("{weekday}, 0{rest}"),
            _ => date,
        };
        httpdate::parse_http_date(&date).is_ok_and(|since| self.time() <= since)
    }

    fn time(self) -> SystemTime {
        // The end of the year 9999. An HTTP date has no more digits.
        const LAST: u64 = 253_402_300_799;
        UNIX_EPOCH + Duration::from_secs(self.0.min(LAST))
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REVISION: Revision = Revision(1_772_450_553);

    #[test]
    fn the_texts_of_a_revision() {
        assert_eq!(REVISION.iso(), "2026-03-02T11:22:33.000000+00:00");
        assert_eq!(REVISION.http_date(), "Mon, 02 Mar 2026 11:22:33 GMT");
        assert_eq!(REVISION.float(), "1772450553.0");
        assert_eq!(REVISION.to_string(), "1772450553");
    }

    #[test]
    fn conditions_on_dates() {
        for (date, known) in [
            ("Mon, 02 Mar 2026 11:22:33 GMT", true),
            ("Mon, 02 Mar 2026 11:22:33 +0000", true),
            ("Mon, 2 Mar 2026 11:22:33 +0000", true),
            ("Mon, 02 Mar 2026 11:22:32 GMT", false),
            ("Mon, 2 Mar 2026 11:22:32 +0000", false),
            ("yesterday", false),
            ("", false),
        ] {
            assert_eq!(REVISION.is_known_since(date), known, "{date}");
        }
    }

    #[test]
    fn revisions_only_grow() {
        let now = Timestamp::from_second(1_000).unwrap();
        assert_eq!(Revision::next(None, now), Revision(1_000));
        assert_eq!(Revision::next(Some(Revision(999)), now), Revision(1_000));
        assert_eq!(Revision::next(Some(Revision(1_000)), now), Revision(1_001));
        assert_eq!(Revision::next(Some(Revision(5_000)), now), Revision(5_001));
    }
}
