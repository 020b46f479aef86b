//! The freshness gate: what was announced is not signalled before the KV store shows it.

use std::time::Duration;

use crate::revision::Revision;
use crate::signal::Signal;

/// How long an announced revision is waited for. What the KV store has not shown by then is found by the looks that are
/// made all the time, or was never written.
const WAIT: Duration = Duration::from_secs(30);

/// The pauses between looks at the KV store: each twice the one before.
const SHORTEST: Duration = Duration::from_millis(50);
const LONGEST: Duration = Duration::from_secs(1);

/// A revision that was announced, and is not there yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Gate {
    awaited: Revision,
    since: Duration,
    pause: Duration,
}

impl Gate {
    /// Waits for what was announced; for the greatest, if others are awaited already. Of a revision ahead of the origin's
    /// clock only this is known: it was published. So anything newer than the copy is awaited, which is looked for at once.
    pub(super) fn shut(gate: Option<Gate>, signal: Signal, copy: Option<Revision>, now: Duration) -> Gate {
        let newer = copy.map_or(Revision(0), |Revision(copy)| Revision(copy.saturating_add(1)));
        let awaited = if signal.ahead { signal.revision.max(newer) } else { signal.revision };
        match gate {
            Some(gate) if gate.awaited >= awaited => gate,
            _ => Gate { awaited, since: now, pause: SHORTEST },
        }
    }

    /// What is still awaited after a look at the KV store that left the POP's copy at this revision.
    pub(super) fn after_look(self, copy: Option<Revision>, now: Duration) -> Option<Gate> {
        let there = copy >= Some(self.awaited);
        let given_up = now.saturating_sub(self.since) >= WAIT;
        (!there && !given_up).then_some(self)
    }

    /// How long to sleep until the next look.
    pub(super) fn pause(&mut self) -> Duration {
        let pause = self.pause;
        self.pause = (pause * 2).min(LONGEST);
        pause
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shut(gate: Option<Gate>, revision: u64, now: Duration) -> Gate {
        Gate::shut(gate, Signal { revision: Revision(revision), ahead: false }, Some(Revision(6)), now)
    }

    const fn second(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn it_opens_when_the_revision_is_there_or_never_comes() {
        let gate = shut(None, 7, second(1));
        assert_eq!(gate.after_look(None, second(1)), Some(gate));
        assert_eq!(gate.after_look(Some(Revision(6)), second(30)), Some(gate));
        assert_eq!(gate.after_look(Some(Revision(7)), second(1)), None);
        assert_eq!(gate.after_look(Some(Revision(8)), second(1)), None);
        assert_eq!(gate.after_look(Some(Revision(6)), second(31)), None);
    }

    #[test]
    fn the_greatest_announcement_is_awaited_and_counts_from_its_own_time() {
        let gate = shut(None, 7, second(1));
        assert_eq!(shut(Some(gate), 6, second(20)), gate);
        let later = shut(Some(gate), 8, second(20));
        assert_eq!(later.after_look(Some(Revision(7)), second(49)), Some(later));
        assert_eq!(later.after_look(Some(Revision(7)), second(50)), None);
    }

    #[test]
    fn a_revision_ahead_of_the_origins_clock_awaits_anything_newer_than_the_copy() {
        let signal = Signal { revision: Revision(5), ahead: true };
        let gate = Gate::shut(None, signal, Some(Revision(6)), second(1));
        assert_eq!(gate.after_look(Some(Revision(6)), second(2)), Some(gate));
        assert_eq!(gate.after_look(Some(Revision(7)), second(2)), None);
        assert_eq!(Gate::shut(None, signal, None, second(1)).awaited, Revision(5));
    }

    #[test]
    fn pauses_grow_to_a_second() {
        let mut gate = shut(None, 7, second(1));
        let pauses: Vec<u128> = (0..7).map(|_| gate.pause().as_millis()).collect();
        assert_eq!(pauses, [50, 100, 200, 400, 800, 1_000, 1_000]);
    }
}
