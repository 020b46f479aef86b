//! JSON on one line: a log endpoint would escape a line break, and the line would be no JSON any more.

use serde_json::value::RawValue;

use crate::flagsmith::limits::EVENT_DEPTH_LIMIT;
use crate::flagsmith::python::end_of_string;

/// Why a value cannot be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CompactError {
    /// It has more bytes than the limit.
    TooLong,
    TooDeep,
    /// It holds half of a surrogate pair, or a number that is too large. Parsers refuse both.
    Unreadable,
}

/// Numbers with fewer characters, and without an exponent, are never too large.
const SAFE_DIGITS: usize = 300;

/// The value without blanks, of so many bytes at most. In one pass, however deep it is: as a tree, values of a mebibyte would
/// take a hundred.
pub(super) fn compact(raw: &RawValue, limit: usize) -> Result<String, CompactError> {
    let mut text = String::new();
    let mut rest = raw.get();
    let mut depth = 0;
    while let Some(first) = rest.bytes().next() {
        let length = match first {
            b'"' => end_of_string(rest),
            b'[' | b']' | b'{' | b'}' | b',' | b':' => 1,
            first if first.is_ascii_whitespace() => {
                rest = rest.trim_ascii_start();
                continue;
            }
            _ => rest.bytes().position(ends_scalar).unwrap_or(rest.len()),
        };
        let (token, after) = rest.split_at(length);
        rest = after;
        match first {
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth -= 1,
            _ => {}
        }
        if depth > EVENT_DEPTH_LIMIT {
            return Err(CompactError::TooDeep);
        }
        // Escapes only become shorter, and a long text is not read in vain.
        if text.len() + token.len() > limit + escapes(token, first) {
            return Err(CompactError::TooLong);
        }
        match first {
            b'"' if token.contains('\\') => push_string(token, &mut text)?,
            b'-' | b'0'..=b'9' if !is_finite(token) => return Err(CompactError::Unreadable),
            _ => text.push_str(token),
        }
        if text.len() > limit {
            return Err(CompactError::TooLong);
        }
    }
    Ok(text)
}

/// Writes a JSON string, whose characters beyond ASCII may be escaped, with these characters themselves.
fn push_string(token: &str, text: &mut String) -> Result<(), CompactError> {
    let mut rest = token;
    while let Some(at) = rest.find('\\') {
        text.push_str(&rest[..at]);
        rest = &rest[at..];
        let (length, character) = match unit(rest) {
            None => (2, None),
            Some(high @ 0xd800..=0xdbff) => {
                let low = unit(&rest[6..]).filter(|low| (0xdc00..=0xdfff).contains(low));
                let pair = low.map(|low| 0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00));
                (12, Some(pair.ok_or(CompactError::Unreadable)?))
            }
            Some(0xdc00..=0xdfff) => return Err(CompactError::Unreadable),
            Some(unit) => (6, Some(unit)),
        };
        match character.filter(|code| *code > 0x7f).and_then(char::from_u32) {
            Some(character) => text.push(character),
            None => text.push_str(&rest[..length]),
        }
        rest = &rest[length..];
    }
    text.push_str(rest);
    Ok(())
}

/// What a text begins with, if that is `\u` and four digits.
fn unit(text: &str) -> Option<u32> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    u32::from_str_radix(digits, 16).ok()
}

/// By how many bytes a token may be longer than what is written of it.
fn escapes(token: &str, first: u8) -> usize {
    if first == b'"' { token.len() - token.len() / 6 } else { 0 }
}

fn ends_scalar(byte: u8) -> bool {
    matches!(byte, b',' | b':' | b']' | b'}') || byte.is_ascii_whitespace()
}

fn is_finite(number: &str) -> bool {
    let is_safe = number.len() < SAFE_DIGITS && !number.contains(['e', 'E']);
    is_safe || number.parse::<f64>().is_ok_and(f64::is_finite)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(json: &str, limit: usize) -> Result<String, CompactError> {
        compact(&RawValue::from_string(json.to_owned()).unwrap(), limit)
    }

    #[test]
    fn values_are_written_without_blanks_and_mean_the_same() {
        for (json, expected) in [
            ("null", "null"),
            ("[ ]", "[]"),
            ("{\n}", "{}"),
            ("[1,\r\n 2.50 , -3, 1e3, true]", "[1,2.50,-3,1e3,true]"),
            ("{ \"a\" : { \"b\" :\t[ { } , [ ] ] } , \"\" : null }", r#"{"a":{"b":[{},[]]},"":null}"#),
            (r#""a\nb\u0000\u00e9\ud83d\ude00\/""#, r#""a\nb\u0000é😀\/""#),
            ("18446744073709551615", "18446744073709551615"),
        ] {
            assert_eq!(of(json, 100), Ok(expected.to_owned()), "{json}");
            assert_eq!(of(json, expected.len()), Ok(expected.to_owned()), "{json}");
            assert_eq!(of(json, expected.len() - 1), Err(CompactError::TooLong), "{json}");
        }
    }

    #[test]
    fn what_parsers_refuse_is_refused() {
        let digits = "9".repeat(400);
        for json in [r#""\ud800""#, r#"{"\udc00": 1}"#, "1e999", "[1, [-1e999]]", &digits] {
            assert_eq!(of(json, 1_000), Err(CompactError::Unreadable), "{json}");
        }
        let deep = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert_eq!(of(&deep(64), 1_000), Ok(deep(64)));
        assert_eq!(of(&deep(65), 1_000), Err(CompactError::TooDeep));
        let objects = format!("{}1{}", r#"{"a":"#.repeat(100_000), "}".repeat(100_000));
        assert_eq!(of(&objects, 1_000_000), Err(CompactError::TooDeep));
    }
}
