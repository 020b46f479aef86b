//! The characters of a text as an automaton reads them.
//!
//! A pattern does not tell all characters apart: for `\w{3,20}` there are word characters and all others. An alphabet
//! gives each character the *symbol* of its class, one byte. So an automaton over all of Unicode is as small as one over
//! a few bytes, and reads texts of every script alike.

use alloc::vec::Vec;

use rkyv::{Archive, Serialize};

/// How a pattern reads characters.
#[derive(Debug, Clone, PartialEq, Eq, Archive, Serialize)]
pub(crate) struct Alphabet {
    /// The symbols of ASCII characters; in an alphabet of bytes, of all bytes.
    pub(super) symbols: [u8; 256],
    /// Whether it reads the bytes of a text in place of its characters.
    pub(super) reads_bytes: bool,
    /// The symbols of the characters beyond ASCII, by their [`Category`].
    pub(super) by_category: [u8; CATEGORIES],
    /// Whether the symbols of the categories differ.
    pub(super) needs_categories: bool,
    /// Characters beyond ASCII that have another symbol than their category, in order.
    pub(super) exceptions: Vec<Exception>,
}

/// Characters from the first to the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Archive, Serialize)]
pub(crate) struct Exception {
    pub(super) first: u32,
    pub(super) last: u32,
    pub(super) symbol: u8,
}

/// The number of categories.
pub(super) const CATEGORIES: usize = 4;

/// The classes of characters that `\w`, `\d` and `\s` tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Category {
    Other,
    /// A word character that is no decimal digit.
    Word,
    Digit,
    Space,
}

/// The categories of all characters beyond ASCII. An environment has them once, if a pattern needs them; so the edge has
/// no tables of Unicode, and agrees with the publisher on them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Archive, Serialize)]
pub struct Categories {
    /// The first characters of the ranges, in order.
    pub(super) starts: Vec<u32>,
    /// The [`Category`] of each range.
    pub(super) of_ranges: Vec<u8>,
    /// The range that each block of characters begins in: so few ranges are searched for a character.
    pub(super) blocks: Vec<u16>,
}

/// Characters of a block.
pub(super) const BLOCK: u32 = 256;

impl ArchivedAlphabet {
    pub(super) fn of_byte(&self, byte: u8) -> u8 {
        self.symbols[usize::from(byte)]
    }

    pub(super) fn of_character(&self, c: char, categories: &ArchivedCategories) -> u8 {
        let point = u32::from(c);
        if c.is_ascii() {
            return self.symbols[point as usize];
        }
        let next = self.exceptions.partition_point(|exception| exception.first.to_native() <= point);
        if let Some(exception) = next.checked_sub(1).map(|at| &self.exceptions[at])
            && point <= exception.last.to_native()
        {
            return exception.symbol;
        }
        let category = if self.needs_categories { categories.of(point) } else { 0 };
        self.by_category.get(category).copied().unwrap_or_default()
    }
}

impl ArchivedCategories {
    fn of(&self, point: u32) -> usize {
        let block = (point / BLOCK) as usize;
        let begins_in = |block: usize| self.blocks.get(block).map(|range| usize::from(range.to_native()));
        let first = begins_in(block).unwrap_or_default();
        let last = begins_in(block + 1).unwrap_or(self.starts.len());
        let starts =
            self.starts.get(first + 1..=last).or_else(|| self.starts.get(first + 1..)).unwrap_or_default();
        let range = first + starts.partition_point(|start| start.to_native() <= point);
        usize::from(self.of_ranges.get(range).copied().unwrap_or_default())
    }
}
