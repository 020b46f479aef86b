//! `GET` and `POST /api/v1/identities/` (`PROTOCOL.md`, 4 and 5): every flag, evaluated for an identity.

use base16ct::lower;
use engine::{Identity, Value};
use http::{Method, Request, StatusCode};
use sha2::{Digest, Sha256};

use super::error::RequestError;
use super::feature::FeatureName;
use super::fields::read_json;
use super::traits::{self, Trait};
use crate::access::Access;
use crate::flag_json::Writer;
use crate::key::KeyKind;
use crate::negotiate::parameter;
use crate::reply::Reply;
use crate::store::{Body, Store};
use crate::visible::is_visible;

/// What a request asks, and about which identity.
struct IdentityRequest {
    /// Empty for an identity without a name.
    identifier: String,
    traits: Vec<Trait>,
    /// One flag in place of all.
    feature: Option<FeatureName>,
    /// The overrides of this identifier do not count: it was asked about by `GET` as transient.
    ignore_own_overrides: bool,
}

pub(super) fn answer<S: Store>(
    request: &Request<()>,
    body: &mut dyn Body,
    mut access: Access<S::Handle>,
    store: &mut S,
) -> Result<Reply<S::Handle>, RequestError> {
    let mut asked = read(request, body)?;
    let switches = access.copy.header.switches;
    if access.kind == KeyKind::Client && !switches.evaluates_client_traits() {
        asked.traits.clear();
    }
    if asked.identifier.is_empty() {
        asked.identifier = transient_identifier(&asked.traits, || store.random());
    }
    let mut body = Vec::new();
    body.extend_from_slice(br#"{"identifier":"#);
    body.extend_from_slice(json_string(&asked.identifier).as_bytes());
    body.extend_from_slice(br#","traits":["#);
    if !switches.hide_sensitive_data {
        write_traits(&mut body, &asked.traits);
    }
    body.extend_from_slice(br#"],"flags":["#);
    let compiled = store.compiled(&mut access.copy).map_err(|_| RequestError::Unavailable)?;
    let identity = Identity {
        key: (!switches.composite_key).then(|| asked.identifier.clone()),
        identifier: asked.identifier,
        traits: asked.traits.into_iter().map(|sent| (sent.key, sent.value)).collect(),
        // A client-side key is in every page: a trait that comes with it must not stand in for a flag.
        traits_answer_paths: access.kind == KeyKind::Server,
        ignore_own_overrides: asked.ignore_own_overrides,
    };
    let evaluation = compiled.evaluate(Some(&identity));
    let visible = evaluation.flags.iter();
    let visible = visible.filter(|flag| is_visible(flag, access.kind, switches.hide_disabled_flags));
    if let Some(feature) = &asked.feature {
        let flag = feature.find(visible.map(|flag| (flag.name(), flag)))?;
        body.clear();
        let mut writer = Writer::new(evaluation.default_json, &mut body);
        writer.write(flag);
        writer.finish();
        return Ok(Reply::json(StatusCode::OK, body));
    }

    // A flag takes about 130 bytes.
    body.reserve(160 * evaluation.flags.len());
    let mut writer = Writer::new(evaluation.default_json, &mut body);
    for flag in visible {
        writer.write(flag);
    }
    writer.finish();
    body.extend_from_slice(b"]}");
    Ok(Reply::json(StatusCode::OK, body))
}

fn read(request: &Request<()>, body: &mut dyn Body) -> Result<IdentityRequest, RequestError> {
    if request.method() == Method::POST {
        let body = read_json(request.headers(), body)?;
        let (identifier, traits) = traits::parse(&body)?;
        let feature = FeatureName::read(request)?;
        return Ok(IdentityRequest { identifier, traits, feature, ignore_own_overrides: false });
    }
    let identifier = parameter(request, "identifier").ok_or(RequestError::MissingIdentifier)?;
    traits::check_identifier(&identifier)?;
    // Any text means yes, `false` too, as in Flagsmith's API.
    let ignore_own_overrides = parameter(request, "transient").is_some();
    let feature = FeatureName::read(request)?;
    Ok(IdentityRequest { identifier, traits: Vec::new(), feature, ignore_own_overrides })
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

/// The identifier of an identity without a name: a hash of the traits, so that percentage splits are stable for equal
/// traits; a random one without traits (`PROTOCOL.md`, 5.3).
fn transient_identifier(traits: &[Trait], random: impl FnOnce() -> u128) -> String {
    if traits.is_empty() {
        return format!("{:032x}", random());
    }
    let mut sorted: Vec<&Trait> = traits.iter().collect();
    sorted.sort_by(|a, b| a.key.cmp(&b.key));
    let mut hash = Sha256::new();
    for sent in sorted {
        hash.update(&sent.key);
        match &sent.value {
            Value::Null => {}
            Value::Bool(bool) => hash.update(if *bool { "True" } else { "False" }),
            Value::Int(integer) => hash.update(integer.to_string()),
            Value::Float(float) => hash.update(engine::float_text(*float)),
            Value::Str(value) => hash.update(value),
        }
    }
    lower::encode_string(&hash.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_without_a_name_is_named_by_its_traits() {
        let sent = |key: &str, json: &str| Trait {
            key: key.into(),
            value: Value::from_json(json).unwrap(),
            json: json.into(),
            transient: false,
        };
        let traits = [sent("plan", "\"gold\""), sent("age", "7"), sent("beta", "true"), sent("rate", "1.50")];
        let expected = lower::encode_string(&Sha256::digest("age7betaTrueplangoldrate1.5"));
        assert_eq!(transient_identifier(&traits, || 0), expected);
        assert_eq!(transient_identifier(&[], || 0xabc), format!("{:032x}", 0xabc));
    }
}
