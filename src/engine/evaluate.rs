//! Evaluations: the flags of one identity, and why each has its value (SEMANTICS.md, 2).

mod dependencies;
mod evaluator;
mod identity;
mod result;

use self::evaluator::Evaluator;
pub use self::identity::Identity;
pub use self::result::{Evaluation, Flag, Reason, SegmentMatch};
use crate::compiled::decode::Compiled;

impl Compiled {
    /// Evaluates every feature, for an identity or without one. Never fails: what cannot match does not match.
    pub fn evaluate(&self, identity: Option<&Identity>) -> Evaluation<'_> {
        Evaluator::new(self, identity).evaluate()
    }
}
