//! Evaluations: the flags of one identity, and why each has its value (`SEMANTICS.md`, 2).

mod counted;
mod dependencies;
mod evaluator;
mod identity;
mod result;
mod values;
mod visitor;

pub use self::counted::CountedWork;
use self::evaluator::Evaluator;
pub use self::identity::{Identity, OwnOverrides};
pub(crate) use self::result::VariantChoice;
pub use self::result::{Evaluation, Flag, Reason, SegmentMatch};
pub use self::visitor::{Offer, OverrideSource, Read, SegmentOutcome, Split, Visitor};
use crate::compiled::decode::Compiled;

impl Compiled {
    /// Evaluates every feature, for an identity or without one. Never fails: a condition that cannot be evaluated does
    /// not match.
    pub fn evaluate(&self, identity: Option<&Identity>) -> Evaluation<'_> {
        self.evaluate_with(identity, OwnOverrides::Embedded, &mut ())
    }

    /// As [`Compiled::evaluate`], with the source of the identity's overrides given, and a visitor that is called for
    /// each step.
    pub fn evaluate_with<'e, V: Visitor>(
        &'e self,
        identity: Option<&Identity>,
        own_overrides: OwnOverrides<'e>,
        visitor: &mut V,
    ) -> Evaluation<'e> {
        Evaluator::new(self, identity, own_overrides, visitor).evaluate()
    }
}
