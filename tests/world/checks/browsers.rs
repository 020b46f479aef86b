//! Check 20: pages of other origins.

use serde_json::{Value, json};
use tests::machine::beside_others;

use super::{CLIENT, FLAGS, IDENTITIES, SERVER, compare, sdk_edge};
use crate::sdk::{Sdk, realtime};

/// What Flagsmith's own API allows, and one header that nobody knows.
const ASKED: &str = "accept,authorization,content-type,user-agent,x-csrftoken,x-requested-with,x-environment-key,\
    x-e2e-test-auth-token,sentry-trace,traceparent,tracestate,baggage,flagsmith-application-name,\
    flagsmith-application-version,flagsmith-sdk-user-agent,accept-encoding,origin,dnt,x-nobody-knows";

#[test]
fn check_20_a_page_may_send_any_header_and_read_the_revision_and_does_not_fetch_without_a_change() {
    let _machine = beside_others();
    let Some(edge) = sdk_edge() else { return };
    let mut situations = Vec::new();
    for (path, method) in [(FLAGS, "GET"), (IDENTITIES, "GET"), (IDENTITIES, "POST")] {
        let headers = [
            ("origin", "http://app.example"),
            ("access-control-request-method", method),
            ("access-control-request-headers", ASKED),
        ];
        let answer = edge.call("OPTIONS", path, &headers, b"");
        let allowed = |header: &str, wanted: &str| {
            let list = answer.header(header).to_ascii_lowercase();
            wanted
                .to_ascii_lowercase()
                .split(',')
                .all(|one| list.split(',').any(|listed| listed.trim() == one.trim()))
        };
        let found = (
            answer.status,
            answer.header("access-control-allow-origin").to_owned(),
            allowed("access-control-allow-headers", ASKED),
            allowed("access-control-allow-methods", method),
        );
        situations.push((format!("{method} {path}"), found, (200, "*".to_owned(), true, true)));
    }
    compare(situations);
    for key in [CLIENT, SERVER] {
        let exposed = edge.get(FLAGS, key).header("access-control-expose-headers").to_owned();
        assert!(exposed.split(", ").any(|name| name == "x-flagsmith-document-updated-at"), "{exposed}");
    }
    let refused: Value = json!({ "detail": "Invalid or missing Environment Key" });
    assert_eq!(edge.get(FLAGS, "unknown").json(), refused);
    if let Some(jsdom) = Sdk::Jsdom.ran() {
        jsdom.assert_part("what_a_page_may_read");
        jsdom.assert_part("allowed_origins");
    }
    // Through at least two connections after each change, with counted fetches.
    realtime::assert_no_faults(&["jsdom", "Chromium"]);
}
