//! Models of the SDKs that do not run here: how each reads a stream of change signals, and when it fetches, according
//! to the sources of their published versions. Connections, bytes and fetches are real.

mod android;
mod events;
mod flutter;
mod go;
mod ios;
mod ruby;
mod tests;

use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, SystemTime};

use ::tests::stream::Protocol;
use jiff::Timestamp;
use serde_json::Value;
use ureq::Agent;

use crate::sdk::listener::{Kind, Life, Listener, Refetches, Seen};
use crate::sdk::tap::Tap;
use crate::sdk::{CLIENT, SERVER, STREAM};

/// How an SDK reads streams.
trait Model: Send {
    fn kind(&self) -> Kind;

    /// It has fetched the environment for the first time.
    fn begin(&mut self, first: &Fetched);

    /// It is connected. State of an earlier connection is dropped.
    fn connected(&mut self);

    /// It received a chunk.
    ///
    /// # Errors
    /// If it cannot decode it.
    fn read(&mut self, bytes: &[u8], ear: &mut Ear) -> Result<(), String>;

    /// The stream ended, cleanly or not. Returns the time until it connects again; none if it never does.
    ///
    /// # Errors
    /// If it cannot decode the stream.
    fn ended(&mut self, clean: bool, ear: &mut Ear) -> Result<Option<Duration>, String>;

    /// How long it stays with one connection.
    fn leaves_after(&self) -> Option<Duration> {
        None
    }
}

/// The result of a fetch of the environment.
struct Fetched {
    value: Value,
    /// The header `x-flagsmith-document-updated-at`.
    header: f64,
    /// The document's `updated_at`; none in an answer that holds flags alone.
    updated_at: Option<Timestamp>,
    /// When it was received, by this device's clock, in seconds.
    at: f64,
}

/// The actions of a model.
struct Ear<'a> {
    connection: usize,
    seen: &'a Seen,
    fetch: &'a mut dyn FnMut() -> Result<Fetched, String>,
}

impl Ear<'_> {
    /// Notes an event as decoded.
    fn hear(&self, updated_at: f64) {
        self.seen.hear(self.connection, updated_at);
    }

    fn refetch(&mut self) -> Result<Fetched, String> {
        let fetched = (self.fetch)()?;
        self.seen.note(fetched.value.clone());
        Ok(fetched)
    }
}

const DOCUMENT: &str = "/api/v1/environment-document/";

/// Of one that reads flags, and of one that evaluates locally.
const REMOTE: Kind = Kind {
    protocol: Protocol::Flagsmith,
    path: "/api/v1/flags/",
    refetches: Refetches::PerChange { first: 1 },
};
const LOCAL: Kind = Kind { path: DOCUMENT, ..REMOTE };

/// All of them, listening to an edge with parts of this length, each through a tap of its own.
pub(crate) fn listeners(part: Duration, tap: impl Fn() -> Tap) -> Vec<Listener> {
    models(part).into_iter().map(|(name, model)| listen(name, model, tap())).collect()
}

fn models(part: Duration) -> [(&'static str, Box<dyn Model>); 5] {
    [
        ("Android", Box::new(android::Android::default())),
        ("Flutter", Box::new(flutter::Flutter::resubscribing(part))),
        ("Go", Box::new(go::Go::default())),
        ("iOS", Box::new(ios::Ios)),
        ("Ruby", Box::new(ruby::Ruby::default())),
    ]
}

fn listen(name: &'static str, mut model: Box<dyn Model>, tap: Tap) -> Listener {
    let (seen, stop, kind) = (Seen::default(), Arc::new(AtomicBool::new(false)), model.kind());
    let (edge, noted, stopped) = (tap.url(), seen.clone(), Arc::clone(&stop));
    thread::spawn(move || {
        let went = run(model.as_mut(), &edge, kind.path, &noted, &stopped);
        // A stream that breaks because the test is over is no failure.
        if let Err(error) = went
            && !stopped.load(Ordering::Relaxed)
        {
            noted.complain(error);
        }
    });
    Listener { life: Life::Thread(stop), name, tap, kind, seen }
}

fn run(
    model: &mut dyn Model,
    edge: &str,
    path: &'static str,
    seen: &Seen,
    stopped: &AtomicBool,
) -> Result<(), String> {
    let agent: Agent = Agent::config_builder().http_status_as_error(false).build().into();
    let mut ear = Ear { connection: 0, seen, fetch: &mut || fetch(&agent, edge, path) };
    model.begin(&ear.refetch()?);
    while !stopped.load(Ordering::Relaxed) {
        ear.connection += 1;
        model.connected();
        let clean = follow(model, &agent, edge, &mut ear)?;
        match model.ended(clean, &mut ear)? {
            Some(pause) => thread::sleep(pause),
            None => return Err("it has given up".to_owned()),
        }
    }
    Ok(())
}

/// Reads one stream to its end; whether that was a clean one.
fn follow(model: &mut dyn Model, agent: &Agent, edge: &str, ear: &mut Ear) -> Result<bool, String> {
    let request = agent.get(format!("{edge}{STREAM}")).config().timeout_recv_body(model.leaves_after());
    let Ok(response) = request.build().header("accept", "text/event-stream").call() else { return Ok(false) };
    let header =
        |name| response.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let head = (response.status().as_u16(), header("content-type"), header("content-encoding"));
    if head != (200, "text/event-stream; charset=utf-8", "") {
        return Err(format!("the head of a stream: {head:?}"));
    }
    ear.seen.join(header("jackstaff-stream"));
    let mut body = response.into_body().into_reader();
    let mut bytes = [0; 8 * 1024];
    loop {
        match body.read(&mut bytes) {
            Ok(0) => return Ok(true),
            Ok(length) => model.read(&bytes[..length], ear)?,
            Err(_) => return Ok(false),
        }
    }
}

fn fetch(agent: &Agent, edge: &str, path: &str) -> Result<Fetched, String> {
    let key = if path == DOCUMENT { SERVER } else { CLIENT };
    let request = agent.get(format!("{edge}{path}")).header("x-environment-key", key);
    let mut response = request.call().map_err(|error| format!("{path}: {error}"))?;
    let body = response.body_mut().read_to_vec().map_err(|error| format!("{path}: {error}"))?;
    let body: Value = serde_json::from_slice(&body).map_err(|error| format!("{path}: {error}"))?;
    let states = body.get("feature_states").unwrap_or(&body).as_array().cloned().unwrap_or_default();
    let state = states.iter().find(|state| state["feature"]["name"] == crate::sdk::FEATURE);
    let header = response.headers().get("x-flagsmith-document-updated-at");
    Ok(Fetched {
        value: state.map(|state| state["feature_state_value"].clone()).unwrap_or_default(),
        header: header.and_then(|value| value.to_str().ok()?.parse().ok()).unwrap_or_default(),
        updated_at: body["updated_at"].as_str().and_then(|text| text.parse().ok()),
        at: SystemTime::UNIX_EPOCH.elapsed().map(|now| now.as_secs_f64()).unwrap_or_default(),
    })
}

/// An event's `updated_at`.
fn updated_at(data: &str) -> Result<Value, String> {
    let event: Value = serde_json::from_str(data).map_err(|error| format!("{data:?}: {error}"))?;
    event.get("updated_at").cloned().ok_or_else(|| format!("no `updated_at` in {data:?}"))
}

fn number(updated_at: &Value) -> Result<f64, String> {
    updated_at.as_f64().ok_or_else(|| format!("`updated_at` is no number: {updated_at}"))
}
