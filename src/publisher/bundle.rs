//! From a document to the bundle that the edge serves.

use std::io::{self, Write};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use api::bundle::{self, ComposeError, Composed};
use api::{Coding, Header, Label, Provenance, Revision, flag_json};
use brotli::enc::BrotliEncoderParams;
use engine::{Cost, PatternCache, Switches, Warning};
use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::Timestamp;
use thiserror::Error;

use crate::basis::KnownBundle;
use crate::options::PublishOptions;
use crate::source::DocumentSource;

/// A bundle that is ready to be written.
#[derive(Debug)]
pub(crate) struct Bundle {
    pub(crate) header: Header,
    pub(crate) bytes: Vec<u8>,
    pub(crate) warnings: Vec<Warning>,
    /// None for a tombstone.
    pub(crate) cost: Option<Cost>,
}

/// Why no bundle can be made of a document.
#[derive(Debug, Error)]
pub enum BundleError {
    #[error(transparent)]
    Compose(#[from] ComposeError),
    #[error(transparent)]
    Layout(#[from] api::BundleError),
    #[error("the whole: a bundle of {0} bytes, more than the {LIMIT} that a KV value can hold")]
    TooLarge(usize),
}

/// Most changes of an environment leave its patterns as they are, and building them takes longest. So they are kept for as
/// long as the publisher runs.
static PATTERNS: LazyLock<Mutex<PatternCache>> = LazyLock::new(Mutex::default);

/// Bytes of a KV value.
pub(crate) const LIMIT: usize = 25_000_000;

/// Compiles a document and lays it out, stamped with its revision, in place of what is stored.
pub(crate) fn build(
    source: &DocumentSource,
    stored: Option<&KnownBundle>,
    revision: Revision,
    now: Timestamp,
    options: &PublishOptions,
) -> Result<Bundle, BundleError> {
    let document = &source.document;
    let label = Label {
        revision,
        source_updated_at: source.updated_at.map(|at| match source.provenance {
            // A time in the future would have all files refused until then.
            Provenance::File => at.min(now).to_string(),
            Provenance::Api => at.to_string(),
        }),
        source_hash: source.hash.clone(),
        source: Some(source.provenance),
        replaced: stored.map(|stored| stored.replaced_by(&source.hash)).unwrap_or_default(),
        settings: options.fingerprint(),
        switches: document.switches(),
        tombstone: false,
        steps: None,
    };
    let composed = bundle::compose(document, options.engine(), &mut patterns(), label, compress)?;
    if composed.bytes.len() > LIMIT {
        return Err(BundleError::TooLarge(composed.bytes.len()));
    }
    let Composed { header, bytes, warnings, cost } = composed;
    let warnings = source.warnings.iter().cloned().chain(warnings).collect();
    Ok(Bundle { header, bytes, warnings, cost: Some(cost) })
}

/// The warnings of a document that is stored already, and what it costs.
pub(crate) fn warnings(source: &DocumentSource, options: &PublishOptions) -> (Vec<Warning>, Option<Cost>) {
    let compiled = source.document.compile_with(&mut patterns(), options.engine(), flag_json);
    let (cost, of_parts) = match compiled {
        Ok((environment, warnings)) => {
            (environment.encode().ok().map(|encoded| environment.cost(encoded.len())), warnings)
        }
        Err(_) => Default::default(),
    };
    (source.warnings.iter().cloned().chain(of_parts).collect(), cost)
}

fn patterns() -> MutexGuard<'static, PatternCache> {
    PATTERNS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What is stored in place of an environment that was removed. It holds nothing, and keeps what later decisions need:
/// the last revision, and how old the last document was. It has no sections; its switches are the strictest.
pub(crate) fn tombstone(removed: Option<&KnownBundle>, revision: Revision) -> Result<Bundle, BundleError> {
    let label = Label {
        revision,
        source_updated_at: removed.and_then(|removed| removed.source_updated_at.clone()),
        source_hash: removed.map(|removed| removed.source_hash.clone()).unwrap_or_default(),
        source: None,
        replaced: removed.map(|removed| removed.replaced.clone()).unwrap_or_default(),
        settings: removed.map(|removed| removed.settings.clone()).unwrap_or_default(),
        switches: Switches {
            allow_client_traits: false,
            evaluate_client_traits: false,
            hide_sensitive_data: true,
            hide_disabled_flags: true,
            composite_key: true,
            stop_serving_flags: true,
            persist_traits: false,
        },
        tombstone: true,
        steps: None,
    };
    let (header, bytes) = bundle::write(&label, &[])?;
    Ok(Bundle { header, bytes, warnings: Vec::new(), cost: None })
}

/// Brotli of 9 takes 30 ms for a megabyte, and is a third smaller than gzip. Of 11, it would take a second and a half, and 14 s
/// for 8 MB, for a further sixth.
const BROTLI_QUALITY: i32 = 9;

fn compress(coding: Coding, bytes: &[u8]) -> io::Result<Vec<u8>> {
    match coding {
        Coding::Plain => Ok(bytes.to_vec()),
        Coding::Gzip => {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
            encoder.write_all(bytes)?;
            encoder.finish()
        }
        Coding::Brotli => {
            let quality =
                BrotliEncoderParams { quality: BROTLI_QUALITY, size_hint: bytes.len(), ..Default::default() };
            let mut compressed = Vec::new();
            brotli::BrotliCompress(&mut &*bytes, &mut compressed, &quality)?;
            Ok(compressed)
        }
    }
}
