//! The decimal digits of all scripts: Python's `int` and `float` read them.

use alloc::borrow::Cow;
use alloc::string::String;

/// Replaces the digits of all scripts by ASCII ones, as Python does before a cast.
pub(crate) fn plain(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().map(|c| digit(c).unwrap_or(c)).collect::<String>())
}

fn digit(c: char) -> Option<char> {
    let point = u32::from(c);
    let zero = ZEROS[..ZEROS.partition_point(|zero| *zero <= point)].last()?;
    char::from_digit(point - zero, 10)
}

/// The zeros of all scripts in Unicode 14. The other nine digits of a script follow its zero.
#[rustfmt::skip]
const ZEROS: [u32; 65] = [
    0x660, 0x6f0, 0x7c0, 0x966, 0x9e6, 0xa66, 0xae6, 0xb66, 0xbe6, 0xc66, 0xce6, 0xd66, 0xde6, 0xe50, 0xed0, 0xf20,
    0x1040, 0x1090, 0x17e0, 0x1810, 0x1946, 0x19d0, 0x1a80, 0x1a90, 0x1b50, 0x1bb0, 0x1c40, 0x1c50, 0xa620, 0xa8d0,
    0xa900, 0xa9d0, 0xa9f0, 0xaa50, 0xabf0, 0xff10, 0x104a0, 0x10d30, 0x11066, 0x110f0, 0x11136, 0x111d0, 0x112f0,
    0x11450, 0x114d0, 0x11650, 0x116c0, 0x11730, 0x118e0, 0x11950, 0x11c50, 0x11d50, 0x11da0, 0x16a60, 0x16ac0,
    0x16b50, 0x1d7ce, 0x1d7d8, 0x1d7e2, 0x1d7ec, 0x1d7f6, 0x1e140, 0x1e2f0, 0x1e950, 0x1fbf0,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_of_other_scripts() {
        for (text, expected) in [("7٧", "77"), ("-１８.५", "-18.5"), ("𝟜𝟚", "42"), ("²½Ⅷ三é", "²½Ⅷ三é")]
        {
            assert_eq!(plain(text), expected, "{text:?}");
        }
    }
}
