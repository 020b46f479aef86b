//! Check 16: analytics.

use serde_json::json;
use tests::machine::beside_others;

use super::{ANALYTICS, CLIENT, EVALUATIONS, SERVER, compare, sdk_edge};
use crate::sdk::Sdk;

#[test]
fn check_16_counts_are_200_without_a_body_and_evaluations_204_and_real_clients_flush() {
    let _machine = beside_others();
    let Some(edge) = sdk_edge() else { return };
    let evaluation = json!({ "feature_name": "page_size", "enabled_when_evaluated": true, "count": 3 });
    let mut situations = Vec::new();
    for key in [CLIENT, SERVER] {
        for (path, body, status, length) in [
            (ANALYTICS, json!({ "page_size": 3 }), 200, Some("0")),
            (ANALYTICS, json!({ "no such feature": 3 }), 200, Some("0")),
            (ANALYTICS, json!({}), 200, Some("0")),
            (ANALYTICS, json!(["page_size"]), 400, None),
            (ANALYTICS, json!("page_size"), 400, None),
            (EVALUATIONS, json!({ "evaluations": [evaluation] }), 204, None),
            (EVALUATIONS, json!({ "evaluations": 3 }), 400, None),
        ] {
            let answer = edge.post(path, key, &body);
            let is_empty = answer.body.is_empty();
            let announced = length.map(|_| answer.header("content-length").to_owned());
            let found = (answer.status, is_empty, announced);
            let expected = (status, status < 300, length.map(str::to_owned));
            situations.push((format!("{path} {body} with {key}"), found, expected));
        }
    }
    compare(situations);
    for sdk in [Sdk::Python, Sdk::Node, Sdk::Rust, Sdk::Jsdom] {
        if let Some(ran) = sdk.ran() {
            ran.assert_part("analytics");
        }
    }
}
