//! Feature flag evaluation: environment document → compiled environment → flags, with reasons.
//!
//! What this crate never does: input or output, looking at a clock, drawing random numbers, or failing while it
//! evaluates. Whatever is wrong with a document is found when it is compiled: a [`Refusal`] for what cannot be
//! an environment at all, a [`Warning`] for a part that will never match.
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

#![no_std]

extern crate alloc;

mod automaton;
mod class;
mod compile;
mod condition;
mod context;
mod dialect;
mod digits;
mod document;
mod environment;
mod error;
mod evaluate;
mod evaluation;
mod flags;
mod json;
mod limits;
mod number;
mod order;
mod pattern;
mod property;
mod resolve;
mod split;
mod value;
mod version;

use alloc::string::{String, ToString};

pub use compile::{Anchoring, Options, Text};
pub use context::Context;
pub use document::{DefaultFlag, Document, Switches};
pub use environment::{Compiled, Environment};
pub use error::{Broken, Refusal, Warning, WarningKind};
pub use evaluate::Identity;
pub use evaluation::{Evaluation, Flag, Reason, SegmentMatch};
pub use json::Json;
pub use number::float_text;
pub use value::Value;

/// Evaluates one evaluation context through the whole way: parsed, compiled, encoded, decoded, evaluated.
///
/// Takes and gives JSON, in the shapes of Flagsmith's evaluation context and result schemas.
///
/// # Errors
/// A [`Refusal`] that names the member at fault, or the limit that was passed.
pub fn evaluate_context(context: &str, options: Options) -> Result<String, Refusal> {
    let context = Context::parse(context)?;
    let (environment, _) = context.compile(options)?;
    let broken = |broken: Broken| Refusal::new("the whole", broken.to_string());
    let compiled = Compiled::decode(environment.encode().map_err(broken)?).map_err(broken)?;
    let evaluation = compiled.evaluate(context.identity().as_ref());
    serde_json::to_string(&evaluation).map_err(|error| Refusal::new("the result", error.to_string()))
}
