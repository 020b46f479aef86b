//! Pages of other origins (`PROTOCOL.md`, 1.5).

use crate::ask::{Answer, DOCUMENT, FLAGS, IDENTITIES};
use crate::compare::compare;
use crate::documents::{With, shop};
use crate::edge::{Broken, CLIENT, SERVER, edge};

/// The headers of the known SDKs and of tracing libraries, and one that is new.
const ASKED: &str = "accept,authorization,baggage,content-type,flagsmith-application-name,\
    flagsmith-application-version,flagsmith-sdk-user-agent,sentry-trace,traceparent,tracestate,user-agent,\
    x-csrftoken,x-e2e-test-auth-token,x-environment-key,x-requested-with,x-something-new";

#[test]
fn a_preflight_allows_the_requested_headers() {
    let edge = edge(&shop()).without(Broken::Environments);
    let preflight = |path, headers: &[&str]| {
        let ask = edge.ask("OPTIONS", path).header("origin", "https://shop.example");
        let ask = ask.header("access-control-request-method", "GET");
        headers.iter().fold(ask, |ask, line| ask.header("access-control-request-headers", line)).answer()
    };
    let outline = |answer: &Answer| {
        let header = |name| answer.header(name);
        (
            (answer.status, answer.body.clone(), answer.read.clone()),
            [header("access-control-allow-origin"), header("access-control-allow-methods")],
            header("access-control-allow-headers"),
        )
    };
    let read = "GET, HEAD, OPTIONS";
    let stream = "/sse/environments/client/stream";
    let situations: [(_, _, &[&str], _, _); 8] = [
        (
            "flags",
            FLAGS,
            &["flagsmith-sdk-user-agent,x-environment-key"],
            read,
            "flagsmith-sdk-user-agent,x-environment-key",
        ),
        ("flags, everything", FLAGS, &[ASKED], read, ASKED),
        ("identities, everything", IDENTITIES, &[ASKED], "GET, HEAD, POST, OPTIONS", ASKED),
        ("document", DOCUMENT, &["x-environment-key"], read, "x-environment-key"),
        ("stream", stream, &["x-environment-key"], "GET, OPTIONS", "x-environment-key"),
        ("no slash", "/api/v1/flags", &["x-a"], read, "x-a"),
        ("on two lines", FLAGS, &["x-a", "x-b, x-c"], read, "x-a, x-b, x-c"),
        ("nothing asked for", FLAGS, &[], read, ""),
    ];
    compare(situations.map(|(situation, path, headers, methods, allowed)| {
        let expected =
            ((200, Vec::new(), Vec::new()), ["*".to_owned(), methods.to_owned()], allowed.to_owned());
        (situation, outline(&preflight(path, headers)), expected)
    }));
}

/// A preflight once reflected 60 KB of header names.
#[test]
fn a_preflight_reflects_two_kibibytes_at_most() {
    let edge = edge(&shop());
    let allowed = |lines: &[String]| {
        let ask = edge.ask("OPTIONS", FLAGS).header("origin", "https://shop.example");
        let ask = lines.iter().fold(ask, |ask, line| ask.header("access-control-request-headers", line));
        ask.answer().header("access-control-allow-headers")
    };
    let of = |length: usize| "x".repeat(length);
    let known = allowed(&[of(60_000)]);
    assert!(known.len() < 512, "{} bytes", known.len());
    for name in ASKED.split(',').filter(|name| name.starts_with("flagsmith") || name.contains("environment"))
    {
        assert!(known.split(", ").any(|listed| listed == name), "{name}: {known}");
    }
    compare([
        ("at the limit", allowed(&[of(2_048)]), of(2_048)),
        ("above", allowed(&[of(2_049)]), known.clone()),
        (
            "on two lines, at the limit",
            allowed(&[of(1_024), of(1_022)]),
            format!("{}, {}", of(1_024), of(1_022)),
        ),
        ("on two lines, above", allowed(&[of(1_024), of(1_023)]), known.clone()),
        ("on many lines", allowed(&vec!["x".to_owned(); 1_000]), known),
        ("lines without text", allowed(&vec![String::new(); 1_000]), String::new()),
    ]);
}

/// One answer of each kind.
fn all_answers(edge: &dyn Fn() -> crate::edge::Edge, origin: &str) -> Vec<(&'static str, u16, Answer)> {
    let blocked = shop().with("/project/organisation/stop_serving_flags", true.into());
    let blocked = blocked.with("/api_key", "blocked".into());
    let up = edge().publish(&blocked);
    let down = edge().without(Broken::Environments);
    let asks = [
        ("flags", 200, up.get(FLAGS).key(CLIENT)),
        ("one flag", 200, up.get("/api/v1/flags/?feature=banner").key(CLIENT)),
        ("unknown flag", 404, up.get("/api/v1/flags/?feature=x").key(CLIENT)),
        ("identity", 200, up.get("/api/v1/identities/?identifier=ann").key(CLIENT)),
        ("no identifier", 400, up.get(IDENTITIES).key(CLIENT)),
        ("posted identity", 200, up.post(IDENTITIES, r#"{"identifier":"ann"}"#).key(CLIENT)),
        ("malformed body", 400, up.post(IDENTITIES, "{").key(CLIENT)),
        (
            "other media type",
            415,
            up.post(IDENTITIES, "{}")
                .key(CLIENT)
                .without_header("content-type")
                .header("content-type", "text/plain"),
        ),
        ("huge body", 413, up.post(IDENTITIES, vec![b' '; api::BODY_LIMIT + 1]).key(CLIENT)),
        ("document", 200, up.get(DOCUMENT).key(SERVER)),
        ("known document", 304, up.get(DOCUMENT).key(SERVER).header("if-none-match", "*")),
        ("document for a client", 403, up.get(DOCUMENT).key(CLIENT)),
        ("no key", 403, up.get(FLAGS)),
        ("unknown key", 403, up.post(IDENTITIES, "{}").key("unknown")),
        ("blocked", 403, up.get(FLAGS).key("blocked")),
        ("unavailable", 503, down.get(FLAGS).key(CLIENT)),
        ("other method", 405, up.ask("DELETE", FLAGS)),
        ("other path", 404, up.get("/other")),
        ("preflight of another path", 404, up.ask("OPTIONS", "/other")),
        ("preflight", 200, up.ask("OPTIONS", FLAGS)),
        ("health", 200, up.get("/health")),
        ("stream", 200, up.get("/sse/environments/client/stream")),
        ("stream of nothing", 200, up.get("/sse/environments/unknown/stream")),
    ];
    asks.into_iter()
        .map(|(name, status, ask)| (name, status, ask.header("origin", origin).answer()))
        .collect()
}

const EXPOSED: &str = "x-flagsmith-document-updated-at, retry-after, link, etag, last-modified, age, \
    jackstaff-revision, jackstaff-source, jackstaff-traits";

#[test]
fn every_answer_may_be_read_from_everywhere() {
    let answers = all_answers(&|| edge(&shop()), "https://anywhere.example");
    compare(answers.into_iter().map(|(situation, status, answer)| {
        let found = (answer.status, answer.header("access-control-allow-origin"));
        let exposed = answer.header("access-control-expose-headers");
        let origin_matters = answer.header("vary").split(", ").any(|name| name == "origin");
        (situation, (found, exposed, origin_matters), ((status, "*".to_owned()), EXPOSED.to_owned(), false))
    }));
}

#[test]
fn where_origins_are_listed_only_they_are_allowed() {
    let listed = || edge(&shop()).allow(&["https://shop.example", "https://admin.example:8443"]);
    let mut situations = Vec::new();
    for (origin, allowed) in [
        ("https://shop.example", "https://shop.example"),
        ("https://admin.example:8443", "https://admin.example:8443"),
        ("https://admin.example", ""),
        ("http://shop.example", ""),
        ("https://shop.example.evil.example", ""),
        ("null", ""),
        ("*", ""),
    ] {
        for (situation, status, answer) in all_answers(&listed, origin) {
            let found = (answer.status, answer.header("access-control-allow-origin"));
            let exposed = answer.header("access-control-expose-headers");
            let origin_matters = answer.header("vary").split(", ").any(|name| name == "origin");
            let expected = ((status, allowed.to_owned()), EXPOSED.to_owned(), true);
            situations.push((
                format!("{situation}, from {origin}"),
                (found, exposed, origin_matters),
                expected,
            ));
        }
    }
    compare(situations);
}

#[test]
fn without_an_origin_header_no_origin_is_allowed() {
    let edge = edge(&shop()).allow(&["https://shop.example"]);
    let answer = edge.get(FLAGS).key(CLIENT).answer();
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (200, String::new()));
}
