//! How long changes take to reach clients, as `jackstaff probe` says it, beside what another client sees.

use std::process::Command;
use std::time::{Duration, Instant, SystemTime};

use serde_json::{Value, json};
use tests::machine::alone;
use tests::stack::{StackOptions, key, stack};
use tests::stream::{Clients, Listening, clients};
use tests::{eventually, program, tools};

const SOON: Duration = Duration::from_secs(30);
/// The second edge has writes so much later.
const LAG: Duration = Duration::from_millis(600);
const CHANGES: usize = 6;
/// The share of what a client sees by which the steps of a change may differ.
const DIFFERENCE: f64 = 0.05;
const STEPS: [&str; 4] = ["stored", "announced", "signalled", "read"];

#[test]
fn the_steps_of_a_change_are_what_a_client_sees() {
    let Some(tools) = tools() else { return };
    let _machine = alone();
    let stack = stack(&tools, &StackOptions { edges: 2, lag: LAG, ..StackOptions::default() });
    let [first, second] = [0, 1].map(|edge| stack.edges[edge].url(""));
    let reader = clients(&Listening { refetching: 1, ..Listening::to(second.as_str(), &key(0), 1) });
    reader.wait_until_connected(SOON);
    let mut command = Command::new(&tools.jackstaff);
    command
        .args(["probe", "--json", "--edge", &first, "--edge", &second, "--key", &key(0)])
        .args(["--serve", &stack.url(), "--changes", &CHANGES.to_string(), "--within", "30000"])
        .env("JACKSTAFF_ORIGIN_TOKEN", "signals-token");
    let probe = program("probe", &mut command);
    eventually("both are listened at", SOON, || (probe.count("listening at") == 2).then_some(()));

    // What a client sees, beside what the steps say. Both begin with the edit at Flagsmith. Milliseconds.
    let mut shares = Vec::new();
    for change in 1..=CHANGES {
        let (edited, time) = (stack.edit(0, &json!(change)), SystemTime::now());
        stack.wait_until_served(0, &json!(change), SOON);
        let [_, told] = [&first, &second].map(|edge| {
            let told = eventually("the probe tells of it", SOON, || {
                changes(&probe.said(), edge).get(change - 1).cloned()
            });
            in_order(&told);
            told
        });
        let seen: jiff::Timestamp = told["seen"].as_str().unwrap().parse().unwrap();
        let before = seen.as_millisecond() as f64
            - time.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs_f64() * 1_000.0;
        let steps: f64 = STEPS.iter().map(|step| told["milliseconds"][step].as_f64().unwrap()).sum();
        let read = read_after(&reader, told["revision"].as_u64().unwrap(), edited);
        println!("change {change}: a client has it after {read:.1} ms, the steps say {:.1}", before + steps);
        assert!(read >= LAG.as_secs_f64() * 1_000.0, "the second edge had it before its store");
        shares.push(((before + steps) / read - 1.0).abs());
    }
    // One of them may meet a busy machine.
    shares.sort_by(f64::total_cmp);
    assert!(shares[CHANGES / 2] <= DIFFERENCE, "{shares:?}");

    let last = eventually("the distributions", SOON, || {
        lines(&probe.said()).into_iter().find(|line| line["edges"].is_array())
    });
    assert_eq!(last["is_fresh"], true, "{last:#}");
    for edge in last["edges"].as_array().unwrap() {
        let counts =
            [&edge["changes"], &edge["within"], &edge["older"], &edge["steps"]["signalled"]["changes"]];
        assert_eq!(counts, [&json!(CHANGES), &json!(CHANGES), &json!(0), &json!(CHANGES)], "{edge:#}");
    }
    let median =
        |edge: usize| last["edges"][edge]["steps"]["signalled"]["milliseconds"]["median"].as_f64().unwrap();
    assert!(median(1) - median(0) > 400.0, "the lag of the second edge's store is in its own step: {last:#}");
}

fn lines(said: &[String]) -> Vec<Value> {
    said.iter().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

fn changes(said: &[String], edge: &str) -> Vec<Value> {
    lines(said).into_iter().filter(|line| line["edge"] == edge).collect()
}

/// No step of a change is negative, and together they are its total.
fn in_order(change: &Value) {
    let steps = STEPS.map(|step| change["milliseconds"][step].as_f64().unwrap());
    assert!(steps.iter().all(|step| *step >= 0.0), "{change:#}");
    let total = change["total"].as_f64().unwrap();
    assert!((steps.iter().sum::<f64>() - total).abs() < 0.01, "{change:#}");
}

/// When a client had flags of a revision, from a moment on. Milliseconds.
fn read_after(reader: &Clients, revision: u64, from: Instant) -> f64 {
    let read = eventually("another client reads it", SOON, || {
        let history = reader.history(0);
        let has_it = |found: &tests::stream::Refetch| {
            found.found.as_ref().is_ok_and(|found| found.revision >= revision)
        };
        history.refetches.iter().filter(|refetch| has_it(refetch)).map(|refetch| refetch.answered).min()
    });
    read.duration_since(from).as_secs_f64() * 1_000.0
}
