//! Analytics at the running edge: what the log endpoint gets.

use std::time::Duration;

use serde_json::{Value, json};
use tests::{Edge, eventually};

use crate::{CLIENT, PATIENCE, demo_edge};

const COUNTS: &str = "/api/v1/analytics/flags/";
const EVALUATIONS: &str = "/api/v2/analytics/flags/";

/// The lines of a log endpoint so far, as the local runtime prints them.
fn lines(edge: &Edge, log: &str) -> Vec<Value> {
    let prefix = format!("{log} :: ");
    let log = edge.log();
    let lines = log.lines().filter_map(|line| line.split_once(&prefix).map(|(_, line)| line.to_owned()));
    lines.map(|line| serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

#[test]
fn counts_are_written_to_the_log_that_the_settings_name() {
    let Some(edge) = demo_edge(&json!({ "analytics_log": "flag usage" })) else { return };
    let counted = edge.post(COUNTS, CLIENT, &json!({ "welcome_message": 3, "made up": 9 }));
    assert_eq!((counted.status, counted.body.len()), (200, 0), "{counted:?}");
    let evaluation = json!({ "feature_name": "welcome_message", "enabled_when_evaluated": true, "count": 2 });
    let told = edge.post(EVALUATIONS, CLIENT, &json!({ "evaluations": [evaluation] }));
    assert_eq!((told.status, told.body.len()), (204, 0), "{told:?}");
    let found = eventually("both lines", PATIENCE, || {
        let found = lines(&edge, "flag usage");
        (found.len() == 2).then_some(found)
    });
    assert_eq!(found[0]["environment"], CLIENT);
    assert_eq!(found[0]["counts"], json!({ "welcome_message": 3 }));
    assert_eq!(found[1]["evaluations"][0]["count"], 2);
}

#[test]
fn without_a_log_or_with_one_that_cannot_be_counts_are_taken_and_flags_served() {
    for settings in [json!({}), json!({ "analytics_log": "stdout" }), json!({ "analytics_log": "a:b" })] {
        let Some(edge) = demo_edge(&settings) else { return };
        let counted = edge.post(COUNTS, CLIENT, &json!({ "welcome_message": 3 }));
        assert_eq!((counted.status, counted.body.len()), (200, 0), "{settings}: {counted:?}");
        assert_eq!(edge.get("/api/v1/flags/", CLIENT).status, 200, "{settings}");
        std::thread::sleep(Duration::from_millis(200));
        assert!(!edge.log().contains("\"counts\""), "{settings}: {}", edge.log());
    }
}
