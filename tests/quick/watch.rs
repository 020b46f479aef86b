//! `jackstaff watch`, the program, over real files in real time.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;
use tests::fastly::{FastlyApi, Fault, Kind, SERVICE, STORE, fastly_api};
use tests::fixtures::one_feature;
use tests::{Program, eventually, jackstaff};

use crate::JACKSTAFF;

const SOON: Duration = Duration::from_secs(20);

fn document(key: &str, value: &str) -> Value {
    one_feature(key, "2026-03-01T00:00:00Z", value)
}

#[track_caller]
fn watch(arguments: &[&str]) -> Program {
    tests::watch(JACKSTAFF, arguments)
}

/// Against the stand-in, over a folder.
fn watch_with_stand_in(api: &FastlyApi, folder: &Path) -> Program {
    let (url, folder) = (api.url(), folder.display().to_string());
    let target = ["--api", &url, "--store", STORE, "--service", SERVICE, "--origin", &url];
    watch(&[&target[..], &["--interval", "50", &folder]].concat())
}

fn stored_value(api: &FastlyApi, key: &str) -> Option<String> {
    let stored = api.stored(&format!("environment/{key}"))?;
    let text = String::from_utf8_lossy(&stored.value).into_owned();
    Some(text.split("\"feature_state_value\":\"").nth(1)?.split('"').next()?.to_owned())
}

#[test]
fn a_burst_of_changes_never_meets_the_limit_of_the_store() {
    let api = fastly_api();
    api.limit_writes(Duration::from_secs(1));
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("a.json");
    fs::write(&file, document("a", "0").to_string()).unwrap();
    let watch = watch_with_stand_in(&api, folder.path());
    watch.says("watching 1 environment");
    for number in 1..50 {
        fs::write(&file, document("a", &number.to_string()).to_string()).unwrap();
        thread::sleep(Duration::from_millis(100));
    }
    eventually("the last change is stored", SOON, || (stored_value(&api, "a")? == "49").then_some(()));
    watch.says("watching");
    assert!(watch.terminate().success());
    let story = api.story();
    let refused: Vec<&String> = story.iter().filter(|line| line.ends_with(" 429")).collect();
    assert!(refused.is_empty(), "{refused:?}");
    let writes = story.iter().filter(|line| *line == "stored environment/a").count();
    assert!((5..=8).contains(&writes), "one a second: {writes}");
}

#[test]
fn an_environment_that_fails_delays_no_other_and_the_watch_ends_at_once() {
    let api = fastly_api();
    let folder = TempDir::new().unwrap();
    // As long as the test may take.
    api.fail(Kind::Read, "environment/a", [Fault::Answer(503); 1_000]);
    for key in ["a", "b"] {
        fs::write(folder.path().join(format!("{key}.json")), document(key, "one").to_string()).unwrap();
    }
    let watch = watch_with_stand_in(&api, folder.path());
    let b = folder.path().join("b.json");
    for value in ["two", "three"] {
        fs::write(&b, document("b", value).to_string()).unwrap();
        eventually("b is published", Duration::from_secs(5), || {
            (stored_value(&api, "b")? == value).then_some(())
        });
    }
    watch.says("reading environment/a from the KV store: answered 503");
    assert_eq!(watch.count("answered 503"), 1);
    let asked = Instant::now();
    assert!(watch.end("-INT").success());
    assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
}

#[test]
fn wrong_usage_ends_with_64_and_help_with_0() {
    let usage = |arguments: &[&str]| jackstaff(JACKSTAFF, &[&["watch"], arguments].concat(), "").code;
    assert_eq!(usage(&[]), 64);
    assert_eq!(usage(&["--store", "s", "--interval", "1", "x"]), 64);
    assert_eq!(usage(&["--store", "s", "--server-keys", "/nowhere/keys.json", "x"]), 64);
    assert_eq!(usage(&["--help"]), 0);
}
