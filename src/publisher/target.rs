//! Where bundles are written and announced.

use std::fmt;
use std::sync::Arc;

use api::{EnvironmentKey, Revision, Secret};

/// Where bundles are written and announced.
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

/// Where revisions are announced.
#[derive(Clone)]
pub enum Signals {
    None,
    /// An origin of change signals: its base, and its token.
    Origin {
        url: String,
        token: Option<Secret>,
    },
    /// An origin in the same process.
    InProcess(Arc<dyn Announce>),
}

/// Announces a revision to open streams.
pub trait Announce: Send + Sync {
    /// # Errors
    /// Why it could not be announced, in words.
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
