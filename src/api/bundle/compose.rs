//! Composes the bundle of a document. No other code does, so tests of other crates serve the same bundles as publishers
//! store.

use std::io;

use engine::{Compiled, Cost, Document, EncodingError, InputError, Options, PatternCache, Warning};
use thiserror::Error;

use super::pages::Pages;
use super::{BundleError, Coding, Header, Label, Section, write};
use crate::flag_json::{finished_list, flag_json};
use crate::key::KeyKind;

/// A bundle that is ready to be stored, and a warning for each part of its document that never matches.
#[derive(Debug)]
pub struct Composed {
    pub header: Header,
    pub bytes: Vec<u8>,
    pub warnings: Vec<Warning>,
    pub cost: Cost,
}

/// Why no bundle can be made of a document.
#[derive(Debug, Error)]
pub enum ComposeError {
    #[error(transparent)]
    Refused(#[from] InputError),
    #[error(transparent)]
    Encoding(#[from] EncodingError),
    #[error(transparent)]
    Layout(#[from] BundleError),
    #[error("a section could not be compressed: {0}")]
    Compression(#[from] io::Error),
}

/// Compiles a document and lays all of its sections out, the stamped document with the label's revision. The label's
/// switches and steps are replaced by those of the document, and the bundle is not a tombstone. `patterns` are kept from one
/// call to the next. `compress` compresses a section.
///
/// # Errors
/// If the document is refused, a section cannot be made, or the header does not fit.
pub fn compose(
    document: &Document,
    options: Options,
    patterns: &mut PatternCache,
    label: Label,
    compress: impl Fn(Coding, &[u8]) -> io::Result<Vec<u8>>,
) -> Result<Composed, ComposeError> {
    let (environment, warnings) = document.compile_with(patterns, options, flag_json)?;
    let encoded = environment.encode()?;
    let cost = environment.cost(encoded.len());
    let steps = Some(cost.steps());
    let label = Label { switches: document.switches(), tombstone: false, steps, ..label };
    let compiled = Compiled::decode(encoded.clone())?;
    let client = finished_list(&compiled, KeyKind::Client, label.switches);
    let server = finished_list(&compiled, KeyKind::Server, label.switches);
    let stamped = document.stamped(&label.revision.iso());
    let pages = Pages::cut(&stamped).section();
    let mut sections = vec![(Section::Compiled, encoded)];
    let finished = [
        (Section::FlagsClient, client),
        (Section::FlagsServer, server),
        (Section::Document, stamped.into_bytes()),
    ];
    for (plain, bytes) in finished {
        for coding in Coding::COMPRESSED {
            if let Some(section) = plain.coded(coding) {
                sections.push((section, compress(coding, &bytes)?));
            }
        }
        sections.push((plain, bytes));
    }
    sections.push((Section::DocumentPages, pages));
    sections.push((Section::Texts, environment.texts().encode()));
    let (header, bytes) = write(&label, &sections)?;
    Ok(Composed { header, bytes, warnings, cost })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bundle::{check, section_of};
    use crate::revision::Revision;

    fn document() -> Document {
        let state = r#"{"feature": {"id": 1, "name": "f"}, "enabled": true, "feature_state_value": 7}"#;
        let text = format!(
            r#"{{"api_key": "k", "project": {{"segments": []}}, "hide_sensitive_data": true, "feature_states": [{state}]}}"#
        );
        Document::parse(&text).unwrap()
    }

    fn label() -> Label {
        Label::new(Revision(1_772_450_553))
    }

    #[test]
    fn a_bundle_has_every_section_and_the_switches_of_its_document() {
        let mut label = label();
        label.switches.hide_sensitive_data = false;
        label.tombstone = true;
        let fake = |coding: Coding, bytes: &[u8]| Ok([coding.name().as_bytes(), b" of ", bytes].concat());
        let composed =
            compose(&document(), Options::default(), &mut PatternCache::default(), label, fake).unwrap();
        assert_eq!(check(&composed.bytes), Ok(composed.header.clone()));
        assert!(composed.header.switches.hide_sensitive_data && !composed.header.tombstone);
        let text = |section| {
            let span = composed.header.span(section).unwrap();
            String::from_utf8_lossy(section_of(&composed.bytes, span)).into_owned()
        };
        let list =
            r#"[{"feature":{"id":1,"name":"f","type":"STANDARD"},"enabled":true,"feature_state_value":7}]"#;
        assert_eq!([text(Section::FlagsClient), text(Section::FlagsServer)], [list, list]);
        assert!(text(Section::Document).contains("2026-03-02T11:22:33.000000+00:00"));
        for plain in [Section::FlagsClient, Section::FlagsServer, Section::Document] {
            for coding in Coding::COMPRESSED {
                let compressed = text(plain.coded(coding).unwrap());
                assert_eq!(compressed, format!("{} of {}", coding.name(), text(plain)));
            }
        }
        assert!(Section::ALL.iter().all(|section| composed.header.span(*section).is_some()));
    }

    #[test]
    fn a_compressor_that_fails_is_an_error() {
        let failing = |_: Coding, _: &[u8]| Err(io::Error::other("no memory"));
        let error = compose(&document(), Options::default(), &mut PatternCache::default(), label(), failing)
            .unwrap_err();
        assert_eq!(error.to_string(), "a section could not be compressed: no memory");
    }
}
