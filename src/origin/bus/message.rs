//! What is in Redis and goes over its channel, and how what no replica wrote is recognised.
//!
//! | name | what it is |
//! |---|---|
//! | `jackstaff:revisions` | a hash: the greatest revision of each environment that was announced, in decimal digits |
//! | `jackstaff:announcements:DB` | a channel: `SENDER.NUMBER KIND REVISION KEY`; the number makes no two messages equal |
//!
//! | kind | what it says |
//! |---|---|
//! | `announced` | something was written: all streams get an event, also of a revision that they know |
//! | `ahead` | the same, and the announced revision was later than this one, so the number that was written is not known |
//! | `known` | a replica knows this revision and Redis did not: no event for those that know it |

use api::{EnvironmentKey, Revision};

use crate::bus::address::BusAddress;

pub(crate) const REVISIONS: &str = "jackstaff:revisions";

/// How a revision came to be sent. Its text is a part of the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MessageKind {
    Announced,
    Ahead,
    Known,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Message<'a> {
    /// Without the number.
    pub(crate) sender: &'a str,
    pub(crate) kind: MessageKind,
    pub(crate) key: EnvironmentKey,
    pub(crate) revision: Revision,
}

impl MessageKind {
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Announced => "announced",
            Self::Ahead => "ahead",
            Self::Known => "known",
        }
    }
}

/// Unlike keys, channels are shared by all databases of a server.
pub(crate) fn channel(address: &BusAddress) -> String {
    format!("jackstaff:announcements:{}", address.database())
}

/// None for what no replica wrote.
pub(crate) fn message(payload: &[u8]) -> Option<Message<'_>> {
    let mut words = std::str::from_utf8(payload).ok()?.splitn(4, ' ');
    let sender = words.next()?.split('.').next()?;
    let word = words.next()?;
    let kinds = [MessageKind::Announced, MessageKind::Ahead, MessageKind::Known];
    let kind = kinds.into_iter().find(|kind| kind.text() == word)?;
    let revision = words.next()?;
    let (key, revision) = entry(words.next()?.as_bytes(), revision.as_bytes())?;
    Some(Message { sender, kind, key, revision })
}

/// A field of the hash and its value; none for what no replica wrote.
pub(crate) fn entry(key: &[u8], revision: &[u8]) -> Option<(EnvironmentKey, Revision)> {
    let key = EnvironmentKey::parse(std::str::from_utf8(key).ok()?).ok()?;
    let digits = std::str::from_utf8(revision).ok()?;
    let all_digits = digits.bytes().all(|byte| byte.is_ascii_digit());
    Some((key, Revision(digits.parse().ok().filter(|_| all_digits)?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages() {
        let demo = || EnvironmentKey::parse("demo").unwrap();
        let of = |kind| Some(Message { sender: "1f", kind, key: demo(), revision: Revision(1_772_450_553) });
        for (payload, expected) in [
            (&b"1f.7 announced 1772450553 demo"[..], of(MessageKind::Announced)),
            // Replicas of earlier versions send no number.
            (b"1f announced 1772450553 demo", of(MessageKind::Announced)),
            (b"1f ahead 1772450553 demo", of(MessageKind::Ahead)),
            (b"1f known 1772450553 demo", of(MessageKind::Known)),
            (b"", None),
            (b"1f", None),
            (b"1f announced", None),
            (b"1f announced 1772450553", None),
            (b"1f Announced 1772450553 demo", None),
            (b"1f announced 1772450553 demo ", None),
            (b"1f announced 1772450553.0 demo", None),
            (b"1f announced +1772450553 demo", None),
            (b"1f announced -1 demo", None),
            (b"1f announced  demo", None),
            (b"1f announced 99999999999999999999 demo", None),
            (b"1f announced 1772450553 ser.secret", None),
            (b"1f announced 1772450553 \xff", None),
        ] {
            assert_eq!(message(payload), expected, "{}", String::from_utf8_lossy(payload));
        }
    }
}
