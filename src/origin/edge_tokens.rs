//! The tokens by which the origin knows edges.

use std::path::Path;

use api::{Secret, SecretError};
use thiserror::Error;

/// One token, or two while the token is being changed: edges have the old one or the new one then.
#[derive(Clone, Debug)]
pub struct EdgeTokens(Vec<Secret>);

/// Why there are no edge tokens where some should be. No error shows any part of a token.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum EdgeTokensError {
    #[error(transparent)]
    Secret(#[from] SecretError),
    #[error("{place}: token {number} {error}")]
    Token { place: String, number: usize, error: SecretError },
    #[error("{place}: {count} lines with tokens, and there can be two: the old token and the new one")]
    TooMany { place: String, count: usize },
    #[error("{place}: the two tokens are equal")]
    Equal { place: String },
}

/// The old token and the new one.
const MOST: usize = 2;

impl EdgeTokens {
    /// The tokens of this file, or else of the environment variable of this name, one a line; none if there is neither.
    /// Lines without a token do not count.
    ///
    /// # Errors
    /// What is wrong with them, with the file or the variable.
    pub fn read(file: Option<&Path>, variable: &str) -> Result<Option<EdgeTokens>, EdgeTokensError> {
        let place = file.map_or_else(|| variable.to_owned(), |file| file.display().to_string());
        let secret = Secret::read(file, variable)?;
        secret.map(|secret| EdgeTokens::parse(secret.reveal(), &place)).transpose()
    }

    pub(crate) fn parse(text: &str, place: &str) -> Result<EdgeTokens, EdgeTokensError> {
        let place = || place.to_owned();
        let lines = text.lines().map(str::trim_end).filter(|line| !line.is_empty());
        let count = lines.clone().count();
        if count > MOST {
            return Err(EdgeTokensError::TooMany { place: place(), count });
        }
        let token = |(number, line)| {
            let token = Secret::parse_token(line);
            token.map_err(|error| EdgeTokensError::Token { place: place(), number, error })
        };
        let tokens: Vec<Secret> = (1..).zip(lines).map(token).collect::<Result<_, _>>()?;
        match tokens.as_slice() {
            [] => Err(SecretError::At { place: place(), error: Box::new(SecretError::Empty) }.into()),
            [old, new] if old == new => Err(EdgeTokensError::Equal { place: place() }),
            _ => Ok(EdgeTokens(tokens)),
        }
    }

    /// Whether these bytes are one of the tokens. The time it takes tells no more than the lengths of the tokens.
    pub fn accept(&self, given: &[u8]) -> bool {
        self.0.iter().fold(false, |accepted, token| token.equals(given) | accepted)
    }
}

#[cfg(test)]
mod tests {
    use std::{env, fs};

    use super::*;

    fn parse(text: &str) -> Result<EdgeTokens, String> {
        EdgeTokens::parse(text, "tokens").map_err(|error| {
            assert!(!format!("{error:?} {error}").contains("s3cret"), "{error:?}");
            error.to_string()
        })
    }

    #[test]
    fn there_are_one_or_two_tokens() {
        for (text, accepted, refused) in [
            ("s3cret", &["s3cret"][..], &["", "s3cre", "s3cret2", "other"][..]),
            ("s3cret\n", &["s3cret"], &["s3cret\n"]),
            (
                "s3cret-old\ns3cret-new\n",
                &["s3cret-old", "s3cret-new"],
                &["s3cret", "s3cret-old\ns3cret-new"],
            ),
            ("s3cret-old  \r\n\r\ns3cret-new\r\n", &["s3cret-old", "s3cret-new"], &["", "s3cret-new\r"]),
        ] {
            let tokens = parse(text).unwrap();
            for given in accepted {
                assert!(tokens.accept(given.as_bytes()), "{text:?}: {given:?}");
            }
            for given in refused {
                assert!(!tokens.accept(given.as_bytes()), "{text:?}: {given:?}");
            }
        }
    }

    #[test]
    fn bad_edge_tokens_are_refused_and_never_shown() {
        let unfit = "holds a space, a control character or a character outside of ASCII, so it cannot be sent in a header";
        for (text, expected) in [
            ("", "tokens: the secret is empty".to_owned()),
            (" \n \n", "tokens: the secret is empty".to_owned()),
            ("s3cret word", format!("tokens: token 1 {unfit}")),
            ("s3cret\n s3cret2", format!("tokens: token 2 {unfit}")),
            ("s3cret\ns3crét", format!("tokens: token 2 {unfit}")),
            ("s3cret\r\ns3cret\n", "tokens: the two tokens are equal".to_owned()),
            (
                "s3cret\ns3cret2\ns3cret3",
                "tokens: 3 lines with tokens, and there can be two: the old token and the new one".to_owned(),
            ),
        ] {
            assert_eq!(parse(text).err(), Some(expected), "{text:?}");
        }
    }

    #[test]
    fn edge_tokens_of_a_file_or_of_a_variable() {
        const UNSET: &str = "JACKSTAFF_NO_SUCH_VARIABLE";
        let file = env::temp_dir().join(format!("jackstaff-edge-tokens-{}", std::process::id()));
        fs::write(&file, "\u{feff}s3cret\ns3cret2\n").unwrap();
        assert!(EdgeTokens::read(Some(&file), UNSET).unwrap().unwrap().accept(b"s3cret"));
        fs::write(&file, "\n").unwrap();
        let empty = EdgeTokens::read(Some(&file), UNSET).unwrap_err().to_string();
        assert_eq!(empty, format!("{}: the secret is empty", file.display()));
        fs::remove_file(&file).unwrap();
        let missing = EdgeTokens::read(Some(&file), "PATH").unwrap_err().to_string();
        assert!(
            missing.starts_with(&format!("{}: the secret could not be read: ", file.display())),
            "{missing}"
        );
        assert!(EdgeTokens::read(None, UNSET).unwrap().is_none());
    }
}
