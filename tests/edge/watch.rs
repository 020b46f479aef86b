//! `jackstaff watch`, the program, in front of a running edge.

use std::fs;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use tests::fixtures::one_feature;
use tests::{edge, eventually, origin, origin_at, tools, watch};

const FLAGS: &str = "/api/v1/flags/";
const SOON: Duration = Duration::from_secs(20);

fn document(key: &str, value: &str) -> Value {
    one_feature(key, "2026-03-01T00:00:00Z", value)
}

#[test]
fn edits_are_served_despite_faults_of_files_and_origin() {
    let Some(tools) = tools() else { return };
    let edge = edge(&tools, &json!({}));
    let first = origin(&tools);
    let address = first.url();
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("a.json");
    let keys = folder.path().join("keys.json");
    fs::write(&keys, r#"{"a": ["ser.x"]}"#).unwrap();
    fs::write(&file, document("a", "one").to_string()).unwrap();
    let (api, keys_name) = (edge.url(""), keys.display().to_string());
    let target = ["--api", &api, "--store", "local", "--service", "local", "--origin", &address];
    let name = folder.path().display().to_string();
    let watch =
        watch(&tools, &[&target[..], &["--server-keys", &keys_name, "--interval", "50", &name]].concat());
    watch.says("watching 1 environment");
    let value = |key: &str| edge.get(FLAGS, key).json()[0]["feature_state_value"].clone();
    assert_eq!((value("a"), value("ser.x")), (json!("one"), json!("one")));
    let serves = |key: &str, expected: &str| {
        eventually(&format!("{expected} is served"), SOON, || {
            let answer = edge.get(FLAGS, key);
            (answer.status == 200 && answer.json()[0]["feature_state_value"] == expected).then_some(())
        });
    };

    fs::write(&file, document("a", "two").to_string()).unwrap();
    serves("a", "two");
    fs::write(&file, "{").unwrap();
    watch.says("a.json: invalid JSON");
    assert_eq!(value("a"), "two");
    fs::write(folder.path().join("b.json"), document("b", "new").to_string()).unwrap();
    serves("b", "new");
    fs::write(&keys, r#"{"a": ["ser.x", "ser.y"]}"#).unwrap();
    serves("ser.y", "two");

    drop(first);
    fs::write(&file, document("a", "three").to_string()).unwrap();
    serves("a", "three");
    watch.says("announcing a to the origin");
    let revision = edge.get(FLAGS, "a").header("jackstaff-revision").to_owned();
    let _second = origin_at(&tools, address.trim_start_matches("http://"));
    watch.says(&format!("environment `a`: revision {revision} is announced now"));
    assert_eq!(edge.get(FLAGS, "a").header("jackstaff-revision"), revision, "nothing was written again");

    fs::remove_file(&file).unwrap();
    watch.says("a.json: is gone; environment `a` stays served as it is");
    assert_eq!(value("a"), "three");
    assert!(watch.terminate().success());
}
