//! An explanation, and its published JSON (`explain.schema.json` of the crate `api`).

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use serde_json::value::RawValue;

/// Why flags have their values.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Explanation {
    /// In the order of the document; or the one that was asked for, and then those that its segments read.
    pub flags: Vec<ExplainedFlag>,
    /// In the order of the document: all, or those that override one of these flags.
    pub segments: Vec<ExplainedSegment>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ExplainedFlag {
    pub name: String,
    pub enabled: bool,
    pub value: Box<RawValue>,
    /// As in the result of an evaluation.
    pub reason: String,
    /// The key of the variant that was chosen, or `control`.
    pub variant: Option<String>,
    /// Where its state comes from.
    pub origin: Origin,
    /// The segment, if the state comes from one.
    pub segment: Option<String>,
    /// Hidden from client-side keys.
    pub server_only: bool,
    /// All states that the feature may have: the identity's own, those of segments, and the default.
    pub candidates: Vec<Candidate>,
    /// How a variant was chosen; none without variants or without an identity.
    pub split: Option<ExplainedSplit>,
    /// The flags that its segments read.
    pub reads: Vec<String>,
}

/// Where a state comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// An override that names the identity.
    Identity,
    Segment,
    /// The environment.
    Default,
}

/// A state that a feature may have.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Candidate {
    pub origin: Origin,
    pub segment: Option<String>,
    /// Of a segment's override: the lower the stronger. Null if it has none, which is the weakest.
    pub priority: Json,
    pub enabled: bool,
    /// The value without regard to variants.
    pub value: Box<RawValue>,
    pub outcome: CandidateOutcome,
}

/// What became of a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CandidateOutcome {
    Won,
    /// The segment does not match.
    NotMatched,
    /// The segment reads a flag that depends on the segment: it counts as not matching.
    CycleCut,
    /// The identity has an override of its own.
    LostToIdentity,
    /// An override of a stronger priority matched.
    LostByPriority,
    /// An override of the same priority matched, and stands before it.
    LostByOrder,
    /// An override matched.
    Overridden,
    /// The segment matched on a cycle of flags, after the flag was decided.
    TooLate,
}

/// How a variant was chosen.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ExplainedSplit {
    /// As of a condition.
    pub hash_input: String,
    pub percent: f64,
    /// In their order, control last.
    pub shares: Vec<Share>,
}

/// What was hashed, and to what.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ExplainedHash {
    /// The text whose MD5 decides. It ends with `…` if it is longer than what is shown.
    pub hash_input: String,
    /// From 0 to below 100.
    pub percent: f64,
}

/// The percentages that choose a variant.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Share {
    /// The key of the variant, or `control`. None if it has no key.
    pub variant: Option<String>,
    pub value: Box<RawValue>,
    pub from: f64,
    /// The first percentage beyond the share.
    pub to: f64,
    pub chosen: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ExplainedSegment {
    pub key: String,
    pub name: String,
    pub matched: bool,
    /// It reads a flag that depends on it. So it does not match, whatever its rules say.
    pub cycle_cut: bool,
    /// The features that it overrides.
    pub overrides: Vec<String>,
    /// The flags that it reads.
    pub reads: Vec<String>,
    /// All have to match. In the order of the document, as conditions are.
    pub rules: Vec<ExplainedRule>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ExplainedRule {
    /// `ALL`, `ANY` or `NONE`; another never matches.
    #[serde(rename = "type")]
    pub kind: String,
    /// None if it was not evaluated, since another decided before it.
    pub matched: Option<bool>,
    pub conditions: Vec<ExplainedCondition>,
    pub rules: Vec<ExplainedRule>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ExplainedCondition {
    /// Its place in the segment, level by level, from 1, as warnings count. None without the texts.
    pub number: Option<usize>,
    /// A trait's name or a path.
    pub property: String,
    pub operator: String,
    /// The condition's value as it was written. Null without the texts.
    pub value: Json,
    /// What was found. A text ends with `…` if it is longer than what is shown. Null if there is no such value.
    pub found: Json,
    /// Null if there was no value, or none that the operator accepts.
    pub compared_as: Option<String>,
    /// The condition's value in that type, if that is not as it was written. Null if it cannot be read so.
    pub compared_with: Json,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hash: Option<ExplainedHash>,
    /// The flag that it reads.
    pub reads: Option<String>,
    /// None if it was not evaluated, since another decided before it.
    pub matched: Option<bool>,
    /// Why it never matches.
    pub fault: Option<String>,
}
