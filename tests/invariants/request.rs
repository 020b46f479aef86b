use api::{Coding, ReplyBody, Settings, respond};
use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue, Method, Request, Uri};

use crate::memory_store::{MemoryStore, SERVER_KEY, SERVERS_ONLY};

/// Every request is answered, the same way each time: never with a failure of our own, with JSON where the content type
/// says so, and with nothing that is for servers only unless the key is a server-side one.
///
/// `METHOD path`, then headers a line each, then an empty line and the body.
pub fn request(text: &[u8]) {
    let Some(request) = read(text) else { return };
    let (status, body) = answer(&request);
    assert_eq!(answer(&request), (status, body.clone()), "the same request got two answers");
    let server = request.headers().get_all("x-environment-key").iter().any(|key| key == SERVER_KEY);
    let sent = contains(text, SERVERS_ONLY);
    assert!(
        server || sent || !contains(&body, SERVERS_ONLY),
        "a client-side key got what is for servers only"
    );
}

fn answer(request: &Request<Vec<u8>>) -> (u16, Vec<u8>) {
    let mut store = MemoryStore::default();
    let (head, mut body) = (request.clone().map(drop), request.body().as_slice());
    let reply = respond(&head, &mut body, &mut store, &Settings::default());
    let (mut parts, ()) = reply.head.into_parts();
    let body = match reply.body {
        ReplyBody::Full(body) => body,
        ReplyBody::Section(_, section) => {
            // Compressed sections are stand-ins, and not JSON.
            if section.coding() != Coding::Plain {
                parts.headers.remove(CONTENT_TYPE);
            }
            store.section_bytes(section)
        }
        // The relay writes it.
        ReplyBody::Stream(_) => Vec::new(),
    };
    let (status, headers) = (parts.status.as_u16(), parts.headers);
    assert!(status == 200 || body.len() <= 16 << 10, "an error grows with its request");
    assert!((200..500).contains(&status), "{status}");
    assert_eq!(headers.get("x-content-type-options").map(HeaderValue::as_bytes), Some(&b"nosniff"[..]));
    let reflected = headers.get_all("access-control-allow-headers").iter().map(HeaderValue::len);
    assert!(reflected.sum::<usize>() <= 2_048, "a preflight grows with its request");
    let json = headers.get(CONTENT_TYPE).is_some_and(|kind| kind == "application/json");
    if json && !body.is_empty() {
        serde_json::from_slice::<serde::de::IgnoredAny>(&body).unwrap();
    }
    (status, body)
}

/// None if no server would make a request of it.
fn read(text: &[u8]) -> Option<Request<Vec<u8>>> {
    let end = text.windows(2).position(|window| window == b"\n\n");
    let (head, body) = end.map_or((text, &[][..]), |end| (&text[..end], &text[end + 2..]));
    let mut lines = head.split(|byte| *byte == b'\n');
    let first = lines.next()?;
    let space = first.iter().position(|byte| *byte == b' ')?;
    let mut request = Request::new(body.to_vec());
    *request.method_mut() = Method::from_bytes(&first[..space]).ok()?;
    *request.uri_mut() = Uri::try_from(&first[space + 1..]).ok()?;
    for line in lines {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let name = HeaderName::from_bytes(&line[..colon]).ok()?;
        let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii()).ok()?;
        request.headers_mut().append(name, value);
    }
    Some(request)
}

fn contains(bytes: &[u8], part: &str) -> bool {
    bytes.windows(part.len()).any(|window| window == part.as_bytes())
}
