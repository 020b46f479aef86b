//! The cache of the POP.

use std::io::Write as _;
use std::time::Duration;

use api::pop::ports::{Cache, LookedUp, Object, PortError};
use fastly::Error;
use fastly::cache::core::{self, CacheKey, Transaction};
use fastly::http::body::StreamingBody;

use super::found::Copy;
use super::{Host, port_error};

/// The platform has a builder of its own for insertions, for those of an obligation, and for renewals, which forget what is
/// not repeated. Another server of the POP must not keep an older object for itself.
macro_rules! described {
    ($builder:expr, $object:expr) => {
        $builder
            .surrogate_keys([$object.purged_by])
            .user_metadata($object.metadata.clone())
            .stale_while_revalidate($object.usable_stale)
            .deliver_node_max_age(std::time::Duration::ZERO)
    };
}

impl Cache for Host {
    type Found = Copy;
    type Obligation = Transaction;

    fn look_up(&self, name: &str) -> Result<Option<Copy>, PortError> {
        let found = core::lookup(cache_key(name)).always_use_requested_range().execute();
        found.map(|found| found.map(Copy)).map_err(port_error)
    }

    fn look_up_to_refresh(
        &self,
        name: &str,
        wait: Duration,
    ) -> Result<LookedUp<Copy, Transaction>, PortError> {
        let lookup = Transaction::lookup(cache_key(name)).always_use_requested_range().timeout(wait);
        let transaction = lookup.execute().map_err(port_error)?;
        let found = transaction.found().map(Copy);
        let obligation = transaction.must_insert_or_update().then_some(transaction);
        Ok(LookedUp { found, obligation })
    }

    fn insert(
        &self,
        obligation: Option<Transaction>,
        object: &Object<'_>,
        body: &[u8],
    ) -> Result<(), PortError> {
        let written = begin(obligation, object, body.len()).and_then(|mut writer| {
            writer.write_all(body)?;
            Ok(writer.finish()?)
        });
        written.map_err(port_error)
    }

    fn renew(&self, obligation: Transaction, object: &Object<'_>) -> Result<(), PortError> {
        described!(obligation.update(object.lifetime), object).execute().map_err(port_error)
    }

    fn give_up(&self, obligation: Transaction) -> Result<(), PortError> {
        obligation.cancel_insert_or_update().map_err(port_error)
    }
}

/// Begins to insert an object with a body of so many bytes.
pub(crate) fn begin(
    obligation: Option<Transaction>,
    object: &Object<'_>,
    length: usize,
) -> Result<StreamingBody, Error> {
    let length = length as u64;
    Ok(match obligation {
        Some(obligation) => {
            described!(obligation.insert(object.lifetime), object).known_length(length).execute()?
        }
        None => described!(core::insert(cache_key(object.name), object.lifetime), object)
            .known_length(length)
            .execute()?,
    })
}

pub(super) fn cache_key(name: &str) -> CacheKey {
    CacheKey::copy_from_slice(name.as_bytes())
}
