//! `GET /api/v1/environment-document/` (`PROTOCOL.md`, 6): the stamped document, for server-side keys.

use http::header::{ETAG, IF_MODIFIED_SINCE, LAST_MODIFIED};
use http::{HeaderMap, HeaderValue, StatusCode};

use super::error::RequestError;
use crate::access::Access;
use crate::bundle::Section;
use crate::etag;
use crate::key::KeyKind;
use crate::negotiate::accepts_gzip;
use crate::reply::Reply;
use crate::revision::Revision;

pub(super) fn answer<H>(headers: &HeaderMap, access: Access<H>) -> Result<Reply<H>, RequestError> {
    if access.kind == KeyKind::Client {
        return Err(RequestError::NoServerKey);
    }
    let section = if accepts_gzip(headers) { Section::DocumentGzip } else { Section::Document };
    let revision = access.copy.header.revision;
    let tag = etag::of_section(&access.environment, &access.copy.header, section);
    let mut reply = if is_known(headers, tag.as_ref(), revision) {
        Reply::empty(StatusCode::NOT_MODIFIED)
    } else {
        Reply::section(access.copy, section)
    };
    let date = HeaderValue::try_from(revision.http_date()).ok();
    for (name, value) in [(LAST_MODIFIED, date), (ETAG, tag)] {
        if let Some(value) = value {
            reply.headers_mut().insert(name, value);
        }
    }
    Ok(reply)
}

/// An entity tag counts before a date (RFC 9110, 13.2.2).
fn is_known(headers: &HeaderMap, tag: Option<&HeaderValue>, revision: Revision) -> bool {
    tag.and_then(|tag| etag::is_known(headers, tag)).unwrap_or_else(|| {
        let date = headers.get(IF_MODIFIED_SINCE).and_then(|date| date.to_str().ok());
        date.is_some_and(|date| revision.is_known_since(date))
    })
}
