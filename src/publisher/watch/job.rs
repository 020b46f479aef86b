//! What is to be done for an environment at one time, and what came of it.

use std::sync::Arc;

use api::EnvironmentKey;

use crate::client::{Client, Patience};
use crate::publish::{Options, Told, Untold, tell, write_document};
use crate::report::{Done, Published, Trouble};
use crate::server_keys::{ServerKeySource, ServerKeysReport, write_all};
use crate::source::Source;

/// What an environment is owed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Owed {
    pub(crate) document: bool,
    pub(crate) server_keys: bool,
    /// Somebody has yet to hear of what the store has.
    pub(crate) untold: Option<Untold>,
}

impl Owed {
    pub(crate) fn is_nothing(self) -> bool {
        self == Owed::default()
    }
}

/// What is to be done now, in any thread.
#[derive(Debug)]
pub struct Job {
    pub(crate) source: Arc<Source>,
    pub(crate) server_keys: Vec<ServerKeySource>,
    pub(crate) owed: Owed,
}

/// What came of it; whatever was not to be done is absent.
#[derive(Debug)]
pub struct Finished {
    pub(crate) key: EnvironmentKey,
    pub(crate) published: Option<Result<Published, Trouble>>,
    pub(crate) server_keys: Option<ServerKeysReport>,
    pub(crate) told: Option<Told>,
}

impl Job {
    /// As [`crate::publish`] does it, but only what is owed, and with less patience: whoever is at it comes back.
    pub fn perform(self, client: &Client<'_>, options: &Options) -> Finished {
        let Job { source, server_keys, owed } = self;
        let key = &source.key;
        let patience = Patience::OF_ONE_WHO_RETURNS;
        let published = owed.document.then(|| write_document(&client.calls(patience), &source, options));
        let untold = match &published {
            Some(Ok(published)) if published.done != Done::Planned => {
                Some(Untold::everybody(published.revision))
            }
            _ => owed.untold,
        };
        // Newer flags must not wait long for somebody who does not listen.
        let told = untold.map(|untold| tell(&client.calls(Patience::IN_PASSING), key, untold));
        let server_keys =
            owed.server_keys.then(|| write_all(client, patience, key, &server_keys, options.dry_run));
        Finished { key: key.clone(), published, server_keys, told }
    }
}
