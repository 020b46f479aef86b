//! A running edge: Viceroy with the local flavour of the service, on a port of its own, ended on drop.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use ureq::Agent;
use ureq::http::{HeaderMap, Request};

use crate::eventually;
use crate::files::{fixture, workspace};
use crate::jackstaff::{Finished, jackstaff};
use crate::server::free_address;
use crate::tools::Tools;

/// An edge that answers.
pub struct Edge {
    pub address: SocketAddr,
    tools: Tools,
    process: Child,
    folder: TempDir,
    agent: Agent,
}

/// An item of the KV store.
#[derive(Debug, Clone)]
pub struct Stored {
    pub key: String,
    pub metadata: String,
    pub body: Vec<u8>,
}

impl Stored {
    /// Writes the body into a folder; gives the line of Viceroy's configuration that names it.
    fn in_folder(&self, folder: &std::path::Path) -> String {
        let file = folder.join(self.key.replace('/', "_"));
        fs::write(&file, &self.body).unwrap();
        let text = |text: &str| Value::from(text).to_string();
        let (key, file, metadata) =
            (text(&self.key), text(&file.display().to_string()), text(&self.metadata));
        format!("{{ key = {key}, file = {file}, metadata = {metadata} }}")
    }
}

/// The answer of an edge or another server.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    /// The body as JSON; panics and shows the body if it is not JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error} in {:?}", String::from_utf8_lossy(&self.body)))
    }

    /// A header's text; empty if it is absent.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

/// Starts an edge with these settings and without an origin, and waits until it answers.
#[track_caller]
pub fn edge(tools: &Tools, settings: &Value) -> Edge {
    edge_with_origin(tools, settings, &format!("http://{}", free_address()))
}

/// Starts an edge with these settings, whose backend `origin` is at this address, and waits until it answers.
#[track_caller]
pub fn edge_with_origin(tools: &Tools, settings: &Value, origin: &str) -> Edge {
    start(tools, &Start { settings, origin, items: &[], secrets: None, health: 200 })
}

/// As [`edge_with_origin`], with a secret store that holds this edge token; or with nothing in it.
#[track_caller]
pub fn edge_with_token(tools: &Tools, settings: &Value, origin: &str, edge_token: Option<&str>) -> Edge {
    let secrets: Vec<(&str, &str)> = edge_token.map(|token| ("edge_token", token)).into_iter().collect();
    start(tools, &Start { settings, origin, items: &[], secrets: Some(&secrets), health: 200 })
}

/// Starts an edge without an origin, whose secret store has the [`IDENTITY_KEY`].
#[track_caller]
pub fn edge_with_identity_key(tools: &Tools, settings: &Value) -> Edge {
    let origin = format!("http://{}", free_address());
    let secrets = Some(&[("identity_key", IDENTITY_KEY)][..]);
    start(tools, &Start { settings, origin: &origin, items: &[], secrets, health: 200 })
}

/// What tests hash identifiers with.
pub const IDENTITY_KEY: &str = "identity-key-of-the-tests-0123456789";

/// Starts an edge that answers `/health` with another status than 200, and waits until it does.
#[track_caller]
pub fn edge_with_health(tools: &Tools, status: u16) -> Edge {
    let origin = format!("http://{}", free_address());
    start(tools, &Start { settings: &json!({}), origin: &origin, items: &[], secrets: None, health: status })
}

/// Starts an edge whose KV store holds these items from the beginning: a release package, which nobody can write to, too.
#[track_caller]
pub fn edge_with_store(tools: &Tools, settings: &Value, items: &[Stored]) -> Edge {
    let origin = format!("http://{}", free_address());
    start(tools, &Start { settings, origin: &origin, items, secrets: None, health: 200 })
}

/// How an edge is started.
struct Start<'a> {
    settings: &'a Value,
    origin: &'a str,
    /// What its KV store holds.
    items: &'a [Stored],
    /// What its secret store holds, if it has one.
    secrets: Option<&'a [(&'a str, &'a str)]>,
    /// The status that `/health` has to answer.
    health: u16,
}

/// Viceroy's configuration with a secret store that holds these secrets, or without one.
fn with_secrets(template: &str, secrets: Option<&[(&str, &str)]>) -> String {
    let (before, store) = template.split_once("[local_server.secret_stores]\n").unwrap();
    let (_, after) = store.split_once('\n').unwrap();
    let Some(secrets) = secrets else { return [before, after].concat() };
    let entry =
        |(name, text): &(&str, &str)| format!("{{ key = \"{name}\", data = {} }}", Value::from(*text));
    let entries: Vec<String> = secrets.iter().map(entry).collect();
    format!("{before}[local_server.secret_stores]\njackstaff = [{}]\n{after}", entries.join(", "))
}

#[track_caller]
fn start(tools: &Tools, start: &Start<'_>) -> Edge {
    let Start { settings, origin, items, secrets, health } = start;
    let folder = TempDir::new().unwrap();
    let edge_folder = folder.path();
    write_settings(&edge_folder.join("settings.json"), settings);
    let template = fs::read_to_string(workspace().join("scripts/viceroy.toml")).unwrap();
    let settings_file = edge_folder.join("settings.json").display().to_string();
    let config = edge_folder.join("viceroy.toml");
    let items: Vec<String> = items.iter().map(|item| item.in_folder(edge_folder)).collect();
    let kv_store = format!("jackstaff = [{}]", items.join(", "));
    let text = template.replace("@SETTINGS@", &settings_file).replace("@ORIGIN@", origin);
    let text = text.replace("jackstaff = []", &kv_store);
    fs::write(&config, with_secrets(&text, *secrets)).unwrap();
    let address = free_address();
    let log = File::create(edge_folder.join("log")).unwrap();
    let process = Command::new(&tools.viceroy)
        .arg("-C")
        .arg(&config)
        .arg("--addr")
        .arg(address.to_string())
        .arg(&tools.edge)
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .unwrap();
    let agent = Agent::config_builder()
        .http_status_as_error(false)
        .allow_non_standard_methods(true)
        .max_redirects(0)
        .timeout_global(Some(Duration::from_secs(30)))
        .build()
        .into();
    let edge = Edge { address, tools: tools.clone(), process, folder, agent };
    eventually("the edge answers /health", Duration::from_secs(60), || {
        let request = Request::get(edge.url("/health")).body(()).unwrap();
        edge.agent.run(request).ok().filter(|response| response.status() == *health)
    });
    edge
}

fn write_settings(file: &std::path::Path, settings: &Value) {
    fs::write(file, json!({ "settings": settings.to_string() }).to_string()).unwrap();
}

impl Edge {
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Changes the settings; sandboxes that are waiting for a request may hold on to the old ones for a moment.
    pub fn set(&self, settings: &Value) {
        write_settings(&self.folder.path().join("settings.json"), settings);
    }

    /// What the edge wrote to its log.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// The CPU time of the runtime's threads until now.
    pub fn cpu_time(&self) -> Duration {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.process.id())).unwrap();
        let nanoseconds = tasks.filter_map(|task| {
            // A thread may end meanwhile.
            let text = fs::read_to_string(task.ok()?.path().join("schedstat")).ok()?;
            text.split_whitespace().next()?.parse::<u64>().ok()
        });
        Duration::from_nanos(nanoseconds.sum())
    }

    /// A file in the edge's own folder.
    pub fn file(&self, name: &str, content: &str) -> PathBuf {
        let file = self.folder.path().join(name);
        fs::write(&file, content).unwrap();
        file
    }

    /// Publishes a document of `tests/fixtures`, with a server-side key.
    #[track_caller]
    pub fn publish_fixture(&self, name: &str, server_key: &str) {
        self.publish(&fixture(name), server_key);
    }

    /// Publishes a document, with a server-side key.
    #[track_caller]
    pub fn publish(&self, document: &Value, server_key: &str) {
        let file = self.file("document.json", &document.to_string());
        let finished = self.run_publish(&[&file.display().to_string(), "--server-key", server_key]);
        assert_eq!(finished.code, 0, "{finished:?}");
    }

    /// Runs `jackstaff publish` against this edge.
    #[track_caller]
    pub fn run_publish(&self, arguments: &[&str]) -> Finished {
        self.run("publish", arguments)
    }

    /// Runs `jackstaff unpublish` against this edge.
    #[track_caller]
    pub fn run_unpublish(&self, arguments: &[&str]) -> Finished {
        self.run("unpublish", arguments)
    }

    /// Runs `jackstaff identity` against this edge.
    #[track_caller]
    pub fn run_identity(&self, action: &str, arguments: &[&str]) -> Finished {
        let api = self.url("");
        let base = ["identity", action, "--api", &api, "--store", "local"];
        jackstaff(&self.tools, &[&base, arguments].concat(), "")
    }

    #[track_caller]
    fn run(&self, command: &str, arguments: &[&str]) -> Finished {
        let api = self.url("");
        let base = [command, "--api", &api, "--store", "local", "--service", "local"];
        jackstaff(&self.tools, &[&base, arguments].concat(), "")
    }

    /// `GET`, with an environment key (none if it is empty).
    #[track_caller]
    pub fn get(&self, path: &str, key: &str) -> Answer {
        self.call("GET", path, &[("x-environment-key", key)], b"")
    }

    /// `POST` of JSON, with an environment key.
    #[track_caller]
    pub fn post(&self, path: &str, key: &str, body: &Value) -> Answer {
        let headers = [("x-environment-key", key), ("content-type", "application/json")];
        self.call("POST", path, &headers, body.to_string().as_bytes())
    }

    /// Any request; headers with an empty value are left out.
    #[track_caller]
    pub fn call(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let mut request = Request::builder().method(method).uri(self.url(path));
        for (name, value) in headers.iter().filter(|(_, value)| !value.is_empty()) {
            request = request.header(*name, *value);
        }
        let result = match body {
            [] => self.agent.run(request.body(()).unwrap()),
            body => self.agent.run(request.body(body).unwrap()),
        };
        let mut response = result.unwrap_or_else(|error| panic!("{method} {path}: {error}"));
        let body = response.body_mut().with_config().limit(64 << 20).read_to_vec().unwrap();
        Answer { status: response.status().as_u16(), headers: response.headers().clone(), body }
    }
}

/// Calls of Fastly's REST API that no publisher makes.
impl Edge {
    /// What the KV store holds under a key.
    #[track_caller]
    pub fn stored(&self, key: &str) -> Option<Answer> {
        let answer = self.admin("GET", &kv_path(key), None, b"");
        assert!([200, 404].contains(&answer.status), "{answer:?}");
        (answer.status == 200).then_some(answer)
    }

    /// All that the KV store holds.
    #[track_caller]
    pub fn stored_items(&self) -> Vec<Stored> {
        let list = self.admin("GET", "/resources/stores/kv/local/keys", None, b"").json();
        let keys = list["data"].as_array().into_iter().flatten().filter_map(Value::as_str);
        keys.map(|key| {
            let item = self.stored(key).unwrap();
            Stored { key: key.to_owned(), metadata: item.header("metadata").to_owned(), body: item.body }
        })
        .collect()
    }

    /// Writes into the KV store, whatever it is.
    #[track_caller]
    pub fn store(&self, key: &str, value: &[u8], metadata: Option<&str>) {
        let answer = self.admin("PUT", &kv_path(key), metadata, value);
        assert_eq!(answer.status, 200, "{answer:?}");
    }

    #[track_caller]
    pub fn remove(&self, key: &str) {
        let answer = self.admin("DELETE", &kv_path(key), None, b"");
        assert_eq!(answer.status, 204, "{answer:?}");
    }

    /// Makes the POP's copy due for a look at the KV store.
    #[track_caller]
    pub fn soft_purge(&self, key: &str) {
        let headers = [("fastly-key", KEY), ("fastly-soft-purge", "1")];
        let path = format!("/service/local/purge/{}", key.replace('/', "%2F"));
        let answer = self.call("POST", &path, &headers, b"");
        assert_eq!(answer.status, 200, "{answer:?}");
    }

    /// Drops the POP's copy.
    #[track_caller]
    pub fn hard_purge(&self, key: &str) {
        let path = format!("/service/local/purge/{}", key.replace('/', "%2F"));
        let answer = self.admin("POST", &path, None, b"");
        assert_eq!(answer.status, 200, "{answer:?}");
    }

    fn admin(&self, method: &str, path: &str, metadata: Option<&str>, body: &[u8]) -> Answer {
        let headers = [("fastly-key", KEY), ("metadata", metadata.unwrap_or_default())];
        self.call(method, path, &headers, body)
    }
}

/// Held valid by `scripts/viceroy.toml`.
const KEY: &str = "local-publisher";

fn kv_path(key: &str) -> String {
    format!("/resources/stores/kv/local/keys/{}", key.replace('/', "%2F"))
}

impl Drop for Edge {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
        if std::thread::panicking() {
            eprintln!("--- log of the edge at {}\n{}", self.address, self.log());
        }
    }
}
