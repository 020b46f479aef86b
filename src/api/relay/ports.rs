//! What the platform can do for streams, in the words of this crate.

use std::time::Duration;

use http::{Response, StatusCode};
use thiserror::Error;

use crate::key::EnvironmentKey;
use crate::pop::ports::{PortError, Ports};
use crate::secret::Secret;

/// All that a POP needs to serve streams.
pub trait StreamPorts: Ports + Parts + Origin + Vcpu {}

impl<P: Ports + Parts + Origin + Vcpu> StreamPorts for P {}

/// The parts of streams: cache objects that are read while they are written.
pub trait Parts {
    /// The duty to write a part that nobody writes. Given up when it is dropped, or when its sandbox ends.
    type Obligation;
    /// A part that is being written, or was, to be read by one client.
    type Part;
    /// A part that is being written. If it is dropped before it is finished, it counts as broken off.
    type Writer;

    /// Looks a part up. Waits no longer than `wait` for another request that is about to begin it.
    ///
    /// # Errors
    /// If the cache fails, or the other request takes longer.
    fn look_up_part(
        &self,
        name: &str,
        wait: Duration,
    ) -> Result<PartState<Self::Obligation, Self::Part>, PortError>;

    /// Whether a part starts with these bytes. Reading one that broke off fails.
    fn starts_with(&self, part: &mut Self::Part, first: &str) -> bool;

    /// Begins a part with its first frame. For `joinable`, look-ups find it.
    ///
    /// # Errors
    /// If the cache fails.
    fn begin_part(
        &self,
        obligation: Self::Obligation,
        name: &str,
        joinable: Duration,
        first: &str,
    ) -> Result<(Self::Writer, Self::Part), PortError>;

    /// The same without an obligation: it takes the place of one of this name, whose clients read that one to its end.
    ///
    /// # Errors
    /// If the cache fails.
    fn replace_part(&self, name: &str, joinable: Duration, first: &str) -> Result<Self::Writer, PortError>;

    /// Answers the client of this request with a text, followed by a part.
    fn answer_with_part(&self, head: Response<()>, prefix: String, part: Self::Part);

    /// Answers the client of this request with a stream of its own, which begins with a text.
    ///
    /// # Errors
    /// If the client is gone.
    fn answer_alone(&self, head: Response<()>, first: &str) -> Result<Self::Writer, PortError>;

    /// Writes a frame to all clients of a part, in one piece.
    ///
    /// # Errors
    /// If the part cannot be written any more.
    fn write(&self, writer: &mut Self::Writer, frame: &str) -> Result<(), PortError>;

    /// Ends a part cleanly.
    ///
    /// # Errors
    /// If the part cannot be ended.
    fn finish(&self, writer: Self::Writer) -> Result<(), PortError>;
}

/// What a look at a part finds.
#[derive(Debug, PartialEq, Eq)]
pub enum PartState<O, S> {
    /// Nobody writes it. The request that sees this does.
    Vacant(O),
    /// A leader writes it; or did, if it is over.
    Taken { part: S, over: bool },
}

/// The origin of change signals.
pub trait Origin {
    type Upstream;

    /// The token by which the origin knows edges, as it is stored; none if none is stored.
    ///
    /// # Errors
    /// If the store fails.
    fn edge_token(&self) -> Result<Option<Vec<u8>>, PortError>;

    /// Asks for the stream of an environment, with this token.
    ///
    /// # Errors
    /// If the origin gives none.
    fn connect(&self, key: &EnvironmentKey, token: Option<&Secret>) -> Result<Self::Upstream, ConnectError>;

    /// Waits for the next bytes of the stream; none at its end.
    ///
    /// # Errors
    /// If the stream broke off, or nothing came for too long.
    fn receive(&self, upstream: &mut Self::Upstream) -> Result<Vec<u8>, PortError>;
}

/// Why the origin gives no stream.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ConnectError {
    /// It answered with this status, and with no event stream.
    #[error("it answered {0}, and no event stream")]
    NoStream(StatusCode),
    #[error(transparent)]
    Failed(#[from] PortError),
}

pub trait Vcpu {
    /// The vCPU time that this execution has used.
    fn vcpu(&self) -> Duration;
}
