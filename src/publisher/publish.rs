//! One environment, from its source to everybody who listens; and its removal.

use api::{EnvironmentKey, bundle as format};
use engine::Anchoring;

use crate::announce::announce;
use crate::bundle::{self, Bundle};
use crate::client::{CallFailed, Calls, Client, Patience};
use crate::kv::{Item, Stored};
use crate::plan::{self, Known, Plan, Wanted};
use crate::purge::purge;
use crate::report::{Done, Published, Report, Trouble};
use crate::server_keys::{self, ServerKeySource, ServerKeysReport};
use crate::source::Source;
use crate::write::{Brought, Decision, bring};

/// What the publisher chooses.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    pub anchoring: Anchoring,
    /// An older document may replace a newer one.
    pub force: bool,
    /// Nothing is written, purged or announced.
    pub dry_run: bool,
}

impl Options {
    /// The edge shows no metadata.
    pub(crate) fn engine(&self) -> engine::Options {
        engine::Options { anchoring: self.anchoring, lean: true }
    }

    /// What of it goes into a bundle, with the version of the format: if it changes, so does the bundle.
    pub(crate) fn fingerprint(&self) -> String {
        let anchoring = match self.anchoring {
            Anchoring::Start => "start",
            Anchoring::Search => "search",
        };
        format!("format={};regex={anchoring}", format::FORMAT)
    }
}

/// Publishes one environment and its server-side keys.
///
/// The keys are brought up to date on their own, even if the document is refused: a revoked key waits for nothing.
pub fn publish(
    client: &Client<'_>,
    source: &Source,
    server_keys: &[ServerKeySource],
    options: &Options,
) -> Report {
    let patience = Patience::OF_ONE_CHANCE;
    let environment = write_document(&client.calls(patience), source, options);
    let after = tell(client, &source.key, environment.as_ref().ok());
    let server_keys = server_keys::write_all(client, patience, &source.key, server_keys, options.dry_run);
    Report { environment, server_keys, after }
}

/// Removes an environment: publishes a tombstone, after which its keys open nothing.
pub fn unpublish(client: &Client<'_>, key: &EnvironmentKey, dry_run: bool) -> Report {
    let calls = &client.calls(Patience::OF_ONE_CHANCE);
    let environment = write(calls, key, dry_run, |stored| decide_removal(calls, key, stored));
    let after = tell(client, key, environment.as_ref().ok());
    Report { environment, server_keys: ServerKeysReport::default(), after }
}

/// Brings the bundle of a document up to date, and nothing else.
pub(crate) fn write_document(
    calls: &Calls<'_>,
    source: &Source,
    options: &Options,
) -> Result<Published, Trouble> {
    write(calls, &source.key, options.dry_run, |stored| decide(calls, source, options, stored))
}

type Decided = Result<Decision<Published>, Trouble>;

/// What becomes of an environment, given what is stored; with the bundle, if one is to be written.
fn decide(calls: &Calls<'_>, source: &Source, options: &Options, stored: Option<&Stored>) -> Decided {
    let now = calls.now();
    let settings = options.fingerprint();
    let wanted = Wanted { hash: &source.hash, settings: &settings, updated_at: source.updated_at };
    let (revision, odd) = match plan::plan(stored.and_then(Known::of).as_ref(), wanted, now, options.force) {
        Plan::Publish { revision, warning } => (revision, warning),
        Plan::Refuse { stored, given } => return Err(Trouble::Older { stored, given }),
        Plan::Unchanged(revision) => {
            return Ok(Decision::Leave(Published::new(revision, Done::Unchanged)));
        }
    };
    let bundle = bundle::build(source, revision, now, options)?;
    Ok(written(bundle, Published { odd, ..Published::new(revision, Done::Written) }))
}

fn decide_removal(calls: &Calls<'_>, key: &EnvironmentKey, stored: Option<&Stored>) -> Decided {
    let Some(stored) = stored else { return Err(Trouble::Unknown { key: key.clone() }) };
    let known = Known::of(stored);
    match plan::plan_removal(known.as_ref(), calls.now()) {
        Plan::Publish { revision, .. } => {
            let bundle = bundle::tombstone(known.as_ref(), revision)?;
            Ok(written(bundle, Published::new(revision, Done::Written)))
        }
        Plan::Unchanged(revision) => Ok(Decision::Leave(Published::new(revision, Done::Unchanged))),
        Plan::Refuse { stored, given } => Err(Trouble::Older { stored, given }),
    }
}

fn written(bundle: Bundle, published: Published) -> Decision<Published> {
    let Bundle { header, bytes, warnings } = bundle;
    let published = Published { bytes: Some(bytes.len()), warnings, ..published };
    Decision::Write(Item { value: bytes, metadata: Some(header.metadata()) }, published)
}

/// Brings the bundle up to date; in a dry run only says what would be done.
fn write(
    calls: &Calls<'_>,
    key: &EnvironmentKey,
    dry_run: bool,
    mut decide: impl FnMut(Option<&Stored>) -> Decided,
) -> Result<Published, Trouble> {
    let decide = |stored: Option<&Stored>| -> Decided {
        Ok(match decide(stored)? {
            Decision::Write(_, published) if dry_run => {
                Decision::Leave(Published { done: Done::Planned, ..published })
            }
            decision => decision,
        })
    };
    let is_later = |stored: &Stored, item: &Item, _: Option<&str>| plan::is_later(stored, item);
    match bring(calls, &key.store_key(), decide, is_later)? {
        Brought::Left(published) | Brought::Written(published) => Ok(published),
    }
}

/// Purges and announces what the store has, also if it had it before: whoever published it may not have come so far.
/// Gives what failed.
fn tell(client: &Client<'_>, key: &EnvironmentKey, published: Option<&Published>) -> Vec<CallFailed> {
    let Some(published) = published.filter(|published| published.done != Done::Planned) else {
        return Vec::new();
    };
    let calls = &client.calls(Patience::OF_ONE_CHANCE);
    let told = [purge(calls, &key.store_key()), announce(calls, key, published.revision)];
    told.into_iter().filter_map(Result::err).collect()
}
