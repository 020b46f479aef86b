//! From a document to the bundle that the edge serves.

use std::io::Write;

use api::{Header, Label, Revision, Section, bundle, text};
use engine::{Broken, Document, Refusal, Switches, Warning};
use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::Timestamp;
use thiserror::Error;

use crate::plan::Known;
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
    Refused(#[from] Refusal),
    #[error(transparent)]
    Encoding(#[from] Broken),
    #[error(transparent)]
    Layout(#[from] api::BundleFault),
    #[error("a section could not be compressed: {0}")]
    Compression(#[from] std::io::Error),
    #[error("the whole: a bundle of {0} bytes, more than the {LIMIT} that a KV value can hold")]
    TooLarge(usize),
}

/// Bytes of a KV value.
const LIMIT: usize = 25_000_000;

/// Compiles a document and lays it out, stamped with its revision.
pub(crate) fn build(
    source: &Source,
    revision: Revision,
    now: Timestamp,
    options: &Options,
) -> Result<Bundle, BundleRefused> {
    let document = &source.document;
    let (environment, warnings) = document.compile(options.engine(), text)?;
    let compiled = environment.encode()?;
    let client = flags(document, Audience::Client);
    let server = flags(document, Audience::Server);
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
        source_updated_at: source.updated_at.map(|at| at.min(now).to_string()),
        source_hash: source.hash.clone(),
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

#[derive(Clone, Copy, PartialEq, Eq)]
enum Audience {
    Client,
    Server,
}

/// The body of `/api/v1/flags/`: the defaults of all features that the audience may see.
fn flags(document: &Document, audience: Audience) -> Vec<u8> {
    let hide_disabled = document.switches().hide_disabled_flags;
    let shown = document.default_flags().filter(|flag| {
        let hidden = flag.server_only && audience == Audience::Client;
        !hidden && (flag.enabled || !hide_disabled)
    });
    let texts: Vec<String> = shown.map(|flag| text(flag).whole).collect();
    format!("[{}]", texts.join(",")).into_bytes()
}

fn gzip(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    encoder.finish()
}
