//! `GET /api/v1/environment-document/` and conditional requests for it (`PROTOCOL.md`, 6.1 and 1.6).

use api::{Section, ServerKey};
use serde_json::{Value, json};

use crate::ask::DOCUMENT;
use crate::compare::compare;
use crate::documents::{With, shop};
use crate::edge::{Edge, Read, SERVER, edge};

#[test]
fn the_document_is_the_stamped_one() {
    let answer = edge(&shop()).get(DOCUMENT).key(SERVER).answer();
    let (status, document) = answer.json();
    let header = |name| answer.header(name);
    assert_eq!((status, answer.section), (200, Some(Section::Document)));
    assert_eq!(answer.read, [Read::ServerKey, Read::Environment]);
    assert_eq!(document["updated_at"], "2026-03-02T11:22:33.000000+00:00");
    assert_eq!(
        [&document["api_key"], &document["feature_states"][3]["feature"]["name"]],
        ["client", "admin"]
    );
    assert_eq!(header("content-type"), "application/json");
    assert_eq!(header("last-modified"), "Mon, 02 Mar 2026 11:22:33 GMT");
    assert_eq!(header("x-flagsmith-document-updated-at"), "1772450553.0");
    assert_eq!(header("link"), "", "never a second page");
}

const SINCE: &str = "if-modified-since";
const TAG: &str = "if-none-match";

type Headers = &'static [(&'static str, &'static str)];

#[test]
fn conditional_requests_are_answered_with_200_or_304() {
    let edge = edge(&shop());
    let situations: [(&str, Headers, u16); 33] = [
        ("its own date", &[(SINCE, "Mon, 02 Mar 2026 11:22:33 GMT")], 304),
        ("its own date, +0000", &[(SINCE, "Mon, 02 Mar 2026 11:22:33 +0000")], 304),
        ("of another zone, which HTTP does not know", &[(SINCE, "Mon, 02 Mar 2026 13:22:33 +0200")], 200),
        ("a later date", &[(SINCE, "Tue, 03 Mar 2026 11:22:33 GMT")], 304),
        ("a later date, +0000", &[(SINCE, "Mon, 02 Mar 2026 11:22:34 +0000")], 304),
        ("one digit for the day", &[(SINCE, "Mon, 2 Mar 2026 11:22:33 +0000")], 304),
        ("one digit, a second earlier", &[(SINCE, "Mon, 2 Mar 2026 11:22:32 +0000")], 200),
        ("as RFC 850 wrote it", &[(SINCE, "Monday, 02-Mar-26 11:22:33 GMT")], 304),
        ("as C writes it", &[(SINCE, "Mon Mar  2 11:22:33 2026")], 304),
        ("a second earlier", &[(SINCE, "Mon, 02 Mar 2026 11:22:32 GMT")], 200),
        ("a second earlier, +0000", &[(SINCE, "Mon, 02 Mar 2026 11:22:32 +0000")], 200),
        ("a year earlier", &[(SINCE, "Sun, 02 Mar 2025 11:22:33 GMT")], 200),
        ("no date", &[(SINCE, "yesterday")], 200),
        ("a timestamp", &[(SINCE, "1772450553")], 200),
        ("ISO", &[(SINCE, "2026-03-02T11:22:33Z")], 200),
        ("empty", &[(SINCE, "")], 200),
        ("its own tag", &[(TAG, "{plain}")], 304),
        ("its own tag, made weak", &[(TAG, "W/{plain}")], 304),
        ("its own tag without quotes", &[(TAG, "{bare}")], 200),
        ("the revision alone", &[(TAG, "W/\"1772450553\"")], 200),
        ("a longer tag", &[(TAG, "W/\"{bare}3\"")], 200),
        ("any tag", &[(TAG, "*")], 304),
        ("one of many", &[(TAG, "\"a\", W/{plain} , \"b\"")], 304),
        ("one of many lines", &[(TAG, "\"a\""), (TAG, "W/{plain}")], 304),
        ("none of many", &[(TAG, "\"a\", \"b\"")], 200),
        ("a tag counts before a date", &[(TAG, "\"a\""), (SINCE, "Mon, 02 Mar 2026 11:22:33 GMT")], 200),
        ("and so does one that matches", &[(TAG, "*"), (SINCE, "Sun, 02 Mar 2025 11:22:33 GMT")], 304),
        ("with gzip", &[(TAG, "{gzip}"), ("accept-encoding", "gzip")], 304),
        ("the tag of gzip", &[(TAG, "{gzip}")], 200),
        ("with gzip, by date", &[(SINCE, "Mon, 02 Mar 2026 11:22:33 GMT"), ("accept-encoding", "gzip")], 304),
        ("no condition", &[], 200),
        ("another header", &[("if-range", "W/{plain}")], 200),
        ("a range", &[("range", "bytes=0-1")], 200),
    ];
    let whole = edge.get(DOCUMENT).key(SERVER).answer();
    let plain = tag(&edge, SERVER, "identity");
    let gzip = tag(&edge, SERVER, "gzip");
    let fill = |value: &str| {
        let bare = plain.trim_matches('"');
        value.replace("{plain}", &plain).replace("{gzip}", &gzip).replace("{bare}", bare)
    };
    compare(situations.map(|(situation, headers, status)| {
        let ask = edge.get(DOCUMENT).key(SERVER);
        let ask = headers.iter().fold(ask, |ask, (name, value)| ask.header(name, fill(value)));
        let answer = ask.answer();
        let section = (status == 200).then_some(Section::Document);
        let body = if status == 200 { whole.body.clone() } else { Vec::new() };
        let same = answer.body == body;
        let validators = [answer.header("etag"), answer.header("last-modified")];
        let asked_for_gzip = headers.contains(&("accept-encoding", "gzip"));
        let tag = if asked_for_gzip { gzip.clone() } else { plain.clone() };
        let expected = [tag, "Mon, 02 Mar 2026 11:22:33 GMT".to_owned()];
        (situation, (answer.status, answer.section, same, validators), (status, section, true, expected))
    }));
}

/// The entity tag of the document.
fn tag(edge: &Edge, key: &str, coding: &str) -> String {
    edge.get(DOCUMENT).key(key).header("accept-encoding", coding).answer().header("etag")
}

/// Two environments of one revision once had one tag, and a client was answered that it had what it did not have.
#[test]
fn a_tag_is_bound_to_environment_coding_and_content() {
    let open =
        |environment: &str| ServerKey { environment: environment.into(), active: true, expires_at: None };
    let other = shop().with("/api_key", json!("other"));
    let both = edge(&shop())
        .publish(&other)
        .server_key("ser.other", open("other"))
        .server_key("ser.second", open("client"));
    let changed = edge(&shop().with("/feature_states/0/enabled", json!(false)));
    let own = tag(&both, SERVER, "identity");
    let hash = own.strip_prefix("\"1772450553-").and_then(|rest| rest.strip_suffix('"'));
    let hash = hash.unwrap_or_else(|| panic!("{own}"));
    assert!(hash.len() == 16 && hash.bytes().all(|digit| digit.is_ascii_hexdigit()), "{own}");
    let is_same = |tag: String| tag == own;
    compare([
        ("asked again", is_same(tag(&both, SERVER, "identity")), true),
        ("another key of the environment", is_same(tag(&both, "ser.second", "identity")), true),
        ("gzip", is_same(tag(&both, SERVER, "gzip")), false),
        ("another environment", is_same(tag(&both, "ser.other", "identity")), false),
        ("other flags of the same revision", is_same(tag(&changed, SERVER, "identity")), false),
    ]);
    let status = |key: &str, tag: &str| both.get(DOCUMENT).key(key).header(TAG, tag).status();
    assert_eq!([status(SERVER, &own), status("ser.other", &own)], [304, 200]);
}

#[test]
fn an_answer_of_304_has_no_body_and_no_coding() {
    let ask = edge(&shop());
    let answer =
        ask.get(DOCUMENT).key(SERVER).header("if-none-match", "*").header("accept-encoding", "gzip").answer();
    let bodily = ["content-type", "content-encoding", "content-length"].map(|name| answer.header(name));
    assert_eq!((answer.status, answer.body, bodily), (304, Vec::new(), [const { String::new() }; 3]));
}

#[test]
fn conditions_are_for_the_document_only() {
    let edge = edge(&shop());
    let paths = ["/api/v1/flags/", "/api/v1/identities/?identifier=ann"];
    compare(paths.map(|path| {
        let ask = edge.get(path).key(SERVER).header("if-none-match", "*");
        (path, ask.header("if-modified-since", "Tue, 03 Mar 2026 11:22:33 GMT").status(), 200)
    }));
}

#[test]
fn a_page_of_the_document_is_the_whole_document() {
    let edge = edge(&shop());
    let whole: (u16, Value) = edge.get(DOCUMENT).key(SERVER).json();
    assert_eq!(edge.get("/api/v1/environment-document/?page_id=2").key(SERVER).json(), whole);
    assert_eq!(whole.1["identity_overrides"].as_array().map(Vec::len), Some(7));
    assert_eq!(
        whole.1["identity_overrides"][0]["identifier"],
        json!("007"),
        "sorted, whatever their order was"
    );
}
