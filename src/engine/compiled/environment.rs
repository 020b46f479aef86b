//! The types of a compiled environment. Their encoded form is read in place.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::ops::Range;

use rkyv::rancor::Error;
use rkyv::with::Skip;
use rkyv::{Archive, Serialize};

use crate::compiled::predicate::Predicate;
use crate::compiled::property::Property;
use crate::compiled::texts::Texts;
use crate::error::EncodingError;
use crate::pattern::{Categories, Pattern};

/// A compiled environment before it is encoded, as the publisher makes it.
#[derive(Debug, Archive, Serialize)]
pub struct Environment {
    pub(crate) key: String,
    pub(crate) name: String,
    /// The default JSON of all features, in their order, with a comma between them. The engine never reads it.
    pub(crate) default_json: String,
    /// In the order of the document, which is the order of the answers.
    pub(crate) features: Vec<Feature>,
    pub(crate) segments: Vec<Segment>,
    /// Of all segments. The rules within a rule come after it.
    pub(crate) rules: Vec<Rule>,
    /// Of all rules.
    pub(crate) conditions: Vec<Condition>,
    /// Each once.
    pub(crate) properties: Vec<Property>,
    /// Each once.
    pub(crate) patterns: Vec<Pattern>,
    /// Of characters beyond ASCII; empty if no pattern needs them.
    pub(crate) categories: Categories,
    /// Sorted by identifier, each once.
    pub(crate) identity_overrides: Vec<IdentityOverride>,
    /// Not in the encoded form.
    #[rkyv(with = Skip)]
    pub(crate) texts: Texts,
}

#[derive(Debug, Archive, Serialize)]
pub struct Feature {
    pub(crate) name: String,
    /// The position of its default JSON in the environment's.
    pub(crate) default_json: Span,
    /// The length of the part at the front of that JSON that is the same in every state.
    pub(crate) json_prefix_len: u32,
    /// Hidden from client-side keys.
    pub(crate) server_only: bool,
    /// Whether any segment or identity overrides it, matching or not.
    pub(crate) targeted: bool,
    pub(crate) default: FeatureState,
    /// The segments that override it, in order.
    pub(crate) overriding: Vec<u32>,
}

/// The state of a feature by default, or in an override of a segment or an identity.
#[derive(Debug, Archive, Serialize)]
pub struct FeatureState {
    /// Hashed with the identity's key to choose a variant; empty if the state has no variants.
    pub(crate) key: String,
    pub(crate) enabled: bool,
    /// JSON.
    pub(crate) value: String,
    /// Strongest first.
    pub(crate) variants: Vec<Variant>,
    /// JSON, if it says anything.
    pub(crate) metadata: Option<String>,
}

#[derive(Debug, Archive, Serialize)]
pub struct Variant {
    pub(crate) key: Option<String>,
    /// JSON.
    pub(crate) value: String,
    /// Percent.
    pub(crate) weight: f64,
}

#[derive(Debug, Archive, Serialize)]
pub struct Segment {
    pub(crate) key: String,
    pub(crate) name: String,
    /// JSON, if it says anything.
    pub(crate) metadata: Option<String>,
    pub(crate) rules: Span,
    pub(crate) overrides: Vec<Override>,
    /// Whether any condition of it reads a flag.
    pub(crate) reads_flags: bool,
}

#[derive(Debug, Archive, Serialize)]
pub struct Override {
    pub(crate) feature: u32,
    /// The lower the stronger: the place of the priority among all priorities of the environment.
    pub(crate) rank: u32,
    pub(crate) state: FeatureState,
}

#[derive(Debug, Archive, Serialize)]
pub struct Rule {
    pub(crate) quantifier: Quantifier,
    pub(crate) conditions: Span,
    pub(crate) rules: Span,
}

#[derive(Debug, Clone, Copy, Archive, Serialize)]
pub enum Quantifier {
    All,
    Any,
    None,
    /// An unknown type of rule: no match.
    Never,
}

#[derive(Debug, Clone, Archive, Serialize)]
pub struct Condition {
    pub(crate) property: u32,
    pub(crate) predicate: Predicate,
}

#[derive(Debug, Archive, Serialize)]
pub struct IdentityOverride {
    pub(crate) identifier: String,
    pub(crate) overrides: Vec<Override>,
}

/// Neighbours in one of the environment's lists.
#[derive(Debug, Clone, Copy, Default, Archive, Serialize)]
pub struct Span {
    pub(crate) start: u32,
    pub(crate) length: u32,
}

impl Span {
    pub(crate) fn range(self) -> Range<usize> {
        let start = self.start as usize;
        start..start + self.length as usize
    }
}

impl ArchivedSpan {
    pub(crate) fn range(&self) -> Range<usize> {
        let start = self.start.to_native() as usize;
        start..start.saturating_add(self.length.to_native() as usize)
    }
}

impl Environment {
    /// What people wrote and the encoded form lacks.
    pub fn texts(&self) -> &Texts {
        &self.texts
    }

    /// Encodes the environment as the bytes that [`Compiled::decode`] reads.
    ///
    /// # Errors
    /// [`EncodingError`] if it is larger than the layout can address (4 GiB; documents are far smaller).
    pub fn encode(&self) -> Result<Vec<u8>, EncodingError> {
        let bytes = rkyv::to_bytes::<Error>(self).map_err(|error| EncodingError(format!("{error}")))?;
        Ok(bytes.into_vec())
    }
}
