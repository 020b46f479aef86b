//! Bounds of what is accepted. They lie far above what Flagsmith's own limits allow (500 segments, 1,000 features,
//! 100 conditions a segment), and low enough that no document can exhaust a guest's stack or memory.

/// Levels of rules within rules. Flagsmith's dashboard writes two.
pub(crate) const RULE_DEPTH: usize = 32;
/// The length of a chain of flags that read each other.
pub(crate) const DEPENDENCY_DEPTH: usize = 64;
pub(crate) const FEATURES: usize = 20_000;
pub(crate) const SEGMENTS: usize = 20_000;
/// Conditions and rules of all segments together.
pub(crate) const CONDITIONS: usize = 500_000;
pub(crate) const VARIANTS: usize = 1_000;
pub(crate) const IDENTITY_OVERRIDES: usize = 200_000;
/// Bytes of a condition's value. Flagsmith allows 1,000; lists of identifiers grow longer.
pub(crate) const CONDITION_VALUE: usize = 1 << 20;
/// Bytes of a regular expression.
pub(crate) const PATTERN: usize = 4_096;
/// Bytes that building one form of a pattern may take.
pub(crate) const PATTERN_WORK: usize = 1 << 20;
/// States and transitions of a pattern that has no table.
pub(crate) const PATTERN_STATES: usize = 20_000;
/// Ranges of characters that have a symbol of their own.
pub(crate) const ALPHABET_EXCEPTIONS: usize = 1_000;
/// Bytes of the table of one pattern, of those of an environment together, and of what building one may take.
pub(crate) const TABLE: usize = 64 << 10;
pub(crate) const TABLES: usize = 4 << 20;
pub(crate) const TABLE_WORK: usize = 1 << 20;
/// Bytes of patterns that a publisher keeps for the next change.
pub(crate) const PATTERN_CACHE: usize = 32 << 20;
/// Bytes of a document or context: the limit of a value in the KV store.
pub(crate) const TEXT: usize = 25_000_000;
