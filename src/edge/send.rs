//! From the platform's request to `api`'s, and from its answer to the platform's response.

use std::io::Read;

use api::{Answer, AnswerBody, ClientAddress};
use fastly::http::FramingHeadersMode;
use fastly::{Body, Request, Response};
use http::HeaderValue;
use http::header::CONTENT_LENGTH;

/// Less room than this, and reading to the end would first try how much there is.
const ROOM_TO_SEE_THE_END: usize = 64;

/// The body of a request that is not read yet.
pub(crate) struct Unread {
    body: Body,
    announced: Option<usize>,
}

/// Takes a request over: its head, and its body unread.
///
/// `with_address`: whether it matters where it came from; the platform is asked for that.
pub(crate) fn receive(request: Request, with_address: bool) -> (http::Request<()>, Unread) {
    let address = if with_address { request.get_client_ip_addr() } else { None };
    let (mut parts, body) = http::Request::<Body>::from(request).into_parts();
    if let Some(address) = address {
        parts.extensions.insert(ClientAddress(address));
    }
    let announced = parts.headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    (http::Request::from_parts(parts, ()), Unread { body, announced })
}

impl api::Body for Unread {
    fn read(&mut self, limit: usize) -> Vec<u8> {
        // Room for all that was announced lets the host give it in one piece.
        let mut bytes = Vec::with_capacity(self.announced.unwrap_or(0).min(limit) + ROOM_TO_SEE_THE_END);
        // A body that breaks off is answered for what it is: no JSON.
        let _ = (&mut self.body).take(limit as u64 + 1).read_to_end(&mut bytes);
        bytes
    }
}

/// The platform's response for an answer.
pub(crate) fn response(answer: Answer<Body>) -> Response {
    let (mut parts, body) = answer.into_parts();
    match body {
        AnswerBody::Bytes(bytes) => Response::from(http::Response::from_parts(parts, Body::from(bytes))),
        AnswerBody::Stream(stream, length) => {
            parts.headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
            let response = Response::from(http::Response::from_parts(parts, stream));
            response.with_framing_headers_mode(FramingHeadersMode::ManuallyFromHeaders)
        }
    }
}
