//! The seam to whoever publishes in this very process, as far as the HTTP face of an origin is concerned.

use std::time::Duration;

use api::{EnvironmentKey, Revision};
use jiff::Timestamp;

/// Who publishes in this very process.
pub trait Control: Send + Sync + 'static {
    /// Something may have changed at the source. Whether this process publishes what is meant. It is called from
    /// requests, so it has to return at once.
    fn changed(&self, what: Changed) -> bool;

    /// How things stand. It is asked for whenever health, status or metrics are, and has to return at once, too.
    fn report(&self) -> ControlReport;
}

/// What may have changed at the source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Changed {
    Environment(EnvironmentKey),
    /// Flagsmith's own number of an environment, its `id`.
    Number(u64),
    Anything,
}

/// How things stand with whoever publishes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ControlReport {
    pub environments: Vec<EnvironmentReport>,
    pub troubles: Vec<PlaceTrouble>,
    /// Calls to Fastly's API since the start.
    pub api_calls: u64,
}

/// How things stand with one environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvironmentReport {
    pub key: EnvironmentKey,
    /// Where its document comes from.
    pub place: String,
    /// What was stored last.
    pub revision: Option<Revision>,
    /// For how long the edge has been owed something; none if all is settled.
    pub behind: Option<Duration>,
    /// Why it is behind, or what failed last.
    pub why: Option<String>,
    /// When all was settled last.
    pub last_success: Option<Timestamp>,
    /// Tries that failed since the start.
    pub failures: u64,
    /// Changes published since the start.
    pub published: u64,
}

/// A place whose document is broken or cannot be had. The last good one stays served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlaceTrouble {
    pub place: String,
    pub why: String,
}
