//! The result of an evaluation, and its published JSON (engine semantics, section 1).

use alloc::vec::Vec;
use core::fmt;
use core::ops::Range;

use serde::ser::{Serialize, SerializeMap, SerializeStruct, Serializer};
use serde_json::value::RawValue;

use crate::environment::{ArchivedFeature, ArchivedSegment, ArchivedState, ArchivedVariant};

/// Every flag of an environment, in the order of its features, and the segments that matched, in theirs.
#[derive(Debug, Clone)]
pub struct Evaluation<'e> {
    /// What the document's caller wrote of all features, see [`crate::Text`].
    pub texts: &'e str,
    pub flags: Vec<Flag<'e>>,
    pub segments: Vec<SegmentMatch<'e>>,
}

/// One feature's result.
#[derive(Clone, Copy)]
pub struct Flag<'e> {
    pub(crate) feature: &'e ArchivedFeature,
    pub(crate) state: &'e ArchivedState,
    pub(crate) picked: Picked<'e>,
    pub reason: Reason<'e>,
}

/// Which value of a state counts.
#[derive(Clone, Copy)]
pub(crate) enum Picked<'e> {
    /// The only one, or there is nobody to pick a variant for.
    Plain,
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
        match self.picked {
            Picked::Variant(variant) => &variant.value,
            Picked::Plain | Picked::Control => &self.state.value,
        }
    }

    /// The key of the variant, `control`, or none where there is nothing to vary or the variant has no key.
    pub fn variant(&self) -> Option<&'e str> {
        match self.picked {
            Picked::Plain => None,
            Picked::Control => Some("control"),
            Picked::Variant(variant) => variant.key.as_deref(),
        }
    }

    /// The key of the variant that was picked: none where none was, and the key of one that has none is none, too.
    pub fn variant_key(&self) -> Option<Option<&'e str>> {
        match self.picked {
            Picked::Variant(variant) => Some(variant.key.as_deref()),
            Picked::Plain | Picked::Control => None,
        }
    }

    /// The metadata of the state in force, as JSON, if it says anything.
    pub fn metadata(&self) -> Option<&'e str> {
        self.state.metadata.as_deref()
    }

    /// Where the text of the flag lies in [`Evaluation::texts`], if it is as its feature's default. The texts of
    /// neighbours have one byte between them, a comma.
    pub fn text(&self) -> Option<Range<usize>> {
        let default = core::ptr::eq(self.state, &raw const self.feature.default);
        let varied = matches!(self.picked, Picked::Variant(_));
        (default && !varied).then(|| self.feature.text.range())
    }

    /// Where the text lies that stands in front of the flag, whatever its state.
    pub fn head(&self) -> Range<usize> {
        let start = self.feature.text.range().start;
        start..start.saturating_add(self.feature.head.to_native() as usize)
    }

    /// Whether client-side keys must not see it.
    pub fn server_only(&self) -> bool {
        self.feature.server_only
    }
}

impl fmt::Debug for Flag<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} {} ({})", self.name(), self.enabled(), self.value(), self.reason)
    }
}

/// Why a flag has its value (engine semantics, 6.3).
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Reason<'e> {
    /// The environment's default; nothing overrides the feature.
    Static,
    /// The environment's default; what overrides the feature did not match.
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
    /// JSON, if it says anything.
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

/// JSON to be written as it is; what is none is written as null.
fn raw(json: &str) -> Option<&RawValue> {
    serde_json::from_str(json).ok()
}
