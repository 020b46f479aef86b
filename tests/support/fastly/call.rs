//! The calls that Fastly's REST API and the origin accept. Every other call is refused with a reason.

use bytes::Bytes;
use hyper::Method;
use hyper::http::request::Parts;
use percent_encoding::percent_decode_str;

use super::store::Condition;

/// Bytes of a KV value, and of its metadata.
const VALUE_LIMIT: usize = 25_000_000;
const METADATA_LIMIT: usize = 2_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    List,
    Read,
    Write,
    Purge,
    Announce,
}

/// A call that was understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Call {
    /// From the key after `cursor` on.
    List {
        prefix: String,
        cursor: Option<String>,
        limit: usize,
    },
    Read {
        key: String,
    },
    Write {
        key: String,
        condition: Condition,
        metadata: Option<String>,
        value: Bytes,
    },
    Purge {
        key: String,
        soft: bool,
    },
    Announce {
        key: String,
        revision: u64,
    },
}

impl Call {
    pub(crate) fn kind(&self) -> Kind {
        match self {
            Call::List { .. } => Kind::List,
            Call::Read { .. } => Kind::Read,
            Call::Write { .. } => Kind::Write,
            Call::Purge { .. } => Kind::Purge,
            Call::Announce { .. } => Kind::Announce,
        }
    }

    /// Whether it is Fastly's to answer, and not the origin's.
    pub(crate) fn is_of_the_api(&self) -> bool {
        self.kind() != Kind::Announce
    }

    pub(crate) fn key(&self) -> &str {
        match self {
            Call::List { prefix, .. } => prefix,
            Call::Read { key }
            | Call::Write { key, .. }
            | Call::Purge { key, .. }
            | Call::Announce { key, .. } => key,
        }
    }
}

/// The names and tokens that callers must use.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Expected {
    pub(crate) token: &'static str,
    pub(crate) store: &'static str,
    pub(crate) service: &'static str,
    pub(crate) origin_token: &'static str,
}

/// A call that is answered with a refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wrong {
    pub(crate) status: u16,
    pub(crate) why: &'static str,
}

fn wrong<T>(status: u16, why: &'static str) -> Result<T, Wrong> {
    Err(Wrong { status, why })
}

impl Expected {
    pub(crate) fn understand(&self, parts: &Parts, body: Bytes) -> Result<Call, Wrong> {
        let path: Vec<&str> = parts.uri.path().split('/').skip(1).collect();
        match (&parts.method, path.as_slice()) {
            (method, ["resources", "stores", "kv", store, "keys", key]) => {
                self.authenticated(parts)?;
                if decoded(store)? != self.store {
                    return wrong(404, "no such store");
                }
                let key = item_key(key)?;
                match *method {
                    Method::GET => read(key, parts),
                    Method::PUT => write(key, parts, body),
                    _ => wrong(405, "items are read and written; nothing is ever deleted"),
                }
            }
            (&Method::GET, ["resources", "stores", "kv", store, "keys"]) => {
                self.authenticated(parts)?;
                if decoded(store)? != self.store {
                    return wrong(404, "no such store");
                }
                list(parts)
            }
            (&Method::POST, ["service", service, "purge", key]) => {
                self.authenticated(parts)?;
                if decoded(service)? != self.service {
                    return wrong(404, "no such service");
                }
                purge(key, parts, &body)
            }
            (&Method::POST, ["sse", "environments", key, "queue-change"]) => {
                if header(parts, "authorization") != Some(&format!("Token {}", self.origin_token)) {
                    return wrong(401, "the origin's token is wrong");
                }
                announce(decoded(key)?, parts, &body)
            }
            _ => wrong(404, "no such path; a key is one component of it"),
        }
    }

    fn authenticated(&self, parts: &Parts) -> Result<(), Wrong> {
        if header(parts, "fastly-key") == Some(self.token) {
            return Ok(());
        }
        wrong(401, "the Fastly-Key is missing or wrong")
    }
}

fn list(parts: &Parts) -> Result<Call, Wrong> {
    let (mut prefix, mut cursor, mut limit) = (String::new(), None, 100);
    for parameter in parts.uri.query().unwrap_or_default().split('&').filter(|text| !text.is_empty()) {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        let value = decoded(value)?;
        match name {
            "prefix" => prefix = value,
            "cursor" => cursor = Some(value),
            "limit" => match value.parse() {
                Ok(number @ 1..=1_000) => limit = number,
                _ => return wrong(400, "a page has up to 1,000 keys"),
            },
            _ => return wrong(400, "a list has a prefix, a cursor and a limit"),
        }
    }
    Ok(Call::List { prefix, cursor, limit })
}

fn read(key: String, parts: &Parts) -> Result<Call, Wrong> {
    match parts.uri.query() {
        None => Ok(Call::Read { key }),
        Some(_) => wrong(400, "a read has no parameters"),
    }
}

fn write(key: String, parts: &Parts, value: Bytes) -> Result<Call, Wrong> {
    if header(parts, "content-type") != Some("application/octet-stream") {
        return wrong(415, "a value is application/octet-stream");
    }
    if header(parts, "content-length") != Some(&value.len().to_string()) {
        return wrong(411, "a value has a known length");
    }
    if value.len() > VALUE_LIMIT {
        return wrong(413, "a value has at most 25 MB");
    }
    let metadata = header(parts, "metadata").map(str::to_owned);
    if metadata.as_ref().is_some_and(|metadata| metadata.len() > METADATA_LIMIT) {
        return wrong(400, "metadata has at most 2,000 bytes");
    }
    let condition = match (parts.uri.query(), header(parts, "if-generation-match")) {
        (Some("add=true"), None) => Condition::Add,
        (None, Some(generation)) => match generation.parse() {
            Ok(generation) => Condition::Generation(generation),
            Err(_) => return wrong(400, "a generation is a number"),
        },
        (None, None) => return wrong(400, "a publisher writes nothing without a condition"),
        _ => return wrong(400, "either add=true or a generation, and no other parameter"),
    };
    Ok(Call::Write { key, condition, metadata, value })
}

fn purge(key: &str, parts: &Parts, body: &Bytes) -> Result<Call, Wrong> {
    let key = decoded(key)?;
    if key.is_empty() || key.len() > 1_024 || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return wrong(400, "a surrogate key is up to 1,024 visible characters");
    }
    if !body.is_empty() || parts.uri.query().is_some() {
        return wrong(400, "a purge has neither body nor parameters");
    }
    Ok(Call::Purge { key, soft: header(parts, "fastly-soft-purge") == Some("1") })
}

fn announce(key: String, parts: &Parts, body: &Bytes) -> Result<Call, Wrong> {
    if header(parts, "content-type") != Some("application/json") {
        return wrong(415, "an announcement is application/json");
    }
    let body: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    let at = body["updated_at"].as_str().and_then(|at| at.parse::<jiff::Timestamp>().ok());
    match at.and_then(|at| u64::try_from(at.as_second()).ok()) {
        Some(revision) => Ok(Call::Announce { key, revision }),
        None => wrong(400, "an announcement has an ISO 8601 time as updated_at"),
    }
}

fn item_key(component: &str) -> Result<String, Wrong> {
    let key = decoded(component)?;
    let allowed =
        !key.is_empty() && key.len() <= 1_024 && !key.contains(['\r', '\n', '#', ';', '?', '^', '|']);
    if allowed { Ok(key) } else { wrong(400, "no key looks like that") }
}

fn decoded(component: &str) -> Result<String, Wrong> {
    match percent_decode_str(component).decode_utf8() {
        // Neither of our names has one; it would come from encoding twice.
        Ok(text) if !text.contains('%') => Ok(text.into_owned()),
        _ => wrong(400, "a component of the path is encoded wrongly"),
    }
}

fn header<'a>(parts: &'a Parts, name: &str) -> Option<&'a str> {
    parts.headers.get(name)?.to_str().ok()
}
