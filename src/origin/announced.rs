//! What was announced last of an environment, and how long it took until all streams had it.

use std::sync::OnceLock;
use std::time::Instant;

use api::{Revision, signal};
use bytes::Bytes;
use prometheus_client::metrics::histogram::Histogram;

use crate::part_number::PartNumber;

/// What an announcement says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Announcement {
    pub(crate) revision: Revision,
    /// The announced revision was too far ahead of this origin's clock, and `revision` stands in its place. So something
    /// was written, and its number is not known here.
    pub(crate) is_ahead: bool,
}

/// The latest announcement of an environment, if there was one, with its frame made once for all streams.
///
/// Each stream holds the value that it wrote last, and drops it when it takes another. So the last drop is the moment at
/// which all streams that were up to date have taken the next announcement or a later one, or have closed: the fan-out
/// time of that announcement. A stream that lags behind counts once, for the first announcement that it did not take. All
/// this costs a stream one pointer.
pub(crate) struct Announced {
    latest: Option<Announcement>,
    number: Option<PartNumber>,
    event: Bytes,
    /// When the next one was announced, if any stream was open.
    outdated: OnceLock<Instant>,
    fan_out: Histogram,
}

impl Announcement {
    /// Of a revision, which is at most the latest possible one: one wrong clock must not set a mark that no later change
    /// gets past.
    pub(crate) fn at_most(latest_possible: Revision, revision: Revision) -> Self {
        Self { revision: revision.min(latest_possible), is_ahead: revision > latest_possible }
    }

    /// What stands after another announcement: the greater revision, since announcements come out of order.
    ///
    /// It stays marked as ahead as long as a number stands that was not announced as such, and also if the other
    /// announcement was ahead with a lower number, as after this origin's clock was set back.
    pub(crate) fn then(self, other: Announcement) -> Announcement {
        Announcement {
            revision: self.revision.max(other.revision),
            is_ahead: other.is_ahead || (self.is_ahead && self.revision >= other.revision),
        }
    }
}

impl Announced {
    /// Nothing was announced yet.
    pub(crate) fn nothing(fan_out: Histogram) -> Self {
        Self { latest: None, number: None, event: Bytes::new(), outdated: OnceLock::new(), fan_out }
    }

    /// What stands after an announcement.
    pub(crate) fn next(&self, announcement: Announcement) -> Self {
        let latest = self.latest.map_or(announcement, |known| known.then(announcement));
        Self {
            latest: Some(latest),
            number: Some(PartNumber::next(self.number, announcement.revision)),
            event: event(latest).into(),
            outdated: OnceLock::new(),
            fan_out: self.fan_out.clone(),
        }
    }

    /// From now on streams have something newer to take. Only the first call counts.
    pub(crate) fn outdate(&self) {
        let _ = self.outdated.set(Instant::now());
    }

    pub(crate) fn latest(&self) -> Option<Announcement> {
        self.latest
    }

    pub(crate) fn revision(&self) -> Option<Revision> {
        self.latest.map(|latest| latest.revision)
    }

    /// The number of the latest announcement for clients of a part: another one for each announcement.
    pub(crate) fn number(&self) -> Option<PartNumber> {
        self.number
    }

    /// The frame of the event for edges; empty if nothing was announced.
    pub(crate) fn event(&self) -> Bytes {
        self.event.clone()
    }
}

/// The event as edges read it. SDKs read it as any other: they pass over members that they do not know.
fn event(announcement: Announcement) -> String {
    let revision = announcement.revision;
    if announcement.is_ahead { signal::event_ahead(revision) } else { signal::event(revision) }
}

impl Drop for Announced {
    fn drop(&mut self) {
        if let Some(outdated) = self.outdated.get() {
            self.fan_out.observe(outdated.elapsed().as_secs_f64());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn announcement(revision: u64, is_ahead: bool) -> Announcement {
        Announcement { revision: Revision(revision), is_ahead }
    }

    #[test]
    fn an_announcement_is_at_most_the_latest_possible() {
        for (revision, expected) in [
            (99, announcement(99, false)),
            (100, announcement(100, false)),
            (101, announcement(100, true)),
            (u64::MAX, announcement(100, true)),
        ] {
            assert_eq!(Announcement::at_most(Revision(100), Revision(revision)), expected, "{revision}");
        }
    }

    #[test]
    fn the_mark_stays_as_long_as_the_number_does() {
        for (first, second, expected) in [
            ((100, false), (99, false), (100, false)),
            ((100, false), (101, true), (101, true)),
            ((100, true), (99, false), (100, true)),
            ((100, true), (100, false), (100, true)),
            ((100, true), (101, false), (101, false)),
            ((100, false), (99, true), (100, true)),
        ] {
            let of = |(revision, is_ahead)| announcement(revision, is_ahead);
            assert_eq!(of(first).then(of(second)), of(expected), "{first:?}, {second:?}");
        }
    }

    #[test]
    fn an_event_says_that_its_revision_is_not_the_one_that_was_written() {
        let text = event(announcement(1_772_450_553, true));
        assert_eq!(
            text,
            "event: environment_updated\ndata: {\"updated_at\": 1772450553.0, \"ahead\": true}\n\n"
        );
        let signal = signal::Signal { revision: Revision(1_772_450_553), ahead: true };
        assert_eq!(signal::Reader::default().read(text.as_bytes()), [signal]);
        assert_eq!(event(announcement(7, false)), signal::event(Revision(7)));
    }
}
