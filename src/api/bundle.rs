//! The bundle: everything that the edge serves of one environment revision, in one KV value, written whole.
//!
//! ```text
//! byte 0      jackstaff-bundle 4\n      magic, and the version of the format
//! then        {"revision":…}            the header, one line of JSON, spaces up to byte 2048
//! byte 2048   section, section, …       each at its place in the header
//! ```
//!
//! The header is also the metadata of the KV value and of the POP's copy, so that a request knows revision, switches
//! and offsets without touching the body.

mod compose;
pub(crate) mod pages;
mod section;

use std::collections::BTreeMap;

use engine::Switches;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::revision::Revision;

pub use compose::{ComposeError, Composed, compose};
pub use section::{Coding, Section, Span};

/// The version of the format, which includes that of the compiled form. Raised by any change that an older edge
/// would misread.
pub const FORMAT: u32 = 4;

/// The oldest version that is read as well, so that an edge can be deployed before anything is published anew: what a bundle
/// of it lacks is done without. Its compiled form is the same. Version 3 has neither brotli nor pages.
pub const OLDEST: u32 = 3;

const MAGIC: &str = "jackstaff-bundle ";

/// Where sections begin. The header has to fit before it, and a KV value's metadata into 2,000 bytes.
const BODY: u64 = 2_048;
const METADATA_LIMIT: usize = 2_000;

/// The data that a request needs before it reads the bundle itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    pub revision: Revision,
    /// The source's own `updated_at`, ISO 8601, never later than the time of publication.
    pub source_updated_at: Option<String>,
    /// SHA-256 of the source document's content, as it is compared; in hexadecimal.
    pub source_hash: String,
    /// The kind of source of the document; none in bundles of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Provenance>,
    /// The first [`SHORT_HASH`] digits of the hashes of what was stored before, latest first, [`REPLACED`] at most: an
    /// API that serves one of them again may be out of date.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub replaced: Vec<String>,
    /// The publisher's options that change the bundle, and the version of the format.
    pub settings: String,
    pub switches: SwitchesOnTheWire,
    /// The environment was removed; its keys open nothing.
    #[serde(default)]
    pub tombstone: bool,
    /// What a request may cost at most, in steps of counted work ([`engine::Cost`]); none in bundles of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steps: Option<u64>,
    /// Bytes of the whole bundle.
    pub total: u64,
    sections: BTreeMap<Section, Span>,
}

/// The source of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Provenance {
    /// A file: its contents are ordered by their `updated_at`.
    File,
    /// An API: its answers are ordered by the time of the request.
    Api,
}

/// Digits of a hash that are enough to distinguish two contents of one environment.
pub const SHORT_HASH: usize = 16;
/// How many replaced contents a header remembers.
pub const REPLACED: usize = 8;

/// The switches that decide about a request. The finished sections take the others into account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SwitchesOnTheWire {
    pub allow_client_traits: bool,
    /// Whether traits that come with a client-side key count in an evaluation, if that is another than
    /// `allow_client_traits`. None in bundles of earlier versions, too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evaluate_client_traits: Option<bool>,
    pub hide_sensitive_data: bool,
    pub hide_disabled_flags: bool,
    pub composite_key: bool,
    pub stop_serving_flags: bool,
    /// Bundles from before traits could be stored lack it.
    #[serde(default = "yes")]
    pub persist_traits: bool,
}

fn yes() -> bool {
    true
}

impl From<Switches> for SwitchesOnTheWire {
    fn from(switches: Switches) -> Self {
        SwitchesOnTheWire {
            allow_client_traits: switches.allow_client_traits,
            evaluate_client_traits: (switches.evaluate_client_traits != switches.allow_client_traits)
                .then_some(switches.evaluate_client_traits),
            hide_sensitive_data: switches.hide_sensitive_data,
            hide_disabled_flags: switches.hide_disabled_flags,
            composite_key: switches.composite_key,
            stop_serving_flags: switches.stop_serving_flags,
            persist_traits: switches.persist_traits,
        }
    }
}

impl SwitchesOnTheWire {
    /// Whether traits that come with a client-side key count in an evaluation. `allow_client_traits` says whether they may be
    /// stored.
    pub fn evaluates_client_traits(&self) -> bool {
        self.evaluate_client_traits.unwrap_or(self.allow_client_traits)
    }
}

/// The fields of a header that a publisher chooses.
#[derive(Debug, Clone)]
pub struct Label {
    pub revision: Revision,
    pub source_updated_at: Option<String>,
    pub source_hash: String,
    pub source: Option<Provenance>,
    pub replaced: Vec<String>,
    pub settings: String,
    pub switches: Switches,
    pub tombstone: bool,
    pub steps: Option<u64>,
}

impl Label {
    /// The label of a bundle of which only the revision is known.
    pub fn new(revision: Revision) -> Label {
        Label {
            revision,
            source_updated_at: None,
            source_hash: String::new(),
            source: None,
            replaced: Vec::new(),
            settings: String::new(),
            switches: Switches::default(),
            tombstone: false,
            steps: None,
        }
    }
}

/// Why a value is not a bundle that this edge can serve.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BundleError {
    #[error("not a bundle")]
    Magic,
    #[error("format version {0} is not known here, only versions {OLDEST} to {FORMAT}")]
    Format(u32),
    #[error("unreadable header: {0}")]
    Header(String),
    #[error("{found} bytes long instead of {expected}")]
    Length { expected: u64, found: u64 },
    #[error("section {0:?} is outside of the bundle, or overlaps another")]
    Section(Section),
    #[error("the checksum of section {0:?} does not match")]
    Checksum(Section),
    #[error("header of {0} bytes, more than metadata can hold")]
    HeaderTooLong(usize),
}

impl Header {
    /// The place of a section; none if the bundle has no such section.
    pub fn span(&self, section: Section) -> Option<&Span> {
        self.sections.get(&section)
    }

    /// All sections that the bundle has.
    pub fn sections(&self) -> impl Iterator<Item = (Section, &Span)> {
        self.sections.iter().map(|(section, span)| (*section, span))
    }

    /// The header as metadata: one line of JSON.
    pub fn metadata(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Reads metadata back.
    ///
    /// # Errors
    /// If it is not a header, or if sections overlap or leave the bundle.
    pub fn parse(metadata: &[u8]) -> Result<Header, BundleError> {
        let header: Header =
            serde_json::from_slice(metadata).map_err(|error| BundleError::Header(error.to_string()))?;
        header.check_sections()?;
        Ok(header)
    }

    /// The revision and the length in metadata; none if they cannot be read. For reports: nothing may be served by it.
    pub fn glance(metadata: &[u8]) -> Option<(Revision, u64)> {
        #[derive(Deserialize)]
        struct Glance {
            revision: Revision,
            total: u64,
        }
        serde_json::from_slice(metadata).ok().map(|Glance { revision, total }| (revision, total))
    }

    /// Checks that no section is outside of the bundle or overlaps another: a byte range of this header is that
    /// section, and nothing else.
    fn check_sections(&self) -> Result<(), BundleError> {
        let mut sections: Vec<(&Section, &Span)> = self.sections.iter().collect();
        sections.sort_by_key(|(_, span)| (span.start, span.length));
        let mut end = BODY;
        for (section, span) in sections {
            let fits =
                span.start >= end && span.start.checked_add(span.length).is_some_and(|e| e <= self.total);
            if !fits {
                return Err(BundleError::Section(*section));
            }
            end = span.range().end;
        }
        Ok(())
    }
}

/// Writes a bundle.
///
/// # Errors
/// [`BundleError::HeaderTooLong`] if the header does not fit into a KV value's metadata.
pub fn write(label: &Label, sections: &[(Section, Vec<u8>)]) -> Result<(Header, Vec<u8>), BundleError> {
    let mut spans = BTreeMap::new();
    let mut body = Vec::with_capacity(sections.iter().map(|(_, bytes)| bytes.len()).sum());
    for (section, bytes) in sections {
        spans.insert(*section, Span::new(BODY + body.len() as u64, bytes));
        body.extend_from_slice(bytes);
    }
    let header = Header {
        revision: label.revision,
        source_updated_at: label.source_updated_at.clone(),
        source_hash: label.source_hash.clone(),
        source: label.source,
        replaced: label.replaced.clone(),
        settings: label.settings.clone(),
        switches: label.switches.into(),
        tombstone: label.tombstone,
        steps: label.steps,
        total: BODY + body.len() as u64,
        sections: spans,
    };
    let metadata = header.metadata();
    if metadata.len() > METADATA_LIMIT {
        return Err(BundleError::HeaderTooLong(metadata.len()));
    }
    let mut bundle = format!("{MAGIC}{FORMAT}\n{metadata}").into_bytes();
    bundle.resize(usize::try_from(BODY).unwrap_or_default() - 1, b' ');
    bundle.push(b'\n');
    bundle.extend_from_slice(&body);
    Ok((header, bundle))
}

/// Checks a whole bundle, as it came from a store.
///
/// # Errors
/// The first [`BundleError`] found; nothing of such a bundle may be served.
pub fn check(bundle: &[u8]) -> Result<Header, BundleError> {
    let front = bundle.get(..usize::try_from(BODY).unwrap_or_default()).ok_or(BundleError::Magic)?;
    let rest = front.strip_prefix(MAGIC.as_bytes()).ok_or(BundleError::Magic)?;
    let end = rest.iter().position(|byte| *byte == b'\n').ok_or(BundleError::Magic)?;
    let format = std::str::from_utf8(&rest[..end]).ok().and_then(|text| text.parse().ok());
    match format.ok_or(BundleError::Magic)? {
        OLDEST..=FORMAT => {}
        other => return Err(BundleError::Format(other)),
    }
    let header = Header::parse(rest[end + 1..].trim_ascii_end())?;
    let found = bundle.len() as u64;
    if header.total != found {
        return Err(BundleError::Length { expected: header.total, found });
    }
    for (section, span) in &header.sections {
        if !span.matches(section_of(bundle, span)) {
            return Err(BundleError::Checksum(*section));
        }
    }
    Ok(header)
}

/// The bytes of a section in a whole bundle; none beyond its end.
pub fn section_of<'a>(bundle: &'a [u8], span: &Span) -> &'a [u8] {
    let range = span.range();
    let range = usize::try_from(range.start).ok().zip(usize::try_from(range.end).ok());
    range.and_then(|(start, end)| bundle.get(start..end)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn label() -> Label {
        Label {
            source_updated_at: Some("2026-03-02T11:22:33Z".into()),
            source_hash: "0".repeat(64),
            source: Some(Provenance::Api),
            replaced: vec!["0".repeat(SHORT_HASH); REPLACED],
            settings: "anchoring=start".into(),
            steps: Some(u64::MAX),
            ..Label::new(Revision(1_772_450_553))
        }
    }

    fn bundle() -> (Header, Vec<u8>) {
        write(&label(), &[(Section::FlagsClient, b"[1]".to_vec()), (Section::Document, b"{}".to_vec())])
            .unwrap()
    }

    #[test]
    fn a_bundle_is_read_as_it_was_written() {
        let (header, bytes) = bundle();
        assert_eq!(check(&bytes), Ok(header.clone()));
        assert_eq!(Header::parse(header.metadata().as_bytes()), Ok(header.clone()));
        let section = |section| section_of(&bytes, header.span(section).unwrap());
        assert_eq!(section(Section::FlagsClient), b"[1]");
        assert_eq!(section(Section::Document), b"{}");
        assert_eq!(header.span(Section::Compiled), None);
    }

    /// Publishers of earlier versions wrote fewer members. Metadata is compared as text, so it must not change.
    #[test]
    fn a_header_of_an_earlier_version_is_read_and_written_unchanged() {
        let (header, _) = bundle();
        let mut written: serde_json::Value = serde_json::from_str(&header.metadata()).unwrap();
        let members = written.as_object_mut().unwrap();
        assert!(members.remove("steps").is_some());
        assert_eq!(
            (members.remove("source"), members.remove("replaced").is_some()),
            (Some("api".into()), true)
        );
        let earlier = Header::parse(written.to_string().as_bytes()).unwrap();
        assert_eq!((earlier.source, earlier.replaced.len(), earlier.steps), (None, 0, None));
        assert_eq!(serde_json::from_str::<serde_json::Value>(&earlier.metadata()).unwrap(), written);
    }

    /// An edge is deployed before publishers have written anything anew.
    #[test]
    fn a_bundle_of_the_version_before_is_read() {
        let (header, bytes) = bundle();
        let text = String::from_utf8(bytes).unwrap();
        let before = text.replacen("bundle 4\n", "bundle 3\n", 1).into_bytes();
        assert_eq!(check(&before), Ok(header));
    }

    #[test]
    fn the_fullest_header_fits() {
        let sections = Section::ALL.map(|section| (section, vec![0; 1_000_000]));
        let (header, _) = write(&label(), &sections).unwrap();
        assert!(header.metadata().len() < METADATA_LIMIT * 4 / 5, "{}", header.metadata().len());
    }

    #[test]
    fn a_changed_bundle_is_refused() {
        let (header, bytes) = bundle();
        let text = String::from_utf8(bytes.clone()).unwrap();
        for (what, changed, fault) in [
            ("empty", Vec::new(), BundleError::Magic),
            ("something else", vec![b'x'; 4096], BundleError::Magic),
            (
                "of the future",
                text.replacen("bundle 4\n", "bundle 5\n", 1).into_bytes(),
                BundleError::Format(5),
            ),
            (
                "of the past",
                text.replacen("bundle 4\n", "bundle 2\n", 1).into_bytes(),
                BundleError::Format(2),
            ),
            (
                "cut short",
                bytes[..bytes.len() - 1].to_vec(),
                BundleError::Length { expected: header.total, found: header.total - 1 },
            ),
            (
                "overwritten",
                text.replace("[1]", "[2]").into_bytes(),
                BundleError::Checksum(Section::FlagsClient),
            ),
        ] {
            assert_eq!(check(&changed), Err(fault), "{what}");
        }
    }

    #[test]
    fn hostile_offsets_are_refused() {
        let (header, _) = bundle();
        let with = |section: Section, start: u64, length: u64| {
            let mut header = header.clone();
            header.sections.insert(section, Span { start, length, checksum: String::new() });
            header.check_sections()
        };
        assert_eq!(with(Section::Compiled, header.total, 0), Ok(()));
        for (what, start, length) in [
            ("into the header", 0, 10),
            ("beyond the end", BODY, header.total),
            ("over another", BODY + 1, 1),
            ("around the address space", u64::MAX, 2),
        ] {
            assert!(with(Section::Compiled, start, length).is_err(), "{what}");
        }
    }
}
