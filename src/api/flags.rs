//! `GET /api/v1/flags/` (wire protocol reference, 2.1): the environment's defaults, finished when they were published.

use engine::DefaultFlag;
use http::Response;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::bundle::Section;
use crate::failure::Failure;
use crate::reply::{JSON, Reply};
use crate::respond::{Access, KeyKind};
use crate::store::Store;

/// What stands in front of the state of every flag of a feature: `{"feature":{"id":…},"enabled":`.
pub fn presentation(flag: DefaultFlag<'_>) -> String {
    #[derive(serde::Serialize)]
    struct Feature<'a> {
        id: i64,
        name: &'a str,
        r#type: &'a str,
    }
    let feature = Feature { id: flag.id, name: flag.name, r#type: flag.kind };
    let feature = serde_json::to_string(&feature).unwrap_or_default();
    format!(r#"{{"feature":{feature},"enabled":"#)
}

/// Appends one flag to a list that `[` began.
pub fn write_flag(list: &mut Vec<u8>, presentation: &str, enabled: bool, value: &str) {
    if list.last() != Some(&b'[') {
        list.push(b',');
    }
    list.extend_from_slice(presentation.as_bytes());
    let enabled: &[u8] = if enabled { b"true" } else { b"false" };
    list.extend_from_slice(enabled);
    list.extend_from_slice(br#","feature_state_value":"#);
    list.extend_from_slice(value.as_bytes());
    list.push(b'}');
}

pub(crate) fn list(access: &Access, gzip: bool) -> Reply {
    let section = match (access.kind, gzip) {
        (KeyKind::Client, false) => Section::FlagsClient,
        (KeyKind::Client, true) => Section::FlagsClientGzip,
        (KeyKind::Server, false) => Section::FlagsServer,
        (KeyKind::Server, true) => Section::FlagsServerGzip,
    };
    let mut response = Response::new(());
    response.headers_mut().insert(http::header::CONTENT_TYPE, JSON);
    Reply::Section(response, section)
}

/// `?feature=`: one flag, by its name in whatever case.
pub(crate) fn one(access: &Access, feature: &str, store: &mut dyn Store) -> Result<Reply, Failure> {
    let section = match access.kind {
        KeyKind::Client => Section::FlagsClient,
        KeyKind::Server => Section::FlagsServer,
    };
    let list = store.section(section).map_err(|_| Failure::Unavailable)?;
    find(&list, |name| name.to_lowercase() == feature.to_lowercase()).ok_or(Failure::FeatureNotFound)
}

/// The flag of a list whose name is wanted.
pub(crate) fn find(list: &[u8], wanted: impl Fn(&str) -> bool) -> Option<Reply> {
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
    Some(Reply::json(http::StatusCode::OK, flag.get().as_bytes().to_vec()))
}
