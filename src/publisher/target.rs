//! Where bundles go, and who is told.

use std::fmt;
use std::sync::Arc;

use api::{EnvironmentKey, Revision, Secret};

/// Where bundles go, and who is told.
#[derive(Debug, Clone)]
pub struct Target {
    /// Base of Fastly's REST API, or of an edge that answers in its place.
    pub api: String,
    pub token: Secret,
    /// The id of the KV store.
    pub store: String,
    /// The id of the service whose copies are purged; none are without it.
    pub service: Option<String>,
    pub signals: Signals,
}

/// Who is told of what was stored.
#[derive(Clone)]
pub enum Signals {
    None,
    /// An origin of change signals: its base, and the token that it wants to see.
    Origin {
        url: String,
        token: Option<Secret>,
    },
    /// Who runs in this very process.
    InProcess(Arc<dyn Announce>),
}

/// Tells all who listen of a revision.
pub trait Announce: Send + Sync {
    /// # Errors
    /// Why nobody was told, in words.
    fn announce(&self, key: &EnvironmentKey, revision: Revision) -> Result<(), String>;
}

impl fmt::Debug for Signals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Signals::None => f.write_str("None"),
            Signals::Origin { url, .. } => write!(f, "Origin({url})"),
            Signals::InProcess(_) => f.write_str("InProcess"),
        }
    }
}
