//! `environments`: what is set for one environment.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::key::EnvironmentKey;

/// Reads the environments whose traits are stored; with them come the complaints, each naming what it is about.
pub(super) fn parse(value: &Value) -> Result<(BTreeSet<EnvironmentKey>, Vec<String>), &'static str> {
    let environments = value.as_object().ok_or("not an object, so traits are stored nowhere")?;
    let mut stored = BTreeSet::new();
    let mut complaints = Vec::new();
    for (key, members) in environments {
        let key = match EnvironmentKey::parse(key) {
            Ok(key) => key,
            Err(error) => {
                // What looks like a server-side key is a secret.
                complaints.push(format!("one of the keys is no client-side key: {error}"));
                continue;
            }
        };
        let Some(members) = members.as_object() else {
            complaints.push(format!("{key}: not an object"));
            continue;
        };
        for (name, value) in members {
            match (name.as_str(), value.as_str()) {
                ("traits", Some("stored")) => {
                    stored.insert(key.clone());
                }
                ("traits", Some("request")) => {}
                ("traits", _) => {
                    complaints
                        .push(format!("{key}: `traits`: neither \"stored\" nor \"request\", which is used"));
                }
                _ => complaints.push(format!("{key}: `{name}`: unknown")),
            }
        }
    }
    Ok((stored, complaints))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn environments_whose_traits_are_stored() {
        let value = json!({
            "a": { "traits": "stored" }, "b": { "traits": "request" }, "c": {}, "d": { "traits": true },
            "e": { "trait": "stored" }, "f": 1, "ser.secret": { "traits": "stored" },
        });
        let (stored, complaints) = parse(&value).unwrap();
        assert_eq!(stored.iter().map(EnvironmentKey::as_str).collect::<Vec<_>>(), ["a"]);
        let expected = [
            "d: `traits`: neither \"stored\" nor \"request\", which is used",
            "e: `trait`: unknown",
            "f: not an object",
            "one of the keys is no client-side key: starts with `ser.`, which is how server-side keys start",
        ];
        assert_eq!(complaints, expected);
        assert!(parse(&json!(["a"])).is_err());
    }
}
