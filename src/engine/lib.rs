//! Feature flag evaluation: environment document → compiled environment → flags, with reasons.
//!
//! This crate never does input or output, never reads a clock, never draws random numbers, and never fails while it
//! evaluates. Every error of a document is found when it is compiled: an [`InputError`] if it is not an environment at
//! all, a [`Warning`] for a part that will never match.
//!
//! The steps from a document to flags:
//!
//! | step | function | on the edge |
//! |---|---|---|
//! | JSON → wire types | [`Document::parse`], [`Context::parse`] | never |
//! | wire types → [`Environment`] | [`Document::compile`], [`Context::compile`] | never |
//! | [`Environment`] → bytes | [`Environment::encode`] | never |
//! | bytes → [`Compiled`] | [`Compiled::decode`] | once for a revision |
//! | [`Compiled`] and an [`Identity`] → [`Evaluation`] | [`Compiled::evaluate`] | per request |
//!
//! [`Compiled::evaluate_with`] takes two more arguments: a [`Visitor`] that is called for each step, and
//! [`OwnOverrides`], the source of the overrides of the identity itself. [`Compiled::explain`] evaluates with a visitor that
//! records every step, and says why each flag has its value.
//!
//! The modules of this crate form layers. A module imports from the layers below it, never from its own layer or one
//! above; `tests/quick/tidy.rs` checks it.
//!
//! | layer | modules |
//! |---|---|
//! | 6 | `lib`: the public names |
//! | 5 | `explain`: an evaluation in words and numbers |
//! | 4 | `compile`: wire types → compiled environment · `evaluate`: compiled environment and identity → flags |
//! | 3 | `compiled`: the data that an evaluation reads, and its layout in bytes |
//! | 2 | `wire`: the published JSON · `pattern`: regular expressions, read as Python reads them |
//! | 1 | `python`: numbers, texts, versions and hashes as in Python · `options` · `error` · `limits` · `work`: what an evaluation costs |
//!
//! What a flag evaluates to is written down in `SEMANTICS.md`, whose sections the comments cite.

#![no_std]

extern crate alloc;

mod compile;
mod compiled;
mod error;
mod evaluate;
mod explain;
mod limits;
mod options;
mod pattern;
mod python;
mod wire;
mod work;

use alloc::string::{String, ToString};

pub use compile::{Cost, DefaultJson, Usage};
pub use compiled::decode::Compiled;
pub use compiled::environment::Environment;
pub use compiled::overrides::{CompiledOverrides, IdentityOverrides};
pub use compiled::texts::Texts;
pub use error::{EncodingError, InputError, Warning, WarningKind};
pub use evaluate::{
    CountedWork, Evaluation, Flag, Identity, Offer, OverrideSource, OwnOverrides, Read, Reason, SegmentMatch,
    SegmentOutcome, Split, Visitor,
};
pub use explain::{
    Candidate, CandidateOutcome, ExplainedCondition, ExplainedFlag, ExplainedHash, ExplainedRule,
    ExplainedSegment, ExplainedSplit, Explanation, Origin, Share,
};
pub use options::{Anchoring, Options};
pub use pattern::PatternCache;
pub use python::number::float_text;
pub use python::value::Value;
pub use wire::context::Context;
pub use wire::document::members;
pub use wire::document::{DefaultFlag, Document, Switches};

/// Evaluates one evaluation context through all steps: it is parsed, compiled, encoded, decoded and evaluated.
///
/// Takes and returns JSON, in the shapes of Flagsmith's evaluation context and result schemas. `patterns` are kept from one
/// call to the next.
///
/// # Errors
/// An [`InputError`] that names the member at fault, or the limit that was passed.
pub fn evaluate_context(
    context: &str,
    options: Options,
    patterns: &mut PatternCache,
) -> Result<String, InputError> {
    let context = Context::parse(context)?;
    let (environment, _) = context.compile_with(patterns, options)?;
    let input_error = |error: EncodingError| InputError::new("the context", error.to_string());
    let compiled = Compiled::decode(environment.encode().map_err(input_error)?).map_err(input_error)?;
    let evaluation = compiled.evaluate(context.identity().as_ref());
    serde_json::to_string(&evaluation).map_err(|error| InputError::new("the result", error.to_string()))
}
