//! From a document to the bundle that the edge serves.

use std::io::Write;

use api::{Header, KeyKind, Label, Provenance, Revision, Section, bundle, for_nobody, text};
use engine::{Compiled, EncodingError, InputError, Switches, Warning};
use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::Timestamp;
use thiserror::Error;

use crate::basis::Known;
use crate::publish::Options;
use crate::source::Source;

/// A bundle that is ready to be written.
#[derive(Debug)]
pub(crate) struct Bundle {
    pub(crate) header: Header,
    pub(crate) bytes: Vec<u8>,
    pub(crate) warnings: Vec<Warning>,
}

/// Why no bundle can be made of a document.
#[derive(Debug, Error)]
pub enum BundleRefused {
    #[error(transparent)]
    Refused(#[from] InputError),
    #[error(transparent)]
    Encoding(#[from] EncodingError),
    #[error(transparent)]
    Layout(#[from] api::BundleFault),
    #[error("a section could not be compressed: {0}")]
    Compression(#[from] std::io::Error),
    #[error("the whole: a bundle of {0} bytes, more than the {LIMIT} that a KV value can hold")]
    TooLarge(usize),
}

/// Bytes of a KV value.
const LIMIT: usize = 25_000_000;

/// Compiles a document and lays it out, stamped with its revision, in place of what is stored.
pub(crate) fn build(
    source: &Source,
    stored: Option<&Known>,
    revision: Revision,
    now: Timestamp,
    options: &Options,
) -> Result<Bundle, BundleRefused> {
    let document = &source.document;
    let (environment, warnings) = document.compile(options.engine(), text)?;
    let compiled = environment.encode()?;
    let flags = Compiled::decode(compiled.clone())?;
    let client = for_nobody(&flags, KeyKind::Client, document.switches());
    let server = for_nobody(&flags, KeyKind::Server, document.switches());
    let stamped = document.stamped(&revision.iso()).into_bytes();
    let sections = [
        (Section::Compiled, compiled),
        (Section::FlagsClientGzip, gzip(&client)?),
        (Section::FlagsClient, client),
        (Section::FlagsServerGzip, gzip(&server)?),
        (Section::FlagsServer, server),
        (Section::DocumentGzip, gzip(&stamped)?),
        (Section::Document, stamped),
    ];
    let label = Label {
        revision,
        source_updated_at: source.updated_at.map(|at| match source.provenance {
            // One from the future would refuse all others until then.
            Provenance::File => at.min(now).to_string(),
            Provenance::Api => at.to_string(),
        }),
        source_hash: source.hash.clone(),
        source: Some(source.provenance),
        replaced: stored.map(|stored| stored.replaced_by(&source.hash)).unwrap_or_default(),
        settings: options.fingerprint(),
        switches: document.switches(),
        tombstone: false,
    };
    let (header, bytes) = bundle::write(&label, &sections)?;
    if bytes.len() > LIMIT {
        return Err(BundleRefused::TooLarge(bytes.len()));
    }
    Ok(Bundle { header, bytes, warnings })
}

/// What never matches in a document that is stored already.
pub(crate) fn warnings(source: &Source, options: &Options) -> Vec<Warning> {
    source.document.compile(options.engine(), text).map(|(_, warnings)| warnings).unwrap_or_default()
}

/// What is stored in place of an environment that was removed. It holds nothing, and keeps what later decisions need:
/// how far revisions went, and how old the last document was. No section hangs on its switches; they are the closed
/// ones.
pub(crate) fn tombstone(removed: Option<&Known>, revision: Revision) -> Result<Bundle, BundleRefused> {
    let label = Label {
        revision,
        source_updated_at: removed.and_then(|removed| removed.source_updated_at.clone()),
        source_hash: removed.map(|removed| removed.source_hash.clone()).unwrap_or_default(),
        source: None,
        replaced: removed.map(|removed| removed.replaced.clone()).unwrap_or_default(),
        settings: removed.map(|removed| removed.settings.clone()).unwrap_or_default(),
        switches: Switches {
            allow_client_traits: false,
            hide_sensitive_data: true,
            hide_disabled_flags: true,
            composite_key: true,
            stop_serving_flags: true,
        },
        tombstone: true,
    };
    let (header, bytes) = bundle::write(&label, &[])?;
    Ok(Bundle { header, bytes, warnings: Vec::new() })
}

fn gzip(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    encoder.finish()
}
