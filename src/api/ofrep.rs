//! OpenFeature's remote evaluation protocol (OFREP 0.3): what its providers ask, and how they are answered
//! (`ofrep/README.md`). One file for each step from a request to its answer.

mod context;
mod error;
mod evaluate;
mod flag;
mod heard;
mod object;
mod route;

use http::header::AUTHORIZATION;
use http::{HeaderName, HeaderValue, Request};

use crate::access::{self, Access, AccessError};
use crate::labels::Labels;
use crate::listen;
use crate::relay::Protocol;
use crate::reply::Reply;
use crate::revision::Revision;
use crate::settings::Settings;
use crate::store::{Body, Store};

use error::EvaluationError;
use evaluate::Asked;
pub(crate) use route::Route;

/// Where a key may stand, in the order in which they are looked at. Providers send the first two.
const KEYS: [HeaderName; 3] =
    [HeaderName::from_static("x-api-key"), AUTHORIZATION, HeaderName::from_static("x-environment-key")];

/// Stands before a key in `Authorization`.
const BEARER: &[u8] = b"bearer ";

pub(crate) fn answer<S: Store>(
    route: Route<'_>,
    request: &Request<()>,
    body: &mut dyn Body,
    store: &mut S,
    settings: &Settings,
) -> Reply<S::Handle> {
    match route {
        Route::Stream { key } => {
            listen::answer(key, Protocol::Ofrep, heard::last_event(request.headers()), store)
        }
        Route::One { key } => evaluate(Some(key), None, request, body, store, settings),
        Route::Bulk => {
            let named = heard::named(request, || store.now());
            evaluate(None, named, request, body, store, settings)
        }
    }
}

/// Evaluates one flag, or all. `named` is the revision that the client heard of.
fn evaluate<S: Store>(
    flag: Option<&str>,
    named: Option<Revision>,
    request: &Request<()>,
    body: &mut dyn Body,
    store: &mut S,
    settings: &Settings,
) -> Reply<S::Handle> {
    let mut reply = match open(request, named, store) {
        Ok(access) => {
            let labels = Labels::of(&access);
            let answered = access.check_not_blocked().map_err(EvaluationError::from).and_then(|()| {
                let context = context::read(request.headers(), body)?;
                let asked = Asked { context, settings, access };
                match flag {
                    Some(flag) => asked.one(flag, store),
                    None => asked.bulk(request.headers(), named, store),
                }
            });
            let mut reply = answered.unwrap_or_else(|error| error.reply(flag));
            labels.write(&mut reply);
            reply
        }
        Err(error) => EvaluationError::from(error).reply(flag),
    };
    for header in &KEYS {
        reply.vary_by(header);
    }
    reply
}

fn open<S: Store>(
    request: &Request<()>,
    named: Option<Revision>,
    store: &mut S,
) -> Result<Access<S::Handle>, AccessError> {
    let access = access::open(key(request), store)?;
    match named {
        Some(named) => access.at_least(named, store),
        None => Ok(access),
    }
}

/// The key of the environment, wherever it stands.
fn key(request: &Request<()>) -> Option<&[u8]> {
    let given = |name| request.headers().get(name).map(HeaderValue::as_bytes).filter(|key| !key.is_empty());
    let key = KEYS.iter().find_map(given)?;
    // Other schemes open nothing.
    let is_bearer = key.get(..BEARER.len()).is_some_and(|scheme| scheme.eq_ignore_ascii_case(BEARER));
    Some(if is_bearer { key[BEARER.len()..].trim_ascii() } else { key })
}
