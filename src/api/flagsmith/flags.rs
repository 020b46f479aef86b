//! `GET /api/v1/flags/` (`PROTOCOL.md`, 3): every flag, evaluated without an identity, finished when it was published.

use http::{Request, StatusCode};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::error::RequestError;
use crate::access::Access;
use crate::bundle::Section;
use crate::key::KeyKind;
use crate::negotiate::{accepts_gzip, parameter};
use crate::reply::Reply;
use crate::store::Store;

pub(super) fn answer<S: Store>(
    request: &Request<()>,
    access: Access<S::Handle>,
    store: &mut S,
) -> Result<Reply<S::Handle>, RequestError> {
    match parameter(request, "feature") {
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

/// One flag, by its name without regard to case.
fn one<S: Store>(
    mut access: Access<S::Handle>,
    feature: &str,
    store: &mut S,
) -> Result<Reply<S::Handle>, RequestError> {
    let section = match access.kind {
        KeyKind::Client => Section::FlagsClient,
        KeyKind::Server => Section::FlagsServer,
    };
    let list = store.section(&mut access.copy, section).map_err(|_| RequestError::Unavailable)?;
    find(&list, |name| name.to_lowercase() == feature.to_lowercase()).ok_or(RequestError::FeatureNotFound)
}

/// The flag of a list whose name is wanted.
pub(super) fn find<H>(list: &[u8], wanted: impl Fn(&str) -> bool) -> Option<Reply<H>> {
    #[derive(Deserialize)]
    struct Flag {
        feature: Feature,
    }
    #[derive(Deserialize)]
    struct Feature {
        name: String,
    }
    let flags: Vec<&RawValue> = serde_json::from_slice(list).ok()?;
    let flag = flags
        .into_iter()
        .find(|flag| serde_json::from_str::<Flag>(flag.get()).is_ok_and(|flag| wanted(&flag.feature.name)))?;
    Some(Reply::json(StatusCode::OK, flag.get().as_bytes().to_vec()))
}
