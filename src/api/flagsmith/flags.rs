//! `GET /api/v1/flags/` (`PROTOCOL.md`, 3): every flag, evaluated without an identity, finished when it was published.

use http::{HeaderMap, Request, StatusCode};

use super::error::RequestError;
use super::feature::FeatureName;
use crate::access::Access;
use crate::bundle::Section;
use crate::etag::Validators;
use crate::flag_json::flags_of;
use crate::key::KeyKind;
use crate::negotiate::section_for;
use crate::reply::Reply;
use crate::store::Store;

pub(super) fn answer<S: Store>(
    request: &Request<()>,
    access: Access<S::Handle>,
    store: &mut S,
) -> Result<Reply<S::Handle>, RequestError> {
    match FeatureName::read(request)? {
        Some(feature) => one(request.headers(), access, &feature, store),
        None => Ok(list(request.headers(), access)),
    }
}

fn list<H>(headers: &HeaderMap, access: Access<H>) -> Reply<H> {
    let section = section_for(headers, &access.copy.header, plain(access.kind));
    let validators = Validators::of_section(&access, section);
    validators.answer(headers, || Reply::section(access.copy, section))
}

fn plain(kind: KeyKind) -> Section {
    match kind {
        KeyKind::Client => Section::FlagsClient,
        KeyKind::Server => Section::FlagsServer,
    }
}

fn one<S: Store>(
    headers: &HeaderMap,
    mut access: Access<S::Handle>,
    feature: &FeatureName,
    store: &mut S,
) -> Result<Reply<S::Handle>, RequestError> {
    let list = store.section(&mut access.copy, plain(access.kind)).map_err(|_| RequestError::Unavailable)?;
    let list = std::str::from_utf8(&list).map_err(|_| RequestError::Unavailable)?;
    // A feature that is not there is 404, whatever the condition: it must not tell a hidden one from an unknown one.
    let flag = feature.find(flags_of(list))?.as_bytes().to_vec();
    let validators = Validators::of_body(&access, &flag);
    Ok(validators.answer(headers, || Reply::json(StatusCode::OK, flag)))
}
