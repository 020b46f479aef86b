//! `GET` and `POST /api/v1/identities/` (`PROTOCOL.md`, 4 and 5): every flag, evaluated for an identity.

use base16ct::lower;
use engine::{Identity, Value};
use http::{HeaderName, HeaderValue, Method, Request, StatusCode};
use sha2::{Digest, Sha256};

use super::Call;
use super::error::RequestError;
use super::feature::FeatureName;
use super::fields::read_json;
use super::stored;
use super::traits::{self, Sent, Trait};
use crate::access::Access;
use crate::flag_json::Writer;
use crate::identity::{Change, StoredTrait, TraitsWrite};
use crate::negotiate::parameter;
use crate::reply::{After, Reply};
use crate::store::{Body, Lookup, Store};
use crate::visible::is_visible;

/// Where the traits of the answer come from, and what becomes of those that were sent.
const TRAITS: HeaderName = HeaderName::from_static("jackstaff-traits");

/// What a request asks, and about which identity.
pub(super) struct IdentityRequest {
    sent: Sent,
    /// One flag in place of all.
    feature: Option<FeatureName>,
    /// A `GET` as transient: neither the overrides of this identifier count nor its stored traits.
    is_stranger: bool,
}

/// The traits of an identity.
pub(super) struct Traits {
    /// Those that count, and are answered.
    pub(super) traits: Vec<Trait>,
    /// Those that count, and are not answered.
    pub(super) system: Vec<StoredTrait>,
    /// For the header [`TRAITS`].
    state: &'static str,
    /// What is to be stored.
    write: Option<TraitsWrite>,
}

pub(super) fn answer<S: Store>(
    call: &Call<'_>,
    body: &mut dyn Body,
    mut access: Access<S::Handle>,
    store: &mut S,
) -> Result<Reply<S::Handle>, RequestError> {
    let request = read(call.request, body)?;
    let Identified { identity, traits, feature } = identified(call, request, &access, store);
    let Traits { traits, system, state, write } = traits;
    let answered = evaluated(identity, traits, &system, feature.as_ref(), &mut access, store);
    // Traits are stored whatever becomes of the flags.
    let mut reply = answered.map_or_else(|error| error.reply(), |body| Reply::json(StatusCode::OK, body));
    reply.headers_mut().insert(TRAITS, HeaderValue::from_static(state));
    reply.after.extend(write.map(After::Store));
    Ok(reply)
}

/// Who is asked about.
pub(super) struct Identified {
    /// Without its traits.
    pub(super) identity: Identity,
    pub(super) traits: Traits,
    pub(super) feature: Option<FeatureName>,
}

/// Finds out who a request is about, and with which traits. Nothing is stored yet.
pub(super) fn identified<S: Store>(
    call: &Call<'_>,
    request: IdentityRequest,
    access: &Access<S::Handle>,
    store: &mut S,
) -> Identified {
    let IdentityRequest { mut sent, feature, is_stranger } = request;
    if !access.may_send_traits() {
        sent.traits.clear();
    }
    let is_stored = !is_stranger && !sent.identifier.is_empty() && access.stores_traits(call.settings);
    let mut identifier = std::mem::take(&mut sent.identifier);
    let traits = if is_stored {
        with_stored(call, access, &identifier, sent, store)
    } else {
        Traits { traits: traits::counting(&[], sent.traits), system: Vec::new(), state: "off", write: None }
    };
    if identifier.is_empty() {
        identifier = transient_identifier(&traits.traits, || store.random());
    }
    let identity = Identity { ignore_own_overrides: is_stranger, ..access.identity(identifier, Vec::new()) };
    Identified { identity, traits, feature }
}

/// The body of an answer: every flag for an identity, or one.
fn evaluated<S: Store>(
    mut identity: Identity,
    traits: Vec<Trait>,
    system: &[StoredTrait],
    feature: Option<&FeatureName>,
    access: &mut Access<S::Handle>,
    store: &mut S,
) -> Result<Vec<u8>, RequestError> {
    let switches = access.copy.header.switches;
    let mut body = Vec::new();
    body.extend_from_slice(br#"{"identifier":"#);
    body.extend_from_slice(json_string(&identity.identifier).as_bytes());
    body.extend_from_slice(br#","traits":["#);
    if !switches.hide_sensitive_data {
        write_traits(&mut body, &traits);
    }
    body.extend_from_slice(br#"],"flags":["#);
    let compiled = store.compiled(&mut access.copy).map_err(|_| RequestError::Unavailable)?;
    let traits = traits.into_iter().chain(system.iter().filter_map(traits::of_stored));
    identity.traits = traits.map(|counts| (counts.key, counts.value)).collect();
    let evaluation = compiled.evaluate(Some(&identity));
    let visible = evaluation.flags.iter();
    let visible = visible.filter(|flag| is_visible(flag, access.kind, switches.hide_disabled_flags));
    if let Some(feature) = feature {
        let flag = feature.find(visible.map(|flag| (flag.name(), flag)))?;
        body.clear();
        let mut writer = Writer::new(evaluation.default_json, switches.hide_sensitive_data, &mut body);
        writer.write(flag);
        writer.finish();
        return Ok(body);
    }
    // About as much as all defaults, and names of segments in reasons.
    body.reserve(evaluation.default_json.len() + 32 * evaluation.flags.len());
    let mut writer = Writer::new(evaluation.default_json, switches.hide_sensitive_data, &mut body);
    for flag in visible {
        writer.write(flag);
    }
    writer.finish();
    body.extend_from_slice(b"]}");
    Ok(body)
}

pub(super) fn read(request: &Request<()>, body: &mut dyn Body) -> Result<IdentityRequest, RequestError> {
    if request.method() == Method::POST {
        let body = read_json(request.headers(), body)?;
        let sent = traits::parse(&body)?;
        let feature = FeatureName::read(request)?;
        return Ok(IdentityRequest { sent, feature, is_stranger: false });
    }
    let identifier = parameter(request, "identifier").ok_or(RequestError::MissingIdentifier)?;
    traits::check_identifier(&identifier)?;
    // Any text means yes, `false` too, as in Flagsmith's API.
    let is_stranger = parameter(request, "transient").is_some();
    let feature = FeatureName::read(request)?;
    let sent = Sent { identifier, traits: Vec::new(), transient: is_stranger };
    Ok(IdentityRequest { sent, feature, is_stranger })
}

/// Puts what was sent over what is stored. Stored traits that cannot be read are missing in the answer; those that were sent count.
fn with_stored<S: Store>(
    call: &Call<'_>,
    access: &Access<S::Handle>,
    identifier: &str,
    mut sent: Sent,
    store: &mut S,
) -> Traits {
    let name = store.identity_name(&access.environment, identifier);
    let found = name.as_ref().map_or(Lookup::Unavailable, |name| store.identity(name));
    if sent.transient {
        sent.traits.iter_mut().for_each(|sent| sent.transient = true);
    }
    // Those of a client-side key may count and not be stored.
    let may_store = access.may_store_traits();
    let updates = sent.traits.iter().filter(|sent| may_store && !sent.transient).map(Trait::update).collect();
    let change = Change::Merge(updates);
    let (record, is_changed) = match found {
        Lookup::Unavailable => (None, Err("unavailable")),
        Lookup::Unknown => (None, Ok(())),
        Lookup::Found(record) => (Some(record), Ok(())),
    };
    let applied = change.apply(record.as_ref(), call.came_at, call.settings.traits_lifetime);
    let state = match (sent.transient, is_changed, applied) {
        (true, Err(unavailable), _) => unavailable,
        (true, Ok(()), _) => "off",
        (false, Err(unavailable), Ok(None)) => unavailable,
        (false, _, Ok(Some(_))) => "pending",
        (false, Ok(()), Ok(None)) => "unchanged",
        (false, _, Err(_)) => "refused",
    };
    let write = name.ok().filter(|_| state == "pending");
    let limited = stored::limited(call.request, access.kind);
    let write = write.map(|identity| TraitsWrite { identity, change, came_at: call.came_at, limited });
    let record = record.unwrap_or_default();
    Traits {
        traits: traits::counting(&record.traits, sent.traits),
        system: record.system_traits,
        state,
        write,
    }
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
            is_stored: false,
        };
        let traits = [sent("plan", "\"gold\""), sent("age", "7"), sent("beta", "true"), sent("rate", "1.50")];
        let expected = lower::encode_string(&Sha256::digest("age7betaTrueplangoldrate1.5"));
        assert_eq!(transient_identifier(&traits, || 0), expected);
        assert_eq!(transient_identifier(&[], || 0xabc), format!("{:032x}", 0xabc));
    }
}
