//! Patterns as lists of states, for those whose table would be too large. All states that a text may be in are followed
//! at once, so the time is proportional to the length of the text times the number of states.

use alloc::vec;
use alloc::vec::Vec;

use regex_automata::nfa::thompson::{self, NFA};
use regex_automata::util::look;
use regex_automata::util::primitives::StateID;
use rkyv::{Archive, Serialize};

use crate::limits;

/// A nondeterministic automaton.
#[derive(Debug, Clone, PartialEq, Eq, Archive, Serialize)]
pub(crate) struct States {
    states: Vec<State>,
    start: u32,
    /// Whether a match has to start where the text does.
    anchored: bool,
    /// Whether a symbol stands for characters of words, for each symbol.
    words: [bool; 256],
}

#[derive(Debug, Clone, PartialEq, Eq, Archive, Serialize)]
pub(crate) enum State {
    /// Reads a symbol of one of these ranges.
    Read(Vec<Transition>),
    /// Goes on in all of these states.
    Split(Vec<u32>),
    /// Goes on if the position is such a one.
    Position(Position, u32),
    Matched,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Archive, Serialize)]
pub(crate) struct Transition {
    first: u8,
    last: u8,
    next: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Archive, Serialize)]
pub(crate) enum Position {
    TextStart,
    TextEnd,
    LineStart,
    LineEnd,
    WordBoundary,
    NoWordBoundary,
}

impl ArchivedStates {
    pub(super) fn is_match(&self, symbols: impl Iterator<Item = u8>) -> bool {
        let mut symbols = symbols.peekable();
        let mut before = None;
        let mut waiting: Vec<u32> = Vec::new();
        let mut reading: Vec<u32> = Vec::new();
        // The position at which a state was met last, plus one.
        let mut met: Vec<u32> = vec![0; self.states.len()];
        for position in 1.. {
            let after = symbols.next();
            let next_to = (before, after);
            if position == 1 || !self.anchored {
                waiting.push(self.start.to_native());
            }
            reading.clear();
            while let Some(index) = waiting.pop() {
                let Some(state) = self.states.get(index as usize) else { continue };
                if core::mem::replace(&mut met[index as usize], position) == position {
                    continue;
                }
                match state {
                    ArchivedState::Matched => return true,
                    ArchivedState::Read(_) => reading.push(index),
                    ArchivedState::Split(states) => waiting.extend(states.iter().map(|s| s.to_native())),
                    ArchivedState::Position(wanted, next) => {
                        if self.is_at(wanted, next_to) {
                            waiting.push(next.to_native());
                        }
                    }
                }
            }
            let Some(symbol) = after else { return false };
            for index in &reading {
                let Some(ArchivedState::Read(transitions)) = self.states.get(*index as usize) else {
                    continue;
                };
                let fits = |t: &&ArchivedTransition| (t.first..=t.last).contains(&symbol);
                waiting.extend(transitions.iter().filter(fits).map(|transition| transition.next.to_native()));
            }
            if waiting.is_empty() && self.anchored {
                return false;
            }
            before = after;
        }
        false
    }

    fn is_at(&self, wanted: &ArchivedPosition, (before, after): (Option<u8>, Option<u8>)) -> bool {
        let is_word = |symbol: Option<u8>| symbol.is_some_and(|symbol| self.words[usize::from(symbol)]);
        let is_line_end = |symbol: Option<u8>| symbol.is_none_or(|symbol| symbol == b'\n');
        match wanted {
            ArchivedPosition::TextStart => before.is_none(),
            ArchivedPosition::TextEnd => after.is_none(),
            ArchivedPosition::LineStart => is_line_end(before),
            ArchivedPosition::LineEnd => is_line_end(after),
            ArchivedPosition::WordBoundary => is_word(before) != is_word(after),
            ArchivedPosition::NoWordBoundary => is_word(before) == is_word(after),
        }
    }
}

impl States {
    /// None if there are too many states.
    pub(super) fn build(nfa: &NFA, anchored: bool, words: [bool; 256]) -> Option<States> {
        let states = nfa.states().iter().map(state).collect::<Option<Vec<State>>>()?;
        if states.iter().map(State::size).sum::<usize>() > limits::PATTERN_STATES {
            return None;
        }
        Some(States { states, start: index(nfa.start_anchored()), anchored, words })
    }

    /// States and their transitions: the steps for each symbol of a text, at most.
    pub(super) fn size(&self) -> usize {
        self.states.iter().map(State::size).sum()
    }
}

impl State {
    fn size(&self) -> usize {
        match self {
            State::Read(transitions) => 1 + transitions.len(),
            State::Split(states) => 1 + states.len(),
            State::Position(..) | State::Matched => 1,
        }
    }
}

fn index(state: StateID) -> u32 {
    state.as_u32()
}

/// None for a kind of position that no translated pattern has.
fn state(state: &thompson::State) -> Option<State> {
    let transition =
        |t: &thompson::Transition| Transition { first: t.start, last: t.end, next: index(t.next) };
    Some(match state {
        thompson::State::ByteRange { trans } => State::Read(vec![transition(trans)]),
        thompson::State::Sparse(sparse) => State::Read(sparse.transitions.iter().map(transition).collect()),
        thompson::State::Dense(dense) => {
            let reads =
                (0..=u8::MAX).zip(dense.transitions.iter()).filter(|(_, next)| **next != StateID::ZERO);
            State::Read(
                reads
                    .map(|(byte, next)| Transition { first: byte, last: byte, next: index(*next) })
                    .collect(),
            )
        }
        thompson::State::Look { look, next } => State::Position(position(*look)?, index(*next)),
        thompson::State::Union { alternates } => {
            State::Split(alternates.iter().copied().map(index).collect())
        }
        thompson::State::BinaryUnion { alt1, alt2 } => State::Split(vec![index(*alt1), index(*alt2)]),
        thompson::State::Capture { next, .. } => State::Split(vec![index(*next)]),
        thompson::State::Fail => State::Split(Vec::new()),
        thompson::State::Match { .. } => State::Matched,
    })
}

fn position(look: look::Look) -> Option<Position> {
    Some(match look {
        look::Look::Start => Position::TextStart,
        look::Look::End => Position::TextEnd,
        look::Look::StartLF => Position::LineStart,
        look::Look::EndLF => Position::LineEnd,
        look::Look::WordAscii => Position::WordBoundary,
        look::Look::WordAsciiNegate => Position::NoWordBoundary,
        _ => return None,
    })
}
