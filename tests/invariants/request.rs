use api::{Reply, Section, Settings, respond};
use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue, Method, Request, Uri};

use crate::memory_store::{MemoryStore, SERVER_KEY, TOLD_TO_SERVERS};

/// Anything that is a request is answered, the same way each time: not with a failure of our own, with JSON where it is
/// said to be, and with nothing that is for servers unless their key is shown.
///
/// `METHOD path`, then headers a line each, then an empty line and the body.
pub fn request(text: &[u8]) {
    let Some(request) = read(text) else { return };
    let (status, body) = answer(&request);
    assert_eq!(answer(&request), (status, body.clone()), "the same request got two answers");
    let server = request.headers().get_all("x-environment-key").iter().any(|key| key == SERVER_KEY);
    let asked = contains(text, TOLD_TO_SERVERS);
    assert!(server || asked || !contains(&body, TOLD_TO_SERVERS), "told to a client");
}

fn answer(request: &Request<Vec<u8>>) -> (u16, Vec<u8>) {
    let mut store = MemoryStore::default();
    let reply = respond(request, &mut store, &Settings::default());
    let (status, headers, body) = match reply {
        Reply::Full(response) => {
            let (parts, body) = response.into_parts();
            (parts.status.as_u16(), parts.headers, body)
        }
        Reply::Section(response, section) => {
            // Those that are compressed are stand-ins.
            let gzip = matches!(
                section,
                Section::FlagsClientGzip | Section::FlagsServerGzip | Section::DocumentGzip
            );
            let (mut parts, ()) = response.into_parts();
            if gzip {
                parts.headers.remove(CONTENT_TYPE);
            }
            (parts.status.as_u16(), parts.headers, store.section_bytes(section))
        }
        // What is told on a stream are revisions, and of the relay.
        Reply::Stream(response, _) => {
            (response.status().as_u16(), response.into_parts().0.headers, Vec::new())
        }
    };
    assert!((200..500).contains(&status), "{status}");
    let json = headers.get(CONTENT_TYPE).is_some_and(|kind| kind == "application/json");
    if json && !body.is_empty() {
        serde_json::from_slice::<serde::de::IgnoredAny>(&body).unwrap();
    }
    (status, body)
}

/// None if it is nothing that a server would make a request of.
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
