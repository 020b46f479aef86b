//! The settings of the edge: one JSON object in the config store. A bad value is reported, and the default used.

use std::time::Duration;

use serde_json::Value;

/// What can be set, with the member's name, its default and its range.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// `fresh`: seconds for which a POP's copy is served without a look at the KV store; 60, from 1 to 3600.
    pub fresh: Duration,
    /// `segment`: seconds that a segment of a stream lasts; 40, from 5 to 90.
    pub segment: Duration,
    /// `join`: seconds for which clients join a segment; 15, from 1 to 89, and less than `segment`.
    pub join: Duration,
    /// `allowed_origins`: the origins whose pages may read answers; all by default.
    pub allowed_origins: Option<Vec<String>>,
    /// `fault`: see [`Fault`].
    pub fault: Fault,
}

/// Faults that the local flavour of the edge produces on purpose, so that tests can see what Viceroy cannot do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// `kv_error`: reads of the KV store fail.
    pub kv_error: bool,
    /// `kv_older`: reads of the KV store give what was there before the last write.
    pub kv_older: bool,
    /// `kv_delay_ms`: reads of the KV store take so much longer.
    pub kv_delay: Duration,
    /// `hold_ms`: who brings a copy up to date is held for so long between the last look at it and the insertion.
    pub hold: Duration,
    /// `dies`: who has the obligation to insert a copy breaks off in the middle of it.
    pub dies: bool,
    /// `leader_dies_ms`: the leader of a segment leaves it unfinished after so long.
    pub leader_dies: Option<Duration>,
    /// `segment_error`: no segment can be looked up.
    pub segment_error: bool,
    /// `tireless`: leaders do not end their segments for the vCPU time that they have used. No fault of a store: the local
    /// runtime counts what a busy machine takes for others, and thousands of clients make it busy.
    pub tireless: bool,
    /// `percent`: how many of a hundred reads, and of a hundred insertions, are struck; all by default.
    pub percent: u8,
}

impl Default for Fault {
    fn default() -> Self {
        Fault {
            kv_error: false,
            kv_older: false,
            kv_delay: Duration::ZERO,
            hold: Duration::ZERO,
            dies: false,
            leader_dies: None,
            segment_error: false,
            tireless: false,
            percent: 100,
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            fresh: Duration::from_secs(60),
            segment: Duration::from_secs(40),
            join: Duration::from_secs(15),
            allowed_origins: None,
            fault: Fault::default(),
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
                "segment" => integer(value, 5, 90).map(|s| settings.segment = Duration::from_secs(s)),
                "join" => integer(value, 1, 89).map(|s| settings.join = Duration::from_secs(s)),
                "allowed_origins" => strings(value).map(|origins| settings.allowed_origins = origins),
                "fault" => fault(value).map(|fault| settings.fault = fault),
                _ => Err("unknown"),
            };
            if let Err(complaint) = taken {
                complaints.push(format!("settings: `{name}`: {complaint}"));
            }
        }
        if settings.join >= settings.segment {
            // Who joins an ended segment is given all of it at once, and comes back at once.
            settings.join = settings.segment / 2;
            complaints
                .push("settings: `join`: not less than `segment`, so the half of that is used".to_owned());
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

fn fault(value: &Value) -> Result<Fault, &'static str> {
    let members = value.as_object().ok_or("not an object")?;
    let number = |name: &str, default, to| members.get(name).map_or(Ok(default), |n| integer(n, 0, to));
    let yes = |name: &str| members.get(name).and_then(Value::as_bool).unwrap_or_default();
    Ok(Fault {
        kv_error: yes("kv_error"),
        kv_older: yes("kv_older"),
        kv_delay: Duration::from_millis(number("kv_delay_ms", 0, 60_000)?),
        hold: Duration::from_millis(number("hold_ms", 0, 60_000)?),
        dies: yes("dies"),
        leader_dies: members
            .get("leader_dies_ms")
            .map(|n| integer(n, 0, 90_000).map(Duration::from_millis))
            .transpose()?,
        segment_error: yes("segment_error"),
        tireless: yes("tireless"),
        percent: u8::try_from(number("percent", 100, 100)?).unwrap_or(100),
    })
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

        let (settings, complaints) = Settings::parse(r#"{"segment": 6, "join": 2}"#);
        assert_eq!((settings.segment, settings.join), (Duration::from_secs(6), Duration::from_secs(2)));
        assert!(complaints.is_empty(), "{complaints:?}");
        let (settings, complaints) = Settings::parse(r#"{"segment": 10}"#);
        assert_eq!((settings.segment, settings.join), (Duration::from_secs(10), Duration::from_secs(5)));
        assert_eq!(complaints, ["settings: `join`: not less than `segment`, so the half of that is used"]);

        for bad in [
            r#"{"segment": 4}"#,
            r#"{"join": 90}"#,
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
