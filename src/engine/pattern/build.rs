//! From the text of a pattern to what the edge runs.

mod symbols;
mod unicode;

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};

use regex_automata::nfa::thompson::{self, WhichCaptures};

use self::symbols::OverSymbols;
use self::unicode::Unicode;
use super::alphabet::{Alphabet, Categories};
use super::dialect::translate;
use super::states::States;
use super::table::Table;
use super::{Effort, Pattern, Program};
use crate::limits;
use crate::options::Anchoring;
use crate::work;

/// The patterns that were built before. A publisher keeps it: most changes of an environment leave its patterns as they
/// are, and building one takes a millisecond.
#[derive(Default)]
pub struct PatternCache {
    unicode: Option<Unicode>,
    built: BTreeMap<Wanted, Result<Pattern, String>>,
    /// Bytes of all texts and tables, approximately.
    size: usize,
}

/// What is to be built.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Wanted {
    pub(crate) text: String,
    pub(crate) anchoring: Anchoring,
    /// Whether it may become a table, which is faster and larger than states.
    pub(crate) table: bool,
}

impl PatternCache {
    /// Builds a pattern; the error is the reason it will never match.
    pub(crate) fn pattern(&mut self, wanted: &Wanted) -> Result<Pattern, String> {
        if let Some(built) = self.built.get(wanted) {
            return built.clone();
        }
        let built = build(wanted, self.unicode()?);
        if self.size > limits::PATTERN_CACHE {
            self.built.clear();
            self.size = 0;
        }
        self.size += wanted.text.len() + built.as_ref().map_or(0, Pattern::size);
        self.built.insert(wanted.clone(), built.clone());
        built
    }

    pub(crate) fn categories(&mut self) -> Categories {
        self.unicode().map(|unicode| unicode.categories().clone()).unwrap_or_default()
    }

    fn unicode(&mut self) -> Result<&Unicode, String> {
        match &mut self.unicode {
            Some(unicode) => Ok(unicode),
            none => Ok(none.insert(Unicode::new()?)),
        }
    }
}

impl core::fmt::Debug for PatternCache {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("PatternCache").field("built", &self.built.len()).finish_non_exhaustive()
    }
}

fn build(wanted: &Wanted, unicode: &Unicode) -> Result<Pattern, String> {
    let text = &wanted.text;
    if text.len() > limits::PATTERN {
        return Err(format!("regular expression of more than {} bytes", limits::PATTERN));
    }
    let invalid = |error: String| format!("invalid regular expression: {error}");
    let translated = translate(text).map_err(invalid)?;
    let hir = regex_syntax::parse(&translated).map_err(|error| {
        let error = error.to_string();
        invalid(error.lines().last().unwrap_or_default().trim().to_string())
    })?;
    let over_symbols = symbols::rewrite(&hir, unicode).map_err(invalid)?;
    let too_large = || "regular expression that is too large".to_string();
    program(&over_symbols, wanted).ok_or_else(too_large)
}

/// None if the pattern is too large.
fn program(pattern: &OverSymbols, wanted: &Wanted) -> Option<Pattern> {
    let anchored = wanted.anchoring == Anchoring::Start;
    let config = thompson::Config::new()
        .utf8(false)
        .which_captures(WhichCaptures::None)
        .nfa_size_limit(Some(limits::PATTERN_WORK));
    let nfa = thompson::Compiler::new().configure(config).build_from_hir(&pattern.hir).ok()?;
    let table = if wanted.table && pattern.has_ascii_words() { Table::build(&nfa, anchored) } else { None };
    // An anchored pattern that cannot go on behind so many characters beyond ASCII reads no more of them.
    let characters = if anchored { pattern.characters_beyond_ascii } else { None };
    let of_bytes = pattern.alphabet.reads_bytes;
    let effort = |of_symbols, of_characters| Effort {
        of_symbols,
        of_bytes,
        of_characters: if of_bytes { 0 } else { of_characters },
        characters: characters.unwrap_or(u32::MAX),
    };
    let of_characters = pattern.alphabet.steps_of_characters();
    Some(match table {
        Some((table, columns)) => {
            let alphabet = pattern.alphabet.map(|symbol| columns[usize::from(symbol)]);
            Pattern {
                alphabet,
                program: Program::Table(table),
                effort: effort(work::LOOKED_AT, of_characters),
            }
        }
        None => {
            let states = States::build(&nfa, anchored, pattern.words)?;
            let followed = work::FOLLOWED.saturating_mul(u32::try_from(states.size()).ok()?);
            let program = Program::States(Box::new(states));
            Pattern { alphabet: pattern.alphabet.clone(), program, effort: effort(followed, of_characters) }
        }
    })
}

impl Alphabet {
    /// What reading a character beyond ASCII costs in addition.
    fn steps_of_characters(&self) -> u32 {
        let categories = if self.needs_categories { work::CATEGORY } else { 0 };
        let exceptions = if self.exceptions.is_empty() { 0 } else { work::EXCEPTION };
        work::CHARACTER + categories + exceptions
    }

    /// With other symbols.
    fn map(&self, symbol: impl Fn(u8) -> u8) -> Alphabet {
        let mut mapped = self.clone();
        let exceptions = mapped.exceptions.iter_mut().map(|exception| &mut exception.symbol);
        for own in mapped.symbols.iter_mut().chain(&mut mapped.by_category).chain(exceptions) {
            *own = symbol(*own);
        }
        mapped
    }
}
