//! One environment of the stand-in: its document as it is and as it was before, whole and in pages.

use std::cell::OnceCell;
use std::io::Write;
use std::time::Instant;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::{SignedDuration, Timestamp};
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde_json::{Value, json};

use super::edits::Tells;
use super::notify::Change;
use super::quirks::Quirks;

pub(super) struct Environment {
    pub(super) current: Version,
    pub(super) previous: Option<Version>,
    /// What is given in place of the document.
    pub(super) instead: Option<Bytes>,
    /// Until then the previous version is shown, although the current one was signalled already.
    pub(super) shows_from: Instant,
}

/// A document at a time. Kept as text: a thousand of them may be large.
pub(super) struct Version {
    pub(super) updated_at: Timestamp,
    pub(super) text: Bytes,
    /// Flagsmith's own model of it fails: shares of more than a hundred percent.
    pub(super) is_unanswerable: bool,
    gzipped: OnceCell<Bytes>,
}

/// A page of a document, and the path of the next one.
pub(super) struct Page {
    pub(super) text: Bytes,
    pub(super) next: Option<String>,
}

impl Environment {
    pub(super) fn new(document: Value, now: Timestamp) -> Environment {
        let shows_from = Instant::now();
        Environment { current: Version::new(document, now), previous: None, instead: None, shows_from }
    }

    pub(super) fn document(&self) -> Value {
        serde_json::from_slice(&self.current.text).unwrap()
    }

    /// The version that is shown now, or the one before that.
    ///
    /// A replica that lags shows no state that has the later time of the two: times go back here, and a publisher that has
    /// just started could not tell that state from a change.
    pub(super) fn shown(&self, stale: bool) -> &Version {
        let is_late = Instant::now() < self.shows_from;
        let lags = |previous: &&Version| stale && previous.updated_at <= self.current.updated_at;
        self.previous.as_ref().filter(|previous| is_late || lags(previous)).unwrap_or(&self.current)
    }

    /// Changes the document, and its time, if the change does so. With quirks, the time may be earlier, and the change
    /// shows late.
    pub(super) fn edit(
        &mut self,
        tells: Tells,
        quirks: Option<&mut Quirks>,
        edit: impl FnOnce(&mut Value),
    ) -> Change {
        let before = self.document();
        let mut document = before.clone();
        edit(&mut document);
        let now = Timestamp::now();
        let before_that = self.current.updated_at;
        let updated_at = match quirks {
            _ if !tells.time => before_that,
            // Two changes have two times, as in a database.
            None => now.max(before_that + SignedDuration::from_micros(1)),
            Some(quirks) => {
                if tells.webhook {
                    self.shows_from = Instant::now() + quirks.lateness();
                }
                quirks.time(now)
            }
        };
        let change = Change::between(&before, &document, updated_at, tells);
        let version = Version::new(document, updated_at);
        self.previous = Some(std::mem::replace(&mut self.current, version));
        change
    }
}

impl Version {
    fn new(mut document: Value, updated_at: Timestamp) -> Version {
        document["updated_at"] = json!(iso(updated_at));
        let is_unanswerable = shares_too_much(&document);
        Version { updated_at, text: document.to_string().into(), is_unanswerable, gzipped: OnceCell::new() }
    }

    pub(super) fn gzipped(&self) -> Bytes {
        self.gzipped.get_or_init(|| gzip(&self.text)).clone()
    }

    /// The page that a token names, or the first, with so many identity overrides. As at the Edge API, each page
    /// repeats all but those.
    pub(super) fn page(&self, overrides: usize, token: Option<&str>) -> Page {
        let mut document: Value = serde_json::from_slice(&self.text).unwrap();
        let all = document["identity_overrides"].as_array().cloned().unwrap_or_default();
        let first = match token {
            // What was removed meanwhile, and all after it, is not found.
            Some(token) => all.iter().position(|one| page_id(one) == token).unwrap_or(all.len()),
            None => 0,
        };
        let end = all.len().min(first + overrides);
        document["identity_overrides"] = json!(all[first..end]);
        let next = all.get(end).map(|next| {
            let token = page_id(next);
            format!("/api/v1/environment-document/?page_id={}", utf8_percent_encode(&token, NON_ALPHANUMERIC))
        });
        Page { text: document.to_string().into(), next }
    }
}

/// Whether the shares of a feature's variants are more than there is.
fn shares_too_much(document: &Value) -> bool {
    let states = document["feature_states"].as_array().into_iter().flatten();
    let shares = |state: &Value| -> f64 {
        let variants = state["multivariate_feature_state_values"].as_array().into_iter().flatten();
        variants.filter_map(|variant| variant["percentage_allocation"].as_f64()).sum()
    };
    states.map(shares).any(|sum| sum > 100.0)
}

/// The token in a query; clients encode it or do not.
pub(super) fn token(query: Option<&str>) -> Option<String> {
    let token = query?.split('&').find_map(|part| part.strip_prefix("page_id="))?;
    Some(percent_decode_str(token).decode_utf8_lossy().into_owned())
}

fn page_id(identity_override: &Value) -> String {
    let feature = &identity_override["identity_features"][0]["feature"]["id"];
    format!("identity_override:{feature}:{}", identity_override["identity_uuid"].as_str().unwrap_or_default())
}

/// As the Edge API writes times.
fn iso(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%S.%6f+00:00").to_string()
}

pub(super) fn gzip(bytes: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap().into()
}

/// Gives an identity a value of its own for a feature.
#[track_caller]
pub(super) fn override_identity(document: &mut Value, identifier: &str, feature: &str, value: &Value) {
    let features = document["feature_states"].as_array().unwrap();
    let default = features.iter().find(|state| state["feature"]["name"] == feature);
    let mut state = default.unwrap_or_else(|| panic!("there is no feature {feature}")).clone();
    state["enabled"] = json!(true);
    state["feature_state_value"] = value.clone();
    state["multivariate_feature_state_values"] = json!([]);
    let key = document["api_key"].as_str().unwrap().to_owned();
    let overrides =
        document.as_object_mut().unwrap().entry("identity_overrides").or_insert_with(|| json!([]));
    let overrides = overrides.as_array_mut().unwrap();
    if let Some(known) = overrides.iter_mut().find(|one| one["identifier"] == identifier) {
        let states = known["identity_features"].as_array_mut().unwrap();
        states.retain(|state| state["feature"]["name"] != feature);
        states.push(state);
        return;
    }
    let number = overrides.len();
    overrides.push(json!({
        "identifier": identifier,
        "environment_api_key": key,
        "identity_uuid": format!("a8b1c3d4-1111-4222-8333-{number:012x}"),
        "created_date": "2025-12-24T09:00:00.000000+00:00",
        "composite_key": format!("{key}_{identifier}"),
        "django_id": null,
        "dashboard_alias": null,
        "identity_traits": [],
        "identity_features": [state],
    }));
}
