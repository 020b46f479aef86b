//! Entity tags and dates of modification: made here and compared here, for all routes.
//!
//! The tag of a section names one sequence of bytes, so it is strong. It is bound to all that decides about these bytes: the
//! environment, the revision, and the section, which stands for the coding and, where it matters, for the kind of the key. The
//! checksum of the section is in it too: a store that was set back may reach a revision twice.
//!
//! The tag of an answer that is made for a request is weak, since the platform may compress it.
//!
//! A tag of an answer for client-side keys is made of nothing that they cannot read: the bytes of the answer, and the revision,
//! which every answer shows.

use http::header::{ETAG, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED};
use http::{HeaderMap, HeaderValue, StatusCode};
use xxhash_rust::xxh3::xxh3_64;

use crate::access::Access;
use crate::bundle::{Header, Section};
use crate::key::EnvironmentKey;
use crate::reply::Reply;
use crate::revision::Revision;

/// What a client can name to ask whether an answer is still the same.
#[derive(Debug)]
pub(crate) struct Validators {
    tag: Option<HeaderValue>,
    revision: Revision,
}

impl Validators {
    pub(crate) fn of_section<H>(access: &Access<H>, section: Section) -> Validators {
        let header = &access.copy.header;
        Validators { tag: section_tag(&access.environment, header, section), revision: header.revision }
    }

    /// Of an answer that was made for the request, and has this body.
    pub(crate) fn of_body<H>(access: &Access<H>, body: &[u8]) -> Validators {
        let revision = access.copy.header.revision;
        let hash = hash(&[access.environment.as_str(), "body", &format!("{:016x}", xxh3_64(body))]);
        let tag = HeaderValue::try_from(format!("W/\"{revision}-{hash:016x}\"")).ok();
        Validators { tag, revision }
    }

    /// The answer to a request: `reply`, or 304 without a body if the client has it. Only an answer of 200 may come here, so
    /// a condition shows nothing that an answer does not.
    pub(crate) fn answer<H>(self, request: &HeaderMap, reply: impl FnOnce() -> Reply<H>) -> Reply<H> {
        let mut reply =
            if self.are_known(request) { Reply::empty(StatusCode::NOT_MODIFIED) } else { reply() };
        let date = HeaderValue::try_from(self.revision.http_date()).ok();
        for (name, value) in [(LAST_MODIFIED, date), (ETAG, self.tag)] {
            if let Some(value) = value {
                reply.headers_mut().insert(name, value);
            }
        }
        reply
    }

    /// An entity tag counts before a date (RFC 9110, 13.2.2).
    fn are_known(&self, request: &HeaderMap) -> bool {
        let by_tag = self.tag.as_ref().and_then(|tag| is_known(request, tag));
        by_tag.unwrap_or_else(|| {
            let date = request.get(IF_MODIFIED_SINCE).and_then(|date| date.to_str().ok());
            date.is_some_and(|date| self.revision.is_known_since(date))
        })
    }
}

/// The tag of a section: the revision, and a hash that does not show the key.
fn section_tag(environment: &EnvironmentKey, header: &Header, section: Section) -> Option<HeaderValue> {
    let revision = header.revision.to_string();
    let checksum = header.span(section)?.checksum();
    let hash = hash(&[environment.as_str(), section.name(), &revision, checksum]);
    HeaderValue::try_from(format!("\"{revision}-{hash:016x}\"")).ok()
}

fn hash(parts: &[&str]) -> u64 {
    xxh3_64(parts.join(" ").as_bytes())
}

/// Whether a client has what `tag` names; none if it did not ask by tags. They are compared weakly, as RFC 9110, 13.1.2,
/// wants it: a proxy that changes the coding makes tags weak.
pub(crate) fn is_known(request: &HeaderMap, tag: &HeaderValue) -> Option<bool> {
    let lines = request.get_all(IF_NONE_MATCH);
    lines.iter().next()?;
    let tag = opaque(tag.as_bytes());
    let listed = lines.iter().filter_map(|line| line.to_str().ok()).flat_map(|line| line.split(','));
    Some(listed.map(str::trim).any(|listed| listed == "*" || opaque(listed.as_bytes()) == tag))
}

/// A tag without the sign that it is weak.
fn opaque(tag: &[u8]) -> &[u8] {
    tag.strip_prefix(b"W/").unwrap_or(tag)
}
