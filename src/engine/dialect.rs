//! Patterns are written for Python; this is how they read here.

use alloc::string::String;

/// Whether a pattern names a class by a Unicode property (`\p`). The edge does without their tables, and the reference engine has none. They are refused by name, since other crates
/// of a build may well switch the tables on.
pub(crate) fn names_unicode_class(text: &str) -> bool {
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'\\' && matches!(bytes.next(), Some(b'p' | b'P')) {
            return true;
        }
    }
    false
}

/// Whether a pattern, or a part of it, is verbose: with blanks and comments that mean nothing.
pub(crate) fn verbose(text: &str) -> bool {
    text.match_indices("(?").any(|(at, _)| {
        text[at + 2..].chars().take_while(|c| c.is_ascii_alphabetic() || *c == '-').any(|c| c == 'x')
    })
}

/// What Python, whose patterns these are, writes in another way: `\Z` for the end, a brace that counts nothing, `{,3}`,
/// an escaped `<`, `>` or letter beyond ASCII, and in a class what would be nested classes, set operations and word
/// boundaries here.
pub(crate) fn translate(text: &str) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;

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
}
