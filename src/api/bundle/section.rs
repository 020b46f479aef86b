//! The sections of a bundle.

use std::ops::Range;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

/// A part of a bundle. Finished answers are stored plain and compressed with gzip.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Section {
    /// The compiled environment.
    Compiled,
    /// The body of `/api/v1/flags/` for client-side keys.
    FlagsClient,
    FlagsClientGzip,
    /// The body of `/api/v1/flags/` for server-side keys.
    FlagsServer,
    FlagsServerGzip,
    /// The stamped environment document.
    Document,
    DocumentGzip,
}

impl Section {
    pub const ALL: [Section; 7] = [
        Section::Compiled,
        Section::FlagsClient,
        Section::FlagsClientGzip,
        Section::FlagsServer,
        Section::FlagsServerGzip,
        Section::Document,
        Section::DocumentGzip,
    ];

    pub fn is_gzip(self) -> bool {
        matches!(self, Section::FlagsClientGzip | Section::FlagsServerGzip | Section::DocumentGzip)
    }

    /// Its name in a header.
    pub fn name(self) -> &'static str {
        match self {
            Section::Compiled => "compiled",
            Section::FlagsClient => "flags-client",
            Section::FlagsClientGzip => "flags-client-gzip",
            Section::FlagsServer => "flags-server",
            Section::FlagsServerGzip => "flags-server-gzip",
            Section::Document => "document",
            Section::DocumentGzip => "document-gzip",
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

    /// Whether bytes are those of the section.
    pub fn matches(&self, bytes: &[u8]) -> bool {
        bytes.len() as u64 == self.length && checksum(bytes) == self.checksum
    }
}

fn checksum(bytes: &[u8]) -> String {
    format!("{:016x}", xxh3_64(bytes))
}
