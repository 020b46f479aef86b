//! Texts as JSON, written into an answer without anything in between: an environment has hundreds of them.

/// Writes a text as JSON.
pub(crate) fn write_text(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    write_inner(text, out);
    out.push(b'"');
}

/// Writes a text as it stands between the quotes.
pub(crate) fn write_inner(text: &str, out: &mut Vec<u8>) {
    if is_plain(text) {
        out.extend_from_slice(text.as_bytes());
        return;
    }
    let quoted = serde_json::to_string(text).unwrap_or_default();
    out.extend_from_slice(quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default().as_bytes());
}

/// Whether no character of a text has to be escaped: neither a quote, nor a backslash, nor one below the blank. Eight bytes at a
/// time: in wasm, a byte costs as much as eight.
fn is_plain(text: &str) -> bool {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    // A byte of 0 borrows from its high bit, as does one below what is subtracted. Bytes with that bit of their own are letters.
    let has_below = |word: u64, limit: u8| word.wrapping_sub(ONES * u64::from(limit)) & !word & HIGH != 0;
    let has = |word: u64, byte: u8| has_below(word ^ (ONES * u64::from(byte)), 1);
    let (words, rest) = text.as_bytes().as_chunks();
    let is_plain_word = |word: &[u8; 8]| {
        let word = u64::from_ne_bytes(*word);
        !(has_below(word, b' ') || has(word, b'"') || has(word, b'\\'))
    };
    words.iter().all(is_plain_word) && rest.iter().all(|byte| *byte >= b' ' && !b"\"\\".contains(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_to_be_escaped_is_seen_wherever_it_stands() {
        for code in (0..=0x1FF).filter_map(char::from_u32) {
            let is_escaped = code < ' ' || "\"\\".contains(code);
            for before in 0..20 {
                let text = format!("{}{code}{}", "é".repeat(before / 2) + &"a".repeat(before), "~".repeat(9));
                assert_eq!(is_plain(&text), !is_escaped, "{text:?}");
            }
        }
    }

    #[test]
    fn texts_are_json() {
        for text in ["", "a", "é\u{1F6A9}", "a\"b\\c", "\u{1}\n\u{7f}", "/"] {
            let mut out = Vec::new();
            write_text(text, &mut out);
            assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), text);
        }
    }
}
