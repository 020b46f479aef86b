//! Patterns as tables: one look-up for each symbol.

use alloc::collections::BTreeMap;
use alloc::vec;
use alloc::vec::Vec;

use regex_automata::Anchored;
use regex_automata::dfa::{Automaton, StartKind, dense};
use regex_automata::nfa::thompson::NFA;
use regex_automata::util::primitives::StateID;
use regex_automata::util::start;
use rkyv::{Archive, Serialize};

use super::alphabet::{ArchivedAlphabet, ArchivedCategories};
use crate::limits;

/// A finite automaton.
#[derive(Debug, Clone, PartialEq, Eq, Archive, Serialize)]
pub(crate) struct Table {
    /// The rows of all states, one after the other. Each has an entry for each symbol, and one for the end of the text: the
    /// place of the next state's row, [`FAILED`] or [`MATCHED`].
    entries: Vec<u16>,
    /// The length of a row.
    width: u16,
    /// The first state: the place of its row, or what is known before the first symbol.
    start: u16,
}

/// No text that goes on from here matches.
const FAILED: u16 = u16::MAX;
/// Every text that goes on from here matches.
const MATCHED: u16 = u16::MAX - 1;

impl ArchivedTable {
    pub(super) fn is_match(
        &self,
        text: &str,
        alphabet: &ArchivedAlphabet,
        categories: &ArchivedCategories,
    ) -> bool {
        let mut row = self.start.to_native();
        // Most texts are ASCII to their end, and most patterns are decided at the first characters.
        for (at, byte) in text.bytes().enumerate() {
            if !byte.is_ascii() && !alphabet.reads_bytes {
                let rest = text.get(at..).unwrap_or_default();
                let symbols = rest.chars().map(|c| alphabet.of_character(c, categories));
                return self.is_end(self.run(row, symbols));
            }
            match row {
                FAILED => return false,
                MATCHED => return true,
                _ => row = self.entry(row, alphabet.of_byte(byte).into()),
            }
        }
        self.is_end(row)
    }

    /// The row behind these symbols.
    fn run(&self, mut row: u16, symbols: impl Iterator<Item = u8>) -> u16 {
        for symbol in symbols {
            if row >= MATCHED {
                break;
            }
            row = self.entry(row, symbol.into());
        }
        row
    }

    /// Whether a text matches that ends here.
    fn is_end(&self, row: u16) -> bool {
        match row {
            FAILED => false,
            MATCHED => true,
            _ => self.entry(row, self.width.to_native().saturating_sub(1)) == MATCHED,
        }
    }

    /// Damaged bytes match nothing.
    fn entry(&self, row: u16, column: u16) -> u16 {
        let at = usize::from(row) + usize::from(column);
        self.entries.get(at).map_or(FAILED, |entry| entry.to_native())
    }
}

impl Table {
    /// Builds the table of an automaton, and gives the column of each symbol. None if it is too large.
    pub(super) fn build(nfa: &NFA, anchored: bool) -> Option<(Table, [u8; 256])> {
        let (kind, anchored) = if anchored {
            (StartKind::Anchored, Anchored::Yes)
        } else {
            (StartKind::Unanchored, Anchored::No)
        };
        let config = dense::Config::new()
            .start_kind(kind)
            .dfa_size_limit(Some(limits::TABLE_WORK))
            .determinize_size_limit(Some(limits::TABLE_WORK));
        let dfa = dense::Builder::new().configure(config).build_from_nfa(nfa).ok()?;
        let first = dfa.start_state(&start::Config::new().anchored(anchored)).ok()?;
        let table = Rows::new(&dfa).all(first)?;
        let mut columns = [0; 256];
        for (byte, column) in (0..=u8::MAX).zip(&mut columns) {
            *column = dfa.byte_classes().get(byte);
        }
        Some((table, columns))
    }

    /// The size of its entries in bytes.
    pub(super) fn size(&self) -> usize {
        self.entries.len() * size_of::<u16>()
    }
}

/// The states that are reached, each once, in the order in which they are met.
struct Rows<'a> {
    dfa: &'a dense::DFA<Vec<u32>>,
    width: usize,
    places: BTreeMap<StateID, u16>,
    pending: Vec<StateID>,
}

impl<'a> Rows<'a> {
    fn new(dfa: &'a dense::DFA<Vec<u32>>) -> Rows<'a> {
        Rows { dfa, width: dfa.byte_classes().alphabet_len(), places: BTreeMap::new(), pending: Vec::new() }
    }

    fn all(mut self, first: StateID) -> Option<Table> {
        let dfa = self.dfa;
        let start = self.place(first)?;
        let mut entries = Vec::new();
        let mut at = 0;
        while let Some(state) = self.pending.get(at).copied() {
            let mut row = vec![FAILED; self.width];
            for unit in dfa.byte_classes().representatives(..) {
                let next = match unit.as_u8() {
                    Some(byte) => dfa.next_state(state, byte),
                    None => dfa.next_eoi_state(state),
                };
                row[dfa.byte_classes().get_by_unit(unit)] = self.place(next)?;
            }
            entries.extend(row);
            at += 1;
        }
        Some(Table { entries, width: u16::try_from(self.width).ok()?, start })
    }

    /// The place of a state's row; none if there is no room for it.
    fn place(&mut self, state: StateID) -> Option<u16> {
        if self.dfa.is_match_state(state) {
            return Some(MATCHED);
        }
        if self.dfa.is_dead_state(state) {
            return Some(FAILED);
        }
        if let Some(place) = self.places.get(&state) {
            return Some(*place);
        }
        let place = self.pending.len() * self.width;
        if (place + self.width) * size_of::<u16>() > limits::TABLE {
            return None;
        }
        let place = u16::try_from(place).ok()?;
        self.places.insert(state, place);
        self.pending.push(state);
        Some(place)
    }
}
