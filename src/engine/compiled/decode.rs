//! Decoding of compiled environments. Their bytes are checked once, and then read in place.

use alloc::format;
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;
use core::ops::Range;

use rkyv::rancor::Error;

use super::environment::{ArchivedEnvironment, ArchivedOverride};
use super::property::ArchivedTarget;
use crate::error::EncodingError;
use crate::limits;

/// A compiled environment, read in place from its bytes.
pub struct Compiled {
    bytes: Vec<u8>,
}

impl Compiled {
    /// Takes encoded bytes, and checks everything that evaluation relies on.
    ///
    /// # Errors
    /// [`EncodingError`] if the bytes are not a valid encoding. The bytes may come from any source: damaged or made-up
    /// bytes are refused too. [`crate::Environment::encode`] makes valid ones.
    pub fn decode(bytes: Vec<u8>) -> Result<Compiled, EncodingError> {
        check(&bytes)?;
        Ok(Compiled { bytes })
    }

    /// As [`Compiled::decode`], without the check.
    ///
    /// # Safety
    /// [`Compiled::decode`] has accepted the very same bytes before.
    #[expect(unsafe_code, reason = "the caller vouches for the bytes")]
    pub unsafe fn decode_checked(bytes: Vec<u8>) -> Compiled {
        Compiled { bytes }
    }

    /// The names of all features, hidden ones too.
    pub fn feature_names(&self) -> impl Iterator<Item = &str> {
        self.environment().features.iter().map(|feature| feature.name.as_str())
    }

    pub(crate) fn environment(&self) -> &ArchivedEnvironment {
        // SAFETY: `decode` and `decode_checked` take only bytes that were validated, and nothing changes them afterwards.
        #[expect(unsafe_code, reason = "validating again on each request would cost more than evaluating")]
        unsafe {
            rkyv::access_unchecked::<ArchivedEnvironment>(&self.bytes)
        }
    }
}

impl fmt::Debug for Compiled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Compiled").field("bytes", &self.bytes.len()).finish_non_exhaustive()
    }
}

fn check(bytes: &[u8]) -> Result<(), EncodingError> {
    let environment = rkyv::access::<ArchivedEnvironment, Error>(bytes)
        .map_err(|error| EncodingError(format!("{error}")))?;
    check_rules(environment)?;
    check_references(environment)
}

/// Rules form trees of bounded depth: each rule belongs to one segment or to one rule before it. So evaluation ends,
/// whatever the bytes contain.
fn check_rules(environment: &ArchivedEnvironment) -> Result<(), EncodingError> {
    let mut depths = vec![0; environment.rules.len()];
    for segment in environment.segments.iter() {
        claim(&mut depths, segment.rules.range(), 1)?;
    }
    for (index, rule) in environment.rules.iter().enumerate() {
        let own = rule.rules.range();
        if own.is_empty() {
            continue;
        }
        if depths[index] == 0 || own.start <= index {
            return Err(EncodingError("a rule is not in order".into()));
        }
        let depth = depths[index] + 1;
        claim(&mut depths, own, depth)?;
    }
    Ok(())
}

/// Records the depth of rules that have no owner yet.
fn claim(depths: &mut [usize], rules: Range<usize>, depth: usize) -> Result<(), EncodingError> {
    let free = |rules: &&mut [usize]| rules.iter().all(|depth| *depth == 0);
    match depths.get_mut(rules).filter(free) {
        Some(rules) if depth <= limits::RULE_DEPTH => rules.fill(depth),
        _ => return Err(EncodingError("the rules do not form a tree".into())),
    }
    Ok(())
}

/// Every index points into its list.
fn check_references(environment: &ArchivedEnvironment) -> Result<(), EncodingError> {
    let features = environment.features.len();
    let known = |overridden: &ArchivedOverride| (overridden.feature.to_native() as usize) < features;
    let overrides = environment.segments.iter().map(|segment| &segment.overrides);
    let identity_overrides = environment.identity_overrides.iter().map(|identity| &identity.overrides);
    let flags = environment.properties.iter().filter_map(|property| match property.target.as_ref()? {
        ArchivedTarget::Flag { feature, .. } => Some(feature.to_native() as usize),
        _ => None,
    });
    let sound = overrides.chain(identity_overrides).all(|overrides| overrides.iter().all(known))
        && { flags }.all(|feature| feature < features)
        && conditions_in_order(environment)
        && environment
            .conditions
            .iter()
            .all(|condition| (condition.property.to_native() as usize) < environment.properties.len())
        && environment.features.iter().all(|feature| {
            feature
                .overriding
                .iter()
                .all(|segment| (segment.to_native() as usize) < environment.segments.len())
        });
    if sound { Ok(()) } else { Err(EncodingError("a reference points outside of its list".into())) }
}

/// The rules divide the conditions among them in order: each condition belongs to one rule.
fn conditions_in_order(environment: &ArchivedEnvironment) -> bool {
    let mut next = 0;
    let in_order = environment.rules.iter().all(|rule| {
        let range = rule.conditions.range();
        let follows = range.start == next;
        next = range.end;
        follows
    });
    in_order && next == environment.conditions.len()
}
