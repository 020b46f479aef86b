//! From a document to its bundle. Composed here alone, so that tests of other crates serve what publishers store.

use std::io;

use engine::{Broken, Compiled, Document, Options, Refusal, Warning};
use thiserror::Error;

use super::{BundleError, Header, Label, Section, write};
use crate::flag_json::{finished_list, flag_json};
use crate::key::KeyKind;

/// A bundle that is ready to be stored, and what its document has that never matches.
#[derive(Debug)]
pub struct Composed {
    pub header: Header,
    pub bytes: Vec<u8>,
    pub warnings: Vec<Warning>,
}

/// Why no bundle can be made of a document.
#[derive(Debug, Error)]
pub enum ComposeError {
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error(transparent)]
    Encoding(#[from] Broken),
    #[error(transparent)]
    Layout(#[from] BundleError),
    #[error("a section could not be compressed: {0}")]
    Compression(#[from] io::Error),
}

/// Compiles a document and lays all of its sections out, the stamped document with the label's revision. The label's
/// switches are replaced by those of the document, and what is composed is no tombstone. `gzip` compresses a section.
///
/// # Errors
/// If the document is refused, a section cannot be made, or the header does not fit.
pub fn compose(
    document: &Document,
    options: Options,
    label: Label,
    gzip: impl Fn(&[u8]) -> io::Result<Vec<u8>>,
) -> Result<Composed, ComposeError> {
    let label = Label { switches: document.switches(), tombstone: false, ..label };
    let (environment, warnings) = document.compile(options, flag_json)?;
    let encoded = environment.encode()?;
    let compiled = Compiled::decode(encoded.clone())?;
    let client = finished_list(&compiled, KeyKind::Client, label.switches);
    let server = finished_list(&compiled, KeyKind::Server, label.switches);
    let stamped = document.stamped(&label.revision.iso()).into_bytes();
    let sections = [
        (Section::Compiled, encoded),
        (Section::FlagsClientGzip, gzip(&client)?),
        (Section::FlagsClient, client),
        (Section::FlagsServerGzip, gzip(&server)?),
        (Section::FlagsServer, server),
        (Section::DocumentGzip, gzip(&stamped)?),
        (Section::Document, stamped),
    ];
    let (header, bytes) = write(&label, &sections)?;
    Ok(Composed { header, bytes, warnings })
}
