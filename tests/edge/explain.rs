//! Explanations at the running edge.

use serde_json::{Value, json};
use tests::{fixtures, jackstaff, tools};

use crate::{SERVER, bare_edge, contains, demo_edge};

const EXPLAIN: &str = "/api/v1/explain/";
/// What the platform allows a request, in milliseconds of vCPU.
const PLATFORM: f64 = 50.0;

/// The vCPU time of an explanation in the guest, and how much of it is memory.
#[test]
fn the_large_environment_is_explained_within_the_time_of_a_request() {
    let Some(edge) = bare_edge(&json!({})) else { return };
    edge.publish(&fixtures::large(), "ser.large");
    let (identifier, traits) = fixtures::identities(1).next().unwrap();
    let traits: Vec<Value> =
        traits.iter().map(|(key, value)| json!({ "trait_key": key, "trait_value": value })).collect();
    let body = json!({ "identifier": identifier, "traits": traits }).to_string();
    let feature = fixtures::large()["feature_states"][0]["feature"]["name"].as_str().unwrap().to_owned();
    for query in [String::new(), format!("?feature={feature}")] {
        let path = format!("{EXPLAIN}{query}");
        let headers = [("x-environment-key", "ser.large"), ("content-type", "application/json")];
        let answer = edge.call("POST", &path, &headers, body.as_bytes());
        assert_eq!(answer.status, 200, "{answer:?}");
        assert!(contains(&answer.body, r#""has_texts":true"#));
        let measure = |cold: &'static str| {
            let measure = [("jackstaff-measure", "10"), ("jackstaff-measure-cold", cold)];
            let measured = edge.call("POST", &path, &[&headers[..], &measure].concat(), body.as_bytes());
            let nanoseconds: f64 = String::from_utf8_lossy(&measured.body).parse().unwrap();
            (nanoseconds / 1e6, measured.header("jackstaff-memory").to_owned())
        };
        let (cold, memory) = (0..3).map(|_| measure("1")).min_by(|a, b| a.0.total_cmp(&b.0)).unwrap();
        let (reused, _) = (0..3).map(|_| measure("")).min_by(|a, b| a.0.total_cmp(&b.0)).unwrap();
        println!(
            "{path}: {cold:.2} ms of vCPU in a cold sandbox, {reused:.2} in a reused one, {memory} bytes of memory, {} bytes of answer",
            answer.body.len()
        );
        assert!(cold < PLATFORM, "{cold} ms");
    }
}

#[test]
fn the_program_asks_an_edge() {
    let Some(edge) = demo_edge(&json!({})) else { return };
    let program = tools().unwrap().jackstaff;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key");
    let explain = |key: &str, more: &[&str]| {
        std::fs::write(&file, key).unwrap();
        let url = edge.url("");
        let arguments =
            ["explain", "--edge", &url, "--key-file", file.to_str().unwrap(), "--identifier", "user-7"];
        jackstaff(&program, &[&arguments[..], more].concat(), "")
    };
    let table = explain(SERVER, &["--trait", "plan=gold", "--feature", "free_shipping"]);
    assert_eq!(table.code, 0, "{table:?}");
    assert!(
        table.output.contains(
            "flag free_shipping: on, value \"always\"\n  the segment gold_customers matches (priority 0)\n"
        ),
        "{}",
        table.output
    );
    assert!(
        table.output.contains("plan EQUAL \"gold\": found \"gold\", compared as text"),
        "{}",
        table.output
    );
    let unknown = explain(SERVER, &["--feature", "nothing"]);
    assert_eq!((unknown.code, unknown.errors.contains("Given feature not found")), (1, true), "{unknown:?}");
    let client = explain(crate::CLIENT, &[]);
    assert_eq!((client.code, client.errors.contains("refuses with 403")), (1, true), "{client:?}");
}
