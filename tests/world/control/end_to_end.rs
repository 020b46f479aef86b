//! From an edit to the apps: three hundred apps on three edges, and SDKs, receive the signal and read the change.

use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;
use tests::stack::{FEATURE, Stack, StackOptions, Trigger, key, server_key, stack};
use tests::stream::{Clients, History, Listening, Report, clients};
use tests::{Edge, eventually, folder, installed, program, say, tools};

use tests::machine::{alone, beside_others};

/// Of each edge.
const CLIENTS: usize = 100;
const CHANGES: u64 = 6;
/// The time between two changes. It is longer than the second that has to pass between two writes.
const APART: Duration = Duration::from_millis(1_700);
/// How long clients may take to connect on a busy machine.
const SOON: Duration = Duration::from_secs(60);

#[test]
fn every_app_has_a_change_that_flagsmith_signals() {
    let Some(tools) = tools() else { return };
    let _alone = alone();
    let mut stack = stack(&tools, &StackOptions { environments: 3, ..StackOptions::default() });
    let groups = listen(&stack);
    for trigger in [Trigger::Webhook, Trigger::QueueChange] {
        stack.notify_by(trigger);
        every_app_has_every_change(&stack, &groups, &format!("{trigger:?}"), Duration::from_secs(20));
    }
}

#[test]
fn every_app_has_a_change_that_only_polling_finds() {
    let Some(tools) = tools() else { return };
    let _alone = alone();
    let options =
        StackOptions { environments: 3, trigger: Trigger::Nothing, poll: 2, ..StackOptions::default() };
    let stack = stack(&tools, &options);
    every_app_has_every_change(&stack, &listen(&stack), "asked every 2 s", Duration::from_secs(22));
}

/// `scripts/bench` measures the delays. This test has a bound for slow machines, and checks that no client reads anything wrong.
fn every_app_has_every_change(stack: &Stack, groups: &[Clients], how: &str, within: Duration) {
    let before = stack.served(0, 0).unwrap().value.as_u64().unwrap();
    let mut edits = Vec::new();
    for n in before + 1..=before + CHANGES {
        let next = Instant::now() + APART;
        edits.push((json!(n), stack.edit(0, &json!(n))));
        thread::sleep(next.saturating_duration_since(Instant::now()));
    }
    stack.wait_until_served(0, &json!(before + CHANGES), SOON);
    let changes = stack.changes(0, &edits);
    let last = changes.last().unwrap().revision;
    for group in groups {
        group.wait_until_signalled(last, SOON);
        group.wait_until_refetched(SOON);
    }
    let histories: Vec<History> = groups.iter().flat_map(Clients::histories).collect();
    let report = Report::new(&histories, &changes, within, Instant::now() + within);
    let read = report.until_read;
    say(&format!("{how}: {} clients have a change after: {read}", report.clients));
    assert_eq!(report.faults(), Vec::<String>::new());
    assert_eq!((report.changes, read.count), (edits.len(), edits.len() * 3 * CLIENTS), "{report}");
    // One connection of each edge for the environment, and up to three while parts overlap.
    assert!(stack.proxy.counts().streams.most <= 9, "{:?}", stack.proxy.counts());
}

fn listen(stack: &Stack) -> Vec<Clients> {
    let listen = |edge: &Edge| {
        clients(&Listening { refetching: CLIENTS, ..Listening::to(edge.url(""), &key(0), CLIENTS) })
    };
    let groups: Vec<Clients> = stack.edges.iter().map(listen).collect();
    for (n, group) in groups.iter().enumerate() {
        // The first event and the first read are over.
        group.wait_until_signalled(stack.served(n, 0).unwrap().revision, SOON);
        group.wait_until_refetched(SOON);
    }
    groups
}

#[test]
fn an_override_that_does_not_change_updated_at_is_served() {
    let Some(tools) = tools() else { return };
    let _machine = beside_others();
    // Documents come in pages, as those of the Edge API with many overrides.
    let options = StackOptions { trigger: Trigger::Nothing, poll: 1, edges: 1, ..StackOptions::default() };
    let stack = stack(&tools, &options);
    stack.flagsmith.page_by(Some(3));
    for (number, identifier) in (1..=10).map(|number| (number, format!("user-{number}"))) {
        stack.flagsmith.override_identity(&key(0), &identifier, FEATURE, &json!(number));
    }
    for number in [1, 10] {
        let identity = json!({ "identifier": format!("user-{number}"), "traits": [] });
        eventually("the override is served", SOON, || {
            let answer = stack.edges[0].post("/api/v1/identities/", &key(0), &identity).json();
            let mut flags = answer["flags"].as_array()?.iter();
            let flag = flags.find(|flag| flag["feature"]["name"] == FEATURE)?;
            (flag["feature_state_value"] == number).then_some(())
        });
    }
}

#[test]
fn sdks_receive_an_edit_in_real_time() {
    let Some(tools) = tools() else { return };
    let Some(python) = installed("sdk/python/bin/python") else { return };
    let _machine = beside_others();
    let stack = stack(&tools, &StackOptions::default());
    let mut sdks: Vec<_> = stack
        .edges
        .iter()
        .enumerate()
        .map(|(n, edge)| {
            let mut command = Command::new(&python);
            command.arg(folder("sdk/python/listen.py")).env("NO_PROXY", "127.0.0.1");
            command.args(["--edge", &edge.url(""), "--server-key", &server_key(0), "--feature", FEATURE]);
            let sdk = program(&format!("the Python SDK at edge {n}"), &mut command);
            assert_eq!(sdk.says(""), "0");
            sdk
        })
        .collect();
    if let Some(modules) = installed("sdk/browser") {
        let mut command = Command::new("node");
        command.arg(folder("sdk/browser/listen.mjs")).env("NO_PROXY", "127.0.0.1");
        command.args(["--browser", "jsdom", "--modules"]).arg(modules);
        command.args(["--edge", &stack.edges[0].url(""), "--client-key", &key(0), "--feature", FEATURE]);
        let sdk = program("the JavaScript SDK in jsdom", &mut command);
        assert_eq!(sdk.says(""), "0");
        sdks.push(sdk);
    }
    for value in ["first", "second"] {
        // Each SDK has its stream.
        let listening = || (stack.proxy.counts().streams.open >= 3).then_some(());
        eventually("all edges listen", SOON, listening);
        let edited = stack.edit(0, &json!(value));
        let mut slowest = Duration::ZERO;
        for sdk in &sdks {
            sdk.says(&json!(value).to_string());
            slowest = slowest.max(edited.elapsed());
        }
        say(&format!("SDKs in real time: {} of them have an edit after {slowest:.1?}", sdks.len()));
        thread::sleep(APART);
    }
}
