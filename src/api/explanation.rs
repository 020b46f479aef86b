//! The answer of `/explain/`, in the shape of `explanation.schema.json`. `jackstaff explain` makes the same of a file.

use engine::{ExplainedFlag, ExplainedSegment};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// The JSON Schema of an [`ExplanationAnswer`].
pub const SCHEMA: &str = include_str!("explanation.schema.json");

/// Why the flags of an identity have their values.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ExplanationAnswer {
    pub environment: ExplainedEnvironment,
    /// Null if the flags are those of nobody.
    pub identity: Option<ExplainedIdentity>,
    pub flags: Vec<ExplainedFlag>,
    pub segments: Vec<ExplainedSegment>,
}

/// What the flags were evaluated from.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ExplainedEnvironment {
    pub key: String,
    /// Null for a file.
    pub revision: Option<u64>,
    /// When the revision was published, ISO 8601; or the `updated_at` of a file.
    pub updated_at: Option<String>,
    /// Seconds since the KV store confirmed the copy; null for a file.
    pub age: Option<u64>,
    /// `pop`, `kv` or `stale`, as the header `jackstaff-source`; or `file`.
    pub source: String,
    /// Whether disabled flags are hidden from all keys.
    pub hides_disabled_flags: bool,
    /// Whether what was read of the identity is left out of the explanation, as of all answers.
    pub hides_sensitive_data: bool,
    /// Whether the texts of conditions and the priorities are known. Bundles of earlier versions lack them, and those of
    /// more than 2 MiB are not read.
    pub has_texts: bool,
}

/// Who the flags were evaluated for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ExplainedIdentity {
    pub identifier: String,
    /// The traits that count.
    pub traits: Vec<ExplainedTrait>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ExplainedTrait {
    pub trait_key: String,
    /// Null if it is hidden.
    pub trait_value: Box<RawValue>,
    pub origin: TraitOrigin,
}

/// Where a trait comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TraitOrigin {
    Stored,
    Sent,
    /// Sent, and would not be stored.
    Transient,
    /// Set by a control plane. No other answer shows it.
    System,
}
