//! What can be wrong with an environment, and where.

use alloc::string::String;
use core::fmt;

use thiserror::Error;

/// Input that is no environment, or no evaluation context: nothing of it is used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{place}: {fault}")]
pub struct Refusal {
    /// Where: a path of members such as `feature_states[3].feature.name`.
    pub place: String,
    /// What: a lower-case sentence without a full stop.
    pub fault: String,
}

impl Refusal {
    pub(crate) fn new(place: impl Into<String>, fault: impl Into<String>) -> Self {
        Refusal { place: place.into(), fault: fault.into() }
    }
}

/// Something about an environment that is published all the same, and that somebody should know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// Where, in the words of the document: "segment `beta`, condition 2".
    pub place: String,
    /// What: a lower-case sentence without a full stop.
    pub fault: String,
    pub kind: WarningKind,
}

/// What a [`Warning`] is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WarningKind {
    /// A part that will never match.
    NeverMatches,
    /// A part that will never match, with a name that a later version may know: an operator, or a type of rule.
    Unknown,
    /// A switch that makes flags differ from those of Flagsmith's own API.
    Switch,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.fault)
    }
}

/// Bytes that are no encoded environment: cut short, overwritten, or made by somebody else.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("not a compiled environment: {0}")]
pub struct Broken(pub(crate) String);
