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
use crate::pop::{PopCopy, Source};
use crate::reply::Reply;
use crate::revision::Revision;
use crate::route::Route;
use crate::settings::Settings;
use crate::store::{Body, Lookup, Store};
use crate::stream;
use crate::traits::{self, Asked};

/// Bytes of a request's body that are accepted.
pub const BODY_LIMIT: usize = 1 << 20;

/// What a key opened.
pub(crate) struct Access<H> {
    pub(crate) kind: KeyKind,
    pub(crate) copy: PopCopy<H>,
}

/// Which of an environment's keys a request brings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    Client,
    Server,
}

/// Answers a request. Never fails: what cannot be served is answered in the words of the protocol.
pub fn respond<S: Store>(
    request: &Request<()>,
    body: &mut dyn Body,
    store: &mut S,
    settings: &Settings,
) -> Reply<S::Handle> {
    let mut labels = None;
    let reply = decide(request, body, store, &mut labels);
    let mut reply = reply.unwrap_or_else(|failure| failure.reply());
    decorate(&mut reply, request.headers(), settings);
    if let Some(labels) = labels {
        labels.write(reply.headers_mut());
    }
    reply
}

/// The answer when a section that was promised cannot be read after all.
pub fn unavailable<H>(request: &HeaderMap, settings: &Settings) -> Reply<H> {
    let mut reply = Failure::Unavailable.reply();
    decorate(&mut reply, request, settings);
    reply
}

/// `labels` are set as soon as a key has opened an environment: failures tell its revision too.
fn decide<S: Store>(
    request: &Request<()>,
    body: &mut dyn Body,
    store: &mut S,
    labels: &mut Option<Labels>,
) -> Result<Reply<S::Handle>, Failure> {
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
    let mut access = authenticate(request.headers(), store)?;
    *labels = Some(Labels::of(&access.copy));
    if access.copy.header.switches.stop_serving_flags {
        return Err(Failure::OrganisationBlocked);
    }
    match route {
        Route::Health | Route::Stream => Err(Failure::NotFound),
        Route::Flags => match parameter(request, "feature").filter(|name| !name.is_empty()) {
            Some(feature) => flags::one(&mut access, &feature, store),
            None => Ok(flags::list(access, accepts_gzip(request.headers()))),
        },
        Route::Identities => identities::answer(&mut access, question(request, body)?, store),
        Route::EnvironmentDocument => {
            document::answer(request.headers(), access, accepts_gzip(request.headers()))
        }
    }
}

fn authenticate<S: Store>(headers: &HeaderMap, store: &mut S) -> Result<Access<S::Handle>, Failure> {
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
pub(crate) fn environment_of<S: Store>(
    key: &str,
    store: &mut S,
) -> Result<(KeyKind, EnvironmentKey), Failure> {
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

fn question(request: &Request<()>, body: &mut dyn Body) -> Result<Question, Failure> {
    let feature = parameter(request, "feature").filter(|name| !name.is_empty());
    if request.method() == Method::POST {
        check_media_type(request.headers())?;
        let body = body.read(BODY_LIMIT);
        if body.len() > BODY_LIMIT {
            return Err(Failure::TooLarge { limit: BODY_LIMIT });
        }
        return Ok(Question { asked: traits::parse(&body)?, feature, bare: false });
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
fn parameter(request: &Request<()>, name: &str) -> Option<String> {
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
fn decorate<H>(reply: &mut Reply<H>, request: &HeaderMap, settings: &Settings) {
    let gzip = matches!(
        reply,
        Reply::Section(_, _, Section::FlagsClientGzip | Section::FlagsServerGzip | Section::DocumentGzip)
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

/// Which revision an answer was made from, and how fresh that is.
struct Labels {
    revision: Revision,
    source: Source,
    age: u64,
}

impl Labels {
    fn of<H>(copy: &PopCopy<H>) -> Labels {
        Labels { revision: copy.header.revision, source: copy.source, age: copy.age }
    }

    fn write(&self, headers: &mut HeaderMap) {
        for (name, text) in [
            (UPDATED_AT, self.revision.float()),
            (REVISION, self.revision.to_string()),
            (SOURCE, self.source.as_str().to_owned()),
            (AGE, self.age.to_string()),
        ] {
            if let Ok(value) = HeaderValue::from_str(&text) {
                headers.insert(name, value);
            }
        }
    }
}
