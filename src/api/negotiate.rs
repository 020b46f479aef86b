//! What a request says beside its path and its key: parameters, codings, media types.

use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Request};

/// A parameter of the query, decoded; the last one of its name. An empty one counts as absent.
pub(crate) fn parameter(request: &Request<()>, name: &str) -> Option<String> {
    let query = request.uri().query()?;
    let values = form_urlencoded::parse(query.as_bytes()).filter(|(key, _)| key == name);
    values.last().map(|(_, value)| value.into_owned()).filter(|value| !value.is_empty())
}

/// Whether the client wants gzip. A client that does not ask for it may not be able to read it.
pub(crate) fn accepts_gzip(headers: &HeaderMap) -> bool {
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

/// How a body is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Coding {
    Plain,
    Gzip,
}

/// The coding of a body that is JSON, or does not say what it is.
///
/// # Errors
/// The media type or the coding that it has instead.
pub(crate) fn json_coding(headers: &HeaderMap) -> Result<Coding, String> {
    let text = |name| headers.get(name).map(|value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()));
    let coding = match text(CONTENT_ENCODING) {
        None => Coding::Plain,
        Some(coding) if coding == "identity" => Coding::Plain,
        Some(coding) if coding.eq_ignore_ascii_case("gzip") => Coding::Gzip,
        Some(coding) => return Err(named(&coding)),
    };
    match text(CONTENT_TYPE) {
        Some(kind) if !is_json(&kind) => Err(kind.into_owned()),
        _ => Ok(coding),
    }
}

/// Checks that a body is JSON, or does not say what it is, and is not compressed.
///
/// # Errors
/// The media type or the coding that it has instead.
pub(crate) fn check_json(headers: &HeaderMap) -> Result<(), String> {
    match json_coding(headers)? {
        Coding::Plain => Ok(()),
        Coding::Gzip => Err(named("gzip")),
    }
}

fn named(coding: &str) -> String {
    format!("content-encoding: {coding}")
}

fn is_json(media_type: &str) -> bool {
    let essence = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}
