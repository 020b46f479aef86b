//! What people wrote and an evaluation does not need: an explanation shows it. In the order of the compiled environment.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

/// The texts of an environment, beside its compiled form. Without them (the default) an explanation shows what the compiled
/// form still has.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Texts {
    pub(crate) conditions: Vec<ConditionText>,
    pub(crate) rules: Vec<RuleText>,
    /// Every priority of an override, the strongest first: that of rank 1, that of rank 2, and so on.
    pub(crate) priorities: Vec<Json>,
}

/// A condition as it was written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct ConditionText {
    /// Its place in its segment, level by level, from 1.
    #[serde(rename = "n")]
    pub(crate) number: usize,
    #[serde(rename = "p")]
    pub(crate) property: String,
    #[serde(rename = "o")]
    pub(crate) operator: String,
    #[serde(rename = "v", default, skip_serializing_if = "Json::is_null")]
    pub(crate) value: Json,
    /// Why it never matches. Not of a path that leads nowhere: a trait may have its name.
    #[serde(rename = "f", default, skip_serializing_if = "Option::is_none")]
    pub(crate) fault: Option<String>,
}

/// A rule as it was written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct RuleText {
    /// Its place in its segment, level by level, from 0.
    #[serde(rename = "n")]
    pub(crate) place: usize,
    #[serde(rename = "t")]
    pub(crate) kind: String,
}

impl Texts {
    /// The texts as JSON, which [`Texts::decode`] reads.
    pub fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// None if the bytes are no texts.
    pub fn decode(bytes: &[u8]) -> Option<Texts> {
        serde_json::from_slice(bytes).ok()
    }

    /// The priority of a rank; none if there is no priority.
    pub(crate) fn priority(&self, rank: u32) -> Option<&Json> {
        self.priorities.get((rank as usize).checked_sub(1)?)
    }
}
