//! Entity tags: made here and compared here, for all routes.
//!
//! A tag names one sequence of bytes, so it is strong. It is bound to all that decides about these bytes: the environment,
//! the revision, and the section, which stands for the coding (plain or gzip) and, where it matters, for the kind of the
//! key. The checksum of the section is in it too: a store that was set back may reach a revision twice.

use http::header::IF_NONE_MATCH;
use http::{HeaderMap, HeaderValue};
use xxhash_rust::xxh3::xxh3_64;

use crate::bundle::{Header, Section};
use crate::key::EnvironmentKey;

/// The tag of a section: the revision, and a hash that does not show the key.
pub(crate) fn of_section(
    environment: &EnvironmentKey,
    header: &Header,
    section: Section,
) -> Option<HeaderValue> {
    let revision = header.revision.to_string();
    let checksum = header.span(section)?.checksum();
    let hash = xxh3_64([environment.as_str(), section.name(), &revision, checksum].join(" ").as_bytes());
    HeaderValue::try_from(format!("\"{revision}-{hash:016x}\"")).ok()
}

/// Whether a client has what `tag` names; none if it did not ask by tags. They are compared weakly, as RFC 9110, 13.1.2,
/// wants it: a proxy that changes the coding makes tags weak.
pub(crate) fn is_known(request: &HeaderMap, tag: &HeaderValue) -> Option<bool> {
    let lines = request.get_all(IF_NONE_MATCH);
    lines.iter().next()?;
    let listed = lines.iter().filter_map(|line| line.to_str().ok()).flat_map(|line| line.split(','));
    Some(listed.map(str::trim).any(|listed| {
        listed == "*" || listed.strip_prefix("W/").unwrap_or(listed).as_bytes() == tag.as_bytes()
    }))
}
