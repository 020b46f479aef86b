//! Everything between an edit of a flag and the apps that show it: a stand-in for Flagsmith, `jackstaff serve`,
//! a stand-in of Fastly's API, and edges, each with a KV store of its own.

use std::fs;
use std::process::Command;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use api::bundle;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::agent::agent;
use crate::fastly::{Event, FastlyApi, SERVICE, STORE, TOKEN, fastly_api};
use crate::fixtures;
use crate::flagsmith::{Flagsmith, Notify, flagsmith};
use crate::program::{Program, program};
use crate::proxy::{Proxy, proxy};
use crate::stream::Change;
use crate::{Edge, Tools, edge_with_origin};

/// The feature that is edited.
pub const FEATURE: &str = "watched";
const SECRET: &str = "webhook-secret";
const ORIGIN_TOKEN: &str = "signals-token";
/// How long a start may take on a machine that does much else.
const PATIENCE: Duration = Duration::from_secs(60);

/// How Flagsmith says that something changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trigger {
    /// By the webhook of all environments.
    Webhook,
    /// As its core calls a server of change signals.
    QueueChange,
    Nothing,
}

/// What a stack consists of, and how it behaves.
#[derive(Debug, Clone)]
pub struct StackOptions {
    pub environments: usize,
    pub edges: usize,
    /// How long after they were made writes and purges reach the next edge each: the first has them at once.
    pub lag: Duration,
    /// Seconds between two looks at an environment at Flagsmith.
    pub poll: u64,
    pub trigger: Trigger,
    /// The share of changes that Flagsmith does not signal.
    pub lost: f64,
    /// Settings of the edges.
    pub settings: Value,
    /// Whether Flagsmith has the quirks of real ones.
    pub quirks: bool,
    /// Further arguments of `serve`.
    pub arguments: &'static [&'static str],
}

impl Default for StackOptions {
    fn default() -> Self {
        StackOptions {
            environments: 1,
            edges: 3,
            lag: Duration::ZERO,
            poll: 10,
            trigger: Trigger::Webhook,
            lost: 0.0,
            // Under Viceroy, the machine being busy makes leaders tired.
            settings: json!({ "fault": { "tireless": true } }),
            quirks: true,
            arguments: &[],
        }
    }
}

pub struct Stack {
    serve: Mutex<Option<Arc<Program>>>,
    pub edges: Vec<Edge>,
    /// Between `serve` and the edges.
    pub proxy: Proxy,
    pub api: FastlyApi,
    pub flagsmith: Flagsmith,
    tools: Tools,
    folder: TempDir,
    options: StackOptions,
    /// Where `serve` listens, also after it was started again.
    address: OnceLock<String>,
}

/// What an edge serves of an environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Served {
    pub revision: u64,
    /// Of the feature that is edited.
    pub value: Value,
}

/// The client-side key of an environment.
pub fn key(environment: usize) -> String {
    format!("environment-{environment}")
}

/// Its server-side key.
pub fn server_key(environment: usize) -> String {
    format!("ser.environment-{environment}")
}

/// A complete document, in which nothing was edited yet.
pub fn document(environment: usize) -> Value {
    let mut document = fixtures::small();
    document["id"] = json!(1_000 + environment);
    document["api_key"] = json!(key(environment));
    document["name"] = json!(format!("Environment {environment}"));
    document["feature_states"][0]["feature"]["name"] = json!(FEATURE);
    document["feature_states"][0]["enabled"] = json!(true);
    document["feature_states"][0]["feature_state_value"] = json!(0);
    document
}

/// Starts everything, and waits until every edge serves every environment.
#[track_caller]
pub fn stack(tools: &Tools, options: &StackOptions) -> Stack {
    stack_with(tools, options, document)
}

/// Starts everything, with documents of this shape.
#[track_caller]
pub fn stack_with(tools: &Tools, options: &StackOptions, document: impl Fn(usize) -> Value) -> Stack {
    let (flagsmith, api) = (flagsmith(), fastly_api());
    for environment in 0..options.environments {
        flagsmith.has(&document(environment), &server_key(environment));
    }
    if options.quirks {
        flagsmith.add_quirks(7);
    }
    // Nothing listens there yet.
    let proxy = proxy("http://127.0.0.1:9");
    let edge = |_| edge_with_origin(tools, &options.settings, &proxy.url());
    let edges: Vec<Edge> = (0..options.edges).map(edge).collect();
    api.reach(edges.iter().map(|edge| edge.url("")).zip((0..).map(|n| options.lag * n)));
    let folder = TempDir::new().unwrap();
    for (name, text) in
        [("keys.json", flagsmith.manifest().as_str()), ("secret", SECRET), ("signals-token", ORIGIN_TOKEN)]
    {
        fs::write(folder.path().join(name), text).unwrap();
    }
    let stack = Stack {
        serve: Mutex::new(None),
        edges,
        proxy,
        api,
        flagsmith,
        tools: tools.clone(),
        folder,
        options: options.clone(),
        address: OnceLock::new(),
    };
    stack.start_serve();
    for environment in 0..options.environments {
        stack.wait_until_served(environment, &json!(0), PATIENCE);
    }
    stack
}

impl Stack {
    /// Starts `jackstaff serve`, where it was before.
    #[track_caller]
    pub fn start_serve(&self) {
        let serve = self.program("serve", self.address.get().map_or("127.0.0.1:0", String::as_str));
        let url = serve.url();
        self.address.get_or_init(|| url.trim_start_matches("http://").to_owned());
        self.proxy.forward_to(&url);
        *self.process() = Some(Arc::new(serve));
        self.notify();
    }

    /// From now on, this is how Flagsmith says that something changed.
    pub fn notify_by(&mut self, trigger: Trigger) {
        self.options.trigger = trigger;
        self.notify();
    }

    fn notify(&self) {
        let url = self.url();
        let StackOptions { trigger, lost, .. } = self.options;
        let webhook =
            (trigger == Trigger::Webhook).then(|| (format!("{url}/webhooks/flagsmith"), SECRET.into()));
        let queue_change = (trigger == Trigger::QueueChange).then(|| (url, ORIGIN_TOKEN.into()));
        self.flagsmith.notify(Notify { webhook, queue_change, lost });
    }

    /// Where `serve` answers.
    pub fn url(&self) -> String {
        format!("http://{}", self.address.get().unwrap())
    }

    /// Another `jackstaff serve` for the same environments.
    #[track_caller]
    pub fn another(&self, name: &str) -> Program {
        self.program(name, "127.0.0.1:0")
    }

    #[track_caller]
    fn program(&self, name: &str, address: &str) -> Program {
        let file = |name: &str| self.folder.path().join(name).display().to_string();
        let mut command = Command::new(&self.tools.jackstaff);
        command
            .args(["serve", "--flagsmith", &self.flagsmith.url(), "--poll", &self.options.poll.to_string()])
            .args(["--server-keys", &file("keys.json"), "--listen", address])
            .args(["--store", STORE, "--service", SERVICE, "--api", &self.api.url()])
            .args(["--webhook-secret-file", &file("secret")])
            .args(["--origin-token-file", &file("signals-token")])
            .args(self.options.arguments)
            .env("FASTLY_API_TOKEN", TOKEN);
        program(name, &mut command)
    }

    pub fn serve(&self) -> Arc<Program> {
        self.process().clone().unwrap()
    }

    /// Kills `serve` in the middle of its work.
    pub fn kill_serve(&self) {
        if let Some(serve) = self.process().take() {
            serve.kill();
        }
    }

    fn process(&self) -> MutexGuard<'_, Option<Arc<Program>>> {
        self.serve.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives the feature of an environment another value, and says when.
    #[track_caller]
    pub fn edit(&self, environment: usize, value: &Value) -> Instant {
        let at = Instant::now();
        self.flagsmith.set(&key(environment), FEATURE, value);
        at
    }

    /// What an edge serves of an environment; none if it does not.
    #[track_caller]
    pub fn served(&self, edge: usize, environment: usize) -> Option<Served> {
        served(&self.edges[edge], environment)
    }

    /// Waits until every edge serves this value.
    #[track_caller]
    pub fn wait_until_served(&self, environment: usize, value: &Value, within: Duration) {
        for edge in 0..self.edges.len() {
            let key = key(environment);
            let deadline = Instant::now() + within;
            loop {
                let served = self.served(edge, environment);
                if served.as_ref().is_some_and(|served| served.value == *value) {
                    break;
                }
                assert!(
                    Instant::now() < deadline,
                    "waited {within:?} in vain for {value} of {key}: edge {edge} serves {served:?}, and stored is {:?}",
                    self.stored(environment)
                );
                thread::sleep(Duration::from_millis(20));
            }
        }
    }

    /// What is stored of an environment: its revision and its value.
    fn stored(&self, environment: usize) -> Option<Served> {
        let stored = self.api.stored(&format!("environment/{}", key(environment)))?;
        let revision = bundle::check(&stored.value).unwrap().revision.0;
        Some(Served { revision, value: value_in(&stored.value) })
    }

    /// What `GET /status` of `serve` says.
    #[track_caller]
    pub fn status(&self) -> Value {
        let url = format!("{}/status", self.url());
        let asked = agent().get(url).header("authorization", format!("Token {ORIGIN_TOKEN}"));
        let text = asked.call().unwrap().body_mut().read_to_string().unwrap();
        serde_json::from_str(&text).unwrap()
    }

    /// The change by which each of these edits came to be stored, an edit being a value and when it was made. Several
    /// within a short time are stored as one, with the value of the last.
    #[track_caller]
    pub fn changes(&self, environment: usize, edits: &[(Value, Instant)]) -> Vec<Change> {
        let item = format!("environment/{}", key(environment));
        let events = self.api.events();
        let stored = events.iter().filter_map(|event| match event {
            Event::Stored(stored) if stored.key == item => {
                let header = bundle::check(&stored.value).unwrap();
                Some((value_in(&stored.value), header.revision.0))
            }
            _ => None,
        });
        let stored: Vec<(Value, u64)> = stored.collect();
        let change = |(n, (_, begun)): (usize, &(Value, Instant))| {
            let mut of_later = edits[n..].iter().filter_map(|(value, _)| {
                stored.iter().find(|(stored, _)| stored == value).map(|(_, revision)| *revision)
            });
            Some(Change { revision: of_later.next()?, begun: *begun, stored: *begun, announced: None })
        };
        edits.iter().enumerate().filter_map(change).collect()
    }
}

/// What an edge serves of an environment; none if it does not.
#[track_caller]
pub fn served(edge: &Edge, environment: usize) -> Option<Served> {
    let answer = edge.get("/api/v1/flags/", &key(environment));
    if answer.status != 200 {
        return None;
    }
    let revision = answer.header("jackstaff-revision").parse().unwrap();
    Some(Served { revision, value: value_of(&answer.json()) })
}

/// The value of the feature that is edited, in the answer of `/flags/` or in a document's features.
fn value_of(flags: &Value) -> Value {
    let mut flags = flags.as_array().into_iter().flatten();
    let flag = flags.find(|flag| flag["feature"]["name"] == FEATURE);
    flag.map(|flag| flag["feature_state_value"].clone()).unwrap_or_default()
}

/// The value of the feature that is edited, in a bundle.
#[track_caller]
fn value_in(value: &[u8]) -> Value {
    let header = bundle::check(value).unwrap();
    let span = header.span(api::Section::FlagsClient).unwrap().range();
    let range = usize::try_from(span.start).unwrap()..usize::try_from(span.end).unwrap();
    let flags = &value[range];
    value_of(&serde_json::from_slice(flags).unwrap())
}
