//! `GET /api/v1/environment-document/` (wire protocol reference, 2.7): the stamped document, for server-side keys.

use http::header::{CONTENT_TYPE, ETAG, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED};
use http::{HeaderMap, HeaderValue, Response, StatusCode};

use crate::bundle::Section;
use crate::failure::Failure;
use crate::reply::{JSON, Reply};
use crate::respond::{Access, KeyKind};
use crate::revision::Revision;

pub(crate) fn answer<H>(request: &HeaderMap, access: Access<H>, gzip: bool) -> Result<Reply<H>, Failure> {
    if access.kind == KeyKind::Client {
        return Err(Failure::MissingKey);
    }
    let revision = access.copy.header.revision;
    let mut reply = if is_known(request, revision) {
        let mut response = Response::new(Vec::new());
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        Reply::Full(response)
    } else {
        let mut response = Response::new(());
        response.headers_mut().insert(CONTENT_TYPE, JSON);
        Reply::Section(response, access.copy, if gzip { Section::DocumentGzip } else { Section::Document })
    };
    let headers = reply.headers_mut();
    for (name, text) in [(LAST_MODIFIED, revision.http_date()), (ETAG, etag(revision))] {
        if let Ok(value) = HeaderValue::from_str(&text) {
            headers.insert(name, value);
        }
    }
    Ok(reply)
}

/// Weak, since the compressed document has the same.
fn etag(revision: Revision) -> String {
    format!("W/\"{revision}\"")
}

/// An entity tag counts before a date (RFC 9110, 13.2.2).
fn is_known(request: &HeaderMap, revision: Revision) -> bool {
    if request.contains_key(IF_NONE_MATCH) {
        let own = format!("\"{revision}\"");
        let lines = request.get_all(IF_NONE_MATCH).iter().filter_map(|line| line.to_str().ok());
        return lines.flat_map(|line| line.split(',')).any(|tag| {
            let tag = tag.trim();
            tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == own
        });
    }
    let date = request.get(IF_MODIFIED_SINCE).and_then(|date| date.to_str().ok());
    date.is_some_and(|date| revision.is_known_since(date))
}
