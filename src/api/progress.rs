//! How far publishing is: what a publisher reports, and which changes it is asked to look at. The answer of `GET /status` is
//! [`Publishing`].

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::key::EnvironmentKey;
use crate::revision::Revision;

/// What may have changed at the source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Changed {
    Environment(EnvironmentKey),
    /// An environment by the number that Flagsmith gave it, its `id`.
    Number(u64),
    Anything,
}

/// How far everything is, and the bus between replicas.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Publishing {
    #[serde(default)]
    pub bus: Bus,
    #[serde(flatten)]
    pub progress: Progress,
}

/// The bus between replicas.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Bus {
    /// No bus is configured.
    #[default]
    None,
    Up,
    Down,
}

/// How far everything is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Calls to Fastly's API since the start.
    #[serde(default)]
    pub api_calls: u64,
    pub environments: Vec<EnvironmentProgress>,
    /// Places whose document is broken, refused, or not to be had, so that an earlier one stays served; and places whose
    /// document has parts that never match.
    #[serde(default)]
    pub troubles: Vec<PlaceTrouble>,
    /// Since when the publisher has not answered; the rest is what it said before. None if it answers. ISO 8601.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "time")]
    pub silent_since: Option<Timestamp>,
}

/// How far an environment is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnvironmentProgress {
    pub key: EnvironmentKey,
    /// Where its document comes from.
    #[serde(default)]
    pub place: String,
    /// What was stored last, as far as it is known.
    pub revision: Option<Revision>,
    /// For how long the edge has lacked a change, or may have; none if all is published. Seconds, to the millisecond.
    #[serde(rename = "behind_seconds", default, with = "seconds")]
    pub behind: Option<Duration>,
    /// Why it is behind.
    pub why: Option<String>,
    /// When all was published last. ISO 8601.
    #[serde(default, with = "time")]
    pub last_success: Option<Timestamp>,
    /// Tries that failed since the start.
    #[serde(default)]
    pub failures: u64,
    /// Changes published since the start.
    #[serde(default)]
    pub published: u64,
    /// The last change that this process published; none before the first one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_change: Option<ChangeSteps>,
}

/// When the steps of a change were done. ISO 8601.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeSteps {
    pub revision: Revision,
    /// The publisher had the document.
    #[serde(default, with = "time")]
    pub seen: Option<Timestamp>,
    /// The store had it, by a read.
    #[serde(default, with = "time")]
    pub stored: Option<Timestamp>,
    /// The origin had heard of it.
    #[serde(default, with = "time")]
    pub announced: Option<Timestamp>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlaceTrouble {
    pub place: String,
    pub why: String,
}

mod seconds {
    use std::time::Duration;

    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(time: &Option<Duration>, to: S) -> Result<S::Ok, S::Error> {
        time.map(crate::time::seconds).serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
        let seconds: Option<f64> = Option::deserialize(from)?;
        seconds.map(Duration::try_from_secs_f64).transpose().map_err(D::Error::custom)
    }
}

mod time {
    use jiff::Timestamp;
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(time: &Option<Timestamp>, to: S) -> Result<S::Ok, S::Error> {
        time.map(|time| time.to_string()).serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Timestamp>, D::Error> {
        let text: Option<String> = Option::deserialize(from)?;
        text.map(|text| text.parse()).transpose().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn progress_is_read_as_it_was_written() {
        let environment = EnvironmentProgress {
            key: EnvironmentKey::parse("a").unwrap(),
            place: "a.json".into(),
            revision: Some(Revision(5)),
            behind: Some(Duration::from_millis(1_900)),
            why: Some("503".into()),
            last_success: Some("2026-03-02T11:22:33.25Z".parse().unwrap()),
            failures: 2,
            published: 1,
            last_change: Some(ChangeSteps {
                revision: Revision(5),
                seen: Some("2026-03-02T11:22:33Z".parse().unwrap()),
                stored: Some("2026-03-02T11:22:33.125Z".parse().unwrap()),
                announced: None,
            }),
        };
        let troubles = vec![PlaceTrouble { place: "c.json".into(), why: "invalid JSON".into() }];
        let progress =
            Progress { api_calls: 7, environments: vec![environment], troubles, silent_since: None };
        let publishing = Publishing { bus: Bus::Up, progress };
        let written = serde_json::to_value(&publishing).unwrap();
        assert_eq!(
            written,
            json!({
                "bus": "up",
                "api_calls": 7,
                "environments": [{
                    "key": "a", "place": "a.json", "revision": 5, "behind_seconds": 1.9, "why": "503",
                    "last_success": "2026-03-02T11:22:33.25Z", "failures": 2, "published": 1,
                    "last_change": {
                        "revision": 5, "seen": "2026-03-02T11:22:33Z", "stored": "2026-03-02T11:22:33.125Z",
                        "announced": null
                    }
                }],
                "troubles": [{ "place": "c.json", "why": "invalid JSON" }],
            })
        );
        assert_eq!(serde_json::from_value::<Publishing>(written).unwrap(), publishing);
        let silent_since = Some("2026-03-02T11:22:33Z".parse().unwrap());
        let silent = Progress { silent_since, ..Progress::default() };
        let written = serde_json::to_value(&silent).unwrap();
        assert_eq!(written["silent_since"], "2026-03-02T11:22:33Z");
        assert_eq!(serde_json::from_value::<Progress>(written).unwrap(), silent);
    }

    #[test]
    fn missing_and_unknown_members_are_accepted_and_wrong_keys_refused() {
        let read =
            |json: Value| serde_json::from_value::<Publishing>(json).map_err(|error| error.to_string());
        let publishing = read(json!({ "environments": [{ "key": "b", "more": {} }], "more": 1 })).unwrap();
        let environment = &publishing.progress.environments[0];
        assert_eq!((publishing.bus, environment.behind, environment.published), (Bus::None, None, 0));
        assert!(read(json!([])).is_err());
        let error = read(json!({ "environments": [{ "key": "a/b" }] })).unwrap_err();
        assert!(error.starts_with("only letters, digits"), "{error}");
    }
}
