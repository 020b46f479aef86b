//! Faults of requests for documents: from a script, or at random.

use std::collections::BTreeMap;

/// A way in which a question fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It is answered so, with a page for people.
    Answer(u16),
    /// As `Answer`, with a `Retry-After` of so many seconds.
    AskToWait(u16, u64),
    /// Its answer takes so many milliseconds.
    Slow(u64),
    /// It is never answered.
    Silent,
    /// Its connection is cut.
    Cut,
    /// The connection is cut in the middle of the document.
    BreakOff,
    /// The document ends in its middle, as if that were all.
    Half,
    /// The document is the one before, as a replica may have it that lags behind.
    Stale,
}

/// What goes wrong at random.
const AT_RANDOM: [Fault; 14] = [
    Fault::Answer(500),
    Fault::Answer(500),
    Fault::Answer(502),
    Fault::Answer(503),
    Fault::AskToWait(429, 1),
    Fault::AskToWait(503, 1),
    Fault::Cut,
    Fault::BreakOff,
    Fault::Half,
    Fault::Slow(500),
    Fault::Stale,
    Fault::Stale,
    Fault::Stale,
    Fault::Stale,
];
/// How many of these, the first ones, are no answers.
const AWAY: usize = 9;

#[derive(Default)]
pub(super) struct Faults {
    scripts: BTreeMap<String, Vec<Fault>>,
    random: Option<(fastrand::Rng, f64)>,
}

impl Faults {
    pub(super) fn script(&mut self, key: &str, faults: impl IntoIterator<Item = Fault>) {
        self.scripts.entry(key.to_owned()).or_default().extend(faults);
    }

    pub(super) fn at_random(&mut self, at_random: Option<(u64, f64)>) {
        self.random = at_random.map(|(seed, share)| (fastrand::Rng::with_seed(seed), share));
        if self.random.is_none() {
            self.scripts.clear();
        }
    }

    /// What is wrong with the next question for an environment.
    pub(super) fn next(&mut self, key: &str) -> Option<Fault> {
        if let Some(script) = self.scripts.get_mut(key)
            && !script.is_empty()
        {
            return Some(script.remove(0));
        }
        let (rng, share) = self.random.as_mut()?;
        if rng.f64() >= *share {
            return None;
        }
        // One that always fails is away: it answers nothing that could be taken for a document.
        let faults = if *share < 1.0 { &AT_RANDOM[..] } else { &AT_RANDOM[..AWAY] };
        // A client without an answer waits for long.
        if rng.u8(..) < 4 {
            return Some(Fault::Silent);
        }
        rng.choice(faults).copied()
    }
}
