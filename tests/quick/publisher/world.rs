//! One publisher, and the stand-in that it writes to.

use api::{EnvironmentKey, Header, Label, Secret, bundle};
use jiff::Timestamp;
use publisher::{
    Client, Clock, DocumentSource, Done, Place, PublishOptions, Report, ServerKeySource, Signals, Target,
    parse_server_keys, publish, unpublish,
};
use serde_json::{Value, json};
use tests::SimulatedClock;
use tests::fastly::{FastlyApi, ORIGIN_TOKEN, SERVICE, STORE, TOKEN, fastly_api};

/// 2026-03-02T11:22:33Z, when every test begins.
pub(crate) const NOW: u64 = 1_772_450_553;
pub(crate) const ITEM: &str = "environment/a";

pub(crate) struct World {
    pub(crate) api: FastlyApi,
    pub(crate) clock: SimulatedClock,
}

/// A document of environment `a`.
pub(crate) fn document(value: &str, updated_at: &str) -> Value {
    document_of("a", value, Some(updated_at))
}

pub(crate) fn document_of(key: &str, value: &str, updated_at: Option<&str>) -> Value {
    json!({
        "api_key": key,
        "updated_at": updated_at,
        "project": { "segments": [] },
        "feature_states": [{ "feature": { "name": "f" }, "enabled": true, "feature_state_value": value }],
    })
}

pub(crate) fn source(document: &Value) -> DocumentSource {
    DocumentSource::parse(&Place::new("a.json"), &document.to_string()).unwrap()
}

pub(crate) fn target(api: &FastlyApi) -> Target {
    Target {
        api: api.url(),
        token: Secret::parse_token(TOKEN).unwrap(),
        store: STORE.into(),
        service: Some(SERVICE.into()),
        signals: Signals::Origin { url: api.url(), token: Some(Secret::parse_token(ORIGIN_TOKEN).unwrap()) },
    }
}

impl World {
    pub(crate) fn new() -> World {
        let now = Timestamp::from_second(NOW.try_into().unwrap()).unwrap();
        World { api: fastly_api(), clock: SimulatedClock::at(now) }
    }

    /// Publishes, and returns the outcome as text.
    pub(crate) fn publish(&self, document: &Value) -> String {
        self.publish_with(document, &[], &PublishOptions::default())
    }

    pub(crate) fn publish_with(
        &self,
        document: &Value,
        keys: &[ServerKeySource],
        options: &PublishOptions,
    ) -> String {
        let client = Client::new(target(&self.api), &self.clock);
        outcome(&publish(&client, &source(document), keys, options))
    }

    pub(crate) fn unpublish(&self, key: &str, dry_run: bool) -> String {
        let client = Client::new(target(&self.api), &self.clock);
        outcome(&unpublish(&client, &EnvironmentKey::parse(key).unwrap(), dry_run))
    }

    /// Publishes, and clears the record of events.
    #[track_caller]
    pub(crate) fn given(&self, document: &Value) {
        let outcome = self.publish(document);
        assert!(outcome.starts_with("written"), "{outcome}");
        self.api.story();
    }

    /// The header of what is stored for environment `a`.
    #[track_caller]
    pub(crate) fn header(&self) -> Header {
        let stored = self.api.stored(ITEM).unwrap();
        let header = bundle::check(&stored.value).unwrap();
        assert_eq!(stored.metadata, Some(header.metadata()));
        header
    }

    pub(crate) fn seconds(&self) -> u64 {
        self.clock.elapsed().as_secs()
    }
}

/// The keys of environment `a`, as a manifest has them.
pub(crate) fn keys(manifest: &Value) -> Vec<ServerKeySource> {
    parse_server_keys(&json!({ "a": manifest }).to_string()).unwrap().remove("a").unwrap()
}

/// A bundle as another publisher may have written it.
pub(crate) fn bundle_of(revision: u64, source_updated_at: Option<&str>) -> (Vec<u8>, String) {
    let label = Label {
        source_updated_at: source_updated_at.map(Into::into),
        source_hash: "another".into(),
        settings: "another".into(),
        switches: source(&document("x", "2026-01-01T00:00:00Z")).document.switches(),
        ..Label::new(api::Revision(revision))
    };
    let (header, bytes) = bundle::write(&label, &[]).unwrap();
    (bytes, header.metadata())
}

/// A report as text: what was done, or the error; then the rest.
pub(crate) fn outcome(report: &Report) -> String {
    let mut words = vec![match &report.environment {
        Ok(published) => {
            let done = match published.done {
                Done::Written => "written",
                Done::Unchanged => "unchanged",
                Done::Planned => "planned",
            };
            format!("{done} {}", published.revision)
        }
        Err(error) => error.to_string(),
    }];
    let keys = &report.server_keys;
    if keys.written > 0 {
        words.push(format!("{} keys", keys.written));
    }
    words.extend(keys.repointed.iter().map(ToString::to_string));
    words.extend(keys.failed.iter().map(ToString::to_string));
    if keys.not_tried > 0 {
        words.push(format!("{} keys not tried", keys.not_tried));
    }
    words.extend(report.after.iter().chain(&keys.after).map(ToString::to_string));
    words.join("; ")
}
