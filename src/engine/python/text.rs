//! Python's `part in text`.

/// A longer text is searched by the standard library, which takes long to prepare. Most traits are short: for them, and
/// for short parts, comparing at every position is faster.
const SHORT: usize = 128;
const SHORT_PART: usize = 8;

/// Whether a text contains another.
#[inline]
pub(crate) fn contains_text(text: &str, part: &str) -> bool {
    if text.len() > SHORT || part.is_empty() || part.len() > SHORT_PART {
        return text.contains(part);
    }
    text.as_bytes().windows(part.len()).any(|window| window == part.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_and_long_texts_are_searched_alike() {
        for length in [1, 127, 128, 129, 300] {
            let text = "a".repeat(length - 1) + "b";
            for (part, expected) in [("", true), ("b", true), ("ab", length > 1), ("ba", false), ("c", false)]
            {
                assert_eq!(contains_text(&text, part), expected, "{part:?} in {length} bytes");
            }
        }
        assert!(contains_text("", ""));
        assert!(!contains_text("", "a"));
    }
}
