//! One request, from its path to its answer.

use http::header::{ACCEPT_ENCODING, AGE, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, VARY};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request};

use crate::bundle::Section;
use crate::cors;
use crate::document;
use crate::failure::Failure;
use crate::flags;
use crate::identities::{self, Question};
use crate::key::{EnvironmentKey, ServerKeyHash};
use crate::pop::PopCopy;
use crate::reply::Reply;
use crate::route::Route;
use crate::settings::Settings;
use crate::store::{Lookup, Store};
use crate::stream;
use crate::traits::{self, Asked};

/// Bytes of a request's body that are accepted. Whoever reads a body needs one byte more to know that it is too long.
pub const BODY_LIMIT: usize = 1 << 20;

/// What a key opened.
pub(crate) struct Access {
    pub(crate) kind: KeyKind,
    pub(crate) copy: PopCopy,
}

/// Which of an environment's keys a request brings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    Client,
    Server,
}

/// Answers a request. Never fails: what cannot be served is answered in the words of the protocol.
pub fn respond(request: &Request<Vec<u8>>, store: &mut dyn Store, settings: &Settings) -> Reply {
    let mut labels = None;
    let mut reply = decide(request, store, &mut labels).unwrap_or_else(|failure| failure.reply());
    decorate(&mut reply, request.headers(), settings);
    if let Some(copy) = labels {
        label(reply.headers_mut(), &copy);
    }
    reply
}

/// The answer when a section that was promised cannot be read after all.
pub fn unavailable(request: &HeaderMap, settings: &Settings) -> Reply {
    let mut reply = Failure::Unavailable.reply();
    decorate(&mut reply, request, settings);
    reply
}

/// `opened` is set as soon as a key has opened an environment: failures tell its revision too.
fn decide(
    request: &Request<Vec<u8>>,
    store: &mut dyn Store,
    opened: &mut Option<PopCopy>,
) -> Result<Reply, Failure> {
    let route = Route::of(request.uri().path()).ok_or(Failure::NotFound)?;
    if request.method() == Method::OPTIONS {
        return Ok(cors::preflight(request.headers(), route));
    }
    if !route.allows(request.method()) {
        return Err(Failure::MethodNotAllowed { method: request.method().to_string(), route });
    }
    if route == Route::Health {
        return Ok(Reply::json(http::StatusCode::OK, br#"{"status":"ok"}"#.to_vec()));
    }
    if route == Route::Stream {
        return Ok(stream::answer(request.uri().path(), store));
    }
    let access = authenticate(request.headers(), store)?;
    *opened = Some(access.copy.clone());
    if access.copy.header.switches.stop_serving_flags {
        return Err(Failure::OrganisationBlocked);
    }
    match route {
        Route::Health | Route::Stream => Err(Failure::NotFound),
        Route::Flags => match parameter(request, "feature").filter(|name| !name.is_empty()) {
            Some(feature) => flags::one(&access, &feature, store),
            None => Ok(flags::list(&access, accepts_gzip(request.headers()))),
        },
        Route::Identities => identities::answer(&access, question(request)?, store),
        Route::EnvironmentDocument => {
            document::answer(request.headers(), &access, accepts_gzip(request.headers()))
        }
    }
}

fn authenticate(headers: &HeaderMap, store: &mut dyn Store) -> Result<Access, Failure> {
    let key = headers.get(ENVIRONMENT_KEY).filter(|key| !key.is_empty()).ok_or(Failure::MissingKey)?;
    let key = key.to_str().map_err(|_| Failure::UnknownKey)?;
    let (kind, environment) = environment_of(key, store)?;
    let copy = found(store.environment(&environment))?;
    if copy.header.tombstone {
        return Err(Failure::UnknownKey);
    }
    Ok(Access { kind, copy })
}

/// The environment that a key names, or is on record for.
pub(crate) fn environment_of(key: &str, store: &mut dyn Store) -> Result<(KeyKind, EnvironmentKey), Failure> {
    Ok(match ServerKeyHash::of(key) {
        Some(hash) => {
            let record = found(store.server_key(&hash))?;
            (KeyKind::Server, record.opens(store.now()).ok_or(Failure::UnknownKey)?)
        }
        None => (KeyKind::Client, EnvironmentKey::parse(key).map_err(|_| Failure::UnknownKey)?),
    })
}

fn found<T>(lookup: Lookup<T>) -> Result<T, Failure> {
    match lookup {
        Lookup::Found(found) => Ok(found),
        Lookup::Unknown => Err(Failure::UnknownKey),
        Lookup::Unavailable => Err(Failure::Unavailable),
    }
}

fn question(request: &Request<Vec<u8>>) -> Result<Question, Failure> {
    let feature = parameter(request, "feature").filter(|name| !name.is_empty());
    if request.method() == Method::POST {
        check_media_type(request.headers())?;
        if request.body().len() > BODY_LIMIT {
            return Err(Failure::TooLarge { limit: BODY_LIMIT });
        }
        return Ok(Question { asked: traits::parse(request.body())?, feature, bare: false });
    }
    let identifier = parameter(request, "identifier").filter(|identifier| !identifier.is_empty());
    let identifier = traits::identifier(&identifier.ok_or(Failure::MissingIdentifier)?)?;
    // Any text at all says yes, `false` too, as in Flagsmith's API.
    let bare = parameter(request, "transient").is_some_and(|transient| !transient.is_empty());
    Ok(Question { asked: Asked { identifier, traits: Vec::new() }, feature, bare })
}

/// JSON, or nothing said; never compressed.
fn check_media_type(headers: &HeaderMap) -> Result<(), Failure> {
    let text = |name| headers.get(name).map(|value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()));
    if let Some(coding) = text(CONTENT_ENCODING).filter(|coding| coding != "identity") {
        return Err(Failure::MediaType(format!("content-encoding: {coding}")));
    }
    match text(CONTENT_TYPE) {
        Some(kind) if !is_json(&kind) => Err(Failure::MediaType(kind.into_owned())),
        _ => Ok(()),
    }
}

fn is_json(media_type: &str) -> bool {
    let essence = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}

/// A parameter of the query, decoded; the last one of its name.
fn parameter(request: &Request<Vec<u8>>, name: &str) -> Option<String> {
    let query = request.uri().query()?;
    let values = form_urlencoded::parse(query.as_bytes()).filter(|(key, _)| key == name);
    values.last().map(|(_, value)| value.into_owned())
}

/// Whether the client wants gzip. Those that do not ask may not be able to read it.
fn accepts_gzip(headers: &HeaderMap) -> bool {
    let codings = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    codings.flat_map(|value| value.split(',')).any(|coding| {
        let mut parts = coding.split(';').map(str::trim);
        let gzip = parts.next().is_some_and(|name| name.eq_ignore_ascii_case("gzip"));
        let refused = parts.any(|part| {
            let weight = part.strip_prefix(['q', 'Q']).and_then(|rest| rest.strip_prefix('='));
            let weight = weight.and_then(|weight| weight.parse::<f32>().ok());
            weight.is_some_and(|weight| weight <= 0.0)
        });
        gzip && !refused
    })
}

const ENVIRONMENT_KEY: HeaderName = HeaderName::from_static("x-environment-key");
const UPDATED_AT: HeaderName = HeaderName::from_static("x-flagsmith-document-updated-at");
const REVISION: HeaderName = HeaderName::from_static("jackstaff-revision");
const SOURCE: HeaderName = HeaderName::from_static("jackstaff-source");
/// Asks the platform to compress what is made anew for each request.
const COMPRESS_HINT: HeaderName = HeaderName::from_static("x-compress-hint");

/// What every answer carries.
fn decorate(reply: &mut Reply, request: &HeaderMap, settings: &Settings) {
    let gzip = matches!(
        reply,
        Reply::Section(_, Section::FlagsClientGzip | Section::FlagsServerGzip | Section::DocumentGzip)
    );
    let made_anew = matches!(reply, Reply::Full(response) if !response.body().is_empty());
    let is_stream = matches!(reply, Reply::Stream(..));
    let headers = reply.headers_mut();
    if !is_stream {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.append(VARY, HeaderValue::from_static("accept-encoding"));
    }
    if gzip {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    if made_anew && accepts_gzip(request) {
        headers.insert(COMPRESS_HINT, HeaderValue::from_static("on"));
    }
    cors::decorate(headers, request, settings);
}

/// Says which revision an answer was made from, and how fresh that is.
fn label(headers: &mut HeaderMap, copy: &PopCopy) {
    let revision = copy.header.revision;
    for (name, text) in [
        (UPDATED_AT, revision.float()),
        (REVISION, revision.to_string()),
        (SOURCE, copy.source.as_str().to_owned()),
        (AGE, copy.age.to_string()),
    ] {
        if let Ok(value) = HeaderValue::from_str(&text) {
            headers.insert(name, value);
        }
    }
}
