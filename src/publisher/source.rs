//! What is to be published: a document, and the place that it is from.

use std::fmt;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use api::{EnvironmentKey, KeyError, Provenance, parse_time};
use engine::{Document, InputError, Warning};
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::export::{self, ExportError};
use crate::members::check_members;

/// Where a document is from, as it is shown: a file's path, or an environment at Flagsmith.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place(Arc<str>);

impl Place {
    pub fn new(name: impl Into<Arc<str>>) -> Place {
        Place(name.into())
    }

    /// An environment at a Flagsmith of this name.
    pub fn at_flagsmith(name: &str, environment: &str) -> Place {
        Place::new(format!("{name}: environment `{environment}`"))
    }
}

impl From<&Path> for Place {
    fn from(file: &Path) -> Place {
        Place::new(file.display().to_string())
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A document that was read and understood.
#[derive(Debug, Clone)]
pub struct DocumentSource {
    pub key: EnvironmentKey,
    pub document: Document,
    /// When the source says that it changed last.
    pub updated_at: Option<Timestamp>,
    /// SHA-256 of what counts of the document: equal for documents that mean the same.
    pub hash: String,
    pub provenance: Provenance,
    /// About members of a file that nothing reads.
    pub(crate) warnings: Vec<Warning>,
}

/// Why a place gives nothing to publish. Each message names the place.
#[derive(Debug, Error)]
pub enum SourceError {
    #[error("{place}: could not be read: {error}")]
    Unreadable { place: Place, error: std::io::Error },
    #[error("{place}: {refusal}")]
    Refused { place: Place, refusal: InputError },
    #[error("{place}: {fault}")]
    Export { place: Place, fault: ExportError },
    #[error("{place}: api_key: {fault}")]
    Key { place: Place, fault: KeyError },
    #[error("{place}: updated_at: not an ISO 8601 time: {text:?}")]
    UpdatedAt { place: Place, text: String },
    #[error(
        "{place}: api_key: the server-side key opens environment `{found}`, and not `{expected}`, for which the \
         manifest lists it"
    )]
    Another { place: Place, found: EnvironmentKey, expected: EnvironmentKey },
}

impl DocumentSource {
    /// # Errors
    /// A [`SourceError`] that names the file, the place in it and what is wrong there.
    pub fn read(file: &Path) -> Result<DocumentSource, SourceError> {
        let place = Place::from(file);
        match fs::read_to_string(file) {
            Ok(text) => DocumentSource::parse(&place, &text),
            Err(error) => Err(SourceError::Unreadable { place, error }),
        }
    }

    /// As [`DocumentSource::read`], of the text of a file that is at hand.
    ///
    /// # Errors
    /// As [`DocumentSource::read`].
    pub fn parse(place: &Place, text: &str) -> Result<DocumentSource, SourceError> {
        DocumentSource::parse_from(place, text, Provenance::File)
    }

    fn parse_from(place: &Place, text: &str, provenance: Provenance) -> Result<DocumentSource, SourceError> {
        let place = place.clone();
        let text = without_mark(text);
        let text = match export::document(text) {
            Ok(text) => text,
            Err(fault) => return Err(SourceError::Export { place, fault }),
        };
        // Before the document is read: a misspelt member may be one that every document needs.
        let checked = match provenance {
            Provenance::File => check_members(&text),
            Provenance::Api => Ok(Vec::new()),
        };
        let warnings = match checked {
            Ok(warnings) => warnings,
            Err(refusal) => return Err(SourceError::Refused { place, refusal }),
        };
        let document = match Document::parse(&text) {
            Ok(document) => document,
            Err(refusal) => return Err(SourceError::Refused { place, refusal }),
        };
        let key = match EnvironmentKey::parse(document.key()) {
            Ok(key) => key,
            Err(fault) => return Err(SourceError::Key { place, fault }),
        };
        let updated_at = match document.updated_at() {
            None => None,
            Some(text) => match parse_time(text) {
                Some(time) => Some(time),
                None => return Err(SourceError::UpdatedAt { place, text: text.to_owned() }),
            },
        };
        let hash = sha256(document.content().as_bytes());
        Ok(DocumentSource { key, document, updated_at, hash, provenance, warnings })
    }

    /// As [`DocumentSource::parse`], of what an API was asked for, which may answer with another environment's document.
    ///
    /// # Errors
    /// As [`DocumentSource::read`], and if it is not that of this environment.
    pub fn fetched(
        place: &Place,
        text: &str,
        environment: &EnvironmentKey,
    ) -> Result<DocumentSource, SourceError> {
        let source = DocumentSource::parse_from(place, text, Provenance::Api)?;
        if source.key == *environment {
            return Ok(source);
        }
        let place = place.clone();
        Err(SourceError::Another { place, found: source.key, expected: environment.clone() })
    }
}

/// A text without the byte order mark that some editors put at its front.
pub fn without_mark(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

/// SHA-256, in hexadecimal.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    base16ct::lower::encode_string(&Sha256::digest(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<DocumentSource, String> {
        DocumentSource::parse(&Place::new("a.json"), text).map_err(|fault| fault.to_string())
    }

    #[test]
    fn what_is_wrong_is_named_with_file_and_place() {
        let missing_name =
            r#"{"api_key": "e", "project": {"segments": []}, "feature_states": [{"feature": {}}]}"#;
        let bad_key = r#"{"api_key": "a/b", "project": {"segments": []}, "feature_states": []}"#;
        let bad_time =
            r#"{"api_key": "e", "updated_at": "noon", "project": {"segments": []}, "feature_states": []}"#;
        for (text, expected) in [
            ("{", "a.json: invalid JSON: EOF while parsing an object at line 1 column 1"),
            ("{}", "a.json: the whole: missing field `api_key` at line 1 column 2"),
            (missing_name, "a.json: feature_states[0].feature: missing field `name` at line 1 column 79"),
            (bad_key, "a.json: api_key: only letters, digits, `_`, `.`, `:` and `-` may stand in it"),
            (bad_time, "a.json: updated_at: not an ISO 8601 time: \"noon\""),
        ] {
            assert_eq!(parse(text).unwrap_err(), expected);
        }
    }

    #[test]
    fn what_does_not_count_does_not_change_the_hash() {
        let compact = r#"{"api_key":"e","project":{"segments":[]},"feature_states":[]}"#;
        let spread = r#"{ "feature_states": [], "api_key": "e", "project": { "segments": [] } }"#;
        let marked = &format!("\u{feff}{compact}");
        let dated = r#"{"updated_at":"2026-03-01T00:00:00Z","description":"x","api_key":"e","project":{"segments":[]},"feature_states":[]}"#;
        let other = r#"{"api_key":"f","project":{"segments":[]},"feature_states":[]}"#;
        let hash = |text: &str| parse(text).unwrap().hash;
        for same in [spread, dated, marked] {
            assert_eq!(hash(same), hash(compact), "{same}");
        }
        assert_ne!(hash(compact), hash(other));
    }
}
