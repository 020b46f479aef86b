//! How the stand-in signals changes: by an environment's webhook, and to a server of change signals, as Flagsmith's
//! core does.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use super::edits::Tells;
use super::{State, lock};

/// How long a call may take.
const PATIENCE: Duration = Duration::from_secs(2);
/// Pauses before a call that failed is made again; after the last it is never made.
const PAUSES: [Duration; 3] = [Duration::from_millis(250), Duration::from_secs(1), Duration::from_secs(2)];

/// Where changes are signalled.
#[derive(Debug, Clone, Default)]
pub struct Notify {
    /// The URL of a webhook, and its secret.
    pub webhook: Option<(String, String)>,
    /// The base of a server of change signals, and its token.
    pub queue_change: Option<(String, String)>,
    /// The share of changes that are not signalled.
    pub lost: f64,
}

/// How calls of a kind went.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SignalCalls {
    pub calls: u64,
    /// Those that were answered with success.
    pub accepted: u64,
}

/// A change as it is signalled.
pub(super) struct Change {
    key: String,
    updated_at: Timestamp,
    tells: Tells,
    /// The body of the webhook.
    webhook: String,
}

impl Change {
    pub(super) fn between(before: &Value, after: &Value, updated_at: Timestamp, tells: Tells) -> Change {
        let state = |document: &Value| {
            let state = &document["feature_states"][0];
            json!({
                "enabled": state["enabled"],
                "environment": { "id": document["id"], "name": document["name"] },
                "feature": {
                    "id": state["feature"]["id"], "name": state["feature"]["name"], "type": "STANDARD",
                    "created_date": "2025-01-10T20:03:43.348556Z", "default_enabled": false, "description": null,
                    "initial_value": null, "project": { "id": 55, "name": "Storefront" },
                },
                "feature_segment": null,
                "feature_state_value": state["feature_state_value"],
                "identity": null,
                "identity_identifier": null,
            })
        };
        let webhook = json!({
            "data": {
                "changed_by": "Ada Lovelace",
                "new_state": state(after),
                "previous_state": state(before),
                "timestamp": updated_at.to_string(),
            },
            "event_type": "FLAG_UPDATED",
        });
        let key = after["api_key"].as_str().unwrap_or_default().to_owned();
        Change { key, updated_at, tells, webhook: webhook.to_string() }
    }
}

/// Which kind of call one is.
#[derive(Clone, Copy)]
enum Kind {
    Webhook,
    QueueChange,
}

impl Kind {
    fn calls(self, state: &mut State) -> &mut SignalCalls {
        match self {
            Kind::Webhook => &mut state.counts.webhooks,
            Kind::QueueChange => &mut state.counts.queue_changes,
        }
    }
}

/// Starts the calls that signal a change.
pub(super) fn signal(change: &Change, state: &Arc<Mutex<State>>) {
    let Notify { webhook, queue_change, lost } = lock(state).notify.clone();
    if fastrand::f64() < lost {
        return;
    }
    if let Some((url, secret)) = webhook.filter(|_| change.tells.webhook) {
        let headers = vec![("x-flagsmith-signature", signature(&secret, &change.webhook))];
        tokio::spawn(deliver(Kind::Webhook, url, headers, change.webhook.clone(), Arc::clone(state)));
    }
    if let Some((base, token)) = queue_change.filter(|_| change.tells.queue_change) {
        let url = format!("{}/sse/environments/{}/queue-change", base.trim_end_matches('/'), change.key);
        let headers = vec![("authorization", format!("Token {token}"))];
        let body = json!({ "updated_at": change.updated_at.to_string() }).to_string();
        tokio::spawn(deliver(Kind::QueueChange, url, headers, body, Arc::clone(state)));
    }
}

/// The hexadecimal HMAC-SHA256 of a body.
pub(super) fn signature(secret: &str, body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(body.as_bytes());
    mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

async fn deliver(
    kind: Kind,
    url: String,
    headers: Vec<(&'static str, String)>,
    body: String,
    state: Arc<Mutex<State>>,
) {
    let mut pauses = PAUSES.into_iter();
    loop {
        let answered = timeout(PATIENCE, post(&url, &headers, &body)).await;
        let accepted = matches!(answered, Ok(Ok(200..=299)));
        {
            let mut state = lock(&state);
            let calls = kind.calls(&mut state);
            calls.calls += 1;
            calls.accepted += u64::from(accepted);
        }
        match pauses.next().filter(|_| !accepted) {
            Some(pause) => sleep(pause).await,
            None => return,
        }
    }
}

/// Makes a call, over a connection of its own, and gives the status of its answer.
async fn post(
    url: &str,
    headers: &[(&'static str, String)],
    body: &str,
) -> Result<u16, Box<dyn std::error::Error + Send + Sync>> {
    let rest = url.strip_prefix("http://").ok_or("not http://")?;
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let stream = TcpStream::connect(authority).await?;
    stream.set_nodelay(true)?;
    let (mut sender, driver) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(driver);
    let mut request = Request::post(format!("/{path}"))
        .header("host", authority)
        .header("content-type", "application/json");
    for (name, value) in headers {
        request = request.header(*name, value);
    }
    let response =
        sender.send_request(request.body(Full::new(Bytes::copy_from_slice(body.as_bytes())))?).await?;
    let status = response.status().as_u16();
    response.into_body().collect().await?;
    Ok(status)
}
