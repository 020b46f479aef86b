//! Which revision a client heard of, by what it says. An event of its stream names a revision; the client sends that with
//! the request for its flags that follows, and again when it connects anew.

use http::{HeaderMap, HeaderName, Request};
use jiff::Timestamp;

use crate::negotiate::parameter;
use crate::revision::Revision;
use crate::time::parse_time;

/// How many seconds a revision may be ahead of the clock. A publisher whose clock is wrong may write such; what is further
/// ahead was made up, and would make each request wait.
const AHEAD: u64 = 60;

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// The revision of the event that made a client ask for all flags. What cannot be read, or is too far ahead, does not count.
pub(super) fn named(request: &Request<()>, now: impl FnOnce() -> Timestamp) -> Option<Revision> {
    let tag = parameter(request, "flagConfigEtag").and_then(|tag| number(&tag));
    let time = parameter(request, "flagConfigLastModified")
        .and_then(|time| number(&time).or_else(|| whole_seconds(&time)));
    let revision = tag.max(time)?;
    let now = u64::try_from(now().as_second()).unwrap_or_default();
    (revision <= now.saturating_add(AHEAD)).then_some(Revision(revision))
}

/// The last revision that a client heard of on a stream before this one.
pub(super) fn last_event(headers: &HeaderMap) -> Option<Revision> {
    number(headers.get(LAST_EVENT_ID)?.to_str().ok()?).map(Revision)
}

fn number(text: &str) -> Option<u64> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().ok())?
}

fn whole_seconds(text: &str) -> Option<u64> {
    u64::try_from(parse_time(text)?.as_second()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_event_named() {
        const NOW: u64 = 1_772_450_553;
        for (query, expected) in [
            ("", None),
            ("flagConfigEtag=1772450000", Some(1_772_450_000)),
            ("flagConfigLastModified=1772450000", Some(1_772_450_000)),
            ("flagConfigLastModified=2026-03-02T11%3A22%3A33Z", Some(NOW)),
            ("flagConfigEtag=1772450000&flagConfigLastModified=1772450001", Some(1_772_450_001)),
            ("flagConfigEtag=W%2F%22abc%22&flagConfigLastModified=1772450001", Some(1_772_450_001)),
            ("flagConfigEtag=&flagConfigLastModified=", None),
            ("flagConfigEtag=%2B5&flagConfigLastModified=-5", None),
            ("flagConfigEtag=99999999999999999999", None),
            ("flagConfigEtag=1772450613", Some(NOW + 60)),
            ("flagConfigEtag=1772450614", None),
            ("flagConfigLastModified=2100-01-01T00:00:00Z", None),
            ("flagConfigLastModified=1900-01-01T00:00:00Z", None),
        ] {
            let mut request = Request::new(());
            *request.uri_mut() = format!("/ofrep/v1/evaluate/flags?{query}").parse().unwrap();
            let now = || Timestamp::from_second(i64::try_from(NOW).unwrap()).unwrap();
            assert_eq!(named(&request, now), expected.map(Revision), "{query}");
        }
    }

    #[test]
    fn what_a_client_heard_last() {
        for (header, expected) in
            [("1772450553", Some(1_772_450_553)), ("", None), ("x", None), ("-1", None), ("1.0", None)]
        {
            let headers = HeaderMap::from_iter([(LAST_EVENT_ID, header.parse().unwrap())]);
            assert_eq!(last_event(&headers), expected.map(Revision), "{header}");
        }
        assert_eq!(last_event(&HeaderMap::new()), None);
    }
}
