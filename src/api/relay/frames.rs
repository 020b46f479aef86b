//! The protocols whose clients listen. All hear of the same changes over the same relay, each in frames of its own: some of
//! Flagsmith's SDKs decode every event that they see. A further protocol is a file here, and its name in [`Protocol`].

mod flagsmith;
mod ofrep;

use crate::revision::Revision;

/// Whose clients listen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    Flagsmith,
    Ofrep,
}

/// The frames of a protocol.
pub(super) struct Frames {
    /// What the name of a part's object ends with.
    pub(super) suffix: &'static str,
    pub(super) current: Current,
    /// The frame that tells of a revision.
    pub(super) event: fn(Revision) -> String,
}

/// Where a client that joins a part is told of the current revision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Current {
    /// At the beginning of the part. Clients pass over a revision that they know.
    InPart,
    /// Before the part, each client by itself, and only if it says that it has not heard of it: clients fetch their flags at
    /// each event.
    BeforePart,
}

impl Protocol {
    pub(super) fn frames(self) -> &'static Frames {
        match self {
            Protocol::Flagsmith => &flagsmith::FRAMES,
            Protocol::Ofrep => &ofrep::FRAMES,
        }
    }
}
