//! Changes: published whole, or part by part at chosen times.

use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use api::{Revision, Secret};
use publisher::{Client, DocumentSource, Done, Place, PublishOptions, Signals, SystemClock, Target};
use serde_json::{Value, json};
use ureq::Agent;
use ureq::http::Request;
use ureq::http::request::Builder;

use crate::agent::agent;
use crate::fastly::{FastlyApi, SERVICE, STORE, TOKEN, fastly_api};

/// A change that clients are to hear of.
#[derive(Debug, Clone, Copy)]
pub struct Change {
    pub revision: u64,
    /// When the publication began: nobody can have had it before.
    pub begun: Instant,
    /// When the first store had it, and copies had been purged.
    pub stored: Instant,
    pub announced: Option<Announced>,
}

/// When an announcement was sent, and when the origin had accepted it.
#[derive(Debug, Clone, Copy)]
pub struct Announced {
    pub sent: Instant,
    pub accepted: Instant,
}

/// Publishes a document into the KV store of an edge: put, read back, purge; then announces it, if there is an origin.
/// The same calls in the same order as those of `jackstaff publish`, with the times between them.
#[track_caller]
pub fn publish(edge: &str, origin: Option<&str>, document: &Value) -> Change {
    let begun = Instant::now();
    let (key, revision) = write(edge, "local", "local", "local-publisher", document);
    let stored = Instant::now();
    let announced = origin.map(|origin| announce(origin, None, &key, revision));
    Change { revision, begun, stored, announced }
}

/// The document with something about it changed, the same for the same `n`.
#[track_caller]
pub fn variant(document: &Value, n: usize) -> Value {
    let mut document = document.clone();
    document["feature_states"][0]["feature_state_value"] = json!(format!("variant {n}"));
    document
}

/// Announces a revision as Flagsmith's own core does.
#[track_caller]
pub fn announce(origin: &str, token: Option<&str>, key: &str, revision: u64) -> Announced {
    let sent = Instant::now();
    let url = format!("{}/sse/environments/{key}/queue-change", origin.trim_end_matches('/'));
    let mut request = Request::post(url).header("content-type", "application/json");
    if let Some(token) = token {
        request = request.header("authorization", format!("Token {token}"));
    }
    let body = json!({ "updated_at": Revision(revision).iso() }).to_string();
    let response = agent().run(request.body(body).unwrap()).unwrap();
    assert_eq!(response.status(), 200, "announcing {revision}");
    Announced { sent, accepted: Instant::now() }
}

#[track_caller]
fn write(api: &str, store: &str, service: &str, token: &str, document: &Value) -> (String, u64) {
    let target = Target {
        api: api.to_owned(),
        token: Secret::parse_token(token).unwrap(),
        store: store.to_owned(),
        service: Some(service.to_owned()),
        signals: Signals::None,
    };
    let source = DocumentSource::parse(&Place::new("document"), &document.to_string()).unwrap();
    let options = PublishOptions { force: true, ..PublishOptions::default() };
    let report = publisher::publish(&Client::new(target, &SystemClock::start()), &source, &[], &options);
    assert!(report.after.is_empty(), "{report:?}");
    let published = report.environment.unwrap();
    assert_eq!(published.done, Done::Written);
    (source.key.as_str().to_owned(), published.revision.0)
}

/// Publications that are made, and go nowhere yet.
pub struct Bundles(FastlyApi);

/// One publication, as a KV store would hold it.
#[derive(Debug, Clone)]
pub struct Bundle {
    pub key: String,
    pub revision: u64,
    value: Vec<u8>,
    metadata: String,
}

impl Default for Bundles {
    fn default() -> Self {
        Bundles(fastly_api())
    }
}

impl Bundle {
    /// Writes it into the KV store of an edge of the local flavour, and makes copies due.
    #[track_caller]
    pub fn store(&self, edge: &str) {
        put(&agent(), edge, self);
    }
}

impl Bundles {
    /// Makes the next bundle of a document's environment.
    #[track_caller]
    pub fn make(&self, document: &Value) -> Bundle {
        let (key, revision) = write(&self.0.url(), STORE, SERVICE, TOKEN, document);
        let stored = self.0.stored(&format!("environment/{key}")).unwrap();
        Bundle { key, revision, value: stored.value.to_vec(), metadata: stored.metadata.unwrap_or_default() }
    }
}

/// The KV stores of several edges, each of which gets what is published so long after it was announced.
pub struct Stores(Vec<Store>);

struct Store {
    /// Bundles, and when they were announced.
    bundles: mpsc::Sender<(Instant, Bundle)>,
    worker: JoinHandle<()>,
}

impl Stores {
    /// Edges of the local flavour, `http://host:port`, and their delays.
    pub fn of(edges: impl IntoIterator<Item = (String, Duration)>) -> Stores {
        let store = |(edge, delay): (String, Duration)| {
            let (bundles, due) = mpsc::channel::<(Instant, Bundle)>();
            let work = move || {
                let agent = agent();
                for (announced, bundle) in due {
                    thread::sleep((announced + delay).saturating_duration_since(Instant::now()));
                    put(&agent, &edge, &bundle);
                }
            };
            Store { bundles, worker: thread::spawn(work) }
        };
        Stores(edges.into_iter().map(store).collect())
    }

    /// Announces a bundle, and has it written into each store in its time.
    #[track_caller]
    pub fn publish(&self, origin: &str, bundle: &Bundle) -> Change {
        let begun = Instant::now();
        for store in &self.0 {
            store.bundles.send((begun, bundle.clone())).unwrap();
        }
        let announced = announce(origin, None, &bundle.key, bundle.revision);
        Change { revision: bundle.revision, begun, stored: begun, announced: Some(announced) }
    }

    /// Waits until every store has all that was published.
    #[track_caller]
    pub fn settle(self) {
        for Store { bundles, worker } in self.0 {
            drop(bundles);
            worker.join().unwrap();
        }
    }
}

/// Writes a bundle into the KV store of an edge, and makes copies due.
#[track_caller]
fn put(agent: &Agent, edge: &str, bundle: &Bundle) {
    let edge = edge.trim_end_matches('/');
    let key = format!("environment%2F{}", bundle.key);
    let write = Request::put(format!("{edge}/resources/stores/kv/local/keys/{key}"));
    call(agent, write.header("metadata", &bundle.metadata), &bundle.value);
    let purge = Request::post(format!("{edge}/service/local/purge/{key}"));
    call(agent, purge.header("fastly-soft-purge", "1"), b"");
}

#[track_caller]
fn call(agent: &Agent, request: Builder, body: &[u8]) {
    let request = request.header("fastly-key", "local-publisher").body(body).unwrap();
    let what = format!("{} {}", request.method(), request.uri());
    let response = agent.run(request).unwrap_or_else(|error| panic!("{what}: {error}"));
    assert_eq!(response.status(), 200, "{what}");
}
