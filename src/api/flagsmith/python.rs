//! Texts as Python writes and reads them, where Flagsmith's API shows that it is written in Python.

use std::fmt::Write;

use engine::Value;
use serde_json::value::RawValue;

use super::limits::{JSON_BYTES, is_longer};

/// Why a value has no text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TextError {
    TooLong,
    /// It holds half of a surrogate pair, or a number that is too large.
    NoText,
}

/// A text without the white space around it: `str.strip()`.
pub(super) fn strip(text: &str) -> &str {
    // Python counts the four separators of ASCII as white space, and Unicode does not.
    text.trim_matches(|c: char| c.is_whitespace() || ('\x1c'..='\x1f').contains(&c))
}

/// What `str()` makes of a list or an object, of so many characters at most: `[1, 'a', True]`. In one pass, however deep
/// it is.
pub(super) fn text(raw: &RawValue, limit: usize) -> Result<String, TextError> {
    let mut text = String::new();
    let mut rest = raw.get();
    while let Some(first) = rest.chars().next() {
        // No character is longer than four bytes.
        if text.len() > 4 * limit {
            return Err(TextError::TooLong);
        }
        let length = match first {
            '"' => end_of_string(rest),
            '[' | ']' | '{' | '}' | ',' | ':' => 1,
            first if first.is_ascii_whitespace() => {
                rest = rest.trim_ascii_start();
                continue;
            }
            _ => rest.find([',', ']', '}', ' ', '\t', '\n', '\r']).unwrap_or(rest.len()),
        };
        let (token, after) = rest.split_at(length);
        rest = after;
        // A string of that many bytes is too long, whatever it holds; a number is as long as it was sent.
        let most = if first == '"' { JSON_BYTES * limit + r#""""#.len() } else { limit };
        if token.len() > most {
            return Err(TextError::TooLong);
        }
        match token {
            "[" | "]" | "{" | "}" => text.push_str(token),
            "," => text.push_str(", "),
            ":" => text.push_str(": "),
            token => match Value::from_json(token) {
                Some(Value::Null) => text.push_str("None"),
                Some(Value::Bool(true)) => text.push_str("True"),
                Some(Value::Bool(false)) => text.push_str("False"),
                Some(Value::Int(integer)) => text.push_str(&integer.to_string()),
                Some(Value::Float(float)) if float.is_finite() => text.push_str(&engine::float_text(float)),
                Some(Value::Str(string)) => quote(&string, &mut text),
                Some(Value::Float(_)) | None => return Err(TextError::NoText),
            },
        }
    }
    if is_longer(&text, limit) { Err(TextError::TooLong) } else { Ok(text) }
}

/// The length of the JSON string that a text begins with.
pub(super) fn end_of_string(text: &str) -> usize {
    let mut is_escaped = false;
    let end = text.bytes().skip(1).position(|byte| {
        let is_end = byte == b'"' && !is_escaped;
        is_escaped = byte == b'\\' && !is_escaped;
        is_end
    });
    end.map_or(text.len(), |end| end + 2)
}

/// `repr()` of a string.
fn quote(string: &str, text: &mut String) {
    let quote = if string.contains('\'') && !string.contains('"') { '"' } else { '\'' };
    text.push(quote);
    for c in string.chars() {
        // Writing to a string cannot fail.
        let _ = match c {
            '\n' => text.write_str("\\n"),
            '\r' => text.write_str("\\r"),
            '\t' => text.write_str("\\t"),
            c if c == quote || c == '\\' => write!(text, "\\{c}"),
            c if is_printable(c) => text.write_char(c),
            c => match u32::from(c) {
                code @ ..=0xff => write!(text, "\\x{code:02x}"),
                code @ ..=0xffff => write!(text, "\\u{code:04x}"),
                code => write!(text, "\\U{code:08x}"),
            },
        };
    }
    text.push(quote);
}

/// Python and Rust agree on which characters are printable. Rust says it only of a character behind another one: at the start
/// of a text it escapes some more.
fn is_printable(c: char) -> bool {
    let mut buffer = [b'a', 0, 0, 0, 0];
    let length = 1 + c.encode_utf8(&mut buffer[1..]).len();
    let shown = std::str::from_utf8(&buffer[..length]).map(|text| text.escape_debug().count());
    shown == Ok(2) || matches!(c, '"' | '\'')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(json: &str) -> Result<String, TextError> {
        text(&RawValue::from_string(json.to_owned()).unwrap(), 40)
    }

    /// The right side is what Python 3.11 prints for `str(json.loads(…))`.
    #[test]
    fn lists_and_objects_are_written_as_python_writes_them() {
        for (json, expected) in [
            ("[]", "[]"),
            ("{ }", "{}"),
            (r#"[1,"a"]"#, "[1, 'a']"),
            (r#"{"a" : [true,false , null]}"#, "{'a': [True, False, None]}"),
            ("[1.50, 1e3, -0, 1E22]", "[1.5, 1000.0, 0, 1e+22]"),
            ("[12345678901234567890123]", "[12345678901234567890123]"),
            (r#"["it's", "say \"hi\"", "b'o\"th"]"#, r#"["it's", 'say "hi"', 'b\'o"th']"#),
            (r#"["\\", "a,]}b", "\n\t"]"#, r"['\\', 'a,]}b', '\n\t']"),
            (r#"["\u0000\u007f\u00a0\u00ad"]"#, r"['\x00\x7f\xa0\xad']"),
            (r#"["\u2028\u200b\ue000"]"#, r"['\u2028\u200b\ue000']"),
            (r#"["é", "e\u0301", "日本", "\ud83d\ude00"]"#, "['é', 'e\u{301}', '日本', '😀']"),
        ] {
            assert_eq!(of(json), Ok(expected.to_owned()), "{json}");
        }
    }

    #[test]
    fn values_without_a_text_are_refused() {
        assert_eq!(of(r#"["\ud800"]"#), Err(TextError::NoText));
        assert_eq!(of("[1e400]"), Err(TextError::NoText));
        assert_eq!(of(&format!(r#"["{}"]"#, "x".repeat(37))), Err(TextError::TooLong));
        assert_eq!(of(&format!(r#"["{}"]"#, "é".repeat(36))).map(|text| text.chars().count()), Ok(40));
        for long in
            ["9".repeat(41), format!("0.{}", "1".repeat(40)), "1e".to_owned() + &"1".repeat(1_000_000)]
        {
            assert_eq!(of(&format!("[{long}]")), Err(TextError::TooLong));
        }
        assert_eq!(of(&format!("[{}]", "9".repeat(38))).map(|text| text.len()), Ok(40));
        assert_eq!(
            of(&format!("[\"{}\"]", r"\ud83d\ude00".repeat(36))).map(|text| text.chars().count()),
            Ok(40)
        );
        assert_eq!(of(&format!("[\"{}\"]", r"\ud83d\ude00".repeat(37))), Err(TextError::TooLong));
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(of(&deep), Err(TextError::TooLong));
    }

    #[test]
    fn white_space_is_stripped_as_python_strips_it() {
        assert_eq!(strip(" \u{a0}\x1f\u{3000}a b\n\x1c"), "a b");
        assert_eq!(strip("\u{200b}"), "\u{200b}");
    }
}
