//! Regular expressions, matched in linear time.
//!
//! Two engines of one family stand behind a pattern. `regex-lite` compiles fifty times faster, which counts in a
//! guest that lives for a few requests; it knows no Unicode, so it is asked only where pattern and text are
//! ASCII, which is where both agree. `regex` does the rest, and is compiled when first needed.
//!
//! Patterns are written for Python. What stays different: look-around, back-references, octal escapes and `(?#comments)`
//! are refused; a possessive quantifier is taken for a greedy one; `$` does not match before a last line break; `\w` and
//! `\s` are Unicode's, which leaves Python's `²` out of the one and its separators U+001C to U+001F out of the other.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::cell::OnceCell;

use rkyv::{Archive, Serialize};

use crate::compile::Anchoring;
use crate::limits;

/// A pattern that compiled when its document was published.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Archive, Serialize)]
pub struct Pattern {
    /// Ready to be searched for: anchored, where the environment wants that.
    source: String,
    /// Whether `regex-lite` reads it too, and means the same on ASCII text.
    lite: bool,
}

impl Pattern {
    /// Compiles a condition's value; the error is the reason it will never match.
    pub(crate) fn new(text: &str, anchoring: Anchoring) -> Result<Pattern, String> {
        if text.len() > limits::PATTERN {
            return Err(format!("regular expression of more than {} bytes", limits::PATTERN));
        }
        let translated = if verbose(text) { text.to_string() } else { translate(text) };
        full(&translated).map_err(|error| {
            let error = error.to_string();
            format!("invalid regular expression: {}", error.lines().last().unwrap_or_default().trim())
        })?;
        let source = match anchoring {
            Anchoring::Search => Some(translated),
            // A verbose pattern may end in a comment, which swallows the bracket unless the line ends before it.
            Anchoring::Start => ["", "\n"]
                .map(|end| format!("\\A(?:{translated}{end})"))
                .into_iter()
                .find(|source| full(source).is_ok()),
        };
        let source = source.ok_or("invalid regular expression once anchored")?;
        let lite = means_the_same_to_both(text) && lite(&source).is_ok();
        Ok(Pattern { source, lite })
    }
}

fn verbose(text: &str) -> bool {
    text.match_indices("(?").any(|(at, _)| {
        text[at + 2..].chars().take_while(|c| c.is_ascii_alphabetic() || *c == '-').any(|c| c == 'x')
    })
}

/// What Python, whose patterns these are, writes in another way: `\Z` for the end, a brace that counts nothing, `{,3}`,
/// an escaped `<`, `>` or letter beyond ASCII, and in a class what would be nested classes, set operations and word
/// boundaries here.
fn translate(text: &str) -> String {
    let mut translated = String::with_capacity(text.len());
    let mut class = false;
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        match c {
            '\\' => {
                let Some(escaped) = rest.chars().next() else { return translated + "\\" };
                rest = &rest[escaped.len_utf8()..];
                match escaped {
                    'Z' if !class => translated.push_str("\\z"),
                    'b' if class => translated.push_str("\\x08"),
                    '<' | '>' | '\u{80}'.. => translated.push(escaped),
                    _ => translated.extend(['\\', escaped]),
                }
            }
            '[' if !class => {
                class = true;
                translated.push('[');
                for (literal, written) in [('^', "^"), (']', "\\]")] {
                    if let Some(after) = rest.strip_prefix(literal) {
                        translated.push_str(written);
                        rest = after;
                    }
                }
            }
            '[' | '&' | '~' if class => translated.extend(['\\', c]),
            ']' => {
                class = false;
                translated.push(']');
            }
            '{' if !class => translated.push_str(match counts(rest) {
                Some("") => "{0",
                Some(_) => "{",
                None => "\\{",
            }),
            _ => translated.push(c),
        }
    }
    translated
}

/// The least count of a repetition, given what follows its opening brace.
fn counts(rest: &str) -> Option<&str> {
    let (inside, _) = rest.split_once('}')?;
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    match inside.split_once(',') {
        Some((least, most)) => Some(least).filter(|_| digits(least) && digits(most)),
        None => Some(inside).filter(|_| !inside.is_empty() && digits(inside)),
    }
}

/// Whether both engines are known to agree on the pattern for ASCII texts. Class set operations, nested classes and
/// Unicode classes are beyond `regex-lite`; patterns with a hint of them are left to `regex`, as are verbose ones, which
/// are not translated.
fn means_the_same_to_both(text: &str) -> bool {
    text.is_ascii()
        && !verbose(text)
        && !["--", "\\p", "\\P", "(?u", "(?-u"].iter().any(|hint| text.contains(hint))
}

fn full(source: &str) -> Result<regex::Regex, regex::Error> {
    regex::RegexBuilder::new(source).size_limit(limits::PATTERN_PROGRAM).build()
}

fn lite(source: &str) -> Result<regex_lite::Regex, regex_lite::Error> {
    regex_lite::RegexBuilder::new(source).size_limit(limits::PATTERN_PROGRAM).build()
}

/// The compiled programs of an environment's patterns, each made when first needed.
#[derive(Debug)]
pub(crate) struct Programs(Vec<Program>);

#[derive(Debug, Default)]
struct Program {
    lite: OnceCell<Option<regex_lite::Regex>>,
    full: OnceCell<Option<regex::Regex>>,
}

impl Programs {
    pub(crate) fn new(patterns: usize) -> Programs {
        Programs((0..patterns).map(|_| Program::default()).collect())
    }

    pub(crate) fn matches(&self, index: usize, pattern: &ArchivedPattern, text: &str) -> bool {
        let Some(program) = self.0.get(index) else { return false };
        if pattern.lite && text.is_ascii() {
            let lite = program.lite.get_or_init(|| lite(&pattern.source).ok());
            return lite.as_ref().is_some_and(|regex| regex.is_match(text));
        }
        let full = program.full.get_or_init(|| full(&pattern.source).ok());
        full.as_ref().is_some_and(|regex| regex.is_match(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_to_the_small_engine() {
        for (text, expected) in [
            (r"^user-[0-9]+@example\.com$", true),
            (r"[\[\]a-z]+", true),
            (r"(?i)abc", true),
            (r"é+", false),
            (r"[a-z&&[^b]]", true),
            (r"[a--b]", false),
            (r"(?x) a b", false),
        ] {
            assert_eq!(Pattern::new(text, Anchoring::Start).unwrap().lite, expected, "{text}");
        }
    }

    #[test]
    fn what_python_writes_in_another_way() {
        for (text, expected) in [
            (r"^a$", r"^a$"),
            (r"^\d+\Z", r"^\d+\z"),
            (r"\\Z\", r"\\Z\"),
            ("a{2}b{2,}c{,3}d{,}", "a{2}b{2,}c{0,3}d{0,}"),
            (r#"{"a": {1, 2} {} {"#, r#"\{"a": \{1, 2} \{} \{"#),
            (r"\<b\>\é\{", r"<b>é\{"),
            (r"[[:alpha:]]", r"[\[:alpha:]]"),
            (r"[]a][^]a][\]{]", r"[\]a][^\]a][\]{]"),
            (r"[a&&b~~c\b]", r"[a\&\&b\~\~c\x08]"),
        ] {
            assert_eq!(translate(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_refused() {
        for text in ["(", r"\p{L}", "a(?=b)", r"(a)\1", "(?P<n>a)(?P=n)", "a{2,1}", "(((a{100}){100}){100})"]
        {
            assert!(Pattern::new(text, Anchoring::Start).is_err(), "{text}");
        }
    }

    #[test]
    fn a_comment_at_the_end_does_not_swallow_the_anchor() {
        let pattern = Pattern::new("(?x) a # the letter", Anchoring::Start).unwrap();
        assert!(full(&pattern.source).unwrap().is_match("ab"));
        assert!(!full(&pattern.source).unwrap().is_match("ba"));
        let pattern = Pattern::new("(?x: a ) # b", Anchoring::Start).unwrap();
        assert!(full(&pattern.source).unwrap().is_match("a # b"));
    }
}
