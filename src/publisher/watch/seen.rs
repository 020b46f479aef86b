//! What was seen of a place.

use std::sync::Arc;

use crate::source::{Place, Source};

/// What became of a place.
#[derive(Debug, Clone)]
pub struct Seen {
    pub place: Place,
    pub state: State,
}

#[derive(Debug, Clone)]
pub enum State {
    /// It is new, or has other content than before.
    Content(String),
    /// The same, read and understood already.
    Document(Arc<Source>),
    /// The same, and it cannot be understood, for a reason that names the place.
    Broken(String),
    Unreadable(String),
    /// It is not there, perhaps for a moment only.
    Missing,
    /// It is not there, and was not for a while.
    Gone,
}
