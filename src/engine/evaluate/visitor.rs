//! The steps of an evaluation, reported as they happen: they explain why a flag has its value.

use super::result::Flag;
use crate::python::value::Value;

/// Is called for each step of an evaluation. A method that is not implemented does nothing, and costs nothing.
///
/// Indices are those of the compiled environment: features and segments in the order of the document, rules and
/// conditions in the order of evaluation, which is cheapest first within a rule. Only steps that are taken are
/// reported: a rule stops at the first condition that decides it. A flag that a condition reads is evaluated at that
/// moment, so its steps stand before the result of the condition; the segments and overrides among them are reported
/// again when their turn comes, without the rules and conditions of segments that are decided by then.
pub trait Visitor {
    /// A condition was evaluated on a value; none if its property has no value.
    fn condition(&mut self, _condition: usize, _value: Option<Read<'_>>, _matched: bool) {}

    /// A rule was decided, after its conditions and its own rules.
    fn rule(&mut self, _rule: usize, _matched: bool) {}

    /// A segment was decided, after its rules.
    fn segment(&mut self, _segment: usize, _outcome: SegmentOutcome) {}

    /// An identity, or another value, was hashed to a percentage: two texts with a comma between them.
    fn percentage(&mut self, _split: Split, _hashed: [&str; 2], _percentage: f64) {}

    /// An override applies to the identity, and was compared with the strongest one so far.
    fn override_offered(&mut self, _offer: &Offer) {}

    /// A condition read a flag; none if the flag is on a cycle of flags that read each other.
    fn flag_read(&mut self, _feature: usize, _flag: Option<&Flag<'_>>) {}

    /// A flag was decided. Features come in their order, each once, after all segments.
    fn flag(&mut self, _feature: usize, _flag: &Flag<'_>) {}
}

/// The visitor that does nothing.
impl Visitor for () {}

/// The value that a condition read.
#[derive(Debug, Clone, Copy)]
pub struct Read<'a> {
    /// The value itself.
    pub raw: &'a Value,
    /// The number that the value denotes if it is a numeric-looking string, else the value itself.
    pub typed: &'a Value,
}

/// Whether a segment matched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SegmentOutcome {
    Matched,
    NotMatched,
    /// A condition of it met a cycle of flags, so the segment does not match, whatever its rules say.
    CycleCut,
}

/// What a percentage decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Split {
    /// Whether this condition, a `PERCENTAGE_SPLIT`, matches.
    Condition(usize),
    /// Which variant this feature has.
    Variants(usize),
}

/// An override that applies to the identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offer {
    pub feature: usize,
    pub source: OverrideSource,
    /// The place of its priority among all priorities of the environment, from 1, the strongest. 0 for the identity's
    /// own overrides, [`u32::MAX`] without a priority.
    pub rank: u32,
    /// Whether it is stronger than every one before it.
    pub is_strongest: bool,
}

/// Where an override comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OverrideSource {
    /// The identity itself.
    Identity,
    /// The segment of this index.
    Segment(usize),
}
