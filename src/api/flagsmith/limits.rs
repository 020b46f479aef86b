//! What a request may hold: counted, not timed. `README.md` of this crate lists all limits, with their reasons.

/// Bytes of a request's body that are accepted.
pub const BODY_LIMIT: usize = 1 << 20;

/// Characters of an identifier, of a trait's value and of a feature's name. Flagsmith's own limits for the three.
pub(crate) const TEXT_LIMIT: usize = 2_000;

/// Characters of a trait's key. Flagsmith's own limit.
pub(crate) const KEY_LIMIT: usize = 200;

/// Items of a list of traits. Flagsmith has no such limit; an app sets some dozens.
pub(crate) const TRAITS_LIMIT: usize = 1_000;

/// Identities of one request. The Edge API's own limit.
pub(super) const IDENTITIES_LIMIT: usize = 100;

/// Bytes of stored traits that one request changes, and one identity more: a change of 400,000 bytes takes 4 ms of vCPU.
pub(super) const RECORDS_LIMIT: usize = 1 << 20;

/// Flags that a request of analytics counts. Flagsmith has no such limit, and 1,000 features in a project.
pub(super) const COUNTS_LIMIT: usize = 5_000;

/// Evaluations that a request of analytics tells of one by one.
pub(super) const EVALUATIONS_LIMIT: usize = 1_000;

/// Bytes of a line of the analytics log, unless one item alone takes more.
pub(super) const LINE_LIMIT: usize = 8_000;

/// Events of a request. The buffers of the SDKs hold 1,000, if they are not told otherwise.
pub(super) const EVENTS_LIMIT: usize = 5_000;

/// Characters of an event's name. Flagsmith's own limit, as are the next four.
pub(super) const EVENT_NAME_LIMIT: usize = 256;

/// Bytes of an event's value as JSON.
pub(super) const EVENT_VALUE_LIMIT: usize = 128 << 10;

/// Bytes of an event's traits as JSON.
pub(super) const EVENT_TRAITS_LIMIT: usize = 32 << 10;

/// Bytes of an event's metadata as JSON.
pub(super) const EVENT_METADATA_LIMIT: usize = 8 << 10;

/// Characters that are kept of the name of an SDK.
pub(super) const SDK_LIMIT: usize = 100;

/// Bytes of an event as JSON, since it stands in a line of the log whole. The platform publishes no limit of a line.
pub(super) const EVENT_LIMIT: usize = 16_000;

/// Levels of lists and objects in a member of an event. Parsers have limits of their own, of which 128 is the lowest known;
/// an event that one of them refuses would cost those that it is forwarded with.
pub(super) const EVENT_DEPTH_LIMIT: usize = 64;

/// Bytes of a compressed body. Twelve bytes of it may describe a code that nothing is written in, which costs 4 µs at the edge:
/// some 15 ms for all of these. A thousand events take 20 to 40 KiB.
pub(super) const GZIP_LIMIT: usize = 48 << 10;

/// Traits that are named in a refusal, at most. No more are looked at.
pub(super) const ERRORS_LIMIT: usize = 100;

/// Characters of a request's header or method that an answer repeats.
const ECHO_LIMIT: usize = 200;

/// Bytes of JSON that one character takes at most: a pair of surrogates, `\ud83d\ude00`.
pub(super) const JSON_BYTES: usize = 12;

pub(crate) fn is_longer(text: &str, limit: usize) -> bool {
    text.len() > limit && text.chars().nth(limit).is_some()
}

/// A part of a request, short enough to be repeated in an answer.
pub(super) fn shortened(text: &str) -> String {
    match text.char_indices().nth(ECHO_LIMIT) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_counted_in_characters() {
        let longer = [("", 0), ("a", 0), ("ab", 2), ("abc", 2), ("éé", 2), ("ééé", 2), ("😀", 1)];
        let found = longer.map(|(text, limit)| is_longer(text, limit));
        assert_eq!(found, [false, true, false, true, false, true, false]);
        assert_eq!(shortened(&"é".repeat(200)), "é".repeat(200));
        assert_eq!(shortened(&"é".repeat(201)), "é".repeat(200) + "…");
    }
}
