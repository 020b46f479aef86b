//! Generated patterns on generated texts: three engines agree. They are tables, states, and the crate `regex` with the
//! same pattern in its own syntax.

extern crate std;

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, RngSeed};

use super::tests::archived;
use super::*;
use crate::options::Anchoring;

/// A pattern in two syntaxes.
#[derive(Clone, Debug, PartialEq)]
struct Written {
    /// In Python's, as in a document.
    python: String,
    /// In that of `regex`.
    rust: String,
}

impl Written {
    fn new(python: impl Into<String>, rust: impl Into<String>) -> Written {
        Written { python: python.into(), rust: rust.into() }
    }

    fn same(text: &str) -> Written {
        Written::new(text, text)
    }

    /// Puts both patterns into the frame in place of `@`.
    fn within(&self, frame: &str) -> Written {
        Written::new(frame.replace('@', &self.python), frame.replace('@', &self.rust))
    }

    fn joined(parts: &[Written], separator: &str) -> Written {
        let join = |text: fn(&Written) -> &str| parts.iter().map(text).collect::<Vec<_>>().join(separator);
        Written::new(join(|part| &part.python), join(|part| &part.rust))
    }
}

/// The end of the text, and before a last line break; with the flag `m`, the end of any line.
const END: &str = "$";
const RUST_END: &str = r"(?:\n?\z)";

/// One character, or one place.
fn atom() -> BoxedStrategy<Written> {
    let same = [
        "a", "b", "c", "A", "B", "0", "7", "-", "_", " ", "@", ".", r"\.", r"\d", r"\D", r"\x41", r"\n",
        r"\*", "^", r"\A", r"\b", r"\B", "foo", "user-", "(?i:a)", "(?s:.)", "(?m:^)", "(?m:$)", "(?-i:a)",
        "(?:)",
    ];
    let other = [
        (END, RUST_END),
        (r"\s", r"[\s\x1C-\x1F]"),
        (r"\w", r"[\p{L}\p{N}_]"),
        (r"\W", r"[^\p{L}\p{N}_]"),
        (r"\S", r"[^\s\x1C-\x1F]"),
        (r"\Z", r"\z"),
        ("(?:{)", r"\{"),
        ("{x}", r"\{x}"),
        (r"\<", "<"),
        (r"\é", "é"),
        ("}", r"\}"),
        (r"\101", "A"),
        ("(?#x)", "(?:)"),
    ];
    let beyond_ascii = ["é", "É", "ß", "日", "😀", "ſ"];
    prop_oneof![
        10 => select(same.to_vec()).prop_map(Written::same),
        3 => select(other.to_vec()).prop_map(|(python, rust)| Written::new(python, rust)),
        1 => select(beyond_ascii.to_vec()).prop_map(Written::same),
        3 => class(),
    ]
    .boxed()
}

/// In a class, Python knows neither nested classes nor set operations.
fn class() -> BoxedStrategy<Written> {
    let item = select(vec![
        ("a", "a"),
        ("a-c", "a-c"),
        ("A-Z", "A-Z"),
        ("0-9", "0-9"),
        (r"\d", r"\d"),
        (r"\w", r"\p{L}\p{N}_"),
        (r"\S", r"[^\s\x1C-\x1F]"),
        ("[", r"\["),
        ("&&", r"\&\&"),
        ("~~", r"\~\~"),
        (r"\b", r"\x08"),
        (r"\]", r"\]"),
        (".", "."),
        ("é", "é"),
    ]);
    let items = prop::collection::vec(item, 1..4);
    (any::<bool>(), items, any::<bool>())
        .prop_map(|(negated, items, hyphen)| {
            let written: Vec<Written> =
                items.iter().map(|(python, rust)| Written::new(*python, *rust)).collect();
            let items = Written::joined(&written, "");
            let start = if negated { "[^" } else { "[" };
            let end = if hyphen { "-]" } else { "]" };
            Written::new(format!("{start}{}{end}", items.python), format!("{start}{}{end}", items.rust))
        })
        .boxed()
}

fn written() -> BoxedStrategy<Written> {
    let pattern = atom().prop_recursive(4, 16, 4, |inner| {
        let repeated = (inner.clone(), select(vec!["*", "+", "?", "*?", "+?", "??", "{2}", "{1,}", "{0,3}"]));
        let alternatives = prop::collection::vec(inner.clone(), 1..4);
        prop_oneof![
            4 => prop::collection::vec(inner.clone(), 0..5).prop_map(|parts| Written::joined(&parts, "")),
            2 => alternatives.prop_map(|parts| Written::joined(&parts, "|").within("(@)")),
            2 => repeated.prop_map(|(inner, times)| inner.within("(?:@)").within(&format!("@{times}"))),
            1 => inner.prop_map(|inner| Written::new(
                format!("(?:{}){{,2}}", inner.python),
                format!("(?:{}){{0,2}}", inner.rust),
            )),
        ]
        .boxed()
    });
    let whole = prop::collection::vec(pattern, 1..3).prop_map(|parts| Written::joined(&parts, "|"));
    let flags = select(vec!["@", "@", "@", "^(?:@)", "(?i)@", "(?s)@", "(?m)@", "(?im)@", "(?x)@"]);
    (whole, flags, any::<bool>())
        .prop_map(|(whole, frame, to_the_end)| {
            // For `regex`, `$` is written as if the flag were not set.
            let lines = frame.contains('m') && whole.python.replace("(?m:$)", "").contains(END);
            let whole = whole.within(if lines { "@" } else { frame });
            if to_the_end && !frame.contains('m') {
                Written::new(whole.python + END, whole.rust + RUST_END)
            } else {
                whole
            }
        })
        .boxed()
}

/// Texts of the same few characters, so that some patterns match.
fn subject() -> BoxedStrategy<String> {
    let part = prop_oneof![
        12 => select(vec![
            "a", "b", "c", "A", "B", "0", "7", "-", "_", " ", "@", ".", "\n", "\r\n", "\t", "foo", "user-", "[", "]", "&",
            "~", "\u{8}", "{x}", "<", "*",
        ]).prop_map(ToString::to_string),
        2 => select(vec!["é", "É", "ß", "日", "😀", "ſ", "\u{a0}", "٣"]).prop_map(ToString::to_string),
    ];
    let short = prop::collection::vec(part.clone(), 0..8).prop_map(|parts| parts.concat());
    let long = prop::collection::vec(part, 60..160).prop_map(|parts| parts.concat());
    // `\b` of `regex` goes by words in which marks stand too.
    let other_words = oracle(r"[\w--[\p{L}\p{N}_]]|[[\p{L}\p{N}_]--\w]").unwrap();
    let any = any::<String>().prop_map(move |text| other_words.replace_all(&text, "").into_owned());
    prop_oneof![12 => short, 1 => long, 1 => any].boxed()
}

fn config() -> Config {
    let full = std::env::var_os("JACKSTAFF_TEST_FULL").is_some();
    Config {
        cases: if full { 20_000 } else { 400 },
        rng_seed: if full { RngSeed::Random } else { RngSeed::Fixed(1) },
        failure_persistence: None,
        ..Config::default()
    }
}

/// A pattern by its table, if it has one, and by its states.
fn both(text: &str, anchoring: Anchoring) -> (Vec<Result<Pattern, String>>, Categories) {
    let mut cache = PatternCache::default();
    let patterns =
        [true, false].map(|table| cache.pattern(&Wanted { text: text.to_string(), anchoring, table }));
    (patterns.to_vec(), cache.categories())
}

fn oracle(source: &str) -> Result<regex::Regex, regex::Error> {
    regex::RegexBuilder::new(source).size_limit(1 << 24).build()
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn the_engines_agree(written in written(), subjects in prop::collection::vec(subject(), 6)) {
        for (anchoring, anchor) in [(Anchoring::Start, r"\A(?:@)"), (Anchoring::Search, "@")] {
            let expected = oracle(&anchor.replace('@', &written.rust));
            let (patterns, categories) = both(&written.python, anchoring);
            for pattern in patterns {
                prop_assert_eq!(pattern.is_ok(), expected.is_ok(), "{:?} or {:?}", pattern.err(), expected.err());
                let (Ok(pattern), Ok(expected)) = (pattern, &expected) else { continue };
                archived(&pattern, &categories, |pattern, categories| {
                    for subject in &subjects {
                        let found = pattern.is_match(subject, categories);
                        prop_assert_eq!(found, expected.is_match(subject), "{:?}", subject);
                    }
                    Ok(())
                })?;
            }
        }
    }

    #[test]
    fn any_pattern_is_refused_or_matched_alike_in_both_forms(text: String, subjects in prop::collection::vec(subject(), 3)) {
        for anchoring in [Anchoring::Start, Anchoring::Search] {
            let (patterns, categories) = both(&text, anchoring);
            let [Ok(table), Ok(states)] = &patterns[..] else { continue };
            for subject in &subjects {
                let matches = |pattern: &Pattern| {
                    archived(pattern, &categories, |pattern, categories| pattern.is_match(subject, categories))
                };
                prop_assert_eq!(matches(table), matches(states), "{:?}", subject);
            }
        }
    }
}
