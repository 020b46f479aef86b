//! The categories of Unicode's characters as Python's `re` knows them.

use alloc::string::String;
use alloc::vec::Vec;

use regex_syntax::hir::{Class, HirKind};

use crate::pattern::alphabet::{BLOCK, Categories, Category};
use crate::pattern::class;

/// Ranges of code points, first and last, in order.
pub(super) type Points = Vec<(u32, u32)>;

/// Categories, in the forms that building patterns needs.
pub(crate) struct Unicode {
    words: Points,
    categories: Categories,
}

impl Unicode {
    pub(crate) fn new() -> Result<Unicode, String> {
        let words = points(class::WORD)?;
        let (digits, spaces) = (points(class::DIGIT)?, points(class::SPACE)?);
        let mut starts: Vec<u32> = Vec::from([0x80]);
        for (first, last) in words.iter().chain(&digits).chain(&spaces) {
            starts.extend([*first, last + 1].into_iter().filter(|start| *start > 0x80));
        }
        starts.sort_unstable();
        starts.dedup();
        let has = |class: &Points, point: u32| {
            let next = class.partition_point(|(first, _)| *first <= point);
            next.checked_sub(1).is_some_and(|at| point <= class[at].1)
        };
        let category = |start: &u32| {
            if has(&digits, *start) {
                Category::Digit
            } else if has(&words, *start) {
                Category::Word
            } else if has(&spaces, *start) {
                Category::Space
            } else {
                Category::Other
            }
        };
        let of_ranges = starts.iter().map(|start| category(start) as u8).collect();
        let begins_in =
            |block: u32| starts.partition_point(|start| *start <= block * BLOCK).saturating_sub(1);
        let blocks = (0..=u32::from(char::MAX) / BLOCK).map(|block| begins_in(block).try_into());
        let blocks = blocks.collect::<Result<_, _>>().map_err(|_| "too many categories")?;
        Ok(Unicode { words, categories: Categories { starts, of_ranges, blocks } })
    }

    /// The characters that `\w` matches.
    pub(super) fn words(&self) -> &Points {
        &self.words
    }

    /// The first characters of the ranges of one category, beyond ASCII.
    pub(super) fn starts(&self) -> impl Iterator<Item = u32> {
        self.categories.starts.iter().copied()
    }

    /// The category of a character beyond ASCII, as an index.
    pub(super) fn category_of(&self, point: u32) -> usize {
        let next = self.categories.starts.partition_point(|start| *start <= point);
        next.checked_sub(1).map_or(0, |at| self.categories.of_ranges[at].into())
    }

    pub(crate) fn categories(&self) -> &Categories {
        &self.categories
    }
}

/// The characters of a class, given by its members in the syntax of `regex`.
fn points(members: &str) -> Result<Points, String> {
    let hir =
        regex_syntax::parse(&alloc::format!("[{members}]")).map_err(|error| alloc::format!("{error}"))?;
    match hir.kind() {
        HirKind::Class(Class::Unicode(class)) => {
            Ok(class.iter().map(|range| (range.start().into(), range.end().into())).collect())
        }
        _ => Ok(Vec::new()),
    }
}
