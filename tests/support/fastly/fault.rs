//! Faults of calls: from a script, or at random.

use std::collections::BTreeMap;

use super::call::Kind;

/// A way in which a call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It is answered so, and nothing is done.
    Answer(u16),
    /// As `Answer`, with a `Retry-After` of so many seconds.
    AskToWait(u16, u64),
    /// What it asks for is done, and it is answered so.
    DoneButAnswer(u16),
    /// Its connection is cut, and nothing is done.
    Cut,
    /// What it asks for is done, and its connection is cut.
    DoneButCut,
    /// Its connection is cut, and what it asks for is done so many milliseconds later.
    DoneLate(u64),
    /// Its answer takes so many milliseconds.
    Delay(u64),
    /// The body of its answer breaks off.
    BreakOff,
    /// A read shows what was there before the last write.
    Stale,
    /// Another publisher writes the same item just before.
    Overtaken,
}

#[derive(Default)]
pub(crate) struct Faults {
    scripts: BTreeMap<(Kind, String), Vec<Fault>>,
    random: Option<(fastrand::Rng, f64)>,
    /// Keys that fail for so many further calls.
    outages: BTreeMap<String, usize>,
}

impl Faults {
    pub(crate) fn script(&mut self, kind: Kind, key: &str, faults: impl IntoIterator<Item = Fault>) {
        self.scripts.entry((kind, key.to_owned())).or_default().extend(faults);
    }

    pub(crate) fn at_random(&mut self, at_random: Option<(u64, f64)>) {
        self.random = at_random.map(|(seed, share)| (fastrand::Rng::with_seed(seed), share));
        if self.random.is_none() {
            self.outages.clear();
            self.scripts.clear();
        }
    }

    /// The fault of the next call of a kind that concerns a key.
    pub(crate) fn next(&mut self, kind: Kind, key: &str) -> Option<Fault> {
        if let Some(script) = self.scripts.get_mut(&(kind, key.to_owned()))
            && !script.is_empty()
        {
            return Some(script.remove(0));
        }
        if let Some(left) = self.outages.get_mut(key).filter(|left| **left > 0) {
            *left -= 1;
            return Some(Fault::Answer(503));
        }
        let (rng, share) = self.random.as_mut()?;
        if rng.f64() >= *share {
            return None;
        }
        // Rarely something lasts longer than anybody tries.
        if rng.u8(..) < 8 {
            self.outages.insert(key.to_owned(), rng.usize(5..20));
            return Some(Fault::Answer(503));
        }
        let everywhere = [
            Fault::Answer(429),
            Fault::Answer(500),
            Fault::Answer(503),
            Fault::AskToWait(429, 2),
            Fault::Cut,
            Fault::Delay(2),
            Fault::BreakOff,
        ];
        let of_reads = [Fault::Stale, Fault::Stale, Fault::BreakOff];
        let of_writes = [
            Fault::DoneButAnswer(500),
            Fault::DoneButAnswer(503),
            Fault::DoneButCut,
            Fault::DoneLate(1),
            Fault::DoneLate(10),
            Fault::Overtaken,
        ];
        let further: &[Fault] = match kind {
            Kind::List => &[Fault::BreakOff],
            Kind::Read => &of_reads,
            Kind::Write => &of_writes,
            Kind::Purge | Kind::Announce => &[Fault::DoneButAnswer(500), Fault::DoneButCut],
        };
        rng.choice(everywhere.iter().chain(further).copied().collect::<Vec<Fault>>())
    }
}
