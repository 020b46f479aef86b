//! `jackstaff doctor`: each misconfiguration is made on purpose, and named; a sound deployment has none.

pub(crate) mod stub;

use std::net::SocketAddr;
use std::thread;

use serde_json::{Value, json};
use tests::{Finished, free_address, jackstaff};

use crate::JACKSTAFF;
use stub::{Asked, REVISION, Reply, event, progress, start};

/// What is answered in place of the sound answer.
type Change = fn(&Asked, Reply) -> Reply;

/// A misconfiguration: what is otherwise than at a sound deployment, and what has to be found.
struct Wrong {
    what: &'static str,
    edge: Change,
    serve: Change,
    /// Further arguments.
    arguments: &'static [&'static str],
    server_key: &'static str,
    /// The name of the check, and words of what came.
    check: &'static str,
    came: &'static str,
}

const SOUND: Wrong = Wrong {
    what: "",
    edge: |_, reply| reply,
    serve: |_, reply| reply,
    arguments: &[],
    server_key: "ser.good",
    check: "",
    came: "",
};

fn wrong(what: &'static str, check: &'static str, came: &'static str) -> Wrong {
    Wrong { what, check, came, ..SOUND }
}

fn at_edge(what: &'static str, edge: Change, check: &'static str, came: &'static str) -> Wrong {
    Wrong { edge, ..wrong(what, check, came) }
}

fn at_streams(what: &'static str, edge: Change, came: &'static str) -> Wrong {
    at_edge(what, edge, "stream", came)
}

fn at_serve(what: &'static str, serve: Change, check: &'static str, came: &'static str) -> Wrong {
    Wrong { serve, ..wrong(what, check, came) }
}

/// Those of the edge, and of what stands before it.
fn of_the_edge() -> Vec<Wrong> {
    vec![
        at_edge(
            "a redirect",
            |_, reply| Reply { status: 301, ..reply.with("location", "https://x") },
            "redirect",
            "https://x",
        ),
        at_edge("another program", |_, _| Reply::of(200, "<html>hello"), "edge", "hello"),
        at_edge(
            "the local flavour",
            |_, _| Reply::of(503, "this is the local flavour of the edge, which runs only under Viceroy\n"),
            "flavour",
            "503",
        ),
        at_edge(
            "a wrong clock",
            |_, reply| reply.with("date", "Mon, 02 Mar 2020 11:22:33 GMT"),
            "clock",
            "2020",
        ),
        Wrong {
            arguments: &["--key", "other"],
            server_key: "",
            ..wrong("an unknown key", "client-side key", "403")
        },
        Wrong {
            arguments: &["--key", "ser.good"],
            ..wrong("a server-side key in place of the other", "client-side key", "ser.")
        },
        at_edge(
            "a blocked organisation",
            |asked, reply| match asked.path.contains("/flags/") {
                true => Reply::of(403, r#"{"detail":"Organisation is disabled from serving flags."}"#),
                false => reply,
            },
            "client-side key",
            "disabled",
        ),
        at_edge(
            "the key's header is dropped",
            |asked, reply| {
                let headers = asked.headers.iter().filter(|(name, _)| name != "x-environment-key").cloned();
                let asked = Asked { headers: headers.collect(), ..asked.clone() };
                if asked.path.contains("-document") { reply } else { stub::edge(&asked) }
            },
            "headers",
            "403",
        ),
        at_edge(
            "a KV store that is not linked",
            |asked, reply| match asked.path.contains("/flags/") {
                true => Reply::of(503, r#"{"detail":"Flags are not available at the moment."}"#),
                false => reply,
            },
            "stores",
            "503",
        ),
        at_edge(
            "labels are dropped",
            |asked, reply| {
                if asked.path.contains("-document") { reply } else { reply.without("jackstaff-revision") }
            },
            "labels",
            "200",
        ),
        at_edge(
            "a KV store that fails",
            |_, reply| reply.with("jackstaff-source", "stale"),
            "freshness",
            "stale",
        ),
        at_edge(
            "a cache before the edge",
            |_, reply| if reply.status == 200 { reply.with("age", "86400") } else { reply },
            "freshness",
            "86400",
        ),
        at_edge(
            "its own words against caches",
            |_, reply| reply.with("cache-control", "max-age=60"),
            "caching",
            "max-age",
        ),
        at_edge("no compression", |_, reply| reply.without("content-encoding"), "compression", "without"),
        at_edge(
            "slashes are redirected",
            |asked, reply| if asked.path == "/api/v1/flags" { Reply::of(308, "") } else { reply },
            "slashes",
            "308",
        ),
        at_edge(
            "POST is refused",
            |asked, reply| if asked.path.contains("/identities") { Reply::of(405, "") } else { reply },
            "identities",
            "405",
        ),
        at_edge(
            "OpenFeature's paths are refused",
            |asked, reply| if asked.path.starts_with("/ofrep") { Reply::of(404, "") } else { reply },
            "OpenFeature",
            "404",
        ),
        at_edge(
            "preflights are kept away",
            |asked, reply| if asked.method == "OPTIONS" { Reply::of(204, "") } else { reply },
            "preflight",
            "without access-control-allow-origin",
        ),
        at_edge(
            "headers are not exposed",
            |_, reply| reply.without("access-control-expose-headers"),
            "pages",
            "without access-control-expose-headers",
        ),
        at_edge(
            "pages of another origin",
            |asked, reply| match asked.method.as_str() {
                "OPTIONS" => reply,
                _ => reply.with("access-control-allow-origin", "https://shop.example"),
            },
            "pages",
            "https://shop.example",
        ),
        Wrong { server_key: "ser.expired", ..wrong("an expired server-side key", "server-side key", "403") },
        at_edge(
            "keys of two environments",
            |asked, reply| match asked.path.contains("-document") {
                true => Reply { body: br#"{"api_key":"other"}"#.to_vec(), ..reply },
                false => reply,
            },
            "environment",
            "the document of other",
        ),
        at_edge(
            "a document near the limit",
            |asked, reply| match asked.path.contains("-document") {
                true => Reply {
                    body: format!(r#"{{"api_key":"client","x":"{}"}}"#, "x".repeat(21_000_000)).into(),
                    ..reply
                },
                false => reply,
            },
            "document",
            "of 25000000 bytes",
        ),
    ]
}

/// Those of streams.
fn of_streams() -> Vec<Wrong> {
    vec![
        at_streams(
            "a proxy that buffers",
            |_, reply| {
                if reply.frames.is_empty() { reply } else { Reply::stream(&[(9_000, ": stream\n\n")]) }
            },
            "no byte",
        ),
        at_streams(
            "pings are held back",
            |_, reply| match reply.frames.is_empty() {
                true => reply,
                false => Reply::stream(&[(0, ": stream\n\n"), (10, &event(REVISION))]),
            },
            "silence",
        ),
        at_streams(
            "streams are cut",
            |_, reply| match reply.frames.is_empty() {
                true => reply,
                false => Reply::stream(&[(0, ": stream\n\n"), (10, &event(REVISION)), (1_000, "")]),
            },
            "ended after 1.",
        ),
        at_streams(
            "streams are refused",
            |_, reply| if reply.frames.is_empty() { reply } else { Reply::of(404, "") },
            "404",
        ),
        at_streams(
            "streams are compressed",
            |_, reply| if reply.frames.is_empty() { reply } else { reply.with("content-encoding", "gzip") },
            "gzip",
        ),
        at_streams(
            "a stream without an event",
            |_, reply| {
                if reply.frames.is_empty() {
                    reply
                } else {
                    Reply::stream(&[(0, ": stream\n\n"), (9_000, ": ping\n\n")])
                }
            },
            "no event",
        ),
        at_streams(
            "a stream of another service",
            |_, reply| match reply.frames.is_empty() {
                true => reply,
                false => Reply::stream(&[(0, &event(REVISION - 9)), (9_000, ": ping\n\n")]),
            },
            "and flags of revision",
        ),
    ]
}

/// Those of the control plane.
fn of_serve() -> Vec<Wrong> {
    vec![
        Wrong {
            arguments: &["--serve", "http://127.0.0.1:1"],
            ..wrong("no control plane", "control plane", "Connection refused")
        },
        at_serve(
            "a wrong token",
            |asked, reply| if asked.path == "/status" { Reply::of(401, "") } else { reply },
            "control plane",
            "401",
        ),
        at_serve(
            "another program",
            |asked, reply| if asked.path == "/status" { Reply::of(200, "hello") } else { reply },
            "control plane",
            "hello",
        ),
        at_serve(
            "a change that is not published",
            |asked, reply| {
                published(asked, reply, &json!({ "behind_seconds": 99.0, "why": "the store answers 503" }))
            },
            "publishing",
            "the store answers 503",
        ),
        at_serve(
            "another store",
            |asked, reply| published(asked, reply, &json!({ "revision": REVISION + 5 })),
            "revision",
            "stored",
        ),
        at_serve(
            "two control planes",
            |asked, reply| published(asked, reply, &json!({ "revision": REVISION - 5 })),
            "revision",
            "stored",
        ),
        at_serve(
            "an environment of nobody",
            |asked, reply| published(asked, reply, &json!({ "key": "other" })),
            "publishing",
            "and not client",
        ),
        at_serve(
            "a broken document",
            |asked, reply| {
                said(asked, reply, "troubles", &json!([{ "place": "a.json", "why": "invalid JSON" }]))
            },
            "publishing",
            "a.json: invalid JSON",
        ),
        at_serve("no bus", |asked, reply| said(asked, reply, "bus", &json!("down")), "bus", "down"),
        at_serve(
            "a publisher that is stuck",
            |asked, reply| said(asked, reply, "silent_since", &json!("2026-03-02T11:22:33Z")),
            "publishing",
            "has not answered since",
        ),
        at_serve(
            "a proxy before the origin that buffers",
            |asked, reply| {
                if asked.path == "/status" { reply } else { Reply::stream(&[(6_000, ": origin\n\n")]) }
            },
            "origin",
            "the first byte after 6.",
        ),
    ]
}

fn published(asked: &Asked, reply: Reply, environment: &Value) -> Reply {
    if asked.path == "/status" { Reply::of(200, progress(environment).to_string()) } else { reply }
}

fn said(asked: &Asked, reply: Reply, member: &str, value: &Value) -> Reply {
    if asked.path != "/status" {
        return reply;
    }
    let mut progress = progress(&json!({}));
    progress[member] = value.clone();
    Reply::of(200, progress.to_string())
}

/// Runs the doctor. Only where pings are looked for, a stream is listened to for longer.
fn examine(wrong: &Wrong, edge: SocketAddr, serve: SocketAddr) -> Finished {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let file = folder.path().join(name);
        std::fs::write(&file, text).unwrap();
        file.display().to_string()
    };
    let (key, token) = (file("key", wrong.server_key), file("token", "right"));
    let (edge, serve) = (format!("http://{edge}"), format!("http://{serve}"));
    let mut arguments = vec!["doctor", "--json", "--edge", &edge];
    if !wrong.arguments.contains(&"--key") {
        arguments.extend(["--key", "client"]);
    }
    if !wrong.arguments.contains(&"--serve") {
        arguments.extend(["--serve", &serve]);
    }
    arguments.extend(["--serve-token-file", &token]);
    if !wrong.server_key.is_empty() {
        arguments.extend(["--server-key-file", &key]);
    }
    arguments.extend(wrong.arguments);
    if wrong.came == "silence" {
        arguments.extend(["--listen", "15"]);
    } else {
        arguments.extend(["--listen", "5"]);
    }
    jackstaff(JACKSTAFF, &arguments, "")
}

/// The checks that found something, with what came.
fn found(finished: &Finished) -> Vec<(String, String)> {
    let report: Value =
        serde_json::from_str(&finished.output).unwrap_or_else(|error| panic!("{error}: {finished:?}"));
    let wrong =
        report["findings"].as_array().unwrap().iter().filter(|finding| finding["severity"] == "wrong");
    let text = |finding: &Value, member: &str| finding[member].as_str().unwrap().to_owned();
    wrong
        .map(|finding| {
            for member in ["asked", "means", "todo"] {
                assert!(!text(finding, member).is_empty(), "{finding}");
            }
            (text(finding, "check"), text(finding, "came"))
        })
        .collect()
}

/// All at once: each listens to streams for seconds.
#[test]
fn each_misconfiguration_is_named() {
    let all: Vec<Wrong> = of_the_edge().into_iter().chain(of_streams()).chain(of_serve()).collect();
    assert!(all.len() >= 40, "{}", all.len());
    let faults: Vec<String> = thread::scope(|scope| {
        let examined: Vec<_> = all
            .iter()
            .map(|wrong| {
                scope.spawn(move || {
                    let (at_edge, at_serve) = (wrong.edge, wrong.serve);
                    let edge = start(move |asked| at_edge(asked, stub::edge(asked)));
                    let serve = start(move |asked| at_serve(asked, stub::serve(asked)));
                    let finished = examine(wrong, edge, serve);
                    let found = found(&finished);
                    let is_named =
                        found.iter().any(|(check, came)| check == wrong.check && came.contains(wrong.came));
                    let is_alone = found.iter().all(|(check, _)| check == wrong.check);
                    let is_ended = finished.code == 1 || finished.code == 2;
                    (!(is_named && is_alone && is_ended))
                        .then(|| format!("{}: {}: {found:?} {}", wrong.what, finished.code, finished.errors))
                })
            })
            .collect();
        examined.into_iter().filter_map(|examined| examined.join().unwrap()).collect()
    });
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn nothing_is_found_at_a_sound_deployment() {
    let (edge, serve) = (start(stub::edge), start(stub::serve));
    let finished = examine(&Wrong { came: "silence", ..SOUND }, edge, serve);
    assert_eq!((finished.code, found(&finished)), (0, Vec::new()), "{finished:?}");
    assert!(!finished.output.contains("ser.good"), "{finished:?}");
    let report: Value = serde_json::from_str(&finished.output).unwrap();
    assert_eq!((&report["wrong"], report["findings"].as_array().unwrap().len() >= 15), (&json!(0), true));
}

#[test]
fn an_address_where_nobody_answers() {
    let nobody = format!("http://{}", free_address());
    let of = |edge: &str| {
        let finished = jackstaff(JACKSTAFF, &["doctor", "--json", "--edge", edge], "");
        (finished.code, found(&finished).into_iter().map(|(check, _)| check).collect::<Vec<String>>())
    };
    assert_eq!(of(&nobody), (2, vec!["reachable".to_owned()]));
    assert_eq!(of("flags.example.com"), (2, vec!["address".to_owned()]));
    // A server without TLS.
    let plain = start(stub::edge);
    assert_eq!(of(&format!("https://{plain}")), (2, vec!["encryption".to_owned()]));
    assert_eq!(of(&format!("http://{plain}/api/v1/")), (1, vec!["address".to_owned()]));
    assert_eq!(of(&format!("http://{plain}")), (0, Vec::new()));
}

#[test]
fn settings_are_looked_at_before_they_are_used() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("settings.json");
    let plain = format!("http://{}", start(stub::edge));
    for (text, expected) in [
        (r#"{"fresh": 30, "allowed_origins": ["https://shop.example"]}"#, None),
        (r#"{"fresh": 0}"#, Some("fresh")),
        (r#"{"allowed_origins": ["https://shop.example/"]}"#, Some("shop.example")),
        ("{", Some("")),
    ] {
        std::fs::write(&file, text).unwrap();
        let arguments = ["doctor", "--json", "--edge", &plain, "--settings", file.to_str().unwrap()];
        let finished = jackstaff(JACKSTAFF, &arguments, "");
        let found = found(&finished);
        match expected {
            None => assert_eq!((finished.code, found), (0, Vec::new()), "{text}"),
            Some(word) => {
                assert_eq!((finished.code, found.len(), found[0].0.as_str()), (1, 1, "settings"), "{text}");
                assert!(found[0].1.contains(word), "{text}: {found:?}");
            }
        }
    }
    let missing = jackstaff(JACKSTAFF, &["doctor", "--edge", &plain, "--settings", "/no/such/file"], "");
    assert_eq!((missing.code, missing.errors.contains("/no/such/file")), (64, true), "{missing:?}");
    let secret = jackstaff(JACKSTAFF, &["doctor", "--edge", "http://user:pass@127.0.0.1:1"], "");
    assert_eq!((secret.code, format!("{secret:?}").contains("pass@")), (64, false), "{secret:?}");
}

#[test]
fn what_people_read() {
    let edge = start(|asked| stub::edge(asked).without("content-encoding"));
    let url = format!("http://{edge}");
    let finished = jackstaff(JACKSTAFF, &["doctor", "--edge", &url, "--key", "client", "--listen", "5"], "");
    assert_eq!(finished.code, 1, "{finished:?}");
    let lines: Vec<&str> = finished.output.lines().collect();
    let at = lines.iter().position(|line| line.starts_with("WRONG ")).unwrap();
    assert_eq!(
        lines[at..at + 4],
        [
            "WRONG compression: 200 without content-encoding, 2 bytes",
            &format!("      asked: GET {url}/api/v1/flags/ with accept-encoding: br, gzip"),
            "      means: the edge has this answer compressed: something before it drops Accept-Encoding, or unpacks answers",
            "      do: let Accept-Encoding and Content-Encoding through",
        ]
    );
    assert!(lines.iter().any(|line| line.starts_with("ok    reachable: 200 after ")), "{lines:#?}");
    assert!(lines.last().unwrap().starts_with("1 thing is wrong, of "), "{lines:#?}");
    assert!(!finished.output.contains('\u{1b}'));
}
