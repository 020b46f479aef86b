//! `GET /api/v1/environment-document/`, and conditional requests for it and for flags (`PROTOCOL.md`, 6.1 and 1.6).

use api::{Section, ServerKey};
use serde_json::json;

use crate::ask::{DOCUMENT, FLAGS, IDENTITIES, detail};
use crate::compare::compare;
use crate::documents::{With, shop};
use crate::edge::{CLIENT, Edge, Read, SERVER, edge};

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
    let edge = edge(&shop());
    let routes = [
        (DOCUMENT, SERVER, Some(Section::Document)),
        (FLAGS, SERVER, Some(Section::FlagsServer)),
        (FLAGS, CLIENT, Some(Section::FlagsClient)),
        (ONE_FLAG, CLIENT, None),
    ];
    compare(routes.into_iter().flat_map(|(path, key, section)| {
        let edge = &edge;
        let whole = edge.get(path).key(key).answer();
        let [plain, gzip] = ["identity", "gzip"].map(|coding| tag(edge, path, key, coding));
        situations.iter().filter(move |(what, ..)| section.is_some() || *what != "the tag of gzip").map(
            move |(situation, headers, status)| {
                let fill = |value: &str| {
                    let opaque = plain.trim_start_matches("W/");
                    let gzip = gzip.trim_start_matches("W/");
                    let bare = opaque.trim_matches('"');
                    value.replace("{plain}", opaque).replace("{gzip}", gzip).replace("{bare}", bare)
                };
                let ask = edge.get(path).key(key);
                let ask = headers.iter().fold(ask, |ask, (name, value)| ask.header(name, fill(value)));
                let answer = ask.answer();
                let section = section.filter(|_| *status == 200);
                let body = if *status == 200 { whole.body.clone() } else { Vec::new() };
                let same = answer.body == body;
                let validators = [answer.header("etag"), answer.header("last-modified")];
                let asked_for_gzip = headers.contains(&("accept-encoding", "gzip"));
                let tag = if asked_for_gzip { gzip.clone() } else { plain.clone() };
                let expected = [tag, "Mon, 02 Mar 2026 11:22:33 GMT".to_owned()];
                let found = (answer.status, answer.section, same, validators);
                (format!("{path} with {key}, {situation}"), found, (*status, section, true, expected))
            },
        )
    }));
}

const ONE_FLAG: &str = "/api/v1/flags/?feature=banner";

/// The entity tag of an answer.
fn tag(edge: &Edge, path: &str, key: &str, coding: &str) -> String {
    edge.get(path).key(key).header("accept-encoding", coding).answer().header("etag")
}

/// Two environments of one revision once had one tag, and a client was answered that it had what it did not have.
#[test]
fn a_tag_is_bound_to_environment_kind_of_key_coding_and_content() {
    let open =
        |environment: &str| ServerKey { environment: environment.into(), active: true, expires_at: None };
    let other = shop().with("/api_key", json!("other"));
    let both = edge(&shop())
        .publish(&other)
        .server_key("ser.other", open("other"))
        .server_key("ser.second", open("client"));
    let changed = edge(&shop().with("/feature_states/0/enabled", json!(false)));
    let mut situations = Vec::new();
    for path in [DOCUMENT, FLAGS, ONE_FLAG] {
        let own = tag(&both, path, SERVER, "identity");
        let opaque = own.trim_start_matches("W/");
        assert_eq!(own == opaque, path != ONE_FLAG, "a tag of what is made for a request is weak: {own}");
        let hash = opaque.strip_prefix("\"1772450553-").and_then(|rest| rest.strip_suffix('"'));
        let hash = hash.unwrap_or_else(|| panic!("{own}"));
        assert!(hash.len() == 16 && hash.bytes().all(|digit| digit.is_ascii_hexdigit()), "{own}");
        let mut of = |what: &str, tag: String, is_same: bool| {
            situations.push((format!("{path}, {what}"), tag == own, is_same));
        };
        of("asked again", tag(&both, path, SERVER, "identity"), true);
        of("another key of the environment", tag(&both, path, "ser.second", "identity"), true);
        of("gzip", tag(&both, path, SERVER, "gzip"), path == ONE_FLAG);
        of("another environment", tag(&both, path, "ser.other", "identity"), false);
        of("other flags of the same revision", tag(&changed, path, SERVER, "identity"), false);
        if path != DOCUMENT {
            // One flag that keys of both kinds may see is the same bytes for both.
            of("a client-side key", tag(&both, path, CLIENT, "identity"), path == ONE_FLAG);
        }
        let status = |key: &str, tag: &str| both.get(path).key(key).header(TAG, tag).status();
        assert_eq!([status(SERVER, &own), status("ser.other", &own)], [304, 200], "{path}");
    }
    compare(situations);
}

/// A client-side key is in every page. Conditions show its holder nothing of what only server-side keys see.
#[test]
fn a_condition_tells_nothing_of_what_is_hidden() {
    let before = edge(&shop());
    let value = "/feature_states/3/feature_state_value";
    let after = edge(&shop().with(value, json!("another secret")));
    let tags = |edge: &Edge, key: &str| [FLAGS, ONE_FLAG].map(|path| tag(edge, path, key, "identity"));
    assert_eq!(tags(&before, CLIENT), tags(&after, CLIENT), "the secret is in no tag");
    assert_ne!(tags(&before, SERVER)[0], tags(&after, SERVER)[0]);
    let conditions: [(&str, &str); 3] =
        [(TAG, "*"), (TAG, "{server}"), (SINCE, "Tue, 03 Mar 2026 11:22:33 GMT")];
    let server_tag = tag(&before, "/api/v1/flags/?feature=admin", SERVER, "identity");
    let mut situations = Vec::new();
    for feature in ["admin", "no such feature"] {
        let path = format!("/api/v1/flags/?feature={}", feature.replace(' ', "%20"));
        for (name, value) in conditions {
            let ask = before.get(&path).key(CLIENT).header(name, value.replace("{server}", &server_tag));
            let answer = ask.answer();
            let validators = [answer.header("etag"), answer.header("last-modified")];
            let expected = (404, detail("Given feature not found"));
            let none = [String::new(), String::new()];
            situations.push((
                format!("{feature}, {name}: {value}"),
                (answer.json(), validators),
                (expected, none),
            ));
        }
    }
    compare(situations);
    for (key, status) in [("unknown", 403), ("ser.unknown", 403)] {
        let answer = before.get(FLAGS).key(key).header(TAG, "*").answer();
        assert_eq!((answer.status, answer.header("etag")), (status, String::new()), "{key}");
    }
}

#[test]
fn an_answer_of_304_has_no_body_and_no_coding() {
    let edge = edge(&shop());
    for path in [DOCUMENT, FLAGS, ONE_FLAG] {
        let ask = edge.get(path).key(SERVER).header(TAG, "*").header("accept-encoding", "gzip");
        let answer = ask.answer();
        let bodily = ["content-type", "content-encoding", "content-length", "x-compress-hint"];
        let bodily = bodily.map(|name| answer.header(name));
        let of_all =
            [answer.header("vary"), answer.header("cache-control"), answer.header("jackstaff-source")];
        let vary = match path {
            DOCUMENT => "jackstaff-pages, x-environment-key, accept-encoding",
            _ => "x-environment-key, accept-encoding",
        };
        let expected = [vary, "no-store", "pop"].map(str::to_owned);
        assert_eq!(
            (answer.status, answer.body, bodily),
            (304, Vec::new(), [const { String::new() }; 4]),
            "{path}"
        );
        assert_eq!(of_all, expected, "{path}");
    }
}

/// Their answers depend on what was sent, and on chance.
#[test]
fn conditions_do_not_count_for_identities() {
    let edge = edge(&shop());
    let get = edge.get("/api/v1/identities/?identifier=ann");
    let asks = [("GET", get), ("POST", edge.post(IDENTITIES, r#"{"identifier":"ann"}"#))];
    compare(asks.map(|(method, ask)| {
        let ask = ask.key(SERVER).header(TAG, "*").header(SINCE, "Tue, 03 Mar 2026 11:22:33 GMT");
        let answer = ask.answer();
        let validators = [answer.header("etag"), answer.header("last-modified")];
        (method, (answer.status, validators), (200, [String::new(), String::new()]))
    }));
}
