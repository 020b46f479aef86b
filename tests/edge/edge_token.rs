//! The token by which the origin knows edges, from a secret store to a real origin.

use std::fs;
use std::time::Duration;

use serde_json::json;
use tempfile::TempDir;
use tests::proxy::{Mode, proxy};
use tests::stream::{Clients, Listening, clients, publish, variant};
use tests::{Edge, Origin, edge_with_origin, edge_with_token, eventually, fixture, origin_with, tools};

use crate::{CLIENT, PATIENCE, assert_sound};

/// All tokens here have this mark.
const MARK: &str = "marked";

/// Under Viceroy, the machine being busy makes leaders tired.
fn settings() -> serde_json::Value {
    json!({ "fault": { "tireless": true } })
}

/// An origin with these edge tokens, one a line.
fn origin(folder: &TempDir, edge_tokens: &str) -> Option<Origin> {
    let file = folder.path().join("edge-token");
    fs::write(&file, edge_tokens).unwrap();
    Some(origin_with(tools()?, &["--edge-token-file", &file.display().to_string()]))
}

/// A client that listens to the demo environment.
fn listen(edge: &Edge) -> Clients {
    let listening = clients(&Listening::to(edge.url(""), CLIENT, 1));
    listening.wait_until_connected(PATIENCE);
    listening
}

/// Publishes and announces a change; it is signalled to the client within this time.
#[track_caller]
fn assert_signalled(edge: &Edge, origin: &Origin, listening: &Clients, n: usize, within: Duration) {
    let change = publish(&edge.url(""), Some(&origin.url()), &variant(&fixture("demo.json"), n));
    listening.wait_until_signalled(change.revision, within);
}

#[track_caller]
fn metric(origin: &Origin, name: &str) -> u64 {
    let name = format!("jackstaff_origin_{name} ");
    let metrics = origin.metrics();
    metrics.lines().find_map(|line| line.strip_prefix(&name)?.parse().ok()).unwrap()
}

/// While the token is changed, the origin knows the old one and the new one.
#[test]
fn with_an_old_or_a_new_edge_token_a_change_is_signalled_at_once() {
    let Some(tools) = tools() else { return };
    let folder = TempDir::new().unwrap();
    let origin = origin(&folder, "marked-old\nmarked-new\n").unwrap();
    for (n, token) in ["marked-old", "marked-new\n"].into_iter().enumerate() {
        let edge = edge_with_token(&tools, &settings(), &origin.url(), Some(token));
        edge.publish(&fixture("demo.json"), "ser.demo");
        let listening = listen(&edge);
        eventually("the leader is connected", PATIENCE, || {
            (metric(&origin, "open_streams") == 1).then_some(())
        });
        assert_signalled(&edge, &origin, &listening, n + 1, Duration::from_secs(1));
        assert_eq!(metric(&origin, "streams_without_token_total"), 0);
        assert!(!edge.log().contains("token"), "{}", edge.log());
        drop((listening, edge));
        eventually("the edge is gone", PATIENCE, || (metric(&origin, "open_streams") == 0).then_some(()));
    }
}

#[test]
fn without_the_right_edge_token_changes_arrive_in_seconds_and_the_log_says_what_to_do() {
    let Some(tools) = tools() else { return };
    let folder = TempDir::new().unwrap();
    let wants = "the origin wants an edge token, and the secret store has none: it answered 401 Unauthorized";
    for (name, store, said, is_asked) in [
        ("no secret store", None, wants, true),
        ("no secret", Some(None), wants, true),
        (
            "a wrong token",
            Some(Some("marked-wrong")),
            "the origin refuses the edge token: it answered 401",
            true,
        ),
        (
            "a secret that is no token",
            Some(Some("marked one")),
            "the origin is not asked for streams: the secret `edge_token` holds a space",
            false,
        ),
    ] {
        let origin = origin(&folder, "marked-right\n").unwrap();
        let edge = match store {
            Some(token) => edge_with_token(&tools, &settings(), &origin.url(), token),
            None => edge_with_origin(&tools, &settings(), &origin.url()),
        };
        edge.publish(&fixture("demo.json"), "ser.demo");
        let listening = listen(&edge);
        for n in 1..4 {
            // Two seconds, and what a busy machine adds.
            assert_signalled(&edge, &origin, &listening, n, Duration::from_secs(4));
        }
        let log = edge.log();
        assert_eq!(log.matches(said).count(), 1, "{name}: {log}");
        assert!(!log.contains(MARK), "{name}: {log}");
        let refused = metric(&origin, "streams_without_token_total");
        assert!((1..=8).contains(&refused) == is_asked, "{name}: {refused}");
        assert_eq!(metric(&origin, "streams_total"), 0, "{name}");
        assert_sound(&edge);
    }
}

/// As it was before there were edge tokens: an edge that has one goes on with an origin that knows none.
#[test]
fn an_open_origin_gives_streams_to_an_edge_with_a_token() {
    let Some(tools) = tools() else { return };
    let origin = tests::origin(&tools);
    let edge = edge_with_token(&tools, &settings(), &origin.url(), Some("marked-any"));
    edge.publish(&fixture("demo.json"), "ser.demo");
    let listening = listen(&edge);
    eventually("the leader is connected", PATIENCE, || (metric(&origin, "open_streams") == 1).then_some(()));
    assert_signalled(&edge, &origin, &listening, 1, Duration::from_secs(1));
    assert!(!edge.log().contains("token"), "{}", edge.log());
}

/// What stands in front of the origin may refuse the token, too.
#[test]
fn an_answer_that_is_no_stream_is_said_once_for_each_part() {
    let Some(tools) = tools() else { return };
    let proxy = proxy("http://127.0.0.1:9");
    for (status, token, said) in [
        (403, Some("marked-any"), "the origin refuses the edge token: it answered 403 Forbidden"),
        (
            403,
            None,
            "the origin wants an edge token, and the secret store has none: it answered 403 Forbidden",
        ),
        (500, Some("marked-any"), "the origin gives no stream of demo-environment-key: it answered 500"),
    ] {
        proxy.set(Mode::Answer(status));
        let edge = edge_with_token(&tools, &settings(), &proxy.url(), token);
        edge.publish(&fixture("demo.json"), "ser.demo");
        let before = proxy.counts().connections.total;
        let _listening = listen(&edge);
        eventually("the leader has tried twice", PATIENCE, || {
            (proxy.counts().connections.total >= before + 2).then_some(())
        });
        let log = edge.log();
        assert_eq!(log.matches(said).count(), 1, "{status}: {log}");
        assert!(!log.contains(MARK), "{log}");
    }
}
