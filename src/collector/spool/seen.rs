//! The identifiers of lines that came within the last hour, so that one that is delivered twice counts once.

use std::collections::{BTreeMap, HashSet};
use std::time::{Duration, Instant};

/// How long identifiers are kept behind their segment. Log streaming tries again within minutes.
const AGE: Duration = Duration::from_secs(60 * 60);
/// How many are kept, at most: about 40 MB of memory.
const MOST: usize = 2_000_000;

#[derive(Default)]
pub(super) struct Seen {
    all: HashSet<u64>,
    /// Of segments that are gone, by their numbers.
    gone: BTreeMap<u64, (Instant, Vec<u64>)>,
}

impl Seen {
    pub(super) fn has(&self, id: u64) -> bool {
        self.all.contains(&id)
    }

    pub(super) fn add(&mut self, ids: &[u64]) {
        self.all.extend(ids);
    }

    /// The segment with these is gone.
    pub(super) fn keep(&mut self, number: u64, ids: Vec<u64>) {
        self.add(&ids);
        self.gone.insert(number, (Instant::now(), ids));
    }

    /// Forgets those of segments that are gone for long, or are too many. Returns the numbers of these segments.
    pub(super) fn forget_old(&mut self) -> Vec<u64> {
        self.forget(AGE, MOST)
    }

    fn forget(&mut self, age: Duration, most: usize) -> Vec<u64> {
        let mut forgotten = Vec::new();
        while let Some(oldest) = self.gone.first_entry()
            && (self.all.len() > most || oldest.get().0.elapsed() > age)
        {
            let (number, (_, ids)) = oldest.remove_entry();
            for id in ids {
                self.all.remove(&id);
            }
            forgotten.push(number);
        }
        forgotten
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_forgotten_with_their_segments_the_oldest_first() {
        let mut seen = Seen::default();
        seen.keep(1, vec![1, 2]);
        seen.keep(2, vec![3]);
        seen.add(&[4]);
        assert!(seen.forget(AGE, 4).is_empty());
        assert_eq!(seen.forget(AGE, 3), [1]);
        assert_eq!([1, 2, 3, 4].map(|id| seen.has(id)), [false, false, true, true]);
        assert_eq!(seen.forget(Duration::ZERO, 3), [2]);
        assert_eq!([3, 4].map(|id| seen.has(id)), [false, true]);
        assert!(seen.forget(Duration::ZERO, 0).is_empty());
    }
}
