//! What is to be answered.

use http::{HeaderValue, Response};

use crate::bundle::Section;
use crate::pop::PopCopy;
use crate::relay::Channel;

/// An answer, decided but not sent.
#[derive(Debug)]
pub enum Reply<H> {
    /// With its whole body.
    Full(Response<Vec<u8>>),
    /// With a section of a POP's copy for a body, which nobody needs to have read.
    Section(Response<()>, PopCopy<H>, Section),
    /// With a stream of change signals for a body.
    Stream(Response<()>, Channel),
}

impl<H> Reply<H> {
    pub(crate) fn headers_mut(&mut self) -> &mut http::HeaderMap<HeaderValue> {
        match self {
            Reply::Full(response) => response.headers_mut(),
            Reply::Section(response, ..) | Reply::Stream(response, _) => response.headers_mut(),
        }
    }

    /// A JSON answer.
    pub(crate) fn json(status: http::StatusCode, body: Vec<u8>) -> Reply<H> {
        let mut response = Response::new(body);
        *response.status_mut() = status;
        response.headers_mut().insert(http::header::CONTENT_TYPE, JSON);
        Reply::Full(response)
    }
}

pub(crate) const JSON: HeaderValue = HeaderValue::from_static("application/json");
