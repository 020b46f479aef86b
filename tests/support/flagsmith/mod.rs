//! A stand-in for Flagsmith: its API as far as environment documents and analytics go, its server for events, its environments'
//! webhooks and the `queue-change` calls of its core. A server on a port of its own that tests edit as people edit flags in Flagsmith.
//! It fails by a script or at random, and counts its requests.

mod analytics;
mod answer;
mod edits;
mod environment;
mod fault;
mod notify;
mod quirks;
mod serve;

pub use analytics::{Analytics, Evaluated, Trouble};
pub use edits::{Edit, editable, last_edit};
pub use fault::Fault;
pub use notify::{Notify, SignalCalls};

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use tokio::sync::mpsc;

use crate::server::{Server, server};
use edits::Tells;
use environment::Environment;
use fault::Faults;
use notify::Change;
use quirks::Quirks;

/// A server that stands in for Flagsmith's.
pub struct Flagsmith {
    server: Server,
    state: Arc<Mutex<State>>,
    changes: mpsc::UnboundedSender<Change>,
}

/// Its requests by outcome, and its own calls.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Documents that were given whole, or their pages.
    pub documents: u64,
    pub not_modified: u64,
    /// Wrong keys, paths and methods.
    pub refused: u64,
    /// Requests that failed on purpose.
    pub struck: u64,
    pub webhooks: SignalCalls,
    pub queue_changes: SignalCalls,
}

#[derive(Default)]
struct State {
    /// By client-side key.
    environments: BTreeMap<String, Environment>,
    /// Which environment a server-side key opens.
    server_keys: BTreeMap<String, String>,
    /// Identity overrides on a page.
    page: Option<usize>,
    faults: Faults,
    /// None: all answers are up to date.
    quirks: Option<Quirks>,
    notify: Notify,
    counts: Counts,
    analytics: Analytics,
}

/// Starts a stand-in without environments.
#[track_caller]
pub fn flagsmith() -> Flagsmith {
    let state: Arc<Mutex<State>> = Arc::default();
    let (changes, changed) = mpsc::unbounded_channel();
    let shared = Arc::clone(&state);
    Flagsmith { server: server(move |listener| serve::accept(listener, changed, shared)), state, changes }
}

impl Flagsmith {
    /// What `--flagsmith` takes.
    pub fn url(&self) -> String {
        format!("{}/api/v1/", self.server.url())
    }

    /// Has an environment, in whose document `id` and `api_key` stand.
    #[track_caller]
    pub fn has(&self, document: &Value, server_key: &str) {
        let environment = Environment::new(document.clone(), Timestamp::now());
        let key = document["api_key"].as_str().unwrap().to_owned();
        let mut state = self.state();
        state.server_keys.insert(server_key.to_owned(), key.clone());
        state.environments.insert(key, environment);
    }

    /// The manifest of its keys, as `--server-keys` takes it.
    pub fn manifest(&self) -> String {
        let mut manifest = Map::new();
        for (server_key, key) in &self.state().server_keys {
            manifest.insert(key.clone(), json!([server_key]));
        }
        Value::Object(manifest).to_string()
    }

    /// Gives a feature another value, as somebody does who edits a flag.
    #[track_caller]
    pub fn set(&self, key: &str, feature: &str, value: &Value) {
        self.edit(key, |document| {
            let states = document["feature_states"].as_array_mut().unwrap();
            let mut states = states.iter_mut();
            let state = states.find(|state| state["feature"]["name"] == feature);
            state.unwrap_or_else(|| panic!("there is no feature {feature}"))["feature_state_value"] =
                value.clone();
        });
    }

    /// Changes a document, and signals the change.
    #[track_caller]
    pub fn edit(&self, key: &str, edit: impl FnOnce(&mut Value)) {
        self.change(key, Tells::ALL, edit);
    }

    /// Makes a change of a kind, edit number `n` of an environment that is [`editable`].
    #[track_caller]
    pub fn make(&self, key: &str, kind: Edit, n: u64) {
        self.change(key, kind.tells(), |document| kind.make(document, n));
    }

    /// From now on, it has the quirks of real ones; reproducible by the seed as far as the order of requests is.
    pub fn add_quirks(&self, seed: u64) {
        self.state().quirks = Some(Quirks::new(seed));
    }

    /// Deletes a server-side key.
    pub fn delete_key(&self, server_key: &str) {
        self.state().server_keys.remove(server_key);
    }

    /// Overrides a feature for an identity, which does not change when the environment was updated; so `queue-change`
    /// is not called, but webhooks are.
    #[track_caller]
    pub fn override_identity(&self, key: &str, identifier: &str, feature: &str, value: &Value) {
        self.change(key, Tells::WEBHOOK, |document| {
            environment::override_identity(document, identifier, feature, value);
        });
    }

    #[track_caller]
    fn change(&self, key: &str, tells: Tells, edit: impl FnOnce(&mut Value)) {
        let state = &mut *self.state();
        let environment = state.environments.get_mut(key).unwrap_or_else(|| panic!("no environment {key}"));
        let change = environment.edit(tells, state.quirks.as_mut(), edit);
        // Without quirks, no change is signalled before it shows; the lock is held until then.
        self.changes.send(change).unwrap();
    }

    /// From now on, this is given in place of an environment's document.
    pub fn serve_instead(&self, key: &str, text: Option<String>) {
        if let Some(environment) = self.state().environments.get_mut(key) {
            environment.instead = text.map(Into::into);
        }
    }

    /// Documents with more identity overrides than this come in pages.
    pub fn page_by(&self, overrides: Option<usize>) {
        self.state().page = overrides;
    }

    /// How changes are signalled from now on.
    pub fn notify(&self, notify: Notify) {
        self.state().notify = notify;
    }

    /// The next questions for an environment's document fail in these ways, one after the other.
    pub fn fail(&self, key: &str, faults: impl IntoIterator<Item = Fault>) {
        self.state().faults.script(key, faults);
    }

    /// Questions fail at random with this probability, in all ways that there are; reproducible by the seed as far as
    /// the order of requests is. None: all faults end, those of scripts too.
    pub fn fail_at_random(&self, at_random: Option<(u64, f64)>) {
        self.state().faults.at_random(at_random);
    }

    pub fn counts(&self) -> Counts {
        self.state().counts
    }

    /// What was counted, so far.
    pub fn analytics(&self) -> Analytics {
        self.state().analytics.clone()
    }

    /// What is wrong with requests that bring analytics, from now on.
    pub fn trouble(&self, trouble: Option<Trouble>) {
        self.state().analytics.trouble = trouble;
    }

    /// An environment's document as it is now.
    #[track_caller]
    pub fn document(&self, key: &str) -> Value {
        self.state().environments[key].document()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
