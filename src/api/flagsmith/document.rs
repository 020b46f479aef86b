//! `GET /api/v1/environment-document/` (`PROTOCOL.md`, 6): the stamped document, for server-side keys. Whole, or in pages for a
//! client that asks for them (6.3).

use http::header::LINK;
use http::{HeaderName, HeaderValue, Request, StatusCode};

use super::error::RequestError;
use crate::access::Access;
use crate::bundle::Section;
use crate::bundle::pages::{PAGE_LIMIT, Pages};
use crate::etag::Validators;
use crate::key::KeyKind;
use crate::negotiate::{has_parameter, parameter, section_for};
use crate::reply::Reply;
use crate::revision::Revision;
use crate::store::Store;

/// Names a page. Empty, it asks for the first.
const PAGE: &str = "page_id";
/// Asks for pages, whatever its value. SDKs that follow `Link` can be given headers to send, and no query.
const PAGES: HeaderName = HeaderName::from_static("jackstaff-pages");

pub(super) fn answer<S: Store>(
    request: &Request<()>,
    access: Access<S::Handle>,
    store: &mut S,
) -> Result<Reply<S::Handle>, RequestError> {
    if access.kind == KeyKind::Client {
        return Err(RequestError::NoServerKey);
    }
    let mut reply = match wanted(request, access.copy.header.revision)? {
        Some(number) => page(request, access, number, store)?,
        None => whole(request, access),
    };
    reply.vary_by(&PAGES);
    Ok(reply)
}

fn whole<H>(request: &Request<()>, access: Access<H>) -> Reply<H> {
    let section = section_for(request.headers(), &access.copy.header, Section::Document);
    let validators = Validators::of_section(&access, section);
    validators.answer(request.headers(), || Reply::section(access.copy, section))
}

/// The number of the page that is asked for. None for the whole document.
///
/// # Errors
/// A page of another revision is gone. An error ends the fetch in the SDKs that read pages, and they begin again later: pages
/// of two revisions are never put together.
fn wanted(request: &Request<()>, revision: Revision) -> Result<Option<usize>, RequestError> {
    let Some(id) = parameter(request, PAGE) else {
        let is_first = has_parameter(request, PAGE) || request.headers().contains_key(PAGES);
        return Ok(is_first.then_some(0));
    };
    let number = id.split_once('.').filter(|(of, _)| *of == revision.to_string());
    let number = number.and_then(|(_, number)| number.parse().ok());
    number.map(Some).ok_or(RequestError::PageGone)
}

fn page<S: Store>(
    request: &Request<()>,
    mut access: Access<S::Handle>,
    number: usize,
    store: &mut S,
) -> Result<Reply<S::Handle>, RequestError> {
    let header = &access.copy.header;
    let length = header.span(Section::Document).ok_or(RequestError::Unavailable)?.bytes();
    let revision = header.revision;
    // Bundles of an earlier version do not say where they are cut.
    let pages = match header.span(Section::DocumentPages) {
        None => None,
        Some(_) => {
            let cuts = store.section(&mut access.copy, Section::DocumentPages);
            let cuts = cuts.map_err(|_| RequestError::Unavailable)?;
            Some(Pages::read(&cuts).ok_or(RequestError::Unavailable)?)
        }
    };
    let Some(pages) = pages.filter(|pages| pages.count() > 1) else {
        return if number == 0 { Ok(whole(request, access)) } else { Err(RequestError::PageGone) };
    };
    let ranges = pages.ranges(number, length).ok_or(RequestError::PageGone)?;
    let bytes: u64 = ranges.iter().map(|range| range.end.saturating_sub(range.start)).sum();
    if bytes > PAGE_LIMIT {
        return Err(RequestError::Unavailable);
    }
    let mut body = Vec::with_capacity(usize::try_from(bytes).unwrap_or_default());
    for range in ranges {
        let part = store.part(&mut access.copy, Section::Document, range);
        body.extend_from_slice(&part.map_err(|_| RequestError::Unavailable)?);
    }
    let validators = Validators::of_body(&access, &body);
    let mut reply = validators.answer(request.headers(), || Reply::json(StatusCode::OK, body));
    if number + 1 < pages.count() {
        let next = format!("</api/v1/environment-document/?{PAGE}={revision}.{}>; rel=\"next\"", number + 1);
        if let Ok(next) = HeaderValue::try_from(next) {
            reply.headers_mut().insert(LINK, next);
        }
    }
    Ok(reply)
}
