//! The seam to whoever publishes in this very process, as far as the HTTP face of an origin is concerned.

use api::progress::{Changed, Progress};

/// Who publishes in this very process.
pub trait Control: Send + Sync + 'static {
    /// Something may have changed at the source. Whether this process publishes what is meant. It is called from
    /// requests, so it has to return at once.
    fn changed(&self, what: Changed) -> bool;

    /// How far it is. It is asked for whenever health, status or metrics are, and has to return at once, too.
    fn progress(&self) -> Progress;
}
