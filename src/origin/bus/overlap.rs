//! The time in which two connections receive the same messages, because one takes the place of the other.

use std::collections::HashSet;

/// The messages that the connection of before received while the new one was being made. No two messages are equal, since
/// each has a number of its sender. Both servers may be one: then the new connection receives those messages as well, and
/// none of them may give a second event. If they are two, no message is on both.
#[derive(Default)]
pub(crate) struct Overlap {
    received: HashSet<Vec<u8>>,
    is_recording: bool,
}

impl Overlap {
    /// From now on there may be a second connection.
    pub(crate) fn begin(&mut self) {
        *self = Self { received: HashSet::new(), is_recording: true };
    }

    /// From now on messages are those of the new connection.
    pub(crate) fn end(&mut self) {
        self.is_recording = false;
    }

    /// There is no second connection.
    pub(crate) fn abandon(&mut self) {
        *self = Self::default();
    }

    /// Takes a message, and says whether it was received before over the other connection.
    pub(crate) fn repeats(&mut self, payload: &[u8]) -> bool {
        if !self.is_recording {
            return self.received.remove(payload);
        }
        self.received.insert(payload.to_vec());
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(overlap: &mut Overlap, payloads: &[&str]) -> Vec<bool> {
        payloads.iter().map(|payload| !overlap.repeats(payload.as_bytes())).collect()
    }

    #[test]
    fn each_message_counts_once_whichever_connection_received_it_first() {
        let mut overlap = Overlap::default();
        assert_eq!(taken(&mut overlap, &["1"]), [true]);
        overlap.begin();
        assert_eq!(taken(&mut overlap, &["2", "3"]), [true, true]);
        overlap.end();
        // The new connection exists since after the second message; the fourth came when that of before was closed.
        assert_eq!(taken(&mut overlap, &["3", "4"]), [false, true]);
        overlap.begin();
        assert_eq!(taken(&mut overlap, &["5"]), [true]);
        overlap.abandon();
        assert_eq!(taken(&mut overlap, &["5", "6"]), [true, true]);
        assert_eq!(overlap.received.len(), 0);
    }
}
