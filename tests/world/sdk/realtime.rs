//! Changes that are published while SDKs listen, through several parts: real SDKs, and models of those that do not
//! run here.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tests::stream::Protocol;
use tests::{
    Edge, Tools, edge_with_origin, eventually, fixture, installed, not_run_part, origin, say, tools,
};

use super::listener::{Kind, Listener, Refetches, start};
use super::tap::Tap;
use super::{CLIENT, FEATURE, NO_CHROMIUM, SERVER, chromium, models, script};

const PART: Duration = Duration::from_secs(5);
const SECOND: Duration = Duration::from_secs(1);
const CHANGES: [&str; 2] = ["one", "two"];

/// Far more time than any step takes, for busy machines.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long the fetch for an event may take.
const SETTLED: Duration = Duration::from_secs(5);

/// SDKs fetch once for each change. More would overload the edge, and a fetch that returned older flags would need
/// another one. They fetch nothing when a stream ends and the next one begins with a known revision. Checks 20 and 25 ask for
/// this: with names, of these clients alone.
#[track_caller]
pub(crate) fn assert_no_faults(names: &[&str]) {
    static FAULTS: OnceLock<Vec<(&'static str, String)>> = OnceLock::new();
    let Some(tools) = tools() else { return };
    let faults = FAULTS.get_or_init(|| every_sdk_listens(&tools));
    let is_asked = |(name, _): &&(&str, String)| names.is_empty() || names.contains(name);
    let faults: Vec<&(&str, String)> = faults.iter().filter(is_asked).collect();
    assert!(faults.is_empty(), "{faults:#?}");
}

/// Publishes changes while all SDKs listen. Gives what each did wrong.
#[track_caller]
fn every_sdk_listens(tools: &Tools) -> Vec<(&'static str, String)> {
    let origin = origin(tools);
    let settings = json!({ "stream_seconds": PART.as_secs(), "join_seconds": 2 });
    let edge = edge_with_origin(tools, &settings, &origin.url());
    publish(&edge, &origin.url(), "before");
    let listeners = listeners(&edge);
    for listener in &listeners {
        eventually_heard(listener, "before");
        eventually(&format!("{} listens", listener.name), PATIENCE, || {
            (!listener.streams().is_empty()).then_some(())
        });
    }

    let mut delays: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    let (mut known, mut heard_last) = (streams(&listeners), Instant::now());
    for (n, value) in CHANGES.into_iter().enumerate() {
        // After the first change, every change comes over new connections.
        if n > 0 {
            eventually_reconnected(&listeners, &known, 1);
            // Flutter compares with the device's clock: of two changes within a second, it may miss the second one.
            eventually("a second passes", PATIENCE, || (heard_last.elapsed() > SECOND).then_some(()));
        }
        known = streams(&listeners);
        let published = Instant::now();
        publish(&edge, &origin.url(), value);
        for listener in &listeners {
            let heard = eventually_heard(listener, value);
            heard_last = heard_last.max(heard);
            let heard = heard.saturating_duration_since(published);
            delays.entry(listener.name).or_default().push(format!("{:.1}", heard.as_secs_f64()));
        }
    }
    // Twice: by the second connection, every SDK has reacted to the first event of the first one.
    eventually_reconnected(&listeners, &streams(&listeners), 2);

    for listener in &listeners {
        let (name, streams) = (listener.name, listener.streams().len());
        let delays = delays[name].join(", ");
        say(&format!(
            "SDK, {name}, in real time: new flags {delays} s after `jackstaff publish`; {streams} connections"
        ));
    }
    let of_one = |listener: &Listener| {
        let name = listener.name;
        faults(listener).into_iter().map(move |fault| (name, fault)).collect::<Vec<_>>()
    };
    let all = || listeners.iter().flat_map(of_one).collect::<Vec<(&str, String)>>();
    // The fetch for an event of a moment ago may be under way. One too many never goes away.
    let until = Instant::now() + SETTLED;
    let mut faults = all();
    while !faults.is_empty() && Instant::now() < until {
        thread::sleep(Duration::from_millis(50));
        faults = all();
    }
    let joined: Vec<String> = listeners.iter().flat_map(|listener| listener.seen.notes().joined).collect();
    for role in ["leader", "follower"] {
        assert!(joined.iter().any(|joined| joined.starts_with(role)), "no {role} among {joined:?}");
    }
    faults
}

/// Real SDKs, where they are installed, and models.
fn listeners(edge: &Edge) -> Vec<Listener> {
    let tap = || Tap::before(edge.address);
    let mut listeners = models::listeners(PART, tap);
    let refetches = Refetches::PerChange { first: 1 };
    let kind = Kind { protocol: Protocol::Flagsmith, path: "/api/v1/flags/", refetches };
    if let Some(python) = installed("sdk/python/bin/python") {
        let (tap, kind) = (tap(), Kind { path: "/api/v1/environment-document/", ..kind });
        let mut command = script(&python, "sdk/python/listen.py");
        command.args(["--edge", &tap.url(), "--server-key", SERVER, "--feature", FEATURE]);
        let (life, seen) = start(&mut command);
        listeners.push(Listener { life, name: "Python", tap, kind, seen });
    }
    if let Some(modules) = installed("sdk/browser") {
        let chromium = chromium();
        if chromium.is_none() {
            not_run_part("Chromium", NO_CHROMIUM);
        }
        let browsers = |in_jsdom, in_chromium| {
            let chromium = chromium.clone().map(|program| (in_chromium, program));
            std::iter::once((in_jsdom, PathBuf::from("jsdom"))).chain(chromium)
        };
        for (name, browser) in browsers("jsdom", "Chromium") {
            let (tap, kind) = (tap(), kind);
            let mut command = script(Path::new("node"), "sdk/browser/listen.mjs");
            command.arg("--browser").arg(browser).arg("--modules").arg(&modules);
            command.args(["--edge", &tap.url(), "--client-key", CLIENT, "--feature", FEATURE]);
            let (life, seen) = start(&mut command);
            listeners.push(Listener { life, name, tap, kind, seen });
        }
        for (name, browser) in browsers("OpenFeature web, jsdom", "OpenFeature web, Chromium") {
            listeners.extend(openfeature_web(name, &browser, tap()));
        }
    }
    listeners
}

/// OpenFeature's web provider, where it is installed.
pub(crate) fn openfeature_web(name: &'static str, browser: &Path, tap: Tap) -> Option<Listener> {
    let (modules, browsers) = (installed("sdk/openfeature")?, installed("sdk/browser")?);
    // It asks at its start, and at the first event of its first stream.
    let refetches = Refetches::PerChange { first: 2 };
    let kind = Kind { protocol: Protocol::Ofrep, path: "/ofrep/v1/evaluate/flags", refetches };
    let mut command = script(Path::new("node"), "sdk/openfeature/listen.mjs");
    command
        .arg("--browser")
        .arg(browser)
        .arg("--modules")
        .arg(modules)
        .arg("--browser-modules")
        .arg(browsers);
    command.args(["--edge", &tap.url(), "--client-key", CLIENT, "--feature", FEATURE]);
    let (life, seen) = start(&mut command);
    Some(Listener { life, name, tap, kind, seen })
}

pub(crate) fn publish(edge: &Edge, origin: &str, value: &str) {
    let mut document = fixture("sdk.json");
    // Without `updated_at`, no change counts as older than another.
    document.as_object_mut().unwrap().remove("updated_at");
    for state in document["feature_states"].as_array_mut().unwrap() {
        if state["feature"]["name"] == FEATURE {
            state["feature_state_value"] = json!(value);
        }
    }
    let file = edge.file("document.json", &document.to_string()).display().to_string();
    let finished = edge.run_publish(&[&file, "--server-key", SERVER, "--origin", origin]);
    assert_eq!(finished.code, 0, "{finished:?}");
}

fn streams(listeners: &[Listener]) -> Vec<usize> {
    listeners.iter().map(|listener| listener.streams().len()).collect()
}

fn eventually_heard(listener: &Listener, value: &str) -> Instant {
    eventually(&format!("{} has {value:?}", listener.name), PATIENCE, || listener.seen.since(&json!(value)))
}

fn eventually_reconnected(listeners: &[Listener], known: &[usize], times: usize) {
    for (listener, known) in listeners.iter().zip(known) {
        eventually(&format!("{} connects again", listener.name), PATIENCE, || {
            (listener.streams().len() >= known + times).then_some(())
        });
    }
}

/// The failures of a listener.
fn faults(listener: &Listener) -> Vec<String> {
    let Listener { name, kind, .. } = listener;
    let (fetches, notes) = (listener.fetches(), listener.seen.notes());
    let mut faults: Vec<String> =
        notes.complaints.iter().map(|complaint| format!("{name}: {complaint}")).collect();

    let values: Vec<&Value> = notes.values.iter().map(|(value, _)| value).collect();
    if values != ["before", CHANGES[0], CHANGES[1]] {
        faults.push(format!("{name} had {values:?}"));
    }
    let expected = match kind.refetches {
        Refetches::PerChange { first } => first + CHANGES.len(),
        Refetches::PerEvent => 1 + notes.events.len(),
    };
    if fetches != expected {
        faults.push(format!("{name} fetched {fetches} times, expected {expected}"));
    }
    // The events of real SDKs cannot be observed. A part is read from its beginning, so the first event of a connection
    // may be older than the last one of the connection before. Within a connection, times only grow.
    if !notes.joined.is_empty() {
        let grows = |pair: &[(usize, f64)]| pair[0].0 != pair[1].0 || pair[0].1 < pair[1].1;
        let mut heard: Vec<f64> = notes.events.iter().map(|(_, updated_at)| *updated_at).collect();
        heard.sort_by(f64::total_cmp);
        heard.dedup();
        if !notes.events.windows(2).all(grows) || heard.len() != 1 + CHANGES.len() {
            faults.push(format!("{name} heard {:?}", notes.events));
        }
    }
    faults
}
