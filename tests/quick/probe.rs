//! `jackstaff probe`, at edges and control planes that answer otherwise than sound ones. Its figures beside what another
//! client sees: `tests/world/control/freshness.rs`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use tests::forward::forward;
use tests::{Finished, free_address, jackstaff};

use crate::JACKSTAFF;
use crate::doctor::stub::{self, REVISION, Reply, event, progress, start};

/// Runs it at an edge, for one change or two seconds.
fn probe(edge: &str, more: &[&str]) -> Finished {
    probe_for("2", edge, more)
}

fn probe_for(seconds: &str, edge: &str, more: &[&str]) -> Finished {
    let arguments =
        ["probe", "--edge", edge, "--key", "client", "--json", "--changes", "1", "--for", seconds];
    jackstaff(JACKSTAFF, &[&arguments[..], more].concat(), "")
}

/// A change, and what is said at the end.
fn said(finished: &Finished) -> [Value; 2] {
    let lines: Vec<Value> = finished.output.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    lines.try_into().unwrap_or_else(|lines| panic!("{lines:?}: {finished:?}"))
}

/// An edge that tells of the next revision. So many of its answers after the first one have the older flags.
fn edge(older: u64) -> String {
    let answers = AtomicU64::new(0);
    let address = start(move |asked| {
        if asked.path.ends_with("/stream") {
            return Reply::stream(&[(0, &event(REVISION)), (300, &event(REVISION + 1))]);
        }
        let is_new = answers.fetch_add(1, Ordering::Relaxed) > older;
        stub::edge(asked).with("jackstaff-revision", (REVISION + u64::from(is_new)).to_string())
    });
    format!("http://{address}")
}

/// A control plane that had a change long ago.
fn serve(revision: u64, stored: &'static str) -> String {
    let [seen, announced] = ["2026-03-02T11:22:33Z", "2026-03-02T11:22:33.25Z"];
    let change = json!({ "revision": revision, "seen": seen, "stored": stored, "announced": announced });
    let status = progress(&json!({ "last_change": change })).to_string();
    format!("http://{}", start(move |_| Reply::of(200, status.clone())))
}

#[test]
fn a_change_is_measured_from_its_event_on() {
    let finished = probe(&edge(0), &[]);
    let [change, end] = said(&finished);
    assert_eq!(finished.code, 0, "{finished:?}");
    assert_eq!(
        [&change["revision"], &change["older"], &change["milliseconds"]],
        [&json!(REVISION + 1), &json!(0), &json!(null)]
    );
    assert_eq!(end["is_fresh"], true);
    assert_eq!(end["edges"][0]["steps"]["read"]["changes"], 1);
    assert!(finished.errors.contains(&format!("which serves revision {REVISION}")), "{finished:?}");
}

#[test]
fn flags_that_are_older_than_the_event_are_counted() {
    let finished = probe(&edge(3), &[]);
    let [change, end] = said(&finished);
    assert_eq!((finished.code, &change["older"]), (1, &json!(3)), "{finished:?}");
    assert_eq!((&end["is_fresh"], &end["edges"][0]["older"]), (&json!(false), &json!(3)));
}

#[test]
fn an_objective_that_is_missed_exits_with_1() {
    let serve = serve(REVISION + 1, "2026-03-02T11:22:33.125Z");
    let finished = probe(&edge(0), &["--serve", &serve]);
    let [change, end] = said(&finished);
    assert_eq!(finished.code, 1, "{finished:?}");
    let steps = &change["milliseconds"];
    assert_eq!([&steps["stored"], &steps["announced"]], [&json!(125.0), &json!(125.0)]);
    assert_eq!((&end["is_fresh"], &end["edges"][0]["within"]), (&json!(false), &json!(0)));
}

#[test]
fn a_control_plane_that_has_another_change_or_another_time_gives_no_steps() {
    for (serve, said_of_it) in [
        (serve(REVISION, "2026-03-02T11:22:33.125Z"), ""),
        (serve(REVISION + 2, "2026-03-02T11:22:33.125Z"), ""),
        (serve(REVISION + 1, "2226-03-02T11:22:33.125Z"), "by NTP"),
        (format!("http://{}", start(|_| Reply::of(404, "no"))), "404 no"),
        (format!("http://{}", free_address()), "GET http://"),
    ] {
        let finished = probe(&edge(0), &["--serve", &serve]);
        let [change, _] = said(&finished);
        assert_eq!((finished.code, &change["milliseconds"]), (0, &json!(null)), "{finished:?}");
        assert!(finished.errors.contains(said_of_it), "{finished:?}");
    }
}

#[test]
fn no_edge_and_no_change_exit_with_2() {
    let silent = start(stub::edge);
    let refusing = start(|_| Reply::of(503, "busy"));
    for (edge, said_of_it) in [
        (format!("http://{silent}"), "which serves revision"),
        (format!("http://{refusing}"), "/sse/environments/client/stream: 503"),
        (format!("http://{}", free_address()), "jackstaff probe: http://"),
    ] {
        let finished = probe(&edge, &[]);
        assert_eq!(finished.code, 2, "{finished:?}");
        assert_eq!(finished.errors.matches(said_of_it).count(), 1, "a trouble is said once: {finished:?}");
    }
}

#[test]
fn streams_that_end_at_once_are_asked_for_once_a_second() {
    let asked = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&asked);
    let edge = start(move |asked| {
        if asked.path.ends_with("/stream") {
            count.fetch_add(1, Ordering::Relaxed);
            return Reply::stream(&[(0, &event(REVISION)), (0, "")]);
        }
        stub::edge(asked)
    });
    let finished = probe(&format!("http://{edge}"), &[]);
    let streams = asked.load(Ordering::Relaxed);
    assert!((1..=3).contains(&streams), "{streams} streams in two seconds: {finished:?}");
}

#[test]
fn a_change_is_measured_after_a_trouble() {
    let whole = edge(0).trim_start_matches("http://").parse().unwrap();
    // The first connections are cut off.
    let forward = forward(free_address());
    let address = format!("http://{}", forward.address());
    let probing = thread::spawn(move || probe_for("20", &address, &[]));
    thread::sleep(Duration::from_millis(500));
    forward.to(whole);
    let finished = probing.join().unwrap();
    assert_eq!(finished.code, 0, "{finished:?}");
    assert_eq!(said(&finished)[0]["revision"], REVISION + 1);
    assert_eq!(finished.errors.matches("listening at").count(), 1, "{finished:?}");
}

#[test]
fn wrong_usage_exits_with_64() {
    for (edge, more, why) in [
        ("https://user:secret@edge", &[][..], "no user name or password"),
        ("edge", &[], "no URL with http"),
        ("http://edge", &["--serve", "serve"], "--serve: `serve` is no URL"),
        ("http://edge", &["--within", "0"], "--within"),
    ] {
        let finished = probe(edge, more);
        assert_eq!(finished.code, 64, "{finished:?}");
        assert!(finished.errors.contains(why) && !finished.errors.contains("secret@"), "{finished:?}");
    }
    let finished = jackstaff(JACKSTAFF, &["probe", "--edge", "http://edge", "--key", "ser.x"], "");
    assert_eq!(finished.code, 64, "{finished:?}");
    assert!(
        finished.errors.contains("server-side key") && !finished.errors.contains("ser.x"),
        "{finished:?}"
    );
}
