//! Feature flag evaluation: environment document → compiled environment → flags, with reasons.
//!
//! What this crate never does: input or output, looking at a clock, drawing random numbers, or failing while it
//! evaluates. Everything that is wrong with a document is found when it is compiled: an [`InputError`] if it cannot be an
//! environment at all, a [`Warning`] for a part that will never match.
//!
//! The way of a document:
//!
//! | step | function | on the edge |
//! |---|---|---|
//! | JSON → wire types | [`Document::parse`], [`Context::parse`] | never |
//! | wire types → [`Environment`] | [`Document::compile`], [`Context::compile`] | never |
//! | [`Environment`] → bytes | [`Environment::encode`] | never |
//! | bytes → [`Compiled`] | [`Compiled::decode`] | once for a revision |
//! | [`Compiled`] and an [`Identity`] → [`Evaluation`] | [`Compiled::evaluate`] | per request |
//!
//! Two doors of an evaluation, in [`Compiled::evaluate_with`]: a [`Visitor`] hears of each step, and [`OwnOverrides`] says
//! where the overrides of the identity itself are looked up.
//!
//! The rooms of this crate stand on floors. A room imports from the floors below it, never from its own floor or a
//! floor above; `tests/tidy.rs` checks it.
//!
//! | floor | rooms |
//! |---|---|
//! | 5 | `lib`: the public names |
//! | 4 | `compile`: wire types → compiled environment · `evaluate`: compiled environment and identity → flags |
//! | 3 | `compiled`: what an evaluation reads, as it lies in bytes |
//! | 2 | `wire`: the published JSON · `pattern`: regular expressions, read as Python reads them |
//! | 1 | `python`: numbers, texts, versions and hashes as Python has them · `options` · `error` · `limits` |
//!
//! What a flag evaluates to is written down in `SEMANTICS.md`, whose sections the comments cite.

#![no_std]

extern crate alloc;

mod compile;
mod compiled;
mod error;
mod evaluate;
mod limits;
mod options;
mod pattern;
mod python;
mod wire;

use alloc::string::{String, ToString};

pub use compile::DefaultJson;
pub use compiled::decode::Compiled;
pub use compiled::environment::Environment;
pub use compiled::overrides::{CompiledOverrides, IdentityOverrides};
pub use error::{EncodingError, InputError, Warning, WarningKind};
pub use evaluate::{
    Evaluation, Flag, Identity, Offer, OverrideSource, OwnOverrides, Reason, SegmentMatch, SegmentOutcome,
    Split, Visitor,
};
pub use options::{Anchoring, Options};
pub use python::number::float_text;
pub use python::value::Value;
pub use wire::context::Context;
pub use wire::document::{DefaultFlag, Document, Switches};

/// Evaluates one evaluation context through all steps: it is parsed, compiled, encoded, decoded and evaluated.
///
/// Takes and gives JSON, in the shapes of Flagsmith's evaluation context and result schemas.
///
/// # Errors
/// An [`InputError`] that names the member at fault, or the limit that was passed.
pub fn evaluate_context(context: &str, options: Options) -> Result<String, InputError> {
    let context = Context::parse(context)?;
    let (environment, _) = context.compile(options)?;
    let input_error = |error: EncodingError| InputError::new("the context", error.to_string());
    let compiled = Compiled::decode(environment.encode().map_err(input_error)?).map_err(input_error)?;
    let evaluation = compiled.evaluate(context.identity().as_ref());
    serde_json::to_string(&evaluation).map_err(|error| InputError::new("the result", error.to_string()))
}
