//! The events that one client received, in order.

use std::time::Instant;

/// All that happened to a client.
#[derive(Debug, Clone, Default)]
pub struct History {
    pub connections: Vec<Connection>,
    pub refetches: Vec<Refetch>,
    /// Of clients of OpenFeature's protocol: the tag of the answer that they have, and its revision.
    pub kept: Option<(String, u64)>,
    /// When it left for good.
    pub left: Option<Instant>,
}

/// One stream, or the attempt at one.
#[derive(Debug, Clone)]
pub struct Connection {
    pub tried: Instant,
    /// When it was answered with a stream.
    pub opened: Option<Instant>,
    /// The header `jackstaff-stream`: how the client was joined to a part, and to which.
    pub part: Option<String>,
    pub heard: Vec<Heard>,
    /// None as long as it is open.
    pub ended: Option<(Instant, End)>,
}

/// A revision that a client received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heard {
    pub at: Instant,
    pub revision: u64,
}

/// How a stream ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// With a last chunk.
    Clean,
    /// In the middle.
    Broken,
    /// It was none: another status than 200.
    Refused(u16),
    /// There was no answer.
    Unreached,
}

/// The result of a request for the flags, made after a revision was received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refetch {
    pub signalled: u64,
    pub at: Instant,
    pub answered: Instant,
    /// The answer's labels, or what was there in place of them.
    pub found: Result<Found, String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The older one of the revision and of the time that the document was updated at, if they are not the same.
    pub revision: u64,
    /// The header `jackstaff-source`.
    pub source: String,
}

impl History {
    /// The latest revision that it knows of.
    pub fn latest(&self) -> Option<u64> {
        self.heard().map(|heard| heard.revision).max()
    }

    /// The revision that it received last.
    pub fn last(&self) -> Option<u64> {
        self.heard().last().map(|heard| heard.revision)
    }

    pub fn heard(&self) -> impl Iterator<Item = &Heard> {
        self.connections.iter().flat_map(|connection| &connection.heard)
    }

    /// Whether it listens now.
    pub fn is_listening(&self) -> bool {
        self.connections.last().is_some_and(Connection::is_open)
    }

    /// How it was joined to the part that it listens to: `leader`, `follower`, `alone` or `silent`.
    pub fn role(&self) -> &str {
        let part = self.connections.last().and_then(|connection| connection.part.as_deref());
        part.and_then(|part| part.split_whitespace().next()).unwrap_or_default()
    }

    /// How often it connected again.
    pub fn reconnects(&self) -> usize {
        self.connections.len().saturating_sub(1)
    }
}

impl Connection {
    pub fn is_open(&self) -> bool {
        self.opened.is_some() && self.ended.is_none()
    }
}
