//! What a request says beside its path and its key: parameters, codings, media types.

use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Request};

use crate::bundle::{Coding, Header, Section};

/// A parameter of the query, decoded; the last one of its name. An empty one counts as absent.
pub(crate) fn parameter(request: &Request<()>, name: &str) -> Option<String> {
    let query = request.uri().query()?;
    let values = form_urlencoded::parse(query.as_bytes()).filter(|(key, _)| key == name);
    values.last().map(|(_, value)| value.into_owned()).filter(|value| !value.is_empty())
}

/// Whether the query has a parameter, with a value or without.
pub(crate) fn has_parameter(request: &Request<()>, name: &str) -> bool {
    let query = request.uri().query().unwrap_or_default();
    form_urlencoded::parse(query.as_bytes()).any(|(key, _)| key == name)
}

/// The coding of an answer: of the available ones, the one with the greatest weight; of two with the same weight, the one of
/// fewer bytes. A client that does not ask for a coding may not be able to read it, so its answer is plain.
pub(crate) fn coding(headers: &HeaderMap, there_is: impl Fn(Coding) -> bool) -> Coding {
    let named = |coding: Coding| weight(headers, |name| is_of(coding, name));
    let others = weight(headers, |name| name == "*");
    let identity = named(Coding::Plain).unwrap_or_default();
    let wanted = Coding::COMPRESSED.into_iter().filter(|coding| there_is(*coding)).filter_map(|coding| {
        let weight = named(coding).or(others).filter(|weight| *weight > 0.0 && *weight >= identity)?;
        Some((coding, weight))
    });
    // The last of equals: brotli.
    wanted.max_by(|(_, one), (_, other)| one.total_cmp(other)).map_or(Coding::Plain, |(coding, _)| coding)
}

fn is_of(coding: Coding, name: &str) -> bool {
    // `x-gzip` is an older name.
    let older = if coding == Coding::Gzip { "x-gzip" } else { coding.name() };
    name.eq_ignore_ascii_case(coding.name()) || name.eq_ignore_ascii_case(older)
}

/// The section that a client gets of a finished answer: in the coding that it prefers, of those that the bundle has.
pub(crate) fn section_for(headers: &HeaderMap, bundle: &Header, plain: Section) -> Section {
    let there_is = |coding| plain.coded(coding).is_some_and(|section| bundle.span(section).is_some());
    plain.coded(coding(headers, there_is)).unwrap_or(plain)
}

/// The weight that a client gives the codings of some names, from 0 to 1. None if it names none of them.
fn weight(headers: &HeaderMap, is_named: impl Fn(&str) -> bool) -> Option<f32> {
    let lines = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|line| line.to_str().ok());
    let weights = lines.flat_map(|line| line.split(',')).filter_map(|coding| {
        let mut parts = coding.split(';').map(str::trim);
        is_named(parts.next()?).then_some(())?;
        let weight = parts.find_map(|part| {
            let weight = part.strip_prefix(['q', 'Q']).and_then(|rest| rest.strip_prefix('='))?;
            weight.parse::<f32>().ok()
        });
        Some(weight.unwrap_or(1.0))
    });
    weights.max_by(f32::total_cmp)
}

/// How a body is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BodyCoding {
    Plain,
    Gzip,
}

/// The coding of a body that is JSON, or does not say what it is.
///
/// # Errors
/// The media type or the coding that it has instead.
pub(crate) fn json_coding(headers: &HeaderMap) -> Result<BodyCoding, String> {
    let text = |name| headers.get(name).map(|value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()));
    let coding = match text(CONTENT_ENCODING) {
        None => BodyCoding::Plain,
        Some(coding) if coding == "identity" => BodyCoding::Plain,
        Some(coding) if coding.eq_ignore_ascii_case("gzip") => BodyCoding::Gzip,
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
        BodyCoding::Plain => Ok(()),
        BodyCoding::Gzip => Err(named("gzip")),
    }
}

fn named(coding: &str) -> String {
    format!("content-encoding: {coding}")
}

fn is_json(media_type: &str) -> bool {
    let essence = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}
