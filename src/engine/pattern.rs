//! Regular expressions, matched in linear time.
//!
//! Two engines of one family stand behind a pattern. `regex-lite` compiles fifty times faster, which counts in a
//! guest that lives for a few requests; it knows no Unicode, so it is asked only where pattern and text are
//! ASCII, which is where both agree. `regex` does the rest, and is compiled when first needed.

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
        let lite = means_the_same_to_both(text) && lite(&source).is_ok();
        Ok(Pattern { source, lite })
    }
}

fn verbose(text: &str) -> bool {
    text.match_indices("(?").any(|(at, _)| {
        text[at + 2..].chars().take_while(|c| c.is_ascii_alphabetic() || *c == '-').any(|c| c == 'x')
    })
}

/// Whether both engines are known to agree on the pattern for ASCII texts. Class set operations, nested classes and
/// Unicode classes are beyond `regex-lite`; patterns with a hint of them are left to `regex`.
fn means_the_same_to_both(text: &str) -> bool {
    text.is_ascii()
        && !["&&", "--", "~~", "\\p", "\\P", "\\b{", "(?u", "(?-u"].iter().any(|hint| text.contains(hint))
        && !nested_class(text)
}

fn nested_class(text: &str) -> bool {
    let (mut inside, mut escaped) = (false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'[' if inside => return true,
            b'[' => inside = true,
            b']' => inside = false,
            _ => {}
        }
    }
    false
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
            (r"[a-z&&[^b]]", false),
            (r"[[:alpha:]]+", false),
        ] {
            assert_eq!(Pattern::new(text, Anchoring::Start).unwrap().lite, expected, "{text}");
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
    }
}
