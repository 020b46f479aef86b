//! Overrides of identities, separated from their environment, so that they can be stored and read separately.

use alloc::format;
use alloc::vec::Vec;
use core::fmt;

use rkyv::rancor::Error;
use rkyv::{Archive, Serialize};

use super::environment::{ArchivedIdentityOverride, ArchivedOverride, Environment, IdentityOverride};
use crate::error::EncodingError;

/// Overrides of identities, as the publisher makes them. They belong to the environment that they were taken from: they
/// name its features by their indices.
#[derive(Debug, Archive, Serialize)]
pub struct IdentityOverrides {
    /// Sorted by identifier, each once.
    identities: Vec<IdentityOverride>,
}

impl Environment {
    /// Takes the overrides of all identities out of the environment. The rest of it does not change: a feature that
    /// some identity overrides is still marked as overridden.
    pub fn take_identity_overrides(&mut self) -> IdentityOverrides {
        IdentityOverrides { identities: core::mem::take(&mut self.identity_overrides) }
    }
}

impl IdentityOverrides {
    /// Encodes the overrides as the bytes that [`CompiledOverrides::decode`] reads.
    ///
    /// # Errors
    /// [`EncodingError`] if they are larger than the layout can address (4 GiB).
    pub fn encode(&self) -> Result<Vec<u8>, EncodingError> {
        let bytes = rkyv::to_bytes::<Error>(self).map_err(|error| EncodingError(format!("{error}")))?;
        Ok(bytes.into_vec())
    }
}

/// Overrides of identities, read in place from their bytes.
pub struct CompiledOverrides {
    bytes: Vec<u8>,
}

impl CompiledOverrides {
    /// Takes encoded bytes and checks them. Overrides of features that the environment lacks are ignored when it is
    /// evaluated.
    ///
    /// # Errors
    /// [`EncodingError`] if they are not what [`IdentityOverrides::encode`] makes.
    pub fn decode(bytes: Vec<u8>) -> Result<CompiledOverrides, EncodingError> {
        rkyv::access::<ArchivedIdentityOverrides, Error>(&bytes)
            .map_err(|error| EncodingError(format!("{error}")))?;
        Ok(CompiledOverrides { bytes })
    }

    /// The overrides of one identity; empty if it has none.
    pub(crate) fn of(&self, identifier: &str) -> &[ArchivedOverride] {
        // SAFETY: `decode` has checked these very bytes, and nothing can change them since.
        #[expect(
            unsafe_code,
            reason = "another check at each evaluation would cost more than the evaluation"
        )]
        let list = unsafe { rkyv::access_unchecked::<ArchivedIdentityOverrides>(&self.bytes) };
        find(&list.identities, identifier)
    }
}

impl fmt::Debug for CompiledOverrides {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CompiledOverrides").field("bytes", &self.bytes.len()).finish()
    }
}

/// The overrides of one identity, in a list that is sorted by identifier; empty if it has none.
pub(crate) fn find<'e>(
    identities: &'e [ArchivedIdentityOverride],
    identifier: &str,
) -> &'e [ArchivedOverride] {
    match identities.binary_search_by(|entry| entry.identifier.as_str().cmp(identifier)) {
        Ok(at) => &identities[at].overrides,
        Err(_) => &[],
    }
}
