//! Fastly's KV store, by its REST API.

use api::Header;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use ureq::Agent;
use ureq::http::{Response, StatusCode};

use crate::client::{CallFailed, Target, call};

/// A key is one segment of the path.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A KV store of Fastly's, or of an edge that answers in its place.
pub(crate) struct KvStore<'a> {
    pub(crate) agent: &'a Agent,
    pub(crate) target: &'a Target,
}

/// What is stored under a key.
pub(crate) struct Stored {
    /// Equal as long as nobody wrote; it orders nothing.
    pub(crate) generation: Option<String>,
    pub(crate) metadata: Option<String>,
    response: Response<ureq::Body>,
}

/// What must hold for a write to take place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Condition<'a> {
    /// The key is new.
    Add,
    /// Nobody wrote since this generation was read.
    Generation(&'a str),
    None,
}

/// Whether a write took place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Write {
    Done,
    /// Somebody else wrote first.
    Mismatch,
}

impl Stored {
    /// The header of the bundle, as far as the metadata tells.
    pub(crate) fn header(&self) -> Option<Header> {
        Header::parse(self.metadata.as_deref()?.as_bytes()).ok()
    }

    pub(crate) fn into_body(mut self) -> Result<Vec<u8>, CallFailed> {
        let body = self.response.body_mut().with_config().limit(64 << 20).read_to_vec();
        body.map_err(|error| CallFailed::Transport { what: "reading a KV value".to_owned(), error })
    }
}

impl KvStore<'_> {
    /// Looks a key up; none if the store does not have it.
    pub(crate) fn get(&self, key: &str) -> Result<Option<Stored>, CallFailed> {
        let response = call(&format!("reading {key} from the KV store"), &[StatusCode::NOT_FOUND], || {
            self.agent.get(self.url(key)).header("Fastly-Key", self.target.token.reveal()).call()
        })?;
        if response.status() == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        let header = |name: &str| {
            response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
        };
        Ok(Some(Stored { generation: header("generation"), metadata: header("metadata"), response }))
    }

    /// Writes a key.
    pub(crate) fn put(
        &self,
        key: &str,
        value: &[u8],
        metadata: Option<&str>,
        condition: Condition<'_>,
    ) -> Result<Write, CallFailed> {
        let mut url = self.url(key);
        if condition == Condition::Add {
            url.push_str("?add=true");
        }
        let what = format!("writing {key} to the KV store");
        let response = call(&what, &[StatusCode::PRECONDITION_FAILED], || {
            let mut request = self
                .agent
                .put(&url)
                .header("Fastly-Key", self.target.token.reveal())
                .header("Content-Type", "application/octet-stream");
            if let Some(metadata) = metadata {
                request = request.header("metadata", metadata);
            }
            if let Condition::Generation(generation) = condition {
                request = request.header("if-generation-match", generation);
            }
            request.send(value)
        })?;
        Ok(if response.status() == StatusCode::PRECONDITION_FAILED { Write::Mismatch } else { Write::Done })
    }

    fn url(&self, key: &str) -> String {
        let Target { api, store, .. } = self.target;
        let api = api.trim_end_matches('/');
        let store = utf8_percent_encode(store, SEGMENT);
        format!("{api}/resources/stores/kv/{store}/keys/{}", utf8_percent_encode(key, SEGMENT))
    }
}

/// A text as one segment of a path.
pub(crate) fn segment(text: &str) -> String {
    utf8_percent_encode(text, SEGMENT).to_string()
}
