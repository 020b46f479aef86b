//! Change signals: the frames of the event stream that tells clients of a new revision (`PROTOCOL.md`, 7.2),
//! and what is read of such a stream from an origin.
//!
//! A frame is to be written whole, in one write: some SDKs do not put together what arrives in two pieces.

use std::time::Duration;

use serde::Deserialize;

use crate::revision::Revision;

/// The name of the one event that there is.
const CHANGED: &str = "environment_updated";

/// Bytes of a line, and of an event's data, that are kept; a change signal has 31. What is longer is read past.
const LIMIT: usize = 1_024;

/// The frame that tells of a revision. It has no `id`, which some SDKs would put into their next request.
pub fn event(revision: Revision) -> String {
    event_at(&revision.float())
}

/// The same frame for a number that is no revision: seconds with a decimal point, without which some SDKs ignore it.
pub fn event_at(seconds: &str) -> String {
    format!("event: {CHANGED}\ndata: {{\"updated_at\": {seconds}}}\n\n")
}

/// The frame by which an origin says that something was published whose revision is ahead of the origin's clock: the
/// revision is the latest that it can tell, and the one that was published is another.
pub fn event_ahead(revision: Revision) -> String {
    format!("event: {CHANGED}\ndata: {{\"updated_at\": {}, \"ahead\": true}}\n\n", revision.float())
}

/// A change signal, as it was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Signal {
    pub revision: Revision,
    /// Something was published, and its revision is not this one: it was ahead of the origin's clock.
    pub ahead: bool,
}

/// A frame that nobody looks at: it keeps a connection alive, and makes whatever buffers it send.
pub fn comment(text: &str) -> String {
    // A line break would end the comment and begin a field.
    format!(": {}\n\n", text.replace(['\r', '\n'], " "))
}

/// The frame that says how long a client waits before it connects again.
pub fn retry(after: Duration) -> String {
    format!("retry: {}\n\n", after.as_millis())
}

/// Reads an event stream in whatever pieces it comes, by the rules of the HTML standard. It holds no more than the line
/// and the event that it is in, and of these no more than a bound.
#[derive(Debug, Default)]
pub struct Reader {
    line: Vec<u8>,
    /// Whether the line is longer than what is kept of it.
    cut: bool,
    /// Whether the last byte was a carriage return, which a line feed may still belong to.
    after_return: bool,
    /// Whether a line was read already.
    begun: bool,
    event: Event,
}

/// The fields of the event that is being read.
#[derive(Debug, Default)]
struct Event {
    changed: bool,
    data: Vec<u8>,
    /// Whether a part of it was too long to be kept.
    cut: bool,
}

impl Reader {
    /// Takes the next bytes, and gives the change signals that end in them, in order. Events of another name, and those
    /// whose data cannot be read, are passed over.
    pub fn read(&mut self, bytes: &[u8]) -> Vec<Signal> {
        let mut signals = Vec::new();
        for byte in bytes {
            let continues = std::mem::replace(&mut self.after_return, *byte == b'\r');
            match byte {
                b'\n' if continues => {}
                b'\n' | b'\r' => signals.extend(self.end_line()),
                _ if self.line.len() < LIMIT => self.line.push(*byte),
                _ => self.cut = true,
            }
        }
        signals
    }

    fn end_line(&mut self) -> Option<Signal> {
        let first = !std::mem::replace(&mut self.begun, true);
        let cut = std::mem::take(&mut self.cut);
        let line = match self.line.strip_prefix("\u{feff}".as_bytes()) {
            Some(rest) if first => rest,
            _ => &self.line,
        };
        let signal = if line.is_empty() {
            std::mem::take(&mut self.event).signal()
        } else {
            self.event.field(line, cut);
            None
        };
        self.line.clear();
        signal
    }
}

impl Event {
    fn field(&mut self, line: &[u8], cut: bool) {
        let mut parts = line.splitn(2, |byte| *byte == b':');
        let name = parts.next().unwrap_or_default();
        let value = parts.next().unwrap_or_default();
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match name {
            b"event" => self.changed = value == CHANGED.as_bytes(),
            b"data" if cut || self.data.len() + value.len() > LIMIT => self.cut = true,
            b"data" => {
                self.data.extend_from_slice(value);
                self.data.push(b'\n');
            }
            // Comments have an empty name. Nothing here is taken up again by `id`, and the relay waits as it sees fit.
            _ => {}
        }
    }

    fn signal(&self) -> Option<Signal> {
        #[derive(Deserialize)]
        struct Data {
            /// Seconds since the epoch. Flagsmith's own origin writes a fraction.
            updated_at: f64,
            #[serde(default)]
            ahead: bool,
        }
        let is_whole = self.changed && !self.cut;
        let data = is_whole.then(|| serde_json::from_slice::<Data>(&self.data).ok())??;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range is checked")]
        let revision = (0.0..=LAST).contains(&data.updated_at).then_some(Revision(data.updated_at as u64))?;
        Some(Signal { revision, ahead: data.ahead })
    }
}

/// The end of the year 9999: what lies beyond are no seconds.
const LAST: f64 = 253_402_300_799.0;

#[cfg(test)]
mod tests {
    use super::*;

    const REVISION: Revision = Revision(1_772_450_553);

    fn read(stream: &str) -> Vec<u64> {
        Reader::default().read(stream.as_bytes()).into_iter().map(|signal| signal.revision.0).collect()
    }

    #[test]
    fn the_frames() {
        let event = "event: environment_updated\ndata: {\"updated_at\": 1772450553.0}\n\n";
        assert_eq!(super::event(REVISION), event);
        assert_eq!(comment("ping"), ": ping\n\n");
        assert_eq!(comment("a\ndata: b\r\n"), ": a data: b  \n\n");
        assert_eq!(retry(Duration::from_millis(2_500)), "retry: 2500\n\n");
    }

    #[test]
    fn what_is_written_is_read() {
        let stream = [retry(Duration::from_secs(2)), event(Revision(7)), comment("ping"), event(REVISION)];
        assert_eq!(read(&stream.concat()), [7, REVISION.0]);
    }

    #[test]
    fn a_revision_ahead_of_the_origins_clock_is_marked() {
        let frame = event_ahead(REVISION);
        assert_eq!(
            frame,
            "event: environment_updated\ndata: {\"updated_at\": 1772450553.0, \"ahead\": true}\n\n"
        );
        let signals = Reader::default().read([frame, event(REVISION)].concat().as_bytes());
        let signal = |ahead| Signal { revision: REVISION, ahead };
        assert_eq!(signals, [signal(true), signal(false)]);
    }

    #[test]
    fn which_events_are_change_signals() {
        let data = "data: {\"updated_at\": 5.0}";
        for (situation, stream, expected) in [
            (
                "as Flagsmith writes it",
                "event: environment_updated\r\ndata: {\"updated_at\": 5.76}\r\nretry: 15000\r\n\r\n",
                &[5][..],
            ),
            ("returns alone", "event:environment_updated\rdata:{\"updated_at\":5}\r\r", &[5]),
            ("over two lines", "event: environment_updated\ndata: {\"updated_at\":\ndata: 5}\n\n", &[5]),
            ("behind a byte order mark", &format!("\u{feff}event: environment_updated\n{data}\n\n"), &[5]),
            (
                "unknown members and fields",
                "id: 4\nevent: environment_updated\nx\ndata: {\"updated_at\": 5, \"a\": [1]}\n\n",
                &[5],
            ),
            ("the last name counts", &format!("event: other\nevent: environment_updated\n{data}\n\n"), &[5]),
            ("another name", &format!("event: identity_updated\n{data}\n\n"), &[]),
            ("without a name", &format!("{data}\n\n"), &[]),
            ("without an end", &format!("event: environment_updated\n{data}\n"), &[]),
            ("without data", "event: environment_updated\n\n", &[]),
            ("no number", "event: environment_updated\ndata: {\"updated_at\": \"5\"}\n\n", &[]),
            ("before the epoch", "event: environment_updated\ndata: {\"updated_at\": -1.0}\n\n", &[]),
            ("milliseconds", "event: environment_updated\ndata: {\"updated_at\": 1772450553000.0}\n\n", &[]),
            ("fields of two events", &format!("event: environment_updated\n\n{data}\n\n"), &[]),
        ] {
            assert_eq!(read(stream), expected, "{situation}");
        }
    }

    #[test]
    fn what_is_too_long_is_read_past_and_not_kept() {
        let long = "x".repeat(1 << 20);
        let event = event(REVISION);
        let opened = event.trim_end();
        for (situation, stream, expected) in [
            ("a comment", format!(":{long}\n{event}"), 1),
            ("a comment in an event", format!("{opened}\n:{long}\n\n"), 1),
            ("a field nobody knows", format!("{long}: x\n{event}"), 1),
            ("data", format!("{opened}\ndata: {long}\n\n{event}"), 1),
            ("data of many lines", format!("{opened}\n{}\n{event}", "data: 123456789\n".repeat(100_000)), 1),
            ("a name", format!("event: {long}\n{event}"), 1),
            ("a line that never ends", long.clone(), 0),
        ] {
            let mut reader = Reader::default();
            let signal = Signal { revision: REVISION, ahead: false };
            assert_eq!(reader.read(stream.as_bytes()), vec![signal; expected], "{situation}");
            let held = reader.line.capacity() + reader.event.data.capacity();
            assert!(held <= 4 * LIMIT, "{situation}: {held} bytes");
        }
    }
}
