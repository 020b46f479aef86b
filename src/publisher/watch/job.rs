//! One thing to do for an environment, in any thread, and its result.

use std::sync::Arc;

use api::{EnvironmentKey, Revision};

use crate::announce::announce;
use crate::basis::Basis;
use crate::call_error::CallError;
use crate::client::{Calls, Client, RetryPolicy};
use crate::options::PublishOptions;
use crate::publish::{AnswerError, WrittenDocument, write_answer, write_document};
use crate::purge::purge;
use crate::server_keys::{ServerKeySource, ServerKeysReport, write_all};
use crate::source::DocumentSource;
use crate::watch::attempt_error::AttemptError;

/// Something to do for an environment.
#[derive(Debug)]
pub struct Job {
    pub(crate) key: EnvironmentKey,
    pub(crate) task: Task,
}

/// What is to be done, in the order in which [`crate::publish`] does it all.
#[derive(Debug)]
pub(crate) enum Task {
    /// To write a document and server-side keys.
    Store { document: Option<Document>, server_keys: Option<Vec<ServerKeySource>> },
    /// To read what the store has.
    Look,
    /// To have POPs look at the store.
    Purge,
    /// To announce what the store has.
    Announce(Revision),
}

/// A kind of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WorkKind {
    Store,
    Purge,
    Announce,
}

/// A document that is to be stored.
#[derive(Debug)]
pub(crate) enum Document {
    /// Of a file, with what is remembered of the store.
    OfFile(Arc<DocumentSource>, Option<Basis>),
    /// What an API answered, with what was stored when it was asked.
    Answer(Arc<DocumentSource>, Basis),
}

/// A job that ended, and its result.
#[derive(Debug)]
pub struct Finished {
    pub(crate) key: EnvironmentKey,
    pub(crate) outcome: Outcome,
}

/// The result of a [`Task`]; what was not to be done is absent.
#[derive(Debug)]
pub(crate) enum Outcome {
    Stored {
        published: Option<Result<WrittenDocument, AnswerError>>,
        server_keys: Option<ServerKeysReport>,
    },
    Looked(Result<Basis, CallError>),
    /// The job panicked.
    Panicked(WorkKind, AttemptError),
    Purged(Result<(), CallError>),
    Announced(Revision, Result<(), CallError>),
}

impl Job {
    /// Does it, with fewer tries than `publish`, since it is tried again.
    pub fn perform(self, client: &Client<'_>, options: &PublishOptions) -> Finished {
        let Job { key, task } = self;
        let policy = RetryPolicy::WATCHING;
        let outcome = match task {
            Task::Store { document, server_keys } => Outcome::Stored {
                published: document.map(|document| document.write(&client.calls(policy), options)),
                server_keys: server_keys.map(|keys| write_all(client, policy, &key, &keys, options)),
            },
            Task::Look => Outcome::Looked(Basis::read(&client.calls(RetryPolicy::PROBE), &key.store_key())),
            Task::Purge => Outcome::Purged(purge(&client.calls(RetryPolicy::PROBE), &key.store_key())),
            Task::Announce(revision) => {
                let calls = client.calls(RetryPolicy::PROBE);
                Outcome::Announced(revision, announce(&calls, &key, revision))
            }
        };
        Finished { key, outcome }
    }

    /// Whether it may write into the store.
    pub(crate) fn writes(&self) -> bool {
        matches!(self.task, Task::Store { .. })
    }

    /// The result if the job panics.
    pub(crate) fn panicked(&self) -> Finished {
        let (kind, what) = match self.task {
            Task::Store { .. } => (WorkKind::Store, "writing"),
            Task::Look => (WorkKind::Store, "reading"),
            Task::Purge => (WorkKind::Purge, "purging"),
            Task::Announce(_) => (WorkKind::Announce, "announcing"),
        };
        let failure = AttemptError::of(format!("internal error: {what} environment `{}` panicked", self.key));
        Finished { key: self.key.clone(), outcome: Outcome::Panicked(kind, failure) }
    }
}

impl Document {
    fn write(&self, calls: &Calls<'_>, options: &PublishOptions) -> Result<WrittenDocument, AnswerError> {
        match self {
            Document::OfFile(source, remembered) => {
                Ok(write_document(calls, source, options, remembered.as_ref())?)
            }
            Document::Answer(source, basis) => write_answer(calls, source, options, basis),
        }
    }
}
