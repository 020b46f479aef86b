//! Flagsmith's protocol: what its SDKs ask, and how they are answered (`PROTOCOL.md`). One file for each route, which
//! holds both how its request is read and how it is answered.

mod analytics;
mod document;
mod error;
mod events;
mod explain;
mod feature;
mod fields;
mod flags;
mod identities;
mod limits;
mod lines;
mod python;
mod route;
mod stored;
mod stream;
mod traits;

use http::{HeaderMap, HeaderName, HeaderValue, Request};

use crate::access::{self, Access};
use crate::labels::Labels;
use crate::reply::Reply;
use crate::settings::Settings;
use crate::store::{Body, Store};
use crate::time;

pub(crate) use error::RequestError;
pub use limits::BODY_LIMIT;
pub(crate) use limits::{KEY_LIMIT, TEXT_LIMIT, TRAITS_LIMIT, is_longer};
pub(crate) use route::Route;
pub(crate) use traits::trait_value;

/// Carries the key, on every route but the stream.
const ENVIRONMENT_KEY: HeaderName = HeaderName::from_static("x-environment-key");

/// A request to a route that reads or changes stored traits.
struct Call<'a> {
    request: &'a Request<()>,
    settings: &'a Settings,
    /// When it came, in milliseconds since the epoch.
    came_at: u64,
}

pub(crate) fn answer<S: Store>(
    route: Route<'_>,
    request: &Request<()>,
    body: &mut dyn Body,
    store: &mut S,
    settings: &Settings,
) -> Reply<S::Handle> {
    let headers = request.headers();
    // Nobody needs it where nothing is stored, and it costs a call of the platform.
    let came_at = if settings.stored_traits.is_empty() { 0 } else { time::milliseconds(store.now()) };
    let call = Call { request, settings, came_at };
    match route {
        Route::Stream { key } => stream::answer(key, store),
        Route::Flags => keyed(headers, store, |access, store| flags::answer(request, access, store)),
        Route::Identities => {
            keyed(headers, store, |access, store| identities::answer(&call, body, access, store))
        }
        Route::Explain => keyed(headers, store, |access, store| explain::answer(&call, body, access, store)),
        Route::Trait => keyed(headers, store, |access, store| stored::one(&call, body, &access, store)),
        Route::BulkTraits => {
            keyed(headers, store, |access, store| stored::traits(&call, body, &access, store))
        }
        Route::IncrementTrait => {
            keyed(headers, store, |access, store| stored::increment(&call, body, &access, store))
        }
        Route::BulkIdentities => {
            keyed(headers, store, |access, store| stored::identities(&call, body, &access, store))
        }
        Route::Counts => {
            keyed(headers, store, |access, store| analytics::counts(request, body, access, store))
        }
        Route::Evaluations => {
            keyed(headers, store, |access, store| analytics::evaluations(request, body, access, store))
        }
        Route::Events => keyed(headers, store, |access, store| events::answer(request, body, &access, store)),
        Route::EnvironmentDocument => {
            keyed(headers, store, |access, store| document::answer(request, access, store))
        }
    }
}

/// Answers a request that carries its key in a header, once the key has opened an environment.
fn keyed<S: Store>(
    headers: &HeaderMap,
    store: &mut S,
    answer: impl FnOnce(Access<S::Handle>, &mut S) -> Result<Reply<S::Handle>, RequestError>,
) -> Reply<S::Handle> {
    let mut reply = match access::open(headers.get(ENVIRONMENT_KEY).map(HeaderValue::as_bytes), store) {
        Ok(access) => {
            let labels = Labels::of(&access);
            let served = access.check_not_blocked().map_err(RequestError::from);
            let reply = served.and_then(|()| answer(access, store));
            let mut reply = reply.unwrap_or_else(|error| error.reply());
            labels.write(&mut reply);
            reply
        }
        Err(error) => RequestError::from(error).reply(),
    };
    reply.vary_by(&ENVIRONMENT_KEY);
    reply
}

/// The answer to a request with a key when nothing can be read.
pub(crate) fn unavailable<H>() -> Reply<H> {
    let mut reply = RequestError::Unavailable.reply();
    reply.vary_by(&ENVIRONMENT_KEY);
    reply
}
