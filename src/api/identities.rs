//! `GET` and `POST /api/v1/identities/` (wire protocol reference, 2.2 and 2.3): every flag, evaluated for an identity.

use std::fmt::Write;

use engine::{Identity, Value};
use http::StatusCode;
use sha2::{Digest, Sha256};

use crate::failure::Failure;
use crate::flags::{Writer, find};
use crate::key::hexadecimal;
use crate::reply::Reply;
use crate::respond::{Access, KeyKind};
use crate::store::Store;
use crate::traits::{Asked, Trait};

/// What a request wants to know about whom.
pub(crate) struct Question {
    pub(crate) asked: Asked,
    /// One flag, by its exact name, in place of all.
    pub(crate) feature: Option<String>,
    /// Overrides of this very identifier are left aside: a bare identity, asked about by `GET` as transient.
    pub(crate) bare: bool,
}

pub(crate) fn answer(access: &Access, question: Question, store: &mut dyn Store) -> Result<Reply, Failure> {
    let Question { mut asked, feature, bare } = question;
    let switches = access.copy.header.switches;
    if access.kind == KeyKind::Client && !switches.allow_client_traits {
        asked.traits.clear();
    }
    if asked.identifier.is_empty() {
        asked.identifier = transient_identifier(&asked.traits, || store.random());
    }
    let compiled = store.compiled().map_err(|_| Failure::Unavailable)?;
    let identity = Identity {
        key: (!switches.composite_key).then(|| asked.identifier.clone()),
        identifier: asked.identifier,
        traits: asked.traits.iter().map(|sent| (sent.key.clone(), sent.value.clone())).collect(),
        ignore_own_overrides: bare,
    };
    let evaluation = compiled.evaluate(Some(&identity));

    // A flag takes about 130 bytes.
    let mut body = Vec::with_capacity(256 + 160 * evaluation.flags.len());
    body.extend_from_slice(br#"{"identifier":"#);
    body.extend_from_slice(json_string(&identity.identifier).as_bytes());
    body.extend_from_slice(br#","traits":["#);
    if !switches.hide_sensitive_data {
        write_traits(&mut body, &asked.traits);
    }
    body.extend_from_slice(br#"],"flags":["#);
    let list = body.len() - 1;
    let mut writer = Writer::new(evaluation.default_json, &mut body);
    for flag in &evaluation.flags {
        let hidden = flag.server_only() && access.kind == KeyKind::Client;
        if !hidden && (flag.enabled() || !switches.hide_disabled_flags) {
            writer.write(flag);
        }
    }
    writer.finish();
    body.push(b']');
    if let Some(feature) = feature {
        return find(&body[list..], |name| name == feature).ok_or(Failure::FeatureNotFound);
    }
    body.push(b'}');
    Ok(Reply::json(StatusCode::OK, body))
}

fn write_traits(body: &mut Vec<u8>, traits: &[Trait]) {
    for (place, sent) in traits.iter().enumerate() {
        if place > 0 {
            body.push(b',');
        }
        body.extend_from_slice(br#"{"trait_key":"#);
        body.extend_from_slice(json_string(&sent.key).as_bytes());
        body.extend_from_slice(br#","trait_value":"#);
        body.extend_from_slice(sent.json.as_bytes());
        if sent.transient {
            body.extend_from_slice(br#","transient":true"#);
        }
        body.push(b'}');
    }
}

fn json_string(text: &str) -> String {
    serde_json::to_string(text).unwrap_or_default()
}

/// The name of somebody without one: a hash of the traits, so that percentage splits are stable for equal traits; a
/// random one without traits (wire protocol reference, 4.3).
fn transient_identifier(traits: &[Trait], random: impl FnOnce() -> u128) -> String {
    if traits.is_empty() {
        return format!("{:032x}", random());
    }
    let mut sorted: Vec<&Trait> = traits.iter().collect();
    sorted.sort_by(|a, b| a.key.cmp(&b.key));
    let mut text = String::new();
    for sent in sorted {
        text.push_str(&sent.key);
        // Writing to a string cannot fail.
        let _ = match &sent.value {
            Value::Null => Ok(()),
            Value::Bool(bool) => text.write_str(if *bool { "True" } else { "False" }),
            Value::Int(integer) => write!(text, "{integer}"),
            Value::Float(float) => text.write_str(&engine::float_text(*float)),
            Value::Str(value) => text.write_str(value),
        };
    }
    hexadecimal(&Sha256::digest(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn somebody_without_a_name_is_named_by_traits() {
        let sent = |key: &str, json: &str| Trait {
            key: key.into(),
            value: Value::from_json(json).unwrap(),
            json: json.into(),
            transient: false,
        };
        let traits = [sent("plan", "\"gold\""), sent("age", "7"), sent("beta", "true"), sent("rate", "1.50")];
        let expected = hexadecimal(&Sha256::digest("age7betaTrueplangoldrate1.5"));
        assert_eq!(transient_identifier(&traits, || 0), expected);
        assert_eq!(transient_identifier(&[], || 0xabc), format!("{:032x}", 0xabc));
    }
}
