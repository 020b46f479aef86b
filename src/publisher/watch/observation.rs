//! What is observed at a place.

use std::sync::Arc;

use crate::basis::Basis;
use crate::source::{DocumentSource, Place};

/// The state of a place.
#[derive(Debug, Clone)]
pub struct Observation {
    pub place: Place,
    pub state: PlaceState,
}

#[derive(Debug, Clone)]
pub enum PlaceState {
    /// It is new, or has other content than before.
    Content(String),
    /// It was read and understood already.
    Document(ToPublish),
    /// It is not a document, for a reason that names the place.
    Unusable(String),
    Unreadable(String),
    /// It is not there, perhaps for a moment only.
    Missing,
    /// It is not there, and was not for a while.
    Gone,
}

/// A document that is to be published.
#[derive(Debug, Clone)]
pub struct ToPublish {
    pub(crate) source: Arc<DocumentSource>,
    /// For an answer of an API: what was stored when it was asked. The answer may replace this and nothing else.
    pub(crate) basis: Option<Basis>,
}

impl Observation {
    /// With a content that was read and understood, or is not a document.
    pub(crate) fn understood(self) -> Observation {
        let Observation { place, state } = self;
        let state = if let PlaceState::Content(text) = state { understood(&place, &text) } else { state };
        Observation { place, state }
    }
}

/// What a content is: a document, or not.
pub(crate) fn understood(place: &Place, text: &str) -> PlaceState {
    match DocumentSource::parse(place, text) {
        Ok(source) => PlaceState::Document(ToPublish { source: Arc::new(source), basis: None }),
        Err(fault) => PlaceState::Unusable(fault.to_string()),
    }
}
