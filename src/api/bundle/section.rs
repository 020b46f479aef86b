//! The sections of a bundle.

use std::ops::Range;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

/// A part of a bundle. Finished answers are stored plain and compressed, in each coding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Section {
    /// The compiled environment.
    Compiled,
    /// The body of `/api/v1/flags/` for client-side keys.
    FlagsClient,
    FlagsClientGzip,
    FlagsClientBrotli,
    /// The body of `/api/v1/flags/` for server-side keys.
    FlagsServer,
    FlagsServerGzip,
    FlagsServerBrotli,
    /// The stamped environment document.
    Document,
    DocumentGzip,
    DocumentBrotli,
    /// Where the document is cut into pages.
    DocumentPages,
    /// What people wrote and the compiled environment lacks. Only explanations read it.
    Texts,
}

/// How bytes are coded, as `Content-Encoding` says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coding {
    Plain,
    Gzip,
    Brotli,
}

impl Coding {
    pub const COMPRESSED: [Coding; 2] = [Coding::Gzip, Coding::Brotli];

    /// Its name in HTTP.
    pub fn name(self) -> &'static str {
        match self {
            Coding::Plain => "identity",
            Coding::Gzip => "gzip",
            Coding::Brotli => "br",
        }
    }
}

impl Section {
    pub const ALL: [Section; 12] = [
        Section::Compiled,
        Section::FlagsClient,
        Section::FlagsClientGzip,
        Section::FlagsClientBrotli,
        Section::FlagsServer,
        Section::FlagsServerGzip,
        Section::FlagsServerBrotli,
        Section::Document,
        Section::DocumentGzip,
        Section::DocumentBrotli,
        Section::DocumentPages,
        Section::Texts,
    ];

    pub fn coding(self) -> Coding {
        match self {
            Section::FlagsClientGzip | Section::FlagsServerGzip | Section::DocumentGzip => Coding::Gzip,
            Section::FlagsClientBrotli | Section::FlagsServerBrotli | Section::DocumentBrotli => {
                Coding::Brotli
            }
            Section::Compiled
            | Section::FlagsClient
            | Section::FlagsServer
            | Section::Document
            | Section::DocumentPages
            | Section::Texts => Coding::Plain,
        }
    }

    /// The section that says the same in another coding. None if there is no such section.
    pub fn coded(self, coding: Coding) -> Option<Section> {
        match (self, coding) {
            (section, Coding::Plain) => Some(section),
            (Section::FlagsClient, Coding::Gzip) => Some(Section::FlagsClientGzip),
            (Section::FlagsClient, Coding::Brotli) => Some(Section::FlagsClientBrotli),
            (Section::FlagsServer, Coding::Gzip) => Some(Section::FlagsServerGzip),
            (Section::FlagsServer, Coding::Brotli) => Some(Section::FlagsServerBrotli),
            (Section::Document, Coding::Gzip) => Some(Section::DocumentGzip),
            (Section::Document, Coding::Brotli) => Some(Section::DocumentBrotli),
            _ => None,
        }
    }

    /// Its name in a header.
    pub fn name(self) -> &'static str {
        match self {
            Section::Compiled => "compiled",
            Section::FlagsClient => "flags-client",
            Section::FlagsClientGzip => "flags-client-gzip",
            Section::FlagsClientBrotli => "flags-client-brotli",
            Section::FlagsServer => "flags-server",
            Section::FlagsServerGzip => "flags-server-gzip",
            Section::FlagsServerBrotli => "flags-server-brotli",
            Section::Document => "document",
            Section::DocumentGzip => "document-gzip",
            Section::DocumentBrotli => "document-brotli",
            Section::DocumentPages => "document-pages",
            Section::Texts => "texts",
        }
    }
}

/// The place of a section, in bytes from the start of the bundle, and its checksum.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    pub(super) start: u64,
    pub(super) length: u64,
    /// xxh3 of its bytes, in hexadecimal.
    pub(super) checksum: String,
}

impl Span {
    pub(super) fn new(start: u64, bytes: &[u8]) -> Span {
        Span { start, length: bytes.len() as u64, checksum: checksum(bytes) }
    }

    pub fn bytes(&self) -> u64 {
        self.length
    }

    /// xxh3 of the section's bytes, in hexadecimal.
    pub fn checksum(&self) -> &str {
        &self.checksum
    }

    pub fn range(&self) -> Range<u64> {
        self.start..self.start.saturating_add(self.length)
    }

    /// The place in the bundle of a part of the section, which is given from the section's start. None if the part is not
    /// within the section.
    pub fn part(&self, part: &Range<u64>) -> Option<Range<u64>> {
        let is_within = part.start <= part.end && part.end <= self.length;
        is_within.then(|| self.start + part.start..self.start + part.end)
    }

    /// Whether bytes are those of the section.
    pub fn matches(&self, bytes: &[u8]) -> bool {
        bytes.len() as u64 == self.length && checksum(bytes) == self.checksum
    }
}

fn checksum(bytes: &[u8]) -> String {
    format!("{:016x}", xxh3_64(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_section_has_its_name_and_the_others_of_its_codings() {
        for section in Section::ALL {
            assert_eq!(serde_json::to_value(section).unwrap(), section.name());
            assert_eq!(section.coded(Coding::Plain), Some(section));
            for coding in Coding::COMPRESSED {
                if let Some(compressed) = section.coded(coding) {
                    assert_eq!((section.coding(), compressed.coding()), (Coding::Plain, coding));
                    assert!(compressed.name().starts_with(section.name()), "{compressed:?}");
                }
            }
        }
    }

    #[test]
    fn a_part_is_within_its_section() {
        let span = Span { start: 10, length: 5, checksum: String::new() };
        for (part, place) in [
            (0..5, Some(10..15)),
            (2..3, Some(12..13)),
            (5..5, Some(15..15)),
            (0..6, None),
            (6..6, None),
            (u64::MAX - 1..u64::MAX, None),
        ] {
            assert_eq!(span.part(&part), place, "{part:?}");
        }
        #[expect(clippy::reversed_empty_ranges, reason = "what a damaged list may say")]
        let reversed = 3..2;
        assert_eq!(span.part(&reversed), None);
    }
}
