//! The settings of the edge: one JSON object in the config store. A bad value is reported, and the default used.

use std::time::Duration;

use serde_json::Value;

/// What can be set, with the member's name, its default and its range.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// `fresh`: seconds for which a POP's copy is served without a look at the KV store; 60, from 1 to 3600.
    pub fresh: Duration,
    /// `stream_seconds`: seconds that a part of a stream lasts; 40, from 5 to 90.
    pub stream: Duration,
    /// `join_seconds`: seconds for which clients join a part; 15, from 1 to 89, and less than `stream_seconds`.
    pub join: Duration,
    /// `allowed_origins`: the origins whose pages may read answers; all by default.
    pub allowed_origins: Option<Vec<String>>,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            fresh: Duration::from_secs(60),
            stream: Duration::from_secs(40),
            join: Duration::from_secs(15),
            allowed_origins: None,
        }
    }
}

impl Settings {
    /// Reads the settings' JSON; with them come the complaints, each naming the member.
    pub fn parse(text: &str) -> (Settings, Vec<String>) {
        let mut settings = Settings::default();
        let mut complaints = Vec::new();
        let members = match serde_json::from_str::<Value>(text) {
            Ok(Value::Object(members)) => members,
            Ok(_) => return (settings, vec!["settings: not an object, so all defaults are used".to_owned()]),
            Err(error) => return (settings, vec![format!("settings: {error}, so all defaults are used")]),
        };
        for (name, value) in &members {
            let taken = match name.as_str() {
                "fresh" => integer(value, 1, 3600).map(|s| settings.fresh = Duration::from_secs(s)),
                "stream_seconds" => integer(value, 5, 90).map(|s| settings.stream = Duration::from_secs(s)),
                "join_seconds" => integer(value, 1, 89).map(|s| settings.join = Duration::from_secs(s)),
                "allowed_origins" => strings(value).map(|origins| settings.allowed_origins = origins),
                _ => Err("unknown"),
            };
            if let Err(complaint) = taken {
                complaints.push(format!("settings: `{name}`: {complaint}"));
            }
        }
        if settings.join >= settings.stream {
            // Who joins an ended segment is given all of it at once, and comes back at once.
            settings.join = settings.stream / 2;
            complaints.push(
                "settings: `join_seconds`: not less than `stream_seconds`, so the half of that is used"
                    .to_owned(),
            );
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

/// A list that holds `*` allows everybody, as none does.
fn strings(value: &Value) -> Result<Option<Vec<String>>, &'static str> {
    let list = value.as_array().ok_or("not a list, so every origin is allowed")?;
    let strings: Option<Vec<String>> = list.iter().map(|item| item.as_str().map(str::to_owned)).collect();
    let strings = strings.ok_or("not a list of strings, so every origin is allowed")?;
    Ok(if strings.iter().any(|origin| origin == "*") { None } else { Some(strings) })
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
        assert_eq!(
            complaints,
            ["settings: `join_seconds`: not less than `stream_seconds`, so the half of that is used"]
        );

        for bad in [
            r#"{"stream_seconds": 4}"#,
            r#"{"join_seconds": 90}"#,
            r#"{"fresh": 0}"#,
            r#"{"fresh": "60"}"#,
            r#"{"allowed_origins": [1]}"#,
            "[]",
            "{",
        ] {
            let (settings, complaints) = Settings::parse(bad);
            assert_eq!((settings, complaints.len()), (Settings::default(), 1), "{bad}");
        }
    }
}
