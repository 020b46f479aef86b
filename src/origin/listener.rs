//! One who listens to an environment: what its stream writes next, and when.

use std::mem;
use std::sync::Arc;
use std::time::Duration;

use api::{EnvironmentKey, signal};
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
        match timeout(PING, self.latest.changed()).await {
            Err(_) => Ok(Bytes::from_static(b": ping\n\n")),
            Ok(Err(_)) => Err(Aborted),
            Ok(Ok(())) => {
                self.told = Arc::clone(&self.latest.borrow_and_update());
                self.hub.metrics().signals.inc();
                Ok(self.told.event())
            }
        }
    }

    fn greeting(&self) -> Bytes {
        if self.told.revision().is_some() {
            self.hub.metrics().signals.inc();
        }
        [signal::comment("jackstaff").as_bytes(), &self.told.event()].concat().into()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.hub.leave(&self.key);
    }
}
