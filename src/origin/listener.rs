//! An open stream of an environment: what it writes next, and when.

use std::mem;
use std::sync::Arc;
use std::time::Duration;

use api::{EnvironmentKey, signal};
use bytes::Bytes;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::announced::Announced;
use crate::hub::Hub;
use crate::part_number::PartNumber;

/// How long nothing is written before a comment is. An edge blocks on its read, so this is how often it wakes up; and its
/// limit between two bytes is 5 s.
const PING: Duration = Duration::from_secs(2);

/// A listener counts as an open stream until it is dropped.
pub(crate) struct Listener {
    hub: Arc<Hub>,
    key: EnvironmentKey,
    latest: watch::Receiver<Arc<Announced>>,
    /// What it took last.
    announced: Arc<Announced>,
    has_begun: bool,
}

/// The origin ends. The stream must break off instead of ending: a cache may replay a stream that is complete.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the origin ended")]
pub(crate) struct OriginEndedError;

impl Listener {
    /// For [`Hub::listen`] alone, which counts it.
    pub(crate) fn new(
        hub: Arc<Hub>,
        key: EnvironmentKey,
        mut latest: watch::Receiver<Arc<Announced>>,
    ) -> Self {
        let announced = Arc::clone(&latest.borrow_and_update());
        Self { hub, key, latest, announced, has_begun: false }
    }

    /// The next bytes to write, always whole frames. First, at once, a comment and the latest announcement. Then an event
    /// as soon as there is another announcement (several at once are one event), or a comment after two seconds.
    ///
    /// # Errors
    ///
    /// Once the origin ends.
    pub(crate) async fn next(&mut self) -> Result<Bytes, OriginEndedError> {
        if !mem::replace(&mut self.has_begun, true) {
            return Ok([signal::comment("jackstaff").as_bytes(), &self.event()].concat().into());
        }
        match timeout(PING, self.changed()).await {
            Err(_) => Ok(Bytes::from_static(b": ping\n\n")),
            Ok(changed) => changed.map(|()| self.event()),
        }
    }

    /// Waits for another announcement, and takes it. Nothing is lost if the wait is cancelled.
    ///
    /// # Errors
    ///
    /// Once the origin ends.
    pub(crate) async fn changed(&mut self) -> Result<(), OriginEndedError> {
        self.latest.changed().await.map_err(|_| OriginEndedError)?;
        self.announced = Arc::clone(&self.latest.borrow_and_update());
        Ok(())
    }

    /// The number, for clients of a part, of what it took last.
    pub(crate) fn number(&self) -> Option<PartNumber> {
        self.announced.number()
    }

    /// The event of what it took last, for an edge, which is counted; empty if nothing was announced.
    fn event(&self) -> Bytes {
        if self.announced.revision().is_some() {
            self.count_event();
        }
        self.announced.event()
    }

    /// An event is written.
    pub(crate) fn count_event(&self) {
        self.hub.metrics().signals.inc();
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.hub.leave(&self.key);
    }
}
