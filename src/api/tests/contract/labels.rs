//! All headers of answers, and which revision and source an answer names (`PROTOCOL.md`, 1.6 and 1.8).

use std::collections::BTreeMap;

use api::{After, Source};

use crate::ask::{Answer, DOCUMENT, FLAGS, IDENTITIES};
use crate::compare::compare;
use crate::documents::{With, shop};
use crate::edge::{Broken, CLIENT, SERVER, edge};

const EXPOSED: &str = "x-flagsmith-document-updated-at, retry-after, link, etag, last-modified, age, \
    jackstaff-revision, jackstaff-source, jackstaff-traits";

/// The headers of every answer, and more.
fn headers(more: &[(&str, &str)]) -> BTreeMap<String, String> {
    let all = [
        ("access-control-allow-origin", "*"),
        ("access-control-expose-headers", EXPOSED),
        ("cache-control", "no-store"),
        ("vary", "accept-encoding"),
        ("x-content-type-options", "nosniff"),
    ];
    all.iter().chain(more).map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

const KEYED: (&str, &str) = ("vary", "x-environment-key, accept-encoding");
const PAGED: (&str, &str) = ("vary", "jackstaff-pages, x-environment-key, accept-encoding");
const JSON: (&str, &str) = ("content-type", "application/json");
const LABELS: [(&str, &str); 4] = [
    ("x-flagsmith-document-updated-at", "1772450553.0"),
    ("jackstaff-revision", "1772450553"),
    ("jackstaff-source", "pop"),
    ("age", "7"),
];

#[test]
fn all_headers_of_answers() {
    let up = edge(&shop()).serving_from(Source::Pop, 7);
    let down = edge(&shop()).without(Broken::Environments);
    let labelled = |more: &[(&str, &str)]| headers(&[&LABELS[..], &[JSON, KEYED], more].concat());
    let unlabelled = |more: &[(&str, &str)]| headers(&[&[JSON], more].concat());
    let one_flag = "/api/v1/flags/?feature=banner";
    let tag = |path: &str, key: &str, coding: &str| {
        up.get(path).key(key).header("accept-encoding", coding).answer().header("etag")
    };
    let tags = [
        tag(DOCUMENT, SERVER, "identity"),
        tag(FLAGS, CLIENT, "identity"),
        tag(FLAGS, CLIENT, "gzip"),
        tag(one_flag, CLIENT, "identity"),
    ];
    let [validators, of_flags, of_gzip, of_one] = tags
        .each_ref()
        .map(|tag| [("etag", tag.as_str()), ("last-modified", "Mon, 02 Mar 2026 11:22:33 GMT")]);
    let situations = [
        ("flags", up.get(FLAGS).key(CLIENT), labelled(&of_flags)),
        (
            "flags, gzip",
            up.get(FLAGS).key(CLIENT).header("accept-encoding", "gzip"),
            labelled(&[&of_gzip[..], &[("content-encoding", "gzip")]].concat()),
        ),
        ("one flag", up.get(one_flag).key(CLIENT), labelled(&of_one)),
        ("unknown flag", up.get("/api/v1/flags/?feature=x").key(CLIENT), labelled(&[])),
        (
            "identity",
            up.get("/api/v1/identities/?identifier=ann").key(CLIENT),
            labelled(&[("jackstaff-traits", "off")]),
        ),
        (
            "unknown flag of an identity",
            up.get("/api/v1/identities/?identifier=a&feature=x").key(CLIENT),
            labelled(&[("jackstaff-traits", "off")]),
        ),
        ("posted identity", up.post(IDENTITIES, "{}").key(CLIENT), labelled(&[("jackstaff-traits", "off")])),
        ("malformed body", up.post(IDENTITIES, "{").key(CLIENT), labelled(&[])),
        ("document", up.get(DOCUMENT).key(SERVER), labelled(&[&[PAGED], &validators[..]].concat())),
        (
            "known document",
            up.get(DOCUMENT).key(SERVER).header("if-none-match", "*"),
            headers(&[&LABELS[..], &[PAGED], &validators].concat()),
        ),
        (
            "known flags",
            up.get(FLAGS).key(CLIENT).header("if-none-match", "*"),
            headers(&[&LABELS[..], &[KEYED], &of_flags].concat()),
        ),
        ("no key", up.get(FLAGS), unlabelled(&[KEYED])),
        ("unknown key", up.get(FLAGS).key("unknown"), unlabelled(&[KEYED])),
        ("other path", up.get("/other"), unlabelled(&[])),
        ("other method", up.ask("PUT", FLAGS), unlabelled(&[("allow", "GET, HEAD, OPTIONS")])),
        ("health", up.get("/health"), unlabelled(&[])),
        ("unavailable", down.get(FLAGS).key(CLIENT), unlabelled(&[KEYED, ("retry-after", "1")])),
        (
            "preflight",
            up.ask("OPTIONS", FLAGS).header("access-control-request-headers", "x-environment-key"),
            headers(&[
                ("access-control-allow-headers", "x-environment-key"),
                ("access-control-allow-methods", "GET, HEAD, OPTIONS"),
                ("access-control-max-age", "600"),
                ("allow", "GET, HEAD, OPTIONS"),
                ("vary", "access-control-request-headers, accept-encoding"),
            ]),
        ),
    ];
    compare(situations.map(|(situation, ask, expected)| (situation, ask.answer().all_headers(), expected)));
}

#[test]
fn an_answer_names_its_source() {
    let outline = |answer: &Answer| (answer.status, answer.header("jackstaff-source"), answer.header("age"));
    let situations = [
        (Source::Pop, "pop", 0),
        (Source::Pop, "pop", 59),
        (Source::Kv, "kv", 0),
        (Source::Stale, "stale", 86_399),
    ];
    compare(situations.into_iter().flat_map(|(source, name, age)| {
        let edge = edge(&shop()).serving_from(source, age);
        let asks = [
            edge.get(FLAGS).key(CLIENT).answer(),
            edge.get(DOCUMENT).key(SERVER).answer(),
            edge.identify(&serde_json::json!({ "identifier": "ann" })),
        ];
        asks.map(|answer| {
            (format!("{name} {age}"), outline(&answer), (200, name.to_owned(), age.to_string()))
        })
    }));
}

/// A stale answer is logged, but the client does not wait for it.
#[test]
fn a_stale_answer_is_logged_afterwards() {
    let logged = |source| {
        let edge = edge(&shop()).serving_from(source, 63);
        let asks = [
            edge.get(FLAGS).key(CLIENT),
            edge.get(FLAGS).key(SERVER),
            edge.get("/api/v1/flags/?feature=x").key(CLIENT),
            edge.get(FLAGS).key("unknown"),
            edge.get("/health"),
            edge.get("/sse/environments/client/stream"),
        ];
        asks.map(|ask| ask.answer().after)
    };
    let line = "client: answered from a stale copy of revision 1772450553, confirmed 63 s ago";
    let line = || vec![After::Log(line.to_owned())];
    compare([
        ("pop", logged(Source::Pop), [const { Vec::new() }; 6]),
        ("kv", logged(Source::Kv), [const { Vec::new() }; 6]),
        ("stale", logged(Source::Stale), [line(), line(), line(), vec![], vec![], vec![]]),
    ]);
}

/// The JavaScript SDK rejects an answer in which it is not a number.
#[test]
fn updated_at_is_the_same_in_header_and_document() {
    let edge = edge(&shop().with("/updated_at", "2020-01-01T00:00:00Z".into()));
    let header = |answer: &Answer| answer.header("x-flagsmith-document-updated-at").parse::<f64>().ok();
    let document = edge.get(DOCUMENT).key(SERVER).answer();
    let updated_at =
        document.json().1["updated_at"].as_str().map(|at| at.parse::<jiff::Timestamp>().unwrap());
    let seconds = updated_at.map(|at| at.as_second() as f64);
    compare([
        ("document", header(&document), seconds),
        ("flags", header(&edge.get(FLAGS).key(CLIENT).answer()), seconds),
        ("identity", header(&edge.identify(&serde_json::json!({}))), seconds),
    ]);
}
