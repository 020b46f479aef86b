//! From the platform's request to `api`'s, and from its reply to the platform's response.

use std::io::Read;

use api::{BODY_LIMIT, Reply, Section};
use fastly::http::FramingHeadersMode;
use fastly::{Body, Request, Response};
use http::header::CONTENT_LENGTH;
use http::{HeaderValue, Method};

use crate::sandbox::Sandbox;

/// A section up to this size is read by the guest, and answered with its length; a larger one is handed to the host,
/// which streams it.
const READ_LIMIT: u64 = 256 * 1024;

/// Less than this, and reading to the end would first try how much there is.
const ROOM_TO_SEE_THE_END: usize = 64;

/// Takes the request over, and as much of its body as is needed to know whether it is too long.
pub(crate) fn receive(request: Request) -> http::Request<Vec<u8>> {
    let (parts, body) = http::Request::<Body>::from(request).into_parts();
    let mut bytes = Vec::new();
    if parts.method == Method::POST {
        // Room for all that was announced lets the host give it in one piece.
        let announced =
            parts.headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        bytes.reserve(announced.unwrap_or(0).min(BODY_LIMIT) + ROOM_TO_SEE_THE_END);
        // A body that breaks off is answered for what it is: no JSON.
        let _ = body.take(BODY_LIMIT as u64 + 1).read_to_end(&mut bytes);
    }
    http::Request::from_parts(parts, bytes)
}

pub(crate) fn response(reply: Reply, request: &http::Request<Vec<u8>>, sandbox: &mut Sandbox) -> Response {
    let head_only = request.method() == Method::HEAD;
    match reply {
        Reply::Full(response) if head_only => Response::from(response.map(|_| Body::new())),
        Reply::Full(response) => Response::from(response.map(Body::from)),
        Reply::Section(response, _) if head_only => Response::from(response.map(|()| Body::new())),
        Reply::Section(response, section) => match with_section(response, section, sandbox) {
            Some(response) => response,
            None => {
                let reply = api::unavailable(request.headers(), &sandbox.settings());
                self::response(reply, request, sandbox)
            }
        },
        // Whoever sends it gives it a body.
        Reply::Stream(head, _) => Response::from(head.map(|()| Body::new())),
    }
}

fn with_section(head: http::Response<()>, section: Section, sandbox: &mut Sandbox) -> Option<Response> {
    let length = sandbox.opened.as_ref()?.length(section)?;
    if length <= READ_LIMIT {
        let bytes = sandbox.read(section)?;
        return Some(Response::from(head.map(|()| Body::from(bytes))));
    }
    let opened = sandbox.opened.as_ref()?;
    let mut response = Response::from(http::Response::map(head, |()| Body::new()));
    response.set_body(opened.stream(section)?);
    response.set_header(CONTENT_LENGTH, HeaderValue::from(length));
    response.set_framing_headers_mode(FramingHeadersMode::ManuallyFromHeaders);
    Some(response)
}
