//! The routes that change stored traits and nothing else (`PROTOCOL.md`, 12). They answer once the change is stored.

mod bulk;
mod increment;
mod one;

use http::Request;
use serde_json::value::RawValue;
use serde_json::{Map, Value as Json, json};

use super::Call;
use super::error::RequestError;
use super::limits::RECORDS_LIMIT;
use crate::access::Access;
use crate::identity::{Change, ChangeError, ClientAddress, IdentityRecord};
use crate::key::KeyKind;
use crate::settings::Settings;
use crate::store::Store;

pub(super) use bulk::{identities, traits};
pub(super) use increment::increment;
pub(super) use one::one;

/// The client whose writes are limited: nobody with a server-side key, whose requests all come from few addresses.
pub(super) fn limited(request: &Request<()>, kind: KeyKind) -> Option<ClientAddress> {
    if kind == KeyKind::Client { request.extensions().get().copied() } else { None }
}

/// Checks that the environment stores traits.
fn check_stored<H>(access: &Access<H>, settings: &Settings) -> Result<(), RequestError> {
    if access.stores_traits(settings) { Ok(()) } else { Err(RequestError::NoTraits) }
}

fn forbidden() -> RequestError {
    RequestError::Invalid(json!({ "non_field_errors": ["Setting traits not allowed with client key."] }))
}

/// Changes of identities, which are all to be stored.
struct Changes<'a, S: Store> {
    store: &'a mut S,
    access: &'a Access<S::Handle>,
    came_at: u64,
    /// Bytes of the records so far.
    bytes: usize,
}

impl<'a, S: Store> Changes<'a, S> {
    /// `writes`: how many identities are to be changed.
    ///
    /// # Errors
    /// If the client has too many writes.
    fn begin(
        call: &Call<'_>,
        access: &'a Access<S::Handle>,
        store: &'a mut S,
        writes: usize,
    ) -> Result<Changes<'a, S>, RequestError> {
        match limited(call.request, access.kind) {
            Some(client) if store.is_over_write_limit(client, writes) => Err(RequestError::TooManyWrites),
            _ => Ok(Changes { store, access, came_at: call.came_at, bytes: 0 }),
        }
    }

    /// Stores one change. Large records are read and written for their whole length, so there is a limit for all together.
    fn store(&mut self, identifier: &str, change: &Change) -> Result<IdentityRecord, RequestError> {
        if self.bytes > RECORDS_LIMIT {
            return Err(RequestError::LargeIdentities { limit: RECORDS_LIMIT });
        }
        let name = self.store.identity_name(&self.access.environment, identifier);
        let name = name.map_err(|_| RequestError::NotStored)?;
        let record =
            self.store.change_identity(&name, change, self.came_at).map_err(|error| match error {
                ChangeError::Refused(refused) => RequestError::Invalid(json!([refused.to_string()])),
                ChangeError::NoTurn | ChangeError::Busy => RequestError::TooManyChanges,
                ChangeError::Deleted | ChangeError::Failed => RequestError::NotStored,
            })?;
        self.bytes += record.bytes();
        Ok(record)
    }
}

fn required() -> Json {
    json!(["This field is required."])
}

/// Reads a member that must be there; what is wrong with it stands in a list.
fn member<T, E: Into<Json>>(
    raw: Option<&RawValue>,
    read: impl Fn(&RawValue) -> Result<T, E>,
) -> Result<T, Json> {
    raw.map_or_else(|| Err(required()), |raw| read(raw).map_err(|error| Json::Array(vec![error.into()])))
}

/// The errors of members, each under its name.
fn member_errors<const N: usize>(errors: [(&str, Option<Json>); N]) -> Json {
    let wrong = errors.into_iter().filter_map(|(member, error)| Some((member.to_owned(), error?)));
    wrong.collect::<Map<String, Json>>().into()
}
