//! The result of a publication.

use api::{EnvironmentKey, Revision};
use engine::{Cost, Warning};
use jiff::Timestamp;
use thiserror::Error;

use crate::bundle::BundleError;
use crate::call_error::CallError;
use crate::cost;
use crate::plan::PlanWarning;
use crate::server_keys::ServerKeysReport;
use crate::write::StoreError;

/// The results for an environment and for its server-side keys, each on its own.
#[derive(Debug)]
pub struct Report {
    pub environment: Result<Published, PublishError>,
    pub server_keys: ServerKeysReport,
    /// What failed after the store had the environment: its purge and its announcement.
    pub after: Vec<CallError>,
}

/// What was done for an environment.
#[derive(Debug)]
pub struct Published {
    pub revision: Revision,
    pub done: Done,
    /// Bytes of the bundle that was made; none was, for what is unchanged.
    pub bytes: Option<usize>,
    /// Parts of the document that will never match.
    pub warnings: Vec<Warning>,
    /// Every POP has looked at the store since: it is stored for longer than any copy is served without a look.
    pub is_everywhere: bool,
    /// What a request may cost.
    pub cost: Option<Box<Cost>>,
    /// What is odd about the document as a whole, or about its revision.
    pub plan_warnings: Vec<PlanWarning>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Done {
    Written,
    /// The store had it already.
    Unchanged,
    /// A dry run: it would be written.
    Planned,
}

/// Why an environment was not published, or not removed.
#[derive(Debug, Error)]
pub enum PublishError {
    #[error(transparent)]
    Refused(#[from] BundleError),
    #[error(
        "updated_at: {given} is earlier than {stored}, which is stored; `--force` publishes it all the same, and so does a \
         later `updated_at` in the file, after a `git revert` for example"
    )]
    Older { stored: Timestamp, given: Timestamp },
    #[error(
        "{first}{}, so it is held back: flags might come out wrong; `--unknown-operators publish` publishes it all the \
         same, and what is unknown matches nothing",
        and_others(*.others)
    )]
    Held { first: Warning, others: usize },
    #[error(
        "{}, so it is held back: requests could be cut off; `--dear publish` publishes it all the same",
        cost::sentence(.0)
    )]
    TooDear(Box<Cost>),
    #[error(
        "environment `{key}` was removed, by revision {revision}, and stays so: `jackstaff publish` publishes it again"
    )]
    Removed { key: EnvironmentKey, revision: Revision },
    #[error(
        "environment `{key}` is stored as revision {revision}, which is after the year 9999, so no revision can follow it: \
         delete {} from the KV store, purge all of the service, and publish again",
        key.store_key()
    )]
    NoRevisionLeft { key: EnvironmentKey, revision: Revision },
    #[error("environment `{key}` is not in the store")]
    Unknown { key: EnvironmentKey },
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn and_others(others: usize) -> String {
    if others == 0 { String::new() } else { format!(" (and {others} more)") }
}

impl PublishError {
    /// Whether the document or the command was refused, rather than a call to the store.
    pub fn is_refusal(&self) -> bool {
        !matches!(self, PublishError::Store(_))
    }
}

impl Published {
    /// What was done for an environment, in words.
    pub fn sentence(&self, key: &EnvironmentKey) -> String {
        let revision = self.revision;
        let size = self.bytes.map_or(String::new(), |bytes| format!(", {bytes} bytes"));
        match self.done {
            Done::Written => format!("published environment `{key}` as revision {revision}{size}"),
            Done::Unchanged => format!("unchanged: environment `{key}` is stored as revision {revision}"),
            Done::Planned => format!("would publish environment `{key}` as revision {revision}{size}"),
        }
    }

    pub(crate) fn new(revision: Revision, done: Done) -> Published {
        Published {
            revision,
            done,
            bytes: None,
            warnings: Vec::new(),
            cost: None,
            is_everywhere: false,
            plan_warnings: Vec::new(),
        }
    }
}
