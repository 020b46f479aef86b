//! The token that an announcement must carry: `Authorization: Token <token>`.

use std::fmt;

use http::HeaderValue;
use subtle::ConstantTimeEq;

/// A shared secret; 1 or more visible ASCII characters, so that it fits in a header. `Debug` does not show it.
#[derive(Clone)]
pub struct Token(Box<[u8]>);

/// Why a text cannot be a token. An empty one is a setting that somebody forgot to fill in, and would let
/// everybody pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    #[error("the token is empty")]
    Empty,
    #[error("the token contains a space, a control character or a character outside of ASCII")]
    Character,
}

impl Token {
    /// # Errors
    ///
    /// If the text is empty or would not survive in a header.
    pub fn parse(text: &str) -> Result<Self, TokenError> {
        if text.is_empty() {
            return Err(TokenError::Empty);
        }
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(TokenError::Character);
        }
        Ok(Self(text.as_bytes().into()))
    }

    /// Whether an `Authorization` header carries this token. The time it takes tells the token's length at most.
    pub(crate) fn is_carried_by(&self, header: &HeaderValue) -> bool {
        let header = header.as_bytes();
        let Some(space) = header.iter().position(|&byte| byte == b' ') else { return false };
        let (scheme, token) = header.split_at(space);
        scheme.eq_ignore_ascii_case(b"token") && token.trim_ascii().ct_eq(&self.0).into()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_token_passes() {
        let token = Token::parse("s3cret").unwrap();
        for (header, passes) in [
            ("Token s3cret", true),
            ("token  s3cret", true),
            ("Token s3cre", false),
            ("Token s3cret1", false),
            ("Token S3CRET", false),
            ("Token ", false),
            ("Token", false),
            ("", false),
            ("s3cret", false),
            ("Bearer s3cret", false),
            ("Tokens3cret", false),
        ] {
            let carried = token.is_carried_by(&HeaderValue::from_static(header));
            assert_eq!(carried, passes, "{header:?}");
        }
    }

    #[test]
    fn a_token_fits_in_a_header_and_does_not_show() {
        assert_eq!(Token::parse("").unwrap_err(), TokenError::Empty);
        for text in ["a b", "a\n", "\u{e9}"] {
            assert_eq!(Token::parse(text).unwrap_err(), TokenError::Character, "{text:?}");
        }
        assert_eq!(format!("{:?}", Token::parse("s3cret").unwrap()), "Token(…)");
    }
}
