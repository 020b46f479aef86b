//! One thing to do for an environment, in any thread, and what came of it.

use std::sync::Arc;

use api::{EnvironmentKey, Revision};

use crate::announce::announce;
use crate::client::{CallFailed, Client, Patience};
use crate::kv;
use crate::publish::{Options, Remembered, write_document};
use crate::purge::purge;
use crate::report::{Published, Trouble};
use crate::server_keys::{ServerKeySource, ServerKeysReport, write_all};
use crate::source::Source;
use crate::watch::environment::Kind;
use crate::watch::failure::Failure;

/// Something to do for an environment.
#[derive(Debug)]
pub struct Job {
    pub(crate) key: EnvironmentKey,
    pub(crate) task: Task,
}

/// What is to be done, in the order in which [`crate::publish`] does it all.
#[derive(Debug)]
pub(crate) enum Task {
    /// To bring the store up to date.
    Store {
        document: Option<Arc<Source>>,
        remembered: Option<Remembered>,
        server_keys: Option<Vec<ServerKeySource>>,
    },
    /// To see whether the store still has this generation.
    Check { generation: String },
    /// To have POPs look at the store.
    Purge,
    /// To announce what the store has.
    Announce(Revision),
}

/// What came of it.
#[derive(Debug)]
pub struct Finished {
    pub(crate) key: EnvironmentKey,
    pub(crate) outcome: Outcome,
}

/// What came of a [`Task`]; whatever was not to be done is absent.
#[derive(Debug)]
pub(crate) enum Outcome {
    Stored {
        published: Option<Result<(Published, Option<Remembered>), Trouble>>,
        server_keys: Option<ServerKeysReport>,
    },
    /// Whether the store has what is remembered.
    Checked(Result<bool, CallFailed>),
    /// It came to no end.
    GivenUp(Kind, Failure),
    Purged(Result<(), CallFailed>),
    Announced(Revision, Result<(), CallFailed>),
}

impl Job {
    /// Does it, with less patience than one who has one chance.
    pub fn perform(self, client: &Client<'_>, options: &Options) -> Finished {
        let Job { key, task } = self;
        let patience = Patience::OF_ONE_WHO_RETURNS;
        let outcome = match task {
            Task::Store { document, remembered, server_keys } => Outcome::Stored {
                published: document.map(|source| {
                    write_document(&client.calls(patience), &source, options, remembered.as_ref())
                }),
                server_keys: server_keys
                    .map(|keys| write_all(client, patience, &key, &keys, options.dry_run)),
            },
            Task::Check { generation } => {
                let stored = kv::get(&client.calls(Patience::IN_PASSING), &key.store_key());
                let is_same = |stored: &kv::Stored| stored.generation == generation;
                Outcome::Checked(stored.map(|stored| stored.as_ref().is_some_and(is_same)))
            }
            Task::Purge => Outcome::Purged(purge(&client.calls(Patience::IN_PASSING), &key.store_key())),
            Task::Announce(revision) => {
                let calls = client.calls(Patience::IN_PASSING);
                Outcome::Announced(revision, announce(&calls, &key, revision))
            }
        };
        Finished { key, outcome }
    }

    /// Whether it may write into the store.
    pub(crate) fn writes(&self) -> bool {
        matches!(self.task, Task::Store { .. })
    }

    /// What is to be taken in if it came to no end.
    pub(crate) fn given_up(&self) -> Finished {
        let (kind, what) = match self.task {
            Task::Store { .. } | Task::Check { .. } => (Kind::Store, "writing"),
            Task::Purge => (Kind::Purge, "purging"),
            Task::Announce(_) => (Kind::Announce, "announcing"),
        };
        let failure = Failure::of(format!("{what} environment `{}` came to no end", self.key));
        Finished { key: self.key.clone(), outcome: Outcome::GivenUp(kind, failure) }
    }
}
