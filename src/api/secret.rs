//! Secrets that programs share: tokens, passwords, and what webhooks are signed with.
//!
//! One rule for all of them, whether the text is given, in an environment variable or in a file: white space at its end
//! and a byte order mark at its front do not count, and it must not be empty. A token also has to fit in a header. No error shows any part of a secret.

use std::env::{self, VarError};
use std::fmt;
use std::fs;
use std::path::Path;

use subtle::ConstantTimeEq;
use thiserror::Error;

/// A text that is shown to nobody. There is no `Display`, so a secret that is formatted by mistake does not compile; and
/// `Debug` does not show it.
#[derive(Clone)]
pub struct Secret(Box<str>);

/// Why there is no secret where one should be.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SecretError {
    /// Most likely a setting that was not filled in. It must not let everybody pass.
    #[error("is empty")]
    Empty,
    #[error(
        "holds a space, a control character or a character outside of ASCII, so it cannot be sent in a header"
    )]
    NotAToken,
    #[error("has fewer than {least} characters, so it could be found by trying")]
    TooShort { least: usize },
    #[error("is not UTF-8")]
    NotUtf8,
    #[error("could not be read: {0}")]
    Unreadable(String),
    /// The file or the variable, and what is wrong with it.
    #[error("{place}: the secret {error}")]
    At { place: String, error: Box<SecretError> },
}

impl Secret {
    /// Any text that is not empty: a password, or a key that only signs. Some editors begin a file with a byte order mark,
    /// which gets into environment variables from there; it does not count.
    ///
    /// # Errors
    /// If nothing is left without the white space at its end.
    pub fn parse(text: &str) -> Result<Secret, SecretError> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text).trim_end();
        if text.is_empty() { Err(SecretError::Empty) } else { Ok(Secret(text.into())) }
    }

    /// A token, which is sent in a header: visible ASCII characters only.
    ///
    /// # Errors
    /// If it is empty, or holds any other character.
    pub fn parse_token(text: &str) -> Result<Secret, SecretError> {
        Secret::parse(text)?.into_token()
    }

    /// A secret from this file, or else from the environment variable of this name; none if there is neither. There is no
    /// third place: other users of the machine can read a command line.
    ///
    /// # Errors
    /// A [`SecretError`] that names the place.
    pub fn read(file: Option<&Path>, variable: &str) -> Result<Option<Secret>, SecretError> {
        match file {
            Some(file) => Secret::read_file(file).map(Some),
            None => Secret::read_variable(variable),
        }
    }

    /// As [`Secret::read`], of a token.
    ///
    /// # Errors
    /// As [`Secret::read`], and if it cannot be sent in a header.
    pub fn read_token(file: Option<&Path>, variable: &str) -> Result<Option<Secret>, SecretError> {
        let place = || file.map_or_else(|| variable.to_owned(), |file| file.display().to_string());
        let secret = Secret::read(file, variable)?;
        secret.map(|secret| secret.into_token().map_err(|error| error.at(place()))).transpose()
    }

    /// A secret from a file.
    ///
    /// # Errors
    /// A [`SecretError`] that names the file.
    pub fn read_file(file: &Path) -> Result<Secret, SecretError> {
        let read = || {
            let bytes = fs::read(file).map_err(|error| SecretError::Unreadable(error.to_string()))?;
            let text = std::str::from_utf8(&bytes).map_err(|_| SecretError::NotUtf8)?;
            Secret::parse(text)
        };
        read().map_err(|error| error.at(file.display().to_string()))
    }

    /// A secret from an environment variable; none if it is not set.
    ///
    /// # Errors
    /// A [`SecretError`] that names the variable.
    pub fn read_variable(variable: &str) -> Result<Option<Secret>, SecretError> {
        let secret = match env::var(variable) {
            Ok(text) => Secret::parse(&text).map(Some),
            Err(VarError::NotPresent) => Ok(None),
            Err(VarError::NotUnicode(_)) => Err(SecretError::NotUtf8),
        };
        secret.map_err(|error| error.at(variable.to_owned()))
    }

    /// The text, for the one place that needs it.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Whether these bytes are the secret. The time it takes tells no more than the secret's length.
    pub fn equals(&self, given: &[u8]) -> bool {
        self.0.as_bytes().ct_eq(given).into()
    }

    fn into_token(self) -> Result<Secret, SecretError> {
        let fits = self.0.bytes().all(|byte| byte.is_ascii_graphic());
        if fits { Ok(self) } else { Err(SecretError::NotAToken) }
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Secret) -> bool {
        self.equals(other.0.as_bytes())
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl SecretError {
    fn at(self, place: String) -> SecretError {
        SecretError::At { place, error: Box::new(self) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_secrets_and_of_tokens() {
        for (text, secret, token) in [
            ("s3cret", Ok("s3cret"), Ok("s3cret")),
            ("s3cret\r\n", Ok("s3cret"), Ok("s3cret")),
            ("", Err(SecretError::Empty), Err(SecretError::Empty)),
            (" \n", Err(SecretError::Empty), Err(SecretError::Empty)),
            ("two words", Ok("two words"), Err(SecretError::NotAToken)),
            ("é", Ok("é"), Err(SecretError::NotAToken)),
            ("a\nb", Ok("a\nb"), Err(SecretError::NotAToken)),
        ] {
            let revealed =
                |secret: Result<Secret, SecretError>| secret.map(|secret| secret.reveal().to_owned());
            assert_eq!(revealed(Secret::parse(text)), secret.map(str::to_owned), "{text:?}");
            assert_eq!(revealed(Secret::parse_token(text)), token.map(str::to_owned), "{text:?}");
        }
    }

    #[test]
    fn only_the_whole_secret_is_equal() {
        let secret = Secret::parse("s3cret").unwrap();
        for (given, expected) in
            [("s3cret", true), ("s3cre", false), ("s3cret1", false), ("S3CRET", false), ("", false)]
        {
            assert_eq!(secret.equals(given.as_bytes()), expected, "{given:?}");
        }
        assert_ne!(secret, Secret::parse("other").unwrap());
    }

    #[test]
    fn a_secret_of_a_file_or_of_a_variable() {
        let file = env::temp_dir().join(format!("jackstaff-secret-{}", std::process::id()));
        for (bytes, expected) in [
            (&b"s3cret\n"[..], Ok("s3cret")),
            (b"\xef\xbb\xbfs3cret", Ok("s3cret")),
            (b"\n", Err("the secret is empty")),
            (b"s3cret\xff", Err("the secret is not UTF-8")),
            (
                b"s3cret word",
                Err(
                    "the secret holds a space, a control character or a character outside of ASCII, so it cannot be sent \
                     in a header",
                ),
            ),
        ] {
            fs::write(&file, bytes).unwrap();
            let read = Secret::read_token(Some(&file), "JACKSTAFF_NO_SUCH_VARIABLE");
            let read = read.map(|secret| secret.unwrap().reveal().to_owned()).map_err(|error| {
                assert!(!format!("{error:?} {error}").contains("s3cret"), "{error:?}");
                error.to_string()
            });
            let expected = expected.map(str::to_owned);
            assert_eq!(read, expected.map_err(|error| format!("{}: {error}", file.display())), "{bytes:?}");
        }
        fs::remove_file(&file).unwrap();
        let missing = Secret::read(Some(&file), "PATH").unwrap_err().to_string();
        assert!(
            missing.starts_with(&format!("{}: the secret could not be read: ", file.display())),
            "{missing}"
        );
        assert_eq!(Secret::read(None, "JACKSTAFF_NO_SUCH_VARIABLE"), Ok(None));
        assert_eq!(
            Secret::read(None, "PATH").unwrap().unwrap().reveal(),
            env::var("PATH").unwrap().trim_end()
        );
    }

    #[test]
    fn a_secret_is_not_shown() {
        assert_eq!(format!("{:?}", Secret::parse("s3cret").unwrap()), "Secret(…)");
    }
}
