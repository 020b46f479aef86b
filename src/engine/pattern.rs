//! Regular expressions, matched in linear time.
//!
//! A pattern is finished when its document is published (`build`): the edge compiles nothing, whatever the text. It
//! reads the symbols of a text (`alphabet`), by a table of states, or, if the table would be large, by following all
//! states at once.
//!
//! Patterns have Python's syntax (`dialect`), and its characters of words, digits and white space. Two differences
//! remain. A pattern that needs backtracking is refused. `$` includes the last line break in the match.

mod alphabet;
mod build;
mod class;
mod dialect;
mod escape;
mod inline_flags;
mod states;
mod table;

use alloc::boxed::Box;

use rkyv::{Archive, Serialize};

use self::alphabet::Alphabet;
pub(crate) use self::alphabet::{ArchivedCategories, Categories};
pub use self::build::PatternCache;
pub(crate) use self::build::Wanted;
use self::states::States;
use self::table::Table;
use crate::work::{self, Size};

/// A pattern that was built when its document was published.
#[derive(Debug, Clone, PartialEq, Eq, Archive, Serialize)]
pub struct Pattern {
    alphabet: Alphabet,
    program: Program,
    /// What matching a text costs.
    effort: Effort,
}

#[derive(Debug, Clone, PartialEq, Eq, Archive, Serialize)]
enum Program {
    Table(Table),
    States(Box<States>),
}

/// What matching a text costs, in steps (`work.rs`) for 64 of something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Archive, Serialize)]
struct Effort {
    /// For symbols: characters, or bytes.
    of_symbols: u32,
    of_bytes: bool,
    /// For characters beyond ASCII, in addition; and how many of them are read at most.
    of_characters: u32,
    characters: u32,
}

impl Pattern {
    /// Whether it reads categories of characters.
    pub(crate) fn needs_categories(&self) -> bool {
        self.alphabet.needs_categories
    }

    /// The size of its table in bytes.
    pub(crate) fn table_size(&self) -> usize {
        if let Program::Table(table) = &self.program { table.size() } else { 0 }
    }

    /// The steps of matching a text of this size, at most.
    pub(crate) fn steps(&self, size: Size) -> u64 {
        let Effort { of_symbols, of_bytes, of_characters, characters } = self.effort;
        let symbols = if of_bytes { size.bytes } else { size.characters };
        work::pattern(of_symbols, symbols)
            + work::pattern(of_characters, size.characters.min(characters.into()))
    }

    /// Approximately the bytes that it takes.
    fn size(&self) -> usize {
        let program = match &self.program {
            Program::Table(table) => table.size(),
            Program::States(states) => 16 * states.size(),
        };
        program + size_of::<Pattern>()
    }
}

impl ArchivedPattern {
    /// As [`Pattern::steps`].
    pub(crate) fn steps(&self, size: Size) -> u64 {
        let effort = &self.effort;
        let symbols = if effort.of_bytes { size.bytes } else { size.characters };
        let characters = size.characters.min(effort.characters.to_native().into());
        work::pattern(effort.of_symbols.to_native(), symbols)
            + work::pattern(effort.of_characters.to_native(), characters)
    }

    #[inline]
    pub(crate) fn is_match(&self, text: &str, categories: &ArchivedCategories) -> bool {
        let alphabet = &self.alphabet;
        match &self.program {
            ArchivedProgram::Table(table) => table.is_match(text, alphabet, categories),
            ArchivedProgram::States(states) if alphabet.reads_bytes => {
                states.is_match(text.bytes().map(|byte| alphabet.of_byte(byte)))
            }
            ArchivedProgram::States(states) => {
                states.is_match(text.chars().map(|c| alphabet.of_character(c, categories)))
            }
        }
    }
}

#[cfg(test)]
mod properties;

#[cfg(test)]
mod tests {
    use alloc::string::{String, ToString};

    use super::*;
    use crate::options::Anchoring;

    fn build(text: &str, anchoring: Anchoring) -> Result<(Pattern, Categories), String> {
        let mut cache = PatternCache::default();
        let pattern = cache.pattern(&Wanted { text: text.to_string(), anchoring, table: true })?;
        Ok((pattern, cache.categories()))
    }

    /// Whether a pattern matches at the start of a text, by its table and by its states.
    #[track_caller]
    fn matches(pattern: &str, text: &str) -> bool {
        let by = |table| {
            let mut cache = PatternCache::default();
            let wanted = Wanted { text: pattern.to_string(), anchoring: Anchoring::Start, table };
            archived(&cache.pattern(&wanted).unwrap(), &cache.categories(), |pattern, categories| {
                pattern.is_match(text, categories)
            })
        };
        assert_eq!(by(true), by(false), "{pattern:?} on {text:?}");
        by(true)
    }

    /// Archives a pattern, as at run time.
    pub(super) fn archived<T>(
        pattern: &Pattern,
        categories: &Categories,
        look: impl FnOnce(&ArchivedPattern, &ArchivedCategories) -> T,
    ) -> T {
        let pattern = rkyv::to_bytes::<rkyv::rancor::Error>(pattern).unwrap();
        let categories = rkyv::to_bytes::<rkyv::rancor::Error>(categories).unwrap();
        look(
            rkyv::access::<ArchivedPattern, rkyv::rancor::Error>(&pattern).unwrap(),
            rkyv::access::<ArchivedCategories, rkyv::rancor::Error>(&categories).unwrap(),
        )
    }

    #[test]
    fn invalid_and_unsupported_patterns_are_refused() {
        for text in ["(", r"\p{L}", "a(?=b)", r"(a)\1", "(?P<n>a)(?P=n)", "a{2,1}", "(((a{100}){100}){100})"]
        {
            assert!(build(text, Anchoring::Start).is_err(), "{text}");
        }
    }

    /// These were refused as too large, so they never matched.
    #[test]
    fn usual_patterns_for_names_and_addresses_have_small_tables() {
        for text in [
            r"^\w{3,50}$",
            r"^[\w.-]{1,64}@",
            r"\w{40}x",
            r"(?i)^[\w.+-]+@example\.(com|org)$",
            r"^[\w .'-]{2,80}$",
            r"^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}$",
            r".*(googlebot|bingbot|yandex|baiduspider|duckduckbot|slurp|facebookexternalhit)",
            r"^[а-яё -]{2,40}$",
            r"^\b\w+\b \b\w+\b$",
        ] {
            for anchoring in [Anchoring::Start, Anchoring::Search] {
                let (pattern, _) = build(text, anchoring).unwrap();
                assert!((1..8_000).contains(&pattern.table_size()), "{text}: {}", pattern.table_size());
            }
        }
    }

    /// Such a text made the edge compile every pattern that it met.
    #[test]
    fn texts_of_every_script_are_matched_by_the_same_tables() {
        for (pattern, text, expected) in [
            (r"^\w{3,20}@", "josé@", true),
            (r"^\w{3,20}@", "jo-é@", false),
            (r"^\w+$", "Ελλάδα", true),
            (r"^\w+$", "日本語", true),
            (r"^\w+$", "e\u{301}", false),
            (r"^\w+$", "x²", true),
            (r"^\d+$", "٣४5", true),
            (r"^\S+\s\S+$", "a\u{3000}b", true),
            ("^[à-ü]+$", "éü", true),
            ("^[à-ü]+$", "éß", false),
            ("^[^é]$", "è", true),
            ("^[^é]$", "é", false),
            ("^.$", "😀", true),
            ("(?i)^É$", "é", true),
            ("(?i)^straße$", "STRAßE", true),
            ("(?i)k", "\u{212a}", true),
            (r"^a\b", "aé", false),
            (r"^a\b", "a-é", true),
            (r"^é\b.", "é!", true),
            (r"(?a)^a\b", "aé", true),
            (r"(?a)^\w$", "é", false),
            (r"(?m)x\n^é$", "x\né\ny", true),
            ("日{2}|本", "日日", true),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern:?} on {text:?}");
        }
    }

    /// More different characters than there are symbols: the pattern reads the bytes of the text.
    #[test]
    fn a_pattern_may_name_many_characters() {
        let names: String = ('\u{4e00}'..'\u{4f80}').step_by(2).flat_map(|c| [c, '子', '|']).collect();
        let pattern = alloc::format!("^(?:{names}花)$");
        for (text, expected) in
            [("\u{4e00}子", true), ("\u{4e02}子", true), ("\u{4e01}子", false), ("花", true)]
        {
            assert_eq!(matches(&pattern, text), expected, "{text}");
        }
        assert!(build(&alloc::format!(r"\b(?:{names}花)"), Anchoring::Start).is_err());
    }

    #[test]
    fn many_different_word_characters_do_not_disturb_boundaries() {
        let letters: String = ('а'..='я').chain('a'..='z').chain('0'..='9').flat_map(|c| [c, '|']).collect();
        let pattern = alloc::format!(r"^(?:{letters}_)+\b!");
        for (text, expected) in [("абвz9!", true), ("абвz9é!", false), ("абв", false)] {
            assert_eq!(matches(&pattern, text), expected, "{text}");
        }
    }

    #[test]
    fn a_pattern_without_room_for_a_table_matches_all_the_same() {
        let words: String = (0..340).map(|n| alloc::format!("word{n}x|")).collect();
        let pattern = alloc::format!("(?i).*({words}end)");
        for (text, expected) in [("a WORD12x", true), ("an éND", false), ("the é END", true)] {
            assert_eq!(matches(&pattern, text), expected, "{text}");
        }
    }
}
