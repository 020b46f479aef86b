//! Translates patterns from the syntax of Python's `re` to that of `regex`.
//!
//! Constructs that need backtracking are refused: look-around, back-references, conditions on groups, possessive
//! quantifiers and atomic groups. Patterns that Python refuses are refused too, and so is `\N{…}`, which would need a
//! table of names.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::iter::Peekable;
use core::str::Chars;

use crate::pattern::class::{Class, literal};
use crate::pattern::inline_flags::InlineFlags;

/// Translates a pattern.
///
/// # Errors
/// Why it is invalid, or cannot be matched in linear time.
pub(crate) fn translate(pattern: &str) -> Result<String, String> {
    let mut reader = Reader {
        rest: pattern.chars().peekable(),
        global: InlineFlags::default(),
        names: Vec::new(),
        depth: 0,
    };
    let written = reader.alternatives(InlineFlags::default())?;
    match reader.rest.next() {
        None => Ok(written),
        Some(_) => Err("unbalanced parenthesis".to_owned()),
    }
}

/// The limit of groups within groups; `regex` has a similar one.
const DEPTH: usize = 100;

/// The kind of the item that was written last: whether a quantifier may follow it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Last {
    Nothing,
    Item,
    Position,
    Repeated,
}

pub(crate) struct Reader<'a> {
    pub(crate) rest: Peekable<Chars<'a>>,
    /// Set by flags at the start of the pattern.
    pub(crate) global: InlineFlags,
    names: Vec<String>,
    depth: usize,
}

impl Reader<'_> {
    fn alternatives(&mut self, mut flags: InlineFlags) -> Result<String, String> {
        self.depth += 1;
        if self.depth > DEPTH {
            return Err(format!("groups are nested more than {DEPTH} deep"));
        }
        let top = self.depth == 1;
        let mut written = self.sequence(flags, top)?;
        while self.rest.next_if_eq(&'|').is_some() {
            if top {
                flags = self.global;
            }
            written.push('|');
            written += &self.sequence(flags, false)?;
        }
        self.depth -= 1;
        Ok(written)
    }

    /// `first`: flags for the whole pattern may stand here.
    fn sequence(&mut self, mut flags: InlineFlags, first: bool) -> Result<String, String> {
        let mut written = String::new();
        let mut last = Last::Nothing;
        while let Some(c) = self.rest.next_if(|c| !matches!(c, '|' | ')')) {
            match c {
                ' ' | '\t' | '\n' | '\r' | '\x0b' | '\x0c' if flags.verbose => continue,
                '#' if flags.verbose => {
                    while self.skipped()?.is_some_and(|c| c != '\n') {}
                    continue;
                }
                '(' => match self.group(flags)? {
                    Group::Written(group) => written += &group,
                    Group::Comment => continue,
                    Group::InlineFlags if first && last == Last::Nothing => {
                        flags = self.global;
                        continue;
                    }
                    Group::InlineFlags => {
                        return Err("inline flags for the whole pattern must stand at its start".to_owned());
                    }
                },
                '*' | '+' | '?' | '{' => {
                    if let Some(quantifier) = self.quantifier(c)? {
                        match last {
                            Last::Item => written += &quantifier,
                            Last::Nothing | Last::Position => return Err("nothing to repeat".to_owned()),
                            Last::Repeated => return Err("multiple repeat".to_owned()),
                        }
                        last = Last::Repeated;
                        continue;
                    }
                    written += &Self::literal('{', flags);
                }
                '^' | '$' => {
                    written += position(c, flags);
                    last = Last::Position;
                    continue;
                }
                '.' => written += if flags.dot_all { "(?s:.)" } else { "." },
                '[' => written += &self.class(flags)?,
                '\\' => {
                    let (escape, is_position) = self.escape(flags)?;
                    written += &escape;
                    last = if is_position { Last::Position } else { Last::Item };
                    continue;
                }
                _ => written += &Self::literal(c, flags),
            }
            last = Last::Item;
        }
        Ok(written)
    }

    /// The next character of a comment. An escaped character does not end a comment; for it, the backslash is returned.
    fn skipped(&mut self) -> Result<Option<char>, String> {
        let c = self.rest.next();
        if c == Some('\\') {
            self.rest.next().ok_or("a backslash at the end")?;
        }
        Ok(c)
    }

    pub(super) fn literal(c: char, flags: InlineFlags) -> String {
        if flags.ignore_case { Class::of(c).written(false, flags) } else { literal(c) }
    }

    /// The quantifier that starts with `c`; none for a brace that is an ordinary character.
    fn quantifier(&mut self, c: char) -> Result<Option<String>, String> {
        let mut quantifier = String::from(c);
        if c == '{' {
            let Some((least, most)) = self.counts() else { return Ok(None) };
            let number = |digits: &str| digits.parse::<u32>().map_err(|_| "too many repetitions".to_owned());
            let (min, max) = (number(if least.is_empty() { "0" } else { &least })?, most);
            quantifier = match max.as_deref() {
                None => format!("{{{min}}}"),
                Some("") => format!("{{{min},}}"),
                Some(most) if number(most)? < min => {
                    return Err("a repetition whose maximum is below its minimum".to_owned());
                }
                Some(most) => format!("{{{min},{}}}", number(most)?),
            };
        }
        if self.rest.next_if_eq(&'?').is_some() {
            quantifier.push('?');
        } else if self.rest.peek() == Some(&'+') {
            return Err("possessive quantifiers are not supported".to_owned());
        }
        Ok(Some(quantifier))
    }

    /// Reads `{least}` or `{least,most}` after its opening brace, and returns the digits. Reads nothing if it is
    /// neither.
    fn counts(&mut self) -> Option<(String, Option<String>)> {
        let mut ahead = self.rest.clone();
        let digits = |ahead: &mut Peekable<Chars<'_>>| {
            let mut digits = String::new();
            while let Some(digit) = ahead.next_if(char::is_ascii_digit) {
                digits.push(digit);
            }
            digits
        };
        let least = digits(&mut ahead);
        let most = ahead.next_if_eq(&',').map(|_| digits(&mut ahead));
        if ahead.next() != Some('}') || least.is_empty() && most.is_none() {
            return None;
        }
        self.rest = ahead;
        Some((least, most))
    }

    fn group(&mut self, flags: InlineFlags) -> Result<Group, String> {
        let mut inner = flags;
        if self.rest.next_if_eq(&'?').is_some() {
            match self.rest.next() {
                Some(':') => {}
                Some('P') => match self.rest.next() {
                    Some('<') => self.name()?,
                    Some('=') => return Err("back-references are not supported".to_owned()),
                    _ => return Err("unknown group syntax after (?P".to_owned()),
                },
                Some('#') => {
                    while self.skipped()?.ok_or("unterminated comment")? != ')' {}
                    return Ok(Group::Comment);
                }
                Some('=' | '!' | '<') => return Err("look-around is not supported".to_owned()),
                Some('(') => return Err("conditions on groups are not supported".to_owned()),
                Some('>') => return Err("atomic groups are not supported".to_owned()),
                Some(c) => match self.flags(c, flags)? {
                    Some(flags) => inner = flags,
                    None => return Ok(Group::InlineFlags),
                },
                None => return Err("unexpected end of pattern".to_owned()),
            }
        }
        let written = self.alternatives(inner)?;
        self.rest.next().ok_or("unterminated group")?;
        Ok(Group::Written(format!("(?:{written})")))
    }

    fn name(&mut self) -> Result<(), String> {
        let mut name = String::new();
        loop {
            match self.rest.next().ok_or("unterminated group name")? {
                '>' => break,
                c => name.push(c),
            }
        }
        let mut characters = name.chars();
        let first = characters.next().is_some_and(|c| c.is_alphabetic() || c == '_');
        if !first || !characters.all(|c| c.is_alphanumeric() || c == '_') {
            return Err(format!("bad group name {name:?}"));
        }
        if self.names.contains(&name) {
            return Err(format!("two groups are named {name:?}"));
        }
        self.names.push(name);
        Ok(())
    }
}

/// The kinds of constructs that start with a parenthesis.
enum Group {
    Written(String),
    Comment,
    /// Inline flags for the whole pattern.
    InlineFlags,
}

fn position(c: char, flags: InlineFlags) -> &'static str {
    match (c, flags.multi_line) {
        ('^', false) => "\\A",
        ('^', true) => "(?m:^)",
        // `$` matches before a last line break too. Here the line break becomes part of the match; this differs only for a
        // pattern that matches the line break once more after `$`.
        (_, false) => "(?:\\n?\\z)",
        (_, true) => "(?m:$)",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn python_syntax_is_translated() {
        for (pattern, expected) in [
            ("^a$", r"\Aa(?:\n?\z)"),
            ("(?m)^a$", "(?m:^)a(?m:$)"),
            (r"^\d+\Z", r"\A\d+\z"),
            ("a{2}b{2,}c{,3}d{,}?", "a{2}b{2,}c{0,3}d{0,}?"),
            (r#"{"a": {1, 2} {} {"#, r#"\x7B"a": \x7B1, 2\x7D \x7B\x7D \x7B"#),
            (r"\<b\>\é", r"<b>\x{E9}"),
            (r"[]a][^]a][\]{]", r"[\x5Da][^\x5Da][\x5D\x7B]"),
            (r"[a&&b~~c\b]", r"[a\x26\x26b\x7E\x7Ec\x08]"),
            (r"\0\07\101\x41\u0041\U00000041", r"\x00\x07AAAA"),
            ("a(?#note)*(?#)", "a*"),
            (r"(?#a\)b)c", "c"),
            ("(?x)a#b\\\n$\n|b", "a|b"),
            ("(?x) a b # c\n | \\  [ ]", "ab| [ ]"),
            ("(?s).(?-s:.)(?P<n>a|)", "(?s:.)(?:.)(?:a|)"),
            (r"\s\S", r"[\s\x1C-\x1F][^\s\x1C-\x1F]"),
            (r"\w\W[\w-]", r"[\p{L}\p{N}_][^\p{L}\p{N}_][\x2D\p{L}\p{N}_]"),
            (r"(?a)\w\D[\W]", "[0-9A-Za-z_][^0-9][^0-9A-Za-z_]"),
            ("(?i)a-I", r"(?i:[a])(?i:[\x2D])(?i:[I\x{130}\x{131}])"),
            ("(?ai)k1", "[kK][1]"),
        ] {
            assert_eq!(translate(pattern).as_deref(), Ok(expected), "{pattern}");
        }
    }

    #[test]
    fn invalid_and_unsupported_patterns_are_refused() {
        for pattern in [
            "(",
            ")",
            "a)",
            "[",
            "[]",
            "[^]",
            "*",
            "^*",
            r"\b+",
            "a**",
            "a{2}{3}",
            "a{2,1}",
            "a++",
            "a*+",
            "(?>a)",
            "(?=a)",
            "(?!a)",
            "(?<=a)",
            "(?<n>a)",
            r"(a)\1",
            "(?P=n)",
            "(a)?(?(1)b)",
            "(?P<1>a)",
            "(?P<n>a)(?P<n>b)",
            "(?",
            "(?z)",
            "(?)",
            "(?L)a",
            "(?au)a",
            "(?i-i:a)",
            "(?-i)a",
            "(?-:a)",
            "(?-a:b)",
            "a(?i)",
            "(a(?i))",
            "(?#",
            r"\",
            r"\q",
            r"[\q]",
            r"[\A]",
            r"\x4",
            r"\u00g1",
            r"\ud800",
            r"\400",
            r"\8",
            r"[\8]",
            r"\N{BULLET}",
            r"\p{L}",
            "[b-a]",
            r"[\d-z]",
            "a{99999999999}",
        ] {
            assert!(translate(pattern).is_err(), "{pattern}");
        }
        assert!(translate(&"(".repeat(4_000)).is_err());
    }
}
