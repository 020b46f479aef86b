//! What the routes of an origin need of a publisher in the same process.

use api::progress::{Changed, Progress};

/// A publisher in the same process.
pub trait Control: Send + Sync + 'static {
    /// Something may have changed at the source. Returns whether this process publishes what is meant. It is called from
    /// requests, so it has to return at once.
    fn changed(&self, what: Changed) -> bool;

    /// How far publishing is. It is called for each request for health, status or metrics, so it has to return within a second,
    /// also if the publisher is stuck: [`Progress::silent_since`].
    fn progress(&self) -> Progress;
}
