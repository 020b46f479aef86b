//! What is stored of each environment, what an edge serves of it, and what a `jackstaff serve` reports of it. Nothing is ever
//! written.

mod edge;
mod judgement;
mod serving;

use std::collections::BTreeMap;
use std::mem::take;
use std::sync::OnceLock;
use std::time::Duration;

use api::progress::{Bus, EnvironmentProgress, Publishing};
use api::{EnvironmentKey, Header, Revision, Secret, bundle};

use crate::call_error::CallError;
use crate::client::{Client, RetryPolicy};
use crate::clock::Clock;
use crate::each::each;
use crate::kv::{self, Item};
use crate::server_keys::{KeyRecord, NamedKeys, unnamed_records};

pub use edge::EdgeAnswer;
pub use judgement::{key_warnings, problems, warnings};

use edge::Edge;
pub(crate) use edge::agent;

/// Bytes that a KV value can have.
pub const VALUE_LIMIT: u64 = 25_000_000;

/// What the store's keys of environments begin with.
const PREFIX: &str = "environment/";
/// After what time an environment is looked at again that an edge serves otherwise than it is stored: it may have been
/// published between the two looks.
const SECOND_LOOK: Duration = Duration::from_secs(1);

/// What is asked, beside the store.
#[derive(Debug, Default)]
pub struct StatusQuery {
    /// Only these; all that are stored or watched if there are none.
    pub environments: Vec<EnvironmentKey>,
    /// The base of an edge.
    pub edge: Option<String>,
    /// The base of a `jackstaff serve`, and its token.
    pub serving: Option<(String, Option<Secret>)>,
    /// The server-side keys of a manifest. The store is asked for others if there is one.
    pub named_keys: Option<NamedKeys>,
}

/// How things stand.
#[derive(Debug, Default)]
pub struct Status {
    pub environments: Vec<EnvironmentStatus>,
    /// What `jackstaff serve` reports; none if it was not asked, or did not answer.
    pub publishing: Option<Publishing>,
    /// Records of server-side keys that the manifest does not name; none if there is no manifest.
    pub unnamed_keys: Option<Vec<KeyRecord>>,
    /// What could not be asked, and why.
    pub unanswered: Vec<String>,
}

impl Status {
    /// What is wrong with publishing as a whole, in words.
    pub fn troubles(&self) -> Vec<String> {
        let Some(publishing) = &self.publishing else { return Vec::new() };
        let bus = (publishing.bus == Bus::Down).then(|| "the bus is down".to_owned());
        let silent = publishing.progress.silent_since.map(|since| {
            format!(
                "the publisher has not answered since {since}; what is shown of it is what it said before"
            )
        });
        let places =
            publishing.progress.troubles.iter().map(|trouble| format!("{}: {}", trouble.place, trouble.why));
        silent.into_iter().chain(bus).chain(places).collect()
    }
}

/// How an environment stands. What was not asked for is absent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvironmentStatus {
    pub key: EnvironmentKey,
    /// None if the store did not answer.
    pub stored: Option<StoredBundle>,
    /// None if there is no edge to ask, or it did not answer.
    pub edge: Option<EdgeAnswer>,
    pub watched: Option<EnvironmentProgress>,
}

/// What the store has of an environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoredBundle {
    Sound(Header),
    /// A value that no edge serves.
    Unusable {
        revision: Option<Revision>,
        why: String,
    },
    Missing,
}

impl StoredBundle {
    fn of(item: &Item) -> StoredBundle {
        let metadata = item.metadata.as_deref().unwrap_or_default();
        let revision = Header::glance(metadata.as_bytes()).map(|(revision, _)| revision);
        match bundle::check(&item.value) {
            Ok(header) if header.metadata() == metadata => StoredBundle::Sound(header),
            Ok(_) => {
                StoredBundle::Unusable { revision, why: "its metadata is not that of its bundle".to_owned() }
            }
            Err(fault) => StoredBundle::Unusable { revision, why: fault.to_string() },
        }
    }
}

/// Looks at everything.
pub fn status(client: &Client<'_>, clock: &dyn Clock, query: &StatusQuery) -> Status {
    let mut status = Status::default();
    if let Some((base, token)) = &query.serving {
        match serving::ask(base, token.as_ref()) {
            Ok(publishing) => status.publishing = Some(publishing),
            Err(why) => status.unanswered.push(why),
        }
    }
    let reported =
        status.publishing.iter_mut().flat_map(|publishing| take(&mut publishing.progress.environments));
    let mut watched: BTreeMap<EnvironmentKey, EnvironmentProgress> =
        reported.map(|environment| (environment.key.clone(), environment)).collect();
    let mut keys = query.environments.clone();
    if keys.is_empty() {
        match stored_environments(client) {
            Ok(stored) => keys = stored,
            Err(failed) => {
                status.unanswered.push(failed.to_string());
                return status;
            }
        }
        keys.extend(watched.keys().cloned());
    }
    keys.sort();
    keys.dedup();
    let edge = query.edge.as_deref().map(Edge::new);
    let look = Look { client, edge, store_failed: OnceLock::new(), edge_failed: OnceLock::new() };
    let mut looks = each(&keys, |key| look.at(key));
    let doubtful: Vec<usize> = (0..keys.len()).filter(|index| judgement::disagree(&looks[*index])).collect();
    if !doubtful.is_empty() {
        clock.sleep(SECOND_LOOK);
        for (index, second) in doubtful.iter().zip(each(&doubtful, |index| look.at(&keys[*index]))) {
            looks[*index] = second;
        }
    }
    for (key, mut environment) in keys.iter().zip(looks) {
        environment.watched = watched.remove(key);
        status.environments.push(environment);
    }
    status
        .unanswered
        .extend([look.store_failed, look.edge_failed].into_iter().filter_map(OnceLock::into_inner));
    if let Some(named) = &query.named_keys {
        match unnamed_records(client, named) {
            Ok(mut records) => {
                let is_asked_for = |record: &KeyRecord| {
                    query.environments.is_empty() || query.environments.iter().any(|key| record.is_of(key))
                };
                records.retain(is_asked_for);
                status.unnamed_keys = Some(records);
            }
            Err(failed) => status.unanswered.push(failed.to_string()),
        }
    }
    status
}

/// The environments that the store has anything of.
fn stored_environments(client: &Client<'_>) -> Result<Vec<EnvironmentKey>, CallError> {
    let names = kv::list(&client.calls(RetryPolicy::WATCHING), PREFIX)?;
    let keys = names.iter().filter_map(|name| EnvironmentKey::parse(name.strip_prefix(PREFIX)?).ok());
    Ok(keys.collect())
}

/// Looks at environments, one after the other. A store or an edge that did not answer once is not asked again.
struct Look<'a> {
    client: &'a Client<'a>,
    edge: Option<Edge<'a>>,
    store_failed: OnceLock<String>,
    edge_failed: OnceLock<String>,
}

impl Look<'_> {
    fn at(&self, key: &EnvironmentKey) -> EnvironmentStatus {
        // The edge first: what it serves is in the store by then.
        let edge = self.edge(key);
        EnvironmentStatus { key: key.clone(), stored: self.stored(key), edge, watched: None }
    }

    fn edge(&self, key: &EnvironmentKey) -> Option<EdgeAnswer> {
        let edge = self.edge.as_ref().filter(|_| self.edge_failed.get().is_none())?;
        edge.ask(key).map_err(|why| self.edge_failed.get_or_init(|| why)).ok()
    }

    fn stored(&self, key: &EnvironmentKey) -> Option<StoredBundle> {
        if self.store_failed.get().is_some() {
            return None;
        }
        let calls = self.client.calls(RetryPolicy::WATCHING);
        let found = kv::get(&calls, &key.store_key());
        let found = found.map_err(|failed| self.store_failed.get_or_init(|| failed.to_string())).ok()?;
        Some(found.map_or(StoredBundle::Missing, |stored| StoredBundle::of(&stored.item)))
    }
}
