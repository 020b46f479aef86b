//! The option of documents that cost too much.

use clap::ValueEnum;

/// What happens to a document by which a request may cost more than the platform allows.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Dear {
    /// It is held back, and what was published before stays
    Hold,
    /// It is published: requests may be cut off
    Publish,
}
