//! Streams (`PROTOCOL.md`, 7.1): every key gets one; what is heard on it depends on the key.

use api::relay::{Channel, Protocol, Subscription};
use api::{EnvironmentKey, Revision, ServerKey};

use crate::compare::compare;
use crate::documents::{With, shop};
use crate::edge::{Broken, CLIENT, Edge, SERVER, edge};

fn listen(edge: &Edge, path: &str) -> Option<Channel> {
    let answer = edge.get(path).header("last-event-id", "7").answer();
    assert_eq!(answer.status, 200, "{path}");
    let Subscription { channel, protocol, heard } = answer.subscription?;
    assert_eq!((protocol, heard), (Protocol::Flagsmith, None));
    // OFREP's clients have a path of their own, and say what they heard last.
    let path = path.replacen("sse", "ofrep/v1", 1);
    let answer = edge.get(&path).header("last-event-id", "7").answer();
    let heard = Some(Revision(7));
    let expected = Subscription { channel: channel.clone(), protocol: Protocol::Ofrep, heard };
    assert_eq!((answer.status, answer.subscription), (200, Some(expected)), "{path}");
    Some(channel)
}

#[test]
fn what_a_key_listens_to() {
    let removed = shop().with("/api_key", "removed".into());
    let record =
        |environment: &str, active| ServerKey { environment: environment.into(), active, expires_at: None };
    let edge = || {
        edge(&shop())
            .unpublish(&removed)
            .server_key("ser.revoked", record(CLIENT, false))
            .server_key("ser.orphan", record("unknown", true))
    };
    let client = || Some(Channel::Environment(EnvironmentKey::parse(CLIENT).unwrap()));
    let silent = || Some(Channel::Silent);
    let path = |key: &str| format!("/sse/environments/{key}/stream");
    let up = edge();
    let (without_copies, without_records) =
        (edge().without(Broken::Environments), edge().without(Broken::ServerKeys));
    let situations = [
        ("client-side", &up, path(CLIENT), client()),
        ("server-side", &up, path(SERVER), client()),
        ("slashes", &up, "//sse/environments//client/stream/".to_owned(), client()),
        ("percent-encoded", &up, path("%63lient"), client()),
        ("a query", &up, path(CLIENT) + "?last-event-id=7&x=ser.y", client()),
        ("unknown", &up, path("unknown"), silent()),
        ("no key at all", &up, path("a%20b"), silent()),
        ("no text", &up, path("%ff"), silent()),
        ("unknown server-side", &up, path("ser.unknown"), silent()),
        ("revoked", &up, path("ser.revoked"), silent()),
        ("without its environment", &up, path("ser.orphan"), silent()),
        ("removed", &up, path("removed"), silent()),
        ("the stores fail", &without_copies, path(CLIENT), client()),
        ("records fail", &without_records, path(SERVER), silent()),
    ];
    compare(situations.map(|(situation, edge, path, expected)| (situation, listen(edge, &path), expected)));
}

#[test]
fn the_head_of_a_stream() {
    let edge = edge(&shop());
    let headers = |key: &str| edge.get(&format!("/sse/environments/{key}/stream")).answer().all_headers();
    let expected = [
        ("access-control-allow-origin", "*"),
        (
            "access-control-expose-headers",
            "x-flagsmith-document-updated-at, retry-after, link, etag, last-modified, age, jackstaff-revision, \
             jackstaff-source, jackstaff-traits",
        ),
        ("cache-control", "no-cache, no-transform"),
        ("content-type", "text/event-stream; charset=utf-8"),
        ("x-accel-buffering", "no"),
        ("x-content-type-options", "nosniff"),
    ];
    let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    assert_eq!(headers(CLIENT), expected);
    // The head does not show whether a key is known.
    assert_eq!(headers("unknown"), expected);
}
