//! One who listens to an environment: what its stream writes next, and when.

use std::mem;
use std::sync::Arc;
use std::time::Duration;

use api::{EnvironmentKey, Revision, signal};
use bytes::Bytes;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::hub::Hub;
use crate::told::Told;

/// How long nothing is written before a comment is. A relay blocks on its read, so this is how often it wakes up; and
/// its limit between two bytes is 5 s.
const PING: Duration = Duration::from_secs(2);

/// A listener counts as an open stream from its making to its drop.
pub(crate) struct Listener {
    hub: Arc<Hub>,
    key: EnvironmentKey,
    latest: watch::Receiver<Arc<Told>>,
    /// What it was told last.
    told: Arc<Told>,
    greeted: bool,
}

/// The origin ends. The stream must break off, not end: a stream that is finished is one that a cache may replay.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the origin ended")]
pub(crate) struct Aborted;

impl Listener {
    /// Of [`Hub::listen`] alone, which counts it.
    pub(crate) fn new(hub: Arc<Hub>, key: EnvironmentKey, mut latest: watch::Receiver<Arc<Told>>) -> Self {
        let told = Arc::clone(&latest.borrow_and_update());
        Self { hub, key, latest, told, greeted: false }
    }

    /// The next thing to write, always of whole frames: first, at once, a comment and what stands; then an event as
    /// soon as there was another announcement (several at once are one event), or a comment after two seconds.
    ///
    /// # Errors
    ///
    /// Once the origin ends.
    pub(crate) async fn next(&mut self) -> Result<Bytes, Aborted> {
        if !mem::replace(&mut self.greeted, true) {
            return Ok(self.greeting());
        }
        match timeout(PING, self.changed()).await {
            Err(_) => Ok(Bytes::from_static(b": ping\n\n")),
            Ok(changed) => changed.map(|()| self.tell()),
        }
    }

    /// Waits for another announcement. Nothing is lost if the wait is given up.
    ///
    /// # Errors
    ///
    /// Once the origin ends.
    pub(crate) async fn changed(&mut self) -> Result<(), Aborted> {
        self.latest.changed().await.map_err(|_| Aborted)?;
        self.told = Arc::clone(&self.latest.borrow_and_update());
        Ok(())
    }

    /// What stands, as of the last look.
    pub(crate) fn stands(&self) -> Option<Revision> {
        self.told.revision()
    }

    /// The frame that tells what stands, which is counted; empty if nothing does.
    pub(crate) fn tell(&self) -> Bytes {
        if self.stands().is_some() {
            self.hub.metrics().signals.inc();
        }
        self.told.event()
    }

    fn greeting(&self) -> Bytes {
        [signal::comment("jackstaff").as_bytes(), &self.tell()].concat().into()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.hub.leave(&self.key);
    }
}
