//! The settings of the edge: one JSON object in the config store. A bad value is complained of, and a safe one used.

mod environments;
mod origins;

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Map, Value};

use crate::key::EnvironmentKey;

/// What can be set, with the member's name, its default and its range.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// `fresh`: seconds for which a POP's copy is served without a look at the KV store; 60, from 1 to 3600.
    pub fresh: Duration,
    /// `stream_seconds`: seconds that a part of a stream lasts; 40, from 5 to 90.
    pub stream: Duration,
    /// `join_seconds`: seconds for which clients join a part; 15, from 1 to 89, and less than `stream_seconds`.
    pub join: Duration,
    /// `allowed_origins`: the origins whose pages may read answers; none means all of them, which is the default. A value
    /// that cannot be read allows no origin.
    pub allowed_origins: Option<Vec<String>>,
    /// `analytics_log`: the name of the platform's log endpoint that analytics are written to. Without one they are dropped.
    pub analytics_log: Option<String>,
    /// `environments`: `{"<client-side key>": {"traits": "stored" or "request"}}`; here those whose traits are stored.
    pub stored_traits: BTreeSet<EnvironmentKey>,
    /// `identity_fresh`: seconds for which a POP's copy of an identity is read without a look at the KV store; 10, from 1 to 60.
    pub identity_fresh: Duration,
    /// `traits_days`: days for which stored traits are kept after they were written last; 90, from 1 to 3650.
    pub traits_lifetime: Duration,
    /// `trait_writes`: requests a second whose traits are written for one client address with a client-side key; 10, from 10 to
    /// 1000. The platform counts no fewer.
    pub trait_writes: u32,
    /// `ofrep_json_values`: what a text that holds a JSON object is for OpenFeature's clients; `object`, or `string`.
    pub ofrep_json_values: JsonValues,
}

/// What a text that holds a JSON object is for OpenFeature's clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum JsonValues {
    #[default]
    Object,
    String,
}

/// Seconds.
const DAY: u64 = 86_400;

impl Default for Settings {
    fn default() -> Self {
        Settings {
            fresh: Duration::from_secs(60),
            stream: Duration::from_secs(40),
            join: Duration::from_secs(15),
            allowed_origins: None,
            analytics_log: None,
            stored_traits: BTreeSet::new(),
            identity_fresh: Duration::from_secs(10),
            traits_lifetime: Duration::from_secs(90 * DAY),
            trait_writes: 10,
            ofrep_json_values: JsonValues::Object,
        }
    }
}

impl Settings {
    /// Used when settings exist and cannot be read: defaults, but no origin is allowed.
    pub fn unreadable() -> Settings {
        Settings { allowed_origins: Some(Vec::new()), ..Settings::default() }
    }

    /// Reads the settings' JSON; with them come the complaints, each naming the member.
    pub fn parse(text: &str) -> (Settings, Vec<String>) {
        match serde_json::from_str::<Value>(text) {
            Ok(Value::Object(members)) => Settings::of(&members),
            Ok(_) => (Settings::unreadable(), vec![unreadable("not an object")]),
            Err(error) => (Settings::unreadable(), vec![unreadable(&error.to_string())]),
        }
    }

    fn of(members: &Map<String, Value>) -> (Settings, Vec<String>) {
        let mut settings = Settings::default();
        let mut complaints = Vec::new();
        for (name, value) in members {
            let read = match name.as_str() {
                "fresh" => integer(value, 1, 3600).map(|s| settings.fresh = Duration::from_secs(s)),
                "stream_seconds" => integer(value, 5, 90).map(|s| settings.stream = Duration::from_secs(s)),
                "join_seconds" => integer(value, 1, 89).map(|s| settings.join = Duration::from_secs(s)),
                "identity_fresh" => {
                    integer(value, 1, 60).map(|s| settings.identity_fresh = Duration::from_secs(s))
                }
                "traits_days" => integer(value, 1, 3650)
                    .map(|days| settings.traits_lifetime = Duration::from_secs(days * DAY)),
                "trait_writes" => integer(value, 10, 1000)
                    .map(|writes| settings.trait_writes = u32::try_from(writes).unwrap_or(u32::MAX)),
                "ofrep_json_values" => json_values(value).map(|values| settings.ofrep_json_values = values),
                "environments" => environments::parse(value).map(|(stored, wrong)| {
                    settings.stored_traits = stored;
                    complaints.extend(wrong.iter().map(|text| complaint(name, text)));
                }),
                "analytics_log" => log_name(value).map(|log| settings.analytics_log = log),
                "allowed_origins" => match origins::parse(value) {
                    Ok((origins, hopeless)) => {
                        settings.allowed_origins = origins;
                        complaints.extend(hopeless.iter().map(|text| complaint(name, text)));
                        Ok(())
                    }
                    Err(error) => {
                        settings.allowed_origins = Some(Vec::new());
                        Err(error)
                    }
                },
                name if origins::is_misspelt(name) => {
                    Err("did you mean `allowed_origins`? No origin is allowed")
                }
                _ => Err("unknown"),
            };
            if let Err(error) = read {
                complaints.push(complaint(name, error));
            }
        }
        if members.keys().any(|name| origins::is_misspelt(name)) {
            settings.allowed_origins = Some(Vec::new());
        }
        if settings.join >= settings.stream {
            // A client that joins an ended part is given all of it at once, and comes back at once.
            settings.join = settings.stream / 2;
            complaints
                .push(complaint("join_seconds", "not less than `stream_seconds`, so half of that is used"));
        }
        (settings, complaints)
    }
}

fn integer(value: &Value, from: u64, to: u64) -> Result<u64, &'static str> {
    value
        .as_u64()
        .filter(|n| (from..=to).contains(n))
        .ok_or("not an integer in its range, so the default is used")
}

fn json_values(value: &Value) -> Result<JsonValues, &'static str> {
    match value.as_str() {
        Some("object") => Ok(JsonValues::Object),
        Some("string") => Ok(JsonValues::String),
        _ => Err("neither \"object\" nor \"string\", so \"object\" is used"),
    }
}

fn log_name(value: &Value) -> Result<Option<String>, &'static str> {
    match value {
        Value::Null => Ok(None),
        Value::String(name) if is_log(name) => Ok(Some(name.clone())),
        _ => Err("not the name of a log endpoint, so analytics are dropped"),
    }
}

/// The platform's rule. It keeps two names for itself.
fn is_log(name: &str) -> bool {
    !name.is_empty() && !name.contains([':', '\r', '\n']) && !["stdout", "stderr"].contains(&name)
}

fn complaint(member: &str, what: &str) -> String {
    format!("settings: `{member}`: {what}")
}

fn unreadable(why: &str) -> String {
    format!("settings: {why}, so all defaults are used and no origin is allowed")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_values_are_taken_and_bad_ones_named() {
        let (settings, complaints) =
            Settings::parse(r#"{"fresh": 5, "allowed_origins": ["https://a.example"], "speed": 9}"#);
        let origins = Some(vec!["https://a.example".to_owned()]);
        let expected =
            Settings { fresh: Duration::from_secs(5), allowed_origins: origins, ..Settings::default() };
        assert_eq!(settings, expected);
        assert_eq!(complaints, ["settings: `speed`: unknown"]);

        let (settings, complaints) = Settings::parse(r#"{"stream_seconds": 6, "join_seconds": 2}"#);
        assert_eq!((settings.stream, settings.join), (Duration::from_secs(6), Duration::from_secs(2)));
        assert!(complaints.is_empty(), "{complaints:?}");
        let (settings, complaints) = Settings::parse(r#"{"stream_seconds": 10}"#);
        assert_eq!((settings.stream, settings.join), (Duration::from_secs(10), Duration::from_secs(5)));
        let too_long = "settings: `join_seconds`: not less than `stream_seconds`, so half of that is used";
        assert_eq!(complaints, [too_long]);

        for bad in
            [r#"{"stream_seconds": 4}"#, r#"{"join_seconds": 90}"#, r#"{"fresh": 0}"#, r#"{"fresh": "60"}"#]
        {
            let (settings, complaints) = Settings::parse(bad);
            assert_eq!((settings, complaints.len()), (Settings::default(), 1), "{bad}");
        }
    }

    /// The local flavour of the edge removes this member before; a release package leaves it in.
    #[test]
    fn the_name_of_a_log_is_the_platforms() {
        let (settings, complaints) = Settings::parse(r#"{"analytics_log": "flag usage"}"#);
        assert_eq!((settings.analytics_log.as_deref(), complaints.len()), (Some("flag usage"), 0));
        assert_eq!(Settings::parse(r#"{"analytics_log": null}"#), (Settings::default(), vec![]));
        for bad in ["\"\"", "\"a:b\"", "\"a\\nb\"", "\"stdout\"", "\"stderr\"", "7", "[]"] {
            let (settings, complaints) = Settings::parse(&format!(r#"{{"analytics_log": {bad}}}"#));
            assert_eq!(settings, Settings::default(), "{bad}");
            let expected =
                "settings: `analytics_log`: not the name of a log endpoint, so analytics are dropped";
            assert_eq!(complaints, [expected], "{bad}");
        }
    }

    #[test]
    fn injected_faults_are_an_unknown_setting() {
        let (settings, complaints) = Settings::parse(r#"{"fault": {"kv_error": true}}"#);
        assert_eq!(settings, Settings::default());
        assert_eq!(complaints, ["settings: `fault`: unknown"]);
    }

    #[test]
    fn unreadable_settings_allow_no_origin() {
        for bad in ["", "[]", "{", "null", r#"{"allowed_origins": ["https://a.example"],}"#] {
            let (settings, complaints) = Settings::parse(bad);
            assert_eq!((settings, complaints.len()), (Settings::unreadable(), 1), "{bad}");
        }
        assert_eq!(Settings::parse("{}"), (Settings::default(), Vec::new()));
    }

    /// A mistake once opened an edge to pages of every origin.
    #[test]
    fn unreadable_origins_allow_no_origin() {
        for bad in [
            r#"{"allowed_origins": "https://good.example"}"#,
            r#"{"allowed_origins": "*"}"#,
            r#"{"allowed_origins": ["https://good.example", 1]}"#,
            r#"{"allowed_origins": ["*", null]}"#,
            r#"{"allowed_origins": null}"#,
            r#"{"allowed_origins": true}"#,
            r#"{"allowed_origins": {"https://good.example": true}}"#,
        ] {
            let (settings, complaints) = Settings::parse(bad);
            assert_eq!(settings, Settings::unreadable(), "{bad}");
            let expected = "settings: `allowed_origins`: not a list of strings, so no origin is allowed";
            assert_eq!(complaints, [expected], "{bad}");
        }
    }

    #[test]
    fn a_misspelt_list_of_origins_allows_no_origin() {
        for name in ["allowed_origin", "allowedOrigins", "Allowed-Origins", "origins", "cors_origins"] {
            for more in ["", r#", "allowed_origins": ["*"]"#] {
                let (settings, complaints) = Settings::parse(&format!(r#"{{"{name}": ["*"]{more}}}"#));
                assert_eq!(settings, Settings::unreadable(), "{name}");
                let expected =
                    format!("settings: `{name}`: did you mean `allowed_origins`? No origin is allowed");
                assert_eq!(complaints, [expected]);
            }
        }
    }
}
