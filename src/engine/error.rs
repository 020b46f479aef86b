//! What can be wrong with an environment, and where.

use alloc::string::String;
use core::fmt;

use thiserror::Error;

/// Input that is neither an environment document nor an evaluation context. Nothing of it is used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{place}: {fault}")]
pub struct InputError {
    /// Where: a path of members such as `feature_states[3].feature.name`.
    pub place: String,
    /// What: a lower-case sentence without a full stop.
    pub fault: String,
}

impl InputError {
    pub(crate) fn new(place: impl Into<String>, fault: impl Into<String>) -> Self {
        InputError { place: place.into(), fault: fault.into() }
    }
}

/// A defect of an environment that does not prevent its publication.
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
    /// Shares of variants that are negative, or more than 100 % together.
    Share,
    /// A member that nothing reads.
    UnknownMember,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.fault)
    }
}

/// Bytes that are not an encoded environment: cut short, overwritten, or of another format.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("not a compiled environment: {0}")]
pub struct EncodingError(pub(crate) String);
