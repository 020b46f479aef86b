//! What an input costs on an edge.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use tests::{Edge, Tools};

/// A document and a request about it.
pub(crate) struct Input {
    pub(crate) document: Value,
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) body: String,
}

const SERVER_KEY: &str = "ser.dearest";

impl Input {
    #[expect(clippy::expect_used, reason = "a search whose result cannot be kept is of no use")]
    pub(crate) fn write(&self, folder: &Path) {
        fs::create_dir_all(folder).expect("the folder can be made");
        let request = json!({ "method": self.method, "path": self.path, "body": self.body });
        for (name, content) in [("document.json", &self.document), ("request.json", &request)] {
            fs::write(folder.join(name), content.to_string()).expect("a file can be written");
        }
    }

    #[expect(clippy::expect_used, reason = "there is nothing to measure otherwise")]
    pub(crate) fn read(folder: &Path) -> Input {
        let read = |name: &str| -> Value {
            let text = fs::read_to_string(folder.join(name)).expect("what a search left is there");
            serde_json::from_str(&text).expect("it is JSON")
        };
        let (document, request) = (read("document.json"), read("request.json"));
        let text = |name: &str| request[name].as_str().unwrap_or_default().to_owned();
        Input { document, method: text("method"), path: text("path"), body: text("body") }
    }

    pub(crate) fn key(&self) -> &str {
        self.document["api_key"].as_str().unwrap_or_default()
    }
}

/// Publishes the document, and gives what the request costs: a line of JSON.
pub(crate) fn on_an_edge(tools: &Tools, input: &Input) -> Value {
    let edge = tests::edge(tools, &json!({}));
    edge.publish(&input.document, SERVER_KEY);
    let [warm, cold] = [false, true].map(|cold| vcpu(&edge, input, 10, cold));
    json!({
        "document_bytes": input.document.to_string().len(),
        "request_bytes": input.path.len() + input.body.len(),
        "vcpu_warm_ms": warm.map(|cost| cost.milliseconds),
        "vcpu_cold_ms": cold.map(|cost| cost.milliseconds),
        "memory_bytes": cold.map(|cost| cost.memory),
    })
}

/// What the guest says of a request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct GuestCost {
    pub(crate) milliseconds: f64,
    /// Bytes of the guest's memory after it.
    pub(crate) memory: f64,
}

/// None if the guest trapped.
pub(crate) fn vcpu(edge: &Edge, input: &Input, times: u32, cold: bool) -> Option<GuestCost> {
    let times = times.to_string();
    let headers = [
        ("x-environment-key", input.key()),
        ("content-type", "application/json"),
        ("jackstaff-measure", times.as_str()),
        ("jackstaff-measure-cold", "1"),
    ];
    let headers = if cold { &headers[..] } else { &headers[..3] };
    let answer = edge.call(&input.method, &input.path, headers, input.body.as_bytes());
    let number = |text: &str| text.parse::<f64>().ok();
    let nanoseconds = number(&String::from_utf8_lossy(&answer.body)).filter(|_| answer.status == 200)?;
    let memory = number(answer.header("jackstaff-memory")).unwrap_or_default();
    Some(GuestCost { milliseconds: nanoseconds / 1e6, memory })
}
