//! What was told: the greatest revision that this POP's clients heard of, noted beside the copy.
//!
//! Whoever brings the copy up to date looks and inserts in two steps, and a slow one may put an older copy back after
//! clients were told of a newer. So a request that finds a copy older than what was told brings it up to date first.

use std::time::Duration;

use crate::revision::Revision;

/// How long a request tries to bring a copy up to what was told, before it answers with what there is.
pub const CATCH_UP: Duration = Duration::from_secs(1);

/// How long a note stays beyond the time for which a copy is fresh: an older copy that was put back is due by then.
const BEYOND: Duration = Duration::from_secs(60);

/// The note, as the metadata of an object without a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Told(pub Revision);

impl Told {
    /// How long a note stays.
    pub fn lifetime(fresh: Duration) -> Duration {
        fresh + BEYOND
    }

    pub fn to_metadata(self) -> Vec<u8> {
        self.0.to_string().into_bytes()
    }

    /// What cannot be read counts as not there.
    pub fn from_metadata(metadata: &[u8]) -> Option<Told> {
        std::str::from_utf8(metadata).ok()?.parse().ok().map(|revision| Told(Revision(revision)))
    }
}

/// What is to be noted when `revision` is told, or was told and is made sure of; none if `found`, which has been there for
/// `age`, will do. Never less than what is found.
pub fn is_due(found: Option<(Told, Duration)>, revision: Revision, lifetime: Duration) -> Option<Told> {
    match found {
        Some((told, age)) if told.0 >= revision && age < lifetime / 2 => None,
        Some((told, _)) => Some(told.max(Told(revision))),
        None => Some(Told(revision)),
    }
}

/// How long to wait before the next look at the KV store of a request that tries to catch up, `elapsed` after its first;
/// none if it has tried for long enough.
pub fn catch_up_pause(elapsed: Duration) -> Option<Duration> {
    const SHORTEST: Duration = Duration::from_millis(10);
    (elapsed < CATCH_UP).then(|| elapsed.max(SHORTEST).min(CATCH_UP - elapsed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_never_goes_back() {
        let lifetime = Told::lifetime(Duration::from_secs(60));
        assert_eq!(lifetime, Duration::from_secs(120));
        let (young, old) = (Duration::from_secs(59), Duration::from_secs(60));
        let told = |revision| Told(Revision(revision));
        for (situation, found, expected) in [
            ("the first", None, Some(told(7))),
            ("newer", Some((told(6), young)), Some(told(7))),
            ("noted already", Some((told(7), young)), None),
            ("noted long ago", Some((told(7), old)), Some(told(7))),
            ("older than what another leader told", Some((told(8), young)), None),
            ("and that is long ago", Some((told(8), old)), Some(told(8))),
        ] {
            assert_eq!(is_due(found, Revision(7), lifetime), expected, "{situation}");
        }
    }

    #[test]
    fn notes_are_read_as_they_were_written() {
        let told = Told(Revision(1_772_450_553));
        assert_eq!(Told::from_metadata(&told.to_metadata()), Some(told));
        for damaged in ["", "x", "-1", "1.5"] {
            assert_eq!(Told::from_metadata(damaged.as_bytes()), None, "{damaged:?}");
        }
    }

    #[test]
    fn catching_up_takes_a_second_at_most() {
        let mut elapsed = Duration::ZERO;
        let mut looks = 1;
        while let Some(pause) = catch_up_pause(elapsed) {
            elapsed += pause;
            looks += 1;
        }
        assert_eq!((elapsed, looks), (CATCH_UP, 9));
    }
}
