//! OpenFeature's remote evaluation protocol (OFREP 0.3): what its providers ask, and how they are answered
//! (`ofrep/README.md`). One file for each step from a request to its answer.

mod context;
mod error;
mod evaluate;
mod flag;
mod object;
mod route;

use http::header::AUTHORIZATION;
use http::{HeaderName, HeaderValue, Request};

use crate::access::{self, Access};
use crate::labels::Labels;
use crate::reply::Reply;
use crate::settings::Settings;
use crate::store::{Body, Store};

use error::EvaluationError;
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
    let mut reply = match access::open(key(request), store) {
        Ok(access) => {
            let labels = Labels::of(&access);
            let answered = opened(route, request, body, access, store, settings);
            let mut reply = answered.unwrap_or_else(|error| error.reply(route));
            labels.write(&mut reply);
            reply
        }
        Err(error) => EvaluationError::from(error).reply(route),
    };
    for header in &KEYS {
        reply.vary_by(header);
    }
    reply
}

fn opened<S: Store>(
    route: Route<'_>,
    request: &Request<()>,
    body: &mut dyn Body,
    access: Access<S::Handle>,
    store: &mut S,
    settings: &Settings,
) -> Result<Reply<S::Handle>, EvaluationError> {
    access.check_not_blocked()?;
    let context = context::read(request.headers(), body)?;
    let asked = evaluate::Asked { context, settings, access };
    match route {
        Route::One { key } => asked.one(key, store),
        Route::Bulk => asked.bulk(request.headers(), store),
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
