//! Asking an edge, and looking at its answer: `edge.get("/api/v1/flags/").key("client").json()`.

use std::collections::BTreeMap;

use api::relay::Subscription;
use api::{After, Body, ClientAddress, ReplyBody, Section, respond};
use http::header::HeaderName;
use http::{HeaderMap, HeaderValue, Method, Request};
use serde_json::{Value, json};

use crate::edge::{Edge, Read};

impl Edge {
    pub(crate) fn ask(&self, method: &str, path: &str) -> Ask<'_> {
        let mut request = Request::new(Vec::new());
        *request.uri_mut() = path.parse().unwrap_or_else(|error| panic!("{path}: {error}"));
        Ask { edge: self, request }.method(method)
    }

    pub(crate) fn get(&self, path: &str) -> Ask<'_> {
        self.ask("GET", path)
    }

    pub(crate) fn post(&self, path: &str, body: impl Into<Vec<u8>>) -> Ask<'_> {
        let mut ask = self.ask("POST", path).header("content-type", "application/json");
        *ask.request.body_mut() = body.into();
        ask
    }

    /// `POST /api/v1/identities/` with a client-side key.
    pub(crate) fn identify(&self, body: &Value) -> Answer {
        self.post(IDENTITIES, body.to_string()).key(crate::edge::CLIENT).answer()
    }
}

pub(crate) const FLAGS: &str = "/api/v1/flags/";
pub(crate) const IDENTITIES: &str = "/api/v1/identities/";
pub(crate) const DOCUMENT: &str = "/api/v1/environment-document/";

/// A request that is being put together.
pub(crate) struct Ask<'e> {
    edge: &'e Edge,
    request: Request<Vec<u8>>,
}

impl Ask<'_> {
    pub(crate) fn method(mut self, method: &str) -> Self {
        *self.request.method_mut() = Method::from_bytes(method.as_bytes()).unwrap();
        self
    }

    pub(crate) fn key(self, key: &str) -> Self {
        self.header("x-environment-key", key)
    }

    /// Adds a header, beside others of its name.
    pub(crate) fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        let value = HeaderValue::from_bytes(value.as_ref()).unwrap();
        self.request.headers_mut().append(name.parse::<HeaderName>().unwrap(), value);
        self
    }

    /// From this address.
    pub(crate) fn from(mut self, client: ClientAddress) -> Self {
        self.request.extensions_mut().insert(client);
        self
    }

    /// The answer, and afterwards what was left for that time.
    pub(crate) fn settled(&self) -> Answer {
        let answer = self.answer();
        self.edge.finish(&answer.after);
        answer
    }

    pub(crate) fn without_header(mut self, name: &str) -> Self {
        self.request.headers_mut().remove(name);
        self
    }

    pub(crate) fn answer(&self) -> Answer {
        self.answer_with(&mut self.request.body().as_slice())
    }

    /// The answer to this request with another body.
    pub(crate) fn answer_with(&self, body: &mut dyn Body) -> Answer {
        let mut store = self.edge.memory_store();
        let mut head = self.request.clone().map(drop);
        head.extensions_mut().extend(self.request.extensions().clone());
        let reply = respond(&head, body, &mut store, &self.edge.settings);
        let (parts, ()) = reply.head.into_parts();
        let (body, section, subscription) = match reply.body {
            ReplyBody::Full(body) => (body, None, None),
            ReplyBody::Stream(subscription) => (Vec::new(), None, Some(subscription)),
            ReplyBody::Section(copy, section) => {
                let body = copy.handle.section(section).expect("a section that the bundle lacks").to_vec();
                (body, Some(section), None)
            }
        };
        if head.method() == Method::POST {
            crate::ofrep_schema::assert_valid(head.uri().path(), parts.status.as_u16(), &body);
        }
        Answer {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body,
            section,
            subscription,
            after: reply.after,
            read: store.read,
        }
    }

    pub(crate) fn json(&self) -> (u16, Value) {
        self.answer().json()
    }

    pub(crate) fn status(&self) -> u16 {
        self.answer().status
    }
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
    /// The section that the body is, where it is one.
    pub(crate) section: Option<Section>,
    /// What is listened to, where it is a stream.
    pub(crate) subscription: Option<Subscription>,
    /// What is to be done once the client has the answer.
    pub(crate) after: Vec<After>,
    pub(crate) read: Vec<Read>,
}

impl Answer {
    /// Status and body; the body must be JSON.
    pub(crate) fn json(&self) -> (u16, Value) {
        let body = serde_json::from_slice(&self.body);
        (self.status, body.unwrap_or_else(|error| panic!("{error}: {}", self.text())))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    /// The lines of a header, joined as HTTP joins them; empty if there is none.
    pub(crate) fn header(&self, name: &str) -> String {
        let lines = self.headers.get_all(name).iter().map(|line| line.to_str().unwrap());
        lines.collect::<Vec<&str>>().join(", ")
    }

    /// All headers, by name.
    pub(crate) fn all_headers(&self) -> BTreeMap<String, String> {
        self.headers.keys().map(|name| (name.to_string(), self.header(name.as_str()))).collect()
    }

    /// `[enabled, value]` of a flag of an identity; `null` if the flag is not there.
    pub(crate) fn flag(&self, name: &str) -> Value {
        let (_, body) = self.json();
        let flags = body["flags"].as_array().unwrap_or_else(|| panic!("no flags: {}", self.text()));
        let flag = flags.iter().find(|flag| flag["feature"]["name"] == name);
        flag.map_or(Value::Null, |flag| json!([flag["enabled"], flag["feature_state_value"]]))
    }

    /// The names of all flags, of a list or of an identity.
    pub(crate) fn names(&self) -> Vec<String> {
        let (_, body) = self.json();
        let flags = body.as_array().or_else(|| body["flags"].as_array());
        let flags = flags.unwrap_or_else(|| panic!("no flags: {}", self.text()));
        flags.iter().map(|flag| flag["feature"]["name"].as_str().unwrap().to_owned()).collect()
    }
}

/// The body of an error.
pub(crate) fn detail(text: &str) -> Value {
    json!({ "detail": text })
}
