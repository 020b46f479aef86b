//! The result of an evaluation, and its published JSON (`SEMANTICS.md`, 1.2).

use alloc::vec::Vec;
use core::fmt;
use core::ops::Range;

use serde::ser::{Serialize, SerializeMap, SerializeStruct, Serializer};
use serde_json::value::RawValue;

use crate::compiled::environment::{ArchivedFeature, ArchivedFeatureState, ArchivedSegment, ArchivedVariant};
use crate::wire::json::experiment;

/// Every flag of an environment, in the order of its features, and the segments that matched, in the order of the
/// document.
#[derive(Debug, Clone)]
pub struct Evaluation<'e> {
    /// The default JSON of all features, with a comma between them, as the caller wrote it when it compiled the
    /// document.
    pub default_json: &'e str,
    pub flags: Vec<Flag<'e>>,
    pub segments: Vec<SegmentMatch<'e>>,
}

/// One feature's result.
#[derive(Clone, Copy)]
pub struct Flag<'e> {
    pub(crate) feature: &'e ArchivedFeature,
    pub(crate) state: &'e ArchivedFeatureState,
    pub(crate) choice: VariantChoice<'e>,
    pub reason: Reason<'e>,
}

/// Which variant of a state was chosen.
#[derive(Clone, Copy)]
pub(crate) enum VariantChoice<'e> {
    /// The feature has no variants, or no identity was given to choose one for.
    None,
    Control,
    Variant(&'e ArchivedVariant),
}

impl<'e> Flag<'e> {
    pub fn name(&self) -> &'e str {
        &self.feature.name
    }

    pub fn enabled(&self) -> bool {
        self.state.enabled
    }

    /// The value, as JSON.
    pub fn value(&self) -> &'e str {
        match self.choice {
            VariantChoice::Variant(variant) => &variant.value,
            VariantChoice::None | VariantChoice::Control => &self.state.value,
        }
    }

    /// The key of the variant, or `control`. None if the flag has no variants, or the variant has no key.
    pub fn variant(&self) -> Option<&'e str> {
        match self.choice {
            VariantChoice::None => None,
            VariantChoice::Control => Some("control"),
            VariantChoice::Variant(variant) => variant.key.as_deref(),
        }
    }

    /// The outer value is none if no variant was chosen, the inner one if the chosen variant has no key.
    pub fn variant_key(&self) -> Option<Option<&'e str>> {
        match self.choice {
            VariantChoice::Variant(variant) => Some(variant.key.as_deref()),
            VariantChoice::None | VariantChoice::Control => None,
        }
    }

    /// The metadata of the effective state, as JSON, if it has any.
    pub fn metadata(&self) -> Option<&'e str> {
        self.state.metadata.as_deref()
    }

    /// The experiment that the effective state is part of, as JSON, if there is one.
    pub fn experiment(&self) -> Option<&'e str> {
        experiment(self.metadata()?)
    }

    /// The range of this flag's JSON in [`Evaluation::default_json`]; none if the flag is not in its default state, or has a
    /// reason of its own.
    pub fn default_json(&self) -> Option<Range<usize>> {
        let default = core::ptr::eq(self.state, &raw const self.feature.default);
        let varied = matches!(self.choice, VariantChoice::Variant(_));
        let cyclic = matches!(self.reason, Reason::CircularDependency);
        (default && !varied && !cyclic).then(|| self.feature.default_json.range())
    }

    /// The range of the front part of this flag's JSON in [`Evaluation::default_json`]. It is the same in every state.
    pub fn json_prefix(&self) -> Range<usize> {
        let start = self.feature.default_json.range().start;
        start..start.saturating_add(self.feature.json_prefix_len.to_native() as usize)
    }

    /// Whether it is hidden from client-side keys.
    pub fn server_only(&self) -> bool {
        self.feature.server_only
    }
}

impl fmt::Debug for Flag<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} {} ({})", self.name(), self.enabled(), self.value(), self.reason)
    }
}

/// Why a flag has its value (`SEMANTICS.md`, 6.3).
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Reason<'e> {
    /// The environment's default; nothing overrides the feature.
    Static,
    /// The environment's default; no override of the feature matched.
    Default,
    TargetingMatch {
        segment: &'e str,
    },
    /// A variant, with its weight in percent.
    Split {
        weight: f64,
    },
    CircularDependency,
}

impl fmt::Display for Reason<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::Static => f.write_str("STATIC"),
            Reason::Default => f.write_str("DEFAULT"),
            Reason::TargetingMatch { segment } => write!(f, "TARGETING_MATCH; segment={segment}"),
            Reason::Split { weight } => write!(f, "SPLIT; weight={weight}"),
            Reason::CircularDependency => f.write_str("ERROR; code=CIRCULAR_DEPENDENCY"),
        }
    }
}

/// A segment that matched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SegmentMatch<'e> {
    pub name: &'e str,
    /// JSON, if there is any.
    pub metadata: Option<&'e str>,
}

impl<'e> SegmentMatch<'e> {
    /// The name under which SDKs gather the overrides of identities.
    pub(crate) const IDENTITY_OVERRIDES: &'static str = "identity_overrides";

    pub(crate) fn new(segment: &'e ArchivedSegment) -> Self {
        SegmentMatch { name: &segment.name, metadata: segment.metadata.as_deref() }
    }

    pub(crate) fn identity_overrides() -> Self {
        SegmentMatch { name: Self::IDENTITY_OVERRIDES, metadata: Some(r#"{"source":"identity_overrides"}"#) }
    }
}

impl Serialize for Evaluation<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut result = serializer.serialize_struct("Evaluation", 2)?;
        result.serialize_field("flags", &Flags(&self.flags))?;
        result.serialize_field("segments", &self.segments)?;
        result.end()
    }
}

struct Flags<'a>(&'a [Flag<'a>]);

impl Serialize for Flags<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for flag in self.0 {
            map.serialize_entry(flag.name(), flag)?;
        }
        map.end()
    }
}

impl Serialize for Flag<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut flag = serializer.serialize_struct("Flag", 6)?;
        flag.serialize_field("name", self.name())?;
        flag.serialize_field("enabled", &self.enabled())?;
        flag.serialize_field("value", &raw(self.value()))?;
        flag.serialize_field("reason", &format_args!("{}", self.reason))?;
        flag.serialize_field("variant", &self.variant())?;
        if let Some(metadata) = self.metadata().and_then(raw) {
            flag.serialize_field("metadata", metadata)?;
        }
        flag.end()
    }
}

impl Serialize for SegmentMatch<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut segment = serializer.serialize_struct("Segment", 2)?;
        segment.serialize_field("name", self.name)?;
        if let Some(metadata) = self.metadata.and_then(raw) {
            segment.serialize_field("metadata", metadata)?;
        }
        segment.end()
    }
}

/// JSON that is written unchanged. Invalid JSON is written as `null`.
fn raw(json: &str) -> Option<&RawValue> {
    serde_json::from_str(json).ok()
}
