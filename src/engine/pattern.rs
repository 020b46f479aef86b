//! Regular expressions, matched in linear time.
//!
//! Two engines of one family stand behind a pattern. Where pattern and text are ASCII, a finite automaton answers, which
//! was built when the document was published: nothing is left to compile in a guest that lives for a few requests, and
//! most texts are turned down at their first bytes. `regex` does the rest, compiled when first needed.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::cell::OnceCell;

use regex_automata::dfa::{Automaton, sparse};
use regex_automata::{Anchored, Input};
use rkyv::{Archive, Serialize};

use crate::compile::Anchoring;
use crate::limits;

/// A pattern that compiled when its document was published.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Archive, Serialize)]
pub struct Pattern {
    /// Ready to be searched for: anchored, where the environment wants that.
    source: String,
    /// Whether a match has to start where the text does.
    anchored: bool,
    /// The automaton for ASCII texts, in the words of `regex-automata`; empty if there is none.
    automaton: Vec<u8>,
}

impl Pattern {
    /// Compiles a condition's value; the error is the reason it will never match. The automaton is taken out of the
    /// `budget` of bytes.
    pub(crate) fn new(text: &str, anchoring: Anchoring, budget: &mut usize) -> Result<Pattern, String> {
        if text.len() > limits::PATTERN {
            return Err(format!("regular expression of more than {} bytes", limits::PATTERN));
        }
        if names_unicode_class(text) {
            return Err(
                "invalid regular expression: there are no classes by Unicode property (`\\p`)".to_string()
            );
        }
        full(text).map_err(|error| {
            let error = error.to_string();
            format!("invalid regular expression: {}", error.lines().last().unwrap_or_default().trim())
        })?;
        let source = match anchoring {
            Anchoring::Search => text.to_string(),
            // A verbose pattern may end in a comment, which would swallow the bracket: hence the line break.
            Anchoring::Start if verbose(text) => format!("\\A(?:{text}\n)"),
            Anchoring::Start => format!("\\A(?:{text})"),
        };
        full(&source).map_err(|_| "invalid regular expression once anchored".to_string())?;
        let anchored = anchoring == Anchoring::Start;
        let automaton = automaton(text, anchored).filter(|bytes| bytes.len() <= *budget).unwrap_or_default();
        *budget -= automaton.len();
        Ok(Pattern { source, anchored, automaton })
    }
}

/// The edge does without their tables, and the reference engine has none. They are refused by name, since other crates
/// of a build may well switch the tables on.
fn names_unicode_class(text: &str) -> bool {
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'\\' && matches!(bytes.next(), Some(b'p' | b'P')) {
            return true;
        }
    }
    false
}

fn verbose(text: &str) -> bool {
    text.match_indices("(?").any(|(at, _)| {
        text[at + 2..].chars().take_while(|c| c.is_ascii_alphabetic() || *c == '-').any(|c| c == 'x')
    })
}

fn full(source: &str) -> Result<regex::Regex, regex::Error> {
    regex::RegexBuilder::new(source).size_limit(limits::PATTERN_PROGRAM).build()
}

/// Builds the automaton that takes ASCII texts; none for patterns that are not ASCII themselves, and for those few
/// whose automaton is large.
#[cfg(feature = "automata")]
fn automaton(text: &str, anchored: bool) -> Option<Vec<u8>> {
    use regex_automata::dfa::{StartKind, dense};
    use regex_automata::nfa::thompson::{self, WhichCaptures};
    use regex_automata::util::syntax;

    if !text.is_ascii() {
        return None;
    }
    let start = if anchored { StartKind::Anchored } else { StartKind::Unanchored };
    let nfa = thompson::Config::new()
        .utf8(false)
        .which_captures(WhichCaptures::None)
        .nfa_size_limit(Some(limits::AUTOMATON_WORK));
    let dfa = dense::Config::new()
        .start_kind(start)
        .minimize(true)
        .dfa_size_limit(Some(limits::AUTOMATON_WORK))
        .determinize_size_limit(Some(limits::AUTOMATON_WORK));
    let dense = dense::Builder::new()
        .syntax(syntax::Config::new().unicode(false).utf8(false))
        .thompson(nfa)
        .configure(dfa)
        .build(text)
        .ok()?;
    let bytes = dense.to_sparse().ok()?.to_bytes_little_endian();
    (bytes.len() <= limits::AUTOMATON).then_some(bytes)
}

#[cfg(not(feature = "automata"))]
fn automaton(_text: &str, _anchored: bool) -> Option<Vec<u8>> {
    None
}

/// The programs of an environment's patterns, each made ready when first needed.
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

impl Program {
    /// The automaton's verdict; none if it is not for this text.
    fn run(&self, pattern: &ArchivedPattern, text: &str) -> Option<bool> {
        if pattern.automaton.is_empty() || !text.is_ascii() {
            return None;
        }
        let automaton = self.automaton.get_or_init(|| {
            let (automaton, _) = sparse::DFA::from_bytes(&pattern.automaton).ok()?;
            Some(automaton.to_owned())
        });
        let anchored = if pattern.anchored { Anchored::Yes } else { Anchored::No };
        let input = Input::new(text).anchored(anchored).earliest(true);
        automaton.as_ref()?.try_search_fwd(&input).ok().map(|found| found.is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str, anchoring: Anchoring) -> Result<Pattern, String> {
        Pattern::new(text, anchoring, &mut 1_000_000)
    }

    #[test]
    fn what_is_refused() {
        for text in ["(", r"\p{L}", "a(?=b)", r"(a)\1", "(?P<n>a)(?P=n)", "a{2,1}", "(((a{100}){100}){100})"]
        {
            assert!(pattern(text, Anchoring::Start).is_err(), "{text}");
        }
    }

    #[test]
    fn an_escaped_backslash_is_no_class() {
        assert!(pattern(r"\\path", Anchoring::Start).is_ok());
    }

    #[test]
    fn what_has_an_automaton() {
        for (text, expected) in
            [(r"^user-[0-9]+@example\.com$", true), (r"(?i)abc\b", true), ("é+", false), (".{900}", false)]
        {
            assert_eq!(!pattern(text, Anchoring::Start).unwrap().automaton.is_empty(), expected, "{text}");
        }
        let spent = Pattern::new("abc", Anchoring::Start, &mut 10).unwrap();
        assert!(spent.automaton.is_empty());
    }

    /// Flags, boundaries, classes and anchors, on texts that hit and miss each of them.
    #[test]
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
            r"[[:upper:]]",
            "[a-z&&[^b]]",
            r"\z",
            r"\A",
            "x{0}",
            "(?R)a$",
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

    #[test]
    fn a_comment_at_the_end_does_not_swallow_the_anchor() {
        let pattern = pattern("(?x) a # the letter", Anchoring::Start).unwrap();
        assert!(full(&pattern.source).unwrap().is_match("ab"));
        assert!(!full(&pattern.source).unwrap().is_match("ba"));
    }
}
