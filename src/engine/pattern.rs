//! Regular expressions, matched in linear time.
//!
//! Two engines match a pattern. If pattern and text are ASCII, a finite automaton is used. It is built when the
//! document is published, so that a guest, which lives for a few requests, compiles nothing, and it rejects most texts
//! at their first bytes. In all other cases `regex` is used, compiled when first needed.
//!
//! Patterns have Python's syntax (`dialect`). Three differences remain. A pattern that needs backtracking is refused.
//! `$` includes the last line break in the match. `\w` and `\b` use Unicode's word characters, which lack Python's `²`
//! and include combining marks.

mod automaton;
mod class;
mod dialect;
mod escape;
mod inline_flags;

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::cell::OnceCell;

use regex_automata::dfa::{Automaton, sparse};
use regex_automata::{Anchored, Input};
use rkyv::{Archive, Serialize};

use self::automaton::Hint;
use self::dialect::{Alphabet, translate};
use crate::limits;
use crate::options::Anchoring;
use crate::work;

/// A pattern that compiled when its document was published.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Archive, Serialize)]
pub struct Pattern {
    /// The pattern in the syntax of `regex`, anchored if the environment wants that.
    source: String,
    /// Whether a match has to start where the text does.
    anchored: bool,
    /// The automaton for ASCII texts, as `regex-automata` serializes it; empty if there is none.
    automaton: Vec<u8>,
    /// Texts without which an ASCII text cannot match; they are checked before the automaton runs.
    hint: Hint,
}

impl Pattern {
    /// Compiles a condition's value; the error is the reason it will never match. The size of the automaton is
    /// subtracted from the `budget` of bytes.
    pub(crate) fn new(text: &str, anchoring: Anchoring, budget: &mut usize) -> Result<Pattern, String> {
        if text.len() > limits::PATTERN {
            return Err(format!("regular expression of more than {} bytes", limits::PATTERN));
        }
        let invalid = |error: String| format!("invalid regular expression: {error}");
        let anchored = anchoring == Anchoring::Start;
        let translated = translate(text, Alphabet::Unicode).map_err(invalid)?;
        let source = if anchored { format!("\\A(?:{translated})") } else { translated };
        full(&source).map_err(|error| {
            let error = error.to_string();
            invalid(error.lines().last().unwrap_or_default().trim().to_string())
        })?;
        let (automaton, hint) = translate(text, Alphabet::Ascii)
            .ok()
            .and_then(|ascii| automaton::build(&ascii, anchored))
            .filter(|(bytes, _)| bytes.len() <= *budget)
            .unwrap_or((Vec::new(), Hint::Nothing));
        *budget -= automaton.len();
        Ok(Pattern { source, anchored, automaton, hint })
    }

    /// The steps of matching a text of so many bytes.
    pub(crate) fn steps(&self, bytes: u64) -> u64 {
        steps(bytes)
    }
}

impl ArchivedPattern {
    /// As [`Pattern::steps`].
    pub(crate) fn steps(&self, bytes: u64) -> u64 {
        steps(bytes)
    }
}

fn steps(bytes: u64) -> u64 {
    work::per(bytes, work::PATTERN_BYTES)
}

fn full(source: &str) -> Result<regex::Regex, regex::Error> {
    regex::RegexBuilder::new(source).size_limit(limits::PATTERN_PROGRAM).build()
}

/// The programs of an environment's patterns, each prepared when first needed.
#[derive(Debug)]
pub(crate) struct Programs(Vec<Program>);

#[derive(Debug, Default)]
struct Program {
    automaton: OnceCell<Option<sparse::DFA<Vec<u8>>>>,
    full: OnceCell<Option<regex::Regex>>,
}

impl Programs {
    pub(crate) fn new(patterns: usize) -> Programs {
        Programs((0..patterns).map(|_| Program::default()).collect())
    }

    pub(crate) fn matches(&self, index: usize, pattern: &ArchivedPattern, text: &str) -> bool {
        let Some(program) = self.0.get(index) else { return false };
        program.run(pattern, text).unwrap_or_else(|| {
            let full = program.full.get_or_init(|| full(&pattern.source).ok());
            full.as_ref().is_some_and(|regex| regex.is_match(text))
        })
    }
}

impl ArchivedPattern {
    /// Whether the automaton, if there is one, is valid, so that [`Program::run`] may run it without another check.
    pub(crate) fn is_sound(&self) -> bool {
        self.automaton.is_empty() || sparse::DFA::from_bytes(&self.automaton).is_ok()
    }

    /// Whether both have the same automaton: then it is sound if the other one is.
    pub(crate) fn is_as_sound_as(&self, other: &ArchivedPattern) -> bool {
        self.automaton == other.automaton
    }
}

impl Program {
    /// Runs the automaton; none if there is none, or the text is not ASCII.
    fn run(&self, pattern: &ArchivedPattern, text: &str) -> Option<bool> {
        if pattern.automaton.is_empty() || !text.is_ascii() {
            return None;
        }
        if !pattern.hint.allows(text) {
            return Some(false);
        }
        let automaton = self.automaton.get_or_init(|| {
            // SAFETY: `Compiled` checked these very bytes by `is_sound`.
            #[expect(unsafe_code, reason = "checking an automaton takes longer than running it")]
            let read = unsafe { sparse::DFA::from_bytes_unchecked(&pattern.automaton) };
            Some(read.ok()?.0.to_owned())
        });
        let anchored = if pattern.anchored { Anchored::Yes } else { Anchored::No };
        let input = Input::new(text).anchored(anchored).earliest(true);
        automaton.as_ref()?.try_search_fwd(&input).ok().map(|found| found.is_some())
    }
}

#[cfg(test)]
mod properties;

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str, anchoring: Anchoring) -> Result<Pattern, String> {
        Pattern::new(text, anchoring, &mut 1_000_000)
    }

    #[test]
    fn invalid_and_unsupported_patterns_are_refused() {
        for text in ["(", r"\p{L}", "a(?=b)", r"(a)\1", "(?P<n>a)(?P=n)", "a{2,1}", "(((a{100}){100}){100})"]
        {
            assert!(pattern(text, Anchoring::Start).is_err(), "{text}");
        }
    }

    #[test]
    #[cfg(feature = "automata")]
    fn small_ascii_patterns_have_an_automaton() {
        for (text, expected) in
            [(r"^user-[0-9]+@example\.com$", true), (r"(?i)abc\b", true), ("é+", false), (".{900}", false)]
        {
            assert_eq!(!pattern(text, Anchoring::Start).unwrap().automaton.is_empty(), expected, "{text}");
        }
        let spent = Pattern::new("abc", Anchoring::Start, &mut 10).unwrap();
        assert!(spent.automaton.is_empty());
    }

    #[test]
    #[cfg(feature = "automata")]
    fn hints_are_the_texts_that_every_match_has() {
        let starts = |texts: &[&str]| Hint::StartsWith(texts.iter().map(ToString::to_string).collect());
        let contains = |texts: &[&str]| Hint::Contains(texts.iter().map(ToString::to_string).collect());
        for (text, anchoring, expected) in [
            (r"^user-7-[0-9]+$", Anchoring::Start, starts(&["user-7-"])),
            (r"(foo|bar)+\d", Anchoring::Start, starts(&["foo", "bar"])),
            (r"foo\d", Anchoring::Search, contains(&["foo"])),
            (r".*@corp\.(com|org)$", Anchoring::Start, contains(&["@corp.com", "@corp.org"])),
            (r"a*", Anchoring::Start, Hint::Nothing),
        ] {
            assert_eq!(pattern(text, anchoring).unwrap().hint, expected, "{text}");
        }
    }

    /// Inline flags, boundaries, classes and anchors, on texts that match and texts that do not.
    #[test]
    #[cfg(feature = "automata")]
    fn the_automaton_and_the_full_engine_agree() {
        let patterns = [
            "",
            "a",
            "^a",
            "a$",
            "^a$",
            "ab|b",
            "a*b",
            "(a|b)+c?",
            r"\d+",
            r"^v\d+\.(\d+)$",
            "[^a]",
            r"\w+\b",
            r"\bb",
            r"\Ba",
            r"(?i)AB",
            "(?m)^b",
            "(?s)a.b",
            "a.b",
            r"\s",
            "[a-c]{2,3}",
            "a??",
            "(?x) a b # c",
            r"\x41",
            "[^a-c&]",
            r"\S\W",
            "(?a)a\\b",
            "(?ai)B",
            r"\Z",
            r"\A",
            "x{0}",
            "a$|b",
            r"\.",
        ];
        let texts = [
            "", "a", "b", "ab", "ba", "aab", "abc", "cab", "AB", "a\nb", "b\n", "\nb", "a b", "a.b", "v1.2",
            "v12.", "007", " ", "-a-", "a\r\n", "ccc", "A",
        ];
        for anchoring in [Anchoring::Start, Anchoring::Search] {
            for text in patterns {
                let owned = pattern(text, anchoring).unwrap();
                let bytes = rkyv::to_bytes::<rkyv::rancor::Error>(&owned).unwrap();
                let archived = rkyv::access::<ArchivedPattern, rkyv::rancor::Error>(&bytes).unwrap();
                for subject in texts {
                    let expected = full(&owned.source).unwrap().is_match(subject);
                    let found = Program::default().run(archived, subject);
                    assert_eq!(found, Some(expected), "{text:?} on {subject:?}, {anchoring:?}");
                }
            }
        }
    }
}
