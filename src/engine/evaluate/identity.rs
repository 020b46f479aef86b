//! The identity that an evaluation is for.

use alloc::string::String;
use alloc::vec::Vec;

use crate::compiled::overrides::CompiledOverrides;
use crate::python::value::Value;
use crate::wire::context::Context;

/// The identity that an environment is evaluated for.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Identity {
    pub identifier: String,
    /// Hashed by percentage splits and variants; `<environment key>_<identifier>` if there is none.
    pub key: Option<String>,
    /// Names and values, each name once.
    pub traits: Vec<(String, Value)>,
    /// Whether a trait whose name is a path, such as `$.flags.gate.enabled`, is read in place of what the path leads to.
    /// Not where anybody could have sent the traits.
    pub traits_answer_paths: bool,
    /// Evaluates as if no override named this identifier.
    pub ignore_own_overrides: bool,
}

/// The source of the overrides that name the identity itself.
#[derive(Debug, Clone, Copy)]
pub enum OwnOverrides<'e> {
    /// The environment.
    Embedded,
    /// This list alone, which was taken from the environment when it was compiled.
    Given(&'e CompiledOverrides),
}

impl Context {
    /// The identity of the context.
    pub fn identity(&self) -> Option<Identity> {
        let identity = self.identity.as_ref()?;
        Some(Identity {
            identifier: identity.identifier.clone(),
            key: identity.key.clone(),
            traits: identity.traits.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
            traits_answer_paths: true,
            ignore_own_overrides: false,
        })
    }
}
