//! `GET /api/v1/flags/` (`PROTOCOL.md`, 3): every flag, evaluated without an identity, finished when it was published.

use http::{Request, StatusCode};

use super::error::RequestError;
use super::feature::FeatureName;
use crate::access::Access;
use crate::bundle::Section;
use crate::flag_json::flags_of;
use crate::key::KeyKind;
use crate::negotiate::accepts_gzip;
use crate::reply::Reply;
use crate::store::Store;

pub(super) fn answer<S: Store>(
    request: &Request<()>,
    access: Access<S::Handle>,
    store: &mut S,
) -> Result<Reply<S::Handle>, RequestError> {
    match FeatureName::read(request)? {
        Some(feature) => one(access, &feature, store),
        None => Ok(list(access, accepts_gzip(request.headers()))),
    }
}

fn list<H>(access: Access<H>, gzip: bool) -> Reply<H> {
    let section = match (access.kind, gzip) {
        (KeyKind::Client, false) => Section::FlagsClient,
        (KeyKind::Client, true) => Section::FlagsClientGzip,
        (KeyKind::Server, false) => Section::FlagsServer,
        (KeyKind::Server, true) => Section::FlagsServerGzip,
    };
    Reply::section(access.copy, section)
}

fn one<S: Store>(
    mut access: Access<S::Handle>,
    feature: &FeatureName,
    store: &mut S,
) -> Result<Reply<S::Handle>, RequestError> {
    let section = match access.kind {
        KeyKind::Client => Section::FlagsClient,
        KeyKind::Server => Section::FlagsServer,
    };
    let list = store.section(&mut access.copy, section).map_err(|_| RequestError::Unavailable)?;
    let list = std::str::from_utf8(&list).map_err(|_| RequestError::Unavailable)?;
    let flag = feature.find(flags_of(list))?;
    Ok(Reply::json(StatusCode::OK, flag.as_bytes().to_vec()))
}
