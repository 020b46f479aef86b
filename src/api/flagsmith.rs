//! Flagsmith's protocol: what its SDKs ask, and how they are answered (`PROTOCOL.md`). One file for each route, which
//! holds both how its request is read and how it is answered.

mod analytics;
mod document;
mod error;
mod events;
mod feature;
mod fields;
mod flags;
mod identities;
mod limits;
mod lines;
mod python;
mod route;
mod stream;
mod traits;

use http::{HeaderMap, HeaderName, Request};

use crate::access::{self, Access};
use crate::labels::Labels;
use crate::reply::Reply;
use crate::store::{Body, Store};

pub(crate) use error::RequestError;
pub use limits::BODY_LIMIT;
pub(crate) use route::Route;

/// Carries the key, on every route but the stream.
const ENVIRONMENT_KEY: HeaderName = HeaderName::from_static("x-environment-key");

pub(crate) fn answer<S: Store>(
    route: Route<'_>,
    request: &Request<()>,
    body: &mut dyn Body,
    store: &mut S,
) -> Reply<S::Handle> {
    let headers = request.headers();
    match route {
        Route::Stream { key } => stream::answer(key, store),
        Route::Flags => keyed(headers, store, |access, store| flags::answer(request, access, store)),
        Route::Identities => {
            keyed(headers, store, |access, store| identities::answer(request, body, access, store))
        }
        Route::Counts => {
            keyed(headers, store, |access, store| analytics::counts(request, body, access, store))
        }
        Route::Evaluations => {
            keyed(headers, store, |access, store| analytics::evaluations(request, body, access, store))
        }
        Route::Events => keyed(headers, store, |access, store| events::answer(request, body, &access, store)),
        Route::EnvironmentDocument => keyed(headers, store, |access, _| document::answer(headers, access)),
    }
}

/// Answers a request that carries its key in a header, once the key has opened an environment.
fn keyed<S: Store>(
    headers: &HeaderMap,
    store: &mut S,
    answer: impl FnOnce(Access<S::Handle>, &mut S) -> Result<Reply<S::Handle>, RequestError>,
) -> Reply<S::Handle> {
    let mut reply = match access::open(headers.get(ENVIRONMENT_KEY), store) {
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
