//! The status as JSON, for programs.

use api::Header;
use engine::Cost;
use jiff::Timestamp;
use publisher::status::{
    EdgeAnswer, EnvironmentStatus, Status, StoredBundle, VALUE_LIMIT, key_warnings, problems, warnings,
};
use serde_json::{Map, Value, json};

use super::table::age;
use crate::keys;

pub(super) fn json(status: &Status, now: Timestamp) -> Value {
    let environments: Vec<Value> =
        status.environments.iter().map(|environment| self::environment(environment, now)).collect();
    let mut json = json!({
        "environments": environments,
        "troubles": status.troubles(),
        "unanswered": status.unanswered,
    });
    if let Some(unnamed) = &status.unnamed_keys {
        let unnamed: Vec<Value> = unnamed.iter().map(|record| keys::json(record, now)).collect();
        json["unnamed_keys"] = json!({ "records": unnamed, "warnings": key_warnings(status, now) });
    }
    if let Some(publishing) = &status.publishing {
        json["serve"] = json!({ "bus": publishing.bus, "api_calls": publishing.progress.api_calls });
    }
    json
}

fn environment(status: &EnvironmentStatus, now: Timestamp) -> Value {
    let stored = status.stored.as_ref().map(|stored| match stored {
        StoredBundle::Sound(header) => sound(header, now),
        StoredBundle::Unusable { revision, why } => json!({ "revision": revision, "broken": why }),
        StoredBundle::Missing => json!({ "missing": true }),
    });
    json!({
        "key": status.key.as_str(),
        "stored": stored,
        "edge": status.edge.as_ref().map(edge),
        "serve": status.watched,
        "wrong": problems(status),
        "warnings": warnings(status, now),
    })
}

fn sound(header: &Header, now: Timestamp) -> Value {
    let sections: Map<String, Value> =
        header.sections().map(|(section, span)| (section.name().to_owned(), span.bytes().into())).collect();
    json!({
        "revision": header.revision,
        "age_seconds": age(header.revision, now).as_secs(),
        "source_updated_at": header.source_updated_at,
        "tombstone": header.tombstone,
        "bytes": header.total,
        "limit_bytes": VALUE_LIMIT,
        "steps": header.steps,
        "limit_steps": Cost::REFUSE,
        "sections": sections,
    })
}

fn edge(edge: &EdgeAnswer) -> Value {
    match edge {
        EdgeAnswer::Serves { revision, source, age } => {
            json!({ "revision": revision, "source": source, "age_seconds": age })
        }
        EdgeAnswer::Refuses => json!({ "status": 403 }),
        EdgeAnswer::Fails { status } => json!({ "status": status }),
    }
}
