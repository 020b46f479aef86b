//! The names of the rules, which programs read.

/// The names of all rules.
pub const LINT_RULES: [&str; 20] = [
    DOCUMENT,
    EXPORT,
    MISSPELT_MEMBER,
    LIMIT,
    ENVIRONMENT_TWICE,
    UNKNOWN_MEMBER,
    FEATURE_TWICE,
    SEGMENT_TWICE,
    IDENTITY_TWICE,
    OVERRIDE_TWICE,
    OVERRIDE_UNKNOWN_FEATURE,
    SEGMENT_UNUSED,
    SEGMENT_NEVER_MATCHES,
    CONDITION_NEVER_MATCHES,
    UNKNOWN_OPERATOR,
    SHARE,
    SWITCH,
    FUTURE,
    LIMIT_NEAR,
    DEAR,
];

/// It is not a document.
pub(super) const DOCUMENT: &str = "document";
/// It is an export of which no document can be made.
pub(super) const EXPORT: &str = "export";
pub(super) const MISSPELT_MEMBER: &str = "misspelt-member";
/// More than is accepted.
pub(super) const LIMIT: &str = "limit";
/// Two files with one environment.
pub(super) const ENVIRONMENT_TWICE: &str = "environment-twice";
pub(super) const UNKNOWN_MEMBER: &str = "unknown-member";
pub(super) const FEATURE_TWICE: &str = "feature-twice";
pub(super) const SEGMENT_TWICE: &str = "segment-twice";
pub(super) const IDENTITY_TWICE: &str = "identity-twice";
pub(super) const OVERRIDE_TWICE: &str = "override-twice";
pub(super) const OVERRIDE_UNKNOWN_FEATURE: &str = "override-unknown-feature";
pub(super) const SEGMENT_UNUSED: &str = "segment-unused";
pub(super) const SEGMENT_NEVER_MATCHES: &str = "segment-never-matches";
pub(super) const CONDITION_NEVER_MATCHES: &str = "condition-never-matches";
/// An operator, or a type of rule.
pub(super) const UNKNOWN_OPERATOR: &str = "unknown-operator";
pub(super) const SHARE: &str = "share";
pub(super) const SWITCH: &str = "switch";
pub(super) const FUTURE: &str = "updated-at-in-the-future";
pub(super) const LIMIT_NEAR: &str = "limit-near";
/// A request may take too much of what the platform allows.
pub(super) const DEAR: &str = "dear";
