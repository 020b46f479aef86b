//! What is to be answered, and what is to be done once the client has its answer.

use http::header::{CONTENT_TYPE, VARY};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};

use crate::bundle::Section;
use crate::identity::TraitsWrite;
use crate::relay::Subscription;
use crate::store::PopCopy;

/// An answer, decided but not sent.
#[derive(Debug)]
pub struct Reply<H> {
    /// Status and headers.
    pub head: Response<()>,
    pub body: ReplyBody<H>,
    /// What is to be done once the client has its answer, in this order. None of it may delay or change the answer.
    pub after: Vec<After>,
}

/// The body of an answer.
#[derive(Debug)]
pub enum ReplyBody<H> {
    /// In memory already.
    Full(Vec<u8>),
    /// A section of a POP's copy, which need not pass through memory.
    Section(PopCopy<H>, Section),
    /// A stream of change signals.
    Stream(Subscription),
}

/// Something that can wait until the client has its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum After {
    /// A line for the log, without a line break.
    Log(String),
    /// A line for the analytics log, without a line break.
    Record(String),
    /// Traits that are to be stored.
    Store(TraitsWrite),
}

/// Room for the headers of any answer, so that their map need not grow.
const HEADERS: usize = 16;

pub(crate) const JSON: HeaderValue = HeaderValue::from_static("application/json");

impl<H> Reply<H> {
    pub(crate) fn new(mut head: Response<()>, body: ReplyBody<H>) -> Reply<H> {
        head.headers_mut().reserve(HEADERS);
        Reply { head, body, after: Vec::new() }
    }

    /// An answer without a body.
    pub(crate) fn empty(status: StatusCode) -> Reply<H> {
        let mut head = Response::new(());
        *head.status_mut() = status;
        Reply::new(head, ReplyBody::Full(Vec::new()))
    }

    /// A JSON answer.
    pub(crate) fn json(status: StatusCode, body: Vec<u8>) -> Reply<H> {
        let mut reply = Reply::empty(status);
        reply.headers_mut().insert(CONTENT_TYPE, JSON);
        reply.body = ReplyBody::Full(body);
        reply
    }

    /// A JSON answer that is a section of a copy.
    pub(crate) fn section(copy: PopCopy<H>, section: Section) -> Reply<H> {
        let mut reply = Reply::new(Response::new(()), ReplyBody::Section(copy, section));
        reply.headers_mut().insert(CONTENT_TYPE, JSON);
        reply
    }

    /// Says that the answer depends on a header of the request. All such headers stand on one line.
    pub(crate) fn vary_by(&mut self, header: &HeaderName) {
        let before = self.head.headers().get(VARY).and_then(|line| line.to_str().ok());
        let line = match before {
            None => Ok(HeaderValue::from(header.clone())),
            Some(before) => HeaderValue::try_from([before, header.as_str()].join(", ")),
        };
        if let Ok(line) = line {
            self.headers_mut().insert(VARY, line);
        }
    }

    pub(crate) fn headers_mut(&mut self) -> &mut HeaderMap<HeaderValue> {
        self.head.headers_mut()
    }
}
