//! What a client of OpenFeature's protocol does otherwise than Flagsmith's SDKs, as the web provider 0.4.3 has it.

use api::Revision;
use hyper::Request;
use hyper::header::HeaderValue;
use serde_json::{Value, json};

/// Reads the events of a stream, in whatever pieces they come.
#[derive(Debug, Default)]
pub(super) struct Reader {
    text: String,
}

impl Reader {
    /// The revisions of the events that end in these bytes.
    pub(super) fn read(&mut self, bytes: &[u8]) -> Vec<Revision> {
        self.text.push_str(std::str::from_utf8(bytes).unwrap());
        let mut revisions = Vec::new();
        while let Some((frame, rest)) = self.text.split_once("\n\n") {
            revisions.extend(event(frame));
            self.text = rest.to_owned();
        }
        revisions
    }
}

fn event(frame: &str) -> Option<Revision> {
    let field = |name: &str| frame.lines().find_map(|line| line.strip_prefix(name));
    let data: Value = serde_json::from_str(field("data: ")?).unwrap();
    let revision: u64 = field("id: ").and_then(|id| id.parse().ok()).unwrap();
    let expected =
        json!({ "type": "refetchEvaluation", "etag": revision.to_string(), "lastModified": revision });
    assert_eq!(data, expected, "{frame}");
    Some(Revision(revision))
}

/// The request for all flags that follows an event. `tag` is that of the answer that the client has.
pub(super) fn refetch(authority: &str, key: &str, signalled: u64, tag: Option<&str>) -> Request<String> {
    let query = format!("flagConfigEtag={signalled}&flagConfigLastModified={signalled}");
    let mut request = Request::post(format!("/ofrep/v1/evaluate/flags?{query}"))
        .header("host", authority)
        .header("x-api-key", key)
        .header("content-type", "application/json");
    if let Some(tag) = tag {
        request = request.header("if-none-match", HeaderValue::from_str(tag).unwrap());
    }
    request.body(json!({ "context": { "targetingKey": "user", "plan": "gold" } }).to_string()).unwrap()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_in_pieces() {
        let frame = "id: 7\ndata: {\"type\":\"refetchEvaluation\",\"etag\":\"7\",\"lastModified\":7}\n\n";
        let stream = [": stream\n\nretry: 500\n\n", frame, ": ping\n\n", &frame.replace('7', "8")].concat();
        for size in 1..stream.len() {
            let mut reader = Reader::default();
            let pieces = stream.as_bytes().chunks(size);
            let revisions: Vec<u64> =
                pieces.flat_map(|piece| reader.read(piece)).map(|revision| revision.0).collect();
            assert_eq!(revisions, [7, 8], "pieces of {size} bytes");
        }
    }
}
