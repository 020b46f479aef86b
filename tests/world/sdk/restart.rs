//! OpenFeature's web provider over a restart of the edge.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::json;
use tests::machine::beside_others;
use tests::{edge_with_origin, eventually, installed, not_run_part, origin, tools};

use super::listener::Listener;
use super::realtime::{openfeature_web, publish};
use super::tap::Tap;
use super::{NO_CHROMIUM, chromium};

const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn the_web_provider_hears_of_a_change_after_a_restart_of_the_edge() {
    let _machine = beside_others();
    let Some(tools) = tools() else { return };
    let (Some(_), Some(_)) = (installed("sdk/openfeature"), installed("sdk/browser")) else { return };
    let origin = origin(&tools);
    let settings = json!({ "stream_seconds": 5, "join_seconds": 2 });
    let start = || edge_with_origin(&tools, &settings, &origin.url());
    let edge = start();
    publish(&edge, &origin.url(), "before");
    let chromium = chromium();
    if chromium.is_none() {
        not_run_part("Chromium", NO_CHROMIUM);
    }
    let browsers = [("jsdom", Some(PathBuf::from("jsdom"))), ("Chromium", chromium)];
    let browsers = browsers.into_iter().filter_map(|(name, program)| Some((name, program?)));
    let listen = |(name, program): (&'static str, PathBuf)| {
        openfeature_web(name, Path::new(&program), Tap::before(edge.address)).unwrap()
    };
    let listeners: Vec<Listener> = browsers.map(listen).collect();
    for listener in &listeners {
        eventually_has(listener, "before");
        eventually(&format!("{} listens", listener.name), PATIENCE, || {
            (!listener.streams().is_empty()).then_some(())
        });
    }

    listeners.iter().for_each(|listener| listener.tap.pass_on_to(None));
    drop(edge);
    let edge = start();
    publish(&edge, &origin.url(), "after");
    listeners.iter().for_each(|listener| listener.tap.pass_on_to(Some(edge.address)));
    for listener in &listeners {
        eventually_has(listener, "after");
        let values: Vec<_> = listener.seen.notes().values.into_iter().map(|(value, _)| value).collect();
        assert_eq!(values, ["before", "after"], "{}", listener.name);
    }
}

fn eventually_has(listener: &Listener, value: &str) {
    let has = || listener.seen.since(&json!(value));
    eventually(&format!("{} has {value:?}", listener.name), PATIENCE, has);
}
