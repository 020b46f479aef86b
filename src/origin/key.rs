//! The name of an environment, as it stands in a path.

use std::fmt;

/// The longest key. Flagsmith's have 22 characters; a KV key may have 1,024 bytes, and the edge puts a prefix
/// before it.
const MAX_LEN: usize = 256;

/// A client-side environment key: 1 to 256 characters of `[A-Za-z0-9_.:-]`.
///
/// The origin does not know which keys exist; it only keeps out what can be none.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct EnvironmentKey(Box<str>);

/// Why a text is no environment key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum KeyError {
    #[error("environment key is empty")]
    Empty,
    #[error("environment key has {0} characters, more than {MAX_LEN}")]
    TooLong(usize),
    #[error("environment key contains {0:?}, which is none of A-Z a-z 0-9 _ . : -")]
    Character(char),
    #[error("environment key is not UTF-8")]
    NotUtf8,
}

impl EnvironmentKey {
    /// Takes the key as it is after percent-decoding.
    ///
    /// # Errors
    ///
    /// If it is empty, too long or has a character outside of the alphabet.
    pub(crate) fn parse(text: &str) -> Result<Self, KeyError> {
        let length = text.chars().count();
        if length == 0 {
            return Err(KeyError::Empty);
        }
        if length > MAX_LEN {
            return Err(KeyError::TooLong(length));
        }
        match text.chars().find(|&c| !is_key_character(c)) {
            Some(c) => Err(KeyError::Character(c)),
            None => Ok(Self(text.into())),
        }
    }
}

impl fmt::Display for EnvironmentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_key_character(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | ':' | '-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_the_alphabet_are_taken_as_they_are() {
        for text in ["4vfqhypYjcPoGGu8ByrBaj", "a", "demo_1.eu:blue-green", &"k".repeat(256)] {
            assert_eq!(EnvironmentKey::parse(text).map(|key| key.to_string()), Ok(text.to_owned()));
        }
    }

    #[test]
    fn others_are_refused_by_name() {
        for (text, error) in [
            ("", KeyError::Empty),
            (&*"k".repeat(257), KeyError::TooLong(257)),
            ("a/b", KeyError::Character('/')),
            ("a b", KeyError::Character(' ')),
            ("caf\u{e9}", KeyError::Character('\u{e9}')),
            ("a\n", KeyError::Character('\n')),
        ] {
            assert_eq!(EnvironmentKey::parse(text), Err(error), "{text:?}");
        }
    }
}
