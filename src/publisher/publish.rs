//! Publishing one environment, from its document to the announcement; and its removal.

use std::time::Duration;

use api::{EnvironmentKey, Revision};
use engine::{Cost, Warning, WarningKind};

use crate::announce::announce;
use crate::basis::{self, Basis, KnownBundle};
use crate::bundle::{self, Bundle};
use crate::call_error::CallError;
use crate::client::{Calls, Client, RetryPolicy};
use crate::cost::{CostLevel, DearWarning};
use crate::flagsmith::Connection;
use crate::kv::{Item, StoredItem};
use crate::options::PublishOptions;
use crate::plan::{self, Plan, PlanWarning, Wanted};
use crate::purge::purge;
use crate::report::{Done, PublishError, Published, Report};
use crate::server_keys::{self, ServerKeySource, ServerKeysReport};
use crate::source::DocumentSource;
use crate::write::{Decision, First, StoreError, TRIES, put_if_unchanged};

/// Seconds after which every POP has looked at the store: twice the greatest value of the setting `fresh`, since a write
/// takes a while, too.
const EVERYWHERE_AFTER: u64 = 7_200;

/// An answer that may be out of date is doubted for as long as by a watch with this interval; and the pause before it is
/// asked for again.
const INTERVAL: Duration = Duration::from_secs(10);
const DOUBT_PAUSE: Duration = Duration::from_millis(500);

/// Publishes one environment and its server-side keys.
///
/// The keys are published on their own, even if the document is refused: a revoked key must not wait.
pub fn publish(
    client: &Client<'_>,
    source: &DocumentSource,
    server_keys: &[ServerKeySource],
    options: &PublishOptions,
) -> Report {
    let policy = RetryPolicy::ONE_SHOT;
    let environment = write_document(&client.calls(policy), source, options, None).map(|outcome| outcome.0);
    let after = purge_and_announce(client, &source.key, environment.as_ref().ok());
    let server_keys = server_keys::write_all(client, policy, &source.key, server_keys, options);
    Report { environment, server_keys, after }
}

/// Publishes what an API answers for an environment, and its server-side keys. The store is read before the API is asked,
/// and the answer replaces what was there then. If another publisher wrote meanwhile, all of it is done again.
///
/// # Errors
/// Why the API gave no answer; nothing was written then.
pub fn publish_answer<E>(
    client: &Client<'_>,
    key: &EnvironmentKey,
    mut ask: impl FnMut(Connection) -> Result<DocumentSource, E>,
    server_keys: &[ServerKeySource],
    options: &PublishOptions,
) -> Result<Report, E> {
    let policy = RetryPolicy::ONE_SHOT;
    let name = key.store_key();
    let contended = StoreError::Contended { name: name.clone() };
    let mut environment = Err(PublishError::Store(contended));
    for _ in 0..TRIES {
        let basis = match Basis::read(&client.calls(policy), &name) {
            Ok(basis) => basis,
            Err(failed) => {
                environment = Err(PublishError::Store(failed.into()));
                break;
            }
        };
        let source = ask_until_believed(client, &basis, &mut ask)?;
        match write_answer(&client.calls(policy), &source, options, &basis) {
            Ok(written) => {
                environment = Ok(written.0);
                break;
            }
            Err(AnswerError::PublishError(trouble)) => {
                environment = Err(trouble);
                break;
            }
            Err(AnswerError::Overtaken(_)) => {}
        }
    }
    let after = purge_and_announce(client, key, environment.as_ref().ok());
    let server_keys = server_keys::write_all(client, policy, key, server_keys, options);
    Ok(Report { environment, server_keys, after })
}

/// What an API answers, asked again for a while if the answer may be out of date.
fn ask_until_believed<E>(
    client: &Client<'_>,
    basis: &Basis,
    ask: &mut impl FnMut(Connection) -> Result<DocumentSource, E>,
) -> Result<DocumentSource, E> {
    let mut source = ask(Connection::Kept)?;
    let mut doubted_since = client.clock().elapsed();
    while let Some(doubt) = basis.doubts(&source) {
        if client.clock().elapsed() >= doubted_since + doubt.lasts(INTERVAL) {
            break;
        }
        client.clock().sleep(DOUBT_PAUSE);
        let again = ask(Connection::New)?;
        if again.hash != source.hash {
            doubted_since = client.clock().elapsed();
        }
        source = again;
    }
    Ok(source)
}

/// Publishes the server-side keys of an environment, and nothing else of it.
pub fn publish_server_keys(
    client: &Client<'_>,
    key: &EnvironmentKey,
    server_keys: &[ServerKeySource],
    options: &PublishOptions,
) -> ServerKeysReport {
    server_keys::write_all(client, RetryPolicy::ONE_SHOT, key, server_keys, options)
}

/// Removes an environment: publishes a tombstone, after which its keys are refused.
pub fn unpublish(client: &Client<'_>, key: &EnvironmentKey, dry_run: bool) -> Report {
    let calls = &client.calls(RetryPolicy::ONE_SHOT);
    let environment = write(calls, key, dry_run, None, |stored| decide_removal(calls, key, stored));
    let environment = environment.map(|(published, _)| published);
    let after = purge_and_announce(client, key, environment.as_ref().ok());
    Report { environment, server_keys: ServerKeysReport::default(), after }
}

/// What was done, and what is known of the store then, if that is sure.
pub(crate) type WrittenDocument = (Published, Option<Basis>);

/// Writes the bundle of a file's document, if need be, and nothing else. `remembered` is what was known of the store last;
/// if another publisher wrote since, it is decided again.
pub(crate) fn write_document(
    calls: &Calls<'_>,
    source: &DocumentSource,
    options: &PublishOptions,
    remembered: Option<&Basis>,
) -> Result<WrittenDocument, PublishError> {
    let mut first = None;
    if let Some(basis) = remembered {
        match decide(calls, source, options, basis.known.as_ref())? {
            Decision::Leave(published) => return Ok((published, remembered.cloned())),
            Decision::Write(item, about) => {
                first = Some(First { replaced: basis.generation.clone(), item, about });
            }
        }
    }
    write(calls, &source.key, options.dry_run, first, |stored| {
        let known = stored.and_then(KnownBundle::of);
        if let Some(known) = &known {
            calls.wait_for_turn(known.revision);
        }
        decide(calls, source, options, known.as_ref())
    })
}

/// Why an API's answer was not written.
#[derive(Debug)]
pub(crate) enum AnswerError {
    PublishError(PublishError),
    /// Another publisher wrote after the API was asked, and this is what is stored now. Which of the two is newer is not
    /// known, so the answer is of no use.
    Overtaken(Box<Basis>),
}

impl From<PublishError> for AnswerError {
    fn from(trouble: PublishError) -> Self {
        AnswerError::PublishError(trouble)
    }
}

impl From<StoreError> for AnswerError {
    fn from(failed: StoreError) -> Self {
        AnswerError::PublishError(failed.into())
    }
}

/// Writes the bundle of an API's answer, if need be, and nothing else: in place of the generation that was known when the
/// API was asked, and of no other. So answers are ordered by cause, and no clock takes part.
pub(crate) fn write_answer(
    calls: &Calls<'_>,
    source: &DocumentSource,
    options: &PublishOptions,
    basis: &Basis,
) -> Result<WrittenDocument, AnswerError> {
    // Another publisher may have written it within this second; our own writes are a second apart already.
    if let Some(known) = basis.known.as_ref().filter(|_| !basis.is_own) {
        calls.wait_for_turn(known.revision);
    }
    let first = match decide(calls, source, options, basis.known.as_ref())? {
        Decision::Leave(published) => return Ok((published, Some(basis.clone()))),
        Decision::Write(item, about) => First { replaced: basis.generation.clone(), item, about },
    };
    write(calls, &source.key, options.dry_run, Some(first), |stored| {
        Err(AnswerError::Overtaken(Box::new(Basis::of(stored))))
    })
}

type Decided<E = PublishError> = Result<Decision<Published>, E>;

/// What happens to an environment, given what is stored; with the bundle, if one is to be written.
fn decide(
    calls: &Calls<'_>,
    source: &DocumentSource,
    options: &PublishOptions,
    stored: Option<&KnownBundle>,
) -> Decided {
    let now = calls.now();
    let settings = options.fingerprint();
    let wanted = Wanted {
        hash: &source.hash,
        settings: &settings,
        updated_at: source.updated_at,
        provenance: source.provenance,
        force: options.force,
        keep_removed: options.keep_removed,
    };
    let (revision, warning) = match plan::plan(stored, wanted, now) {
        Plan::Publish { revision, warning } => (revision, warning),
        Plan::Refuse { stored, given } => return Err(PublishError::Older { stored, given }),
        Plan::Removed(revision) => return Err(PublishError::Removed { key: source.key.clone(), revision }),
        Plan::NoRevisionLeft(revision) => {
            return Err(PublishError::NoRevisionLeft { key: source.key.clone(), revision });
        }
        Plan::Unchanged(revision) => {
            let (warnings, cost) = bundle::warnings(source, options);
            let is_everywhere =
                revision.0 + EVERYWHERE_AFTER < u64::try_from(now.as_second()).unwrap_or_default();
            let ahead = plan::warn_if_ahead(revision, now);
            let plan_warnings = ahead.into_iter().chain(dear(cost.as_ref())).collect();
            let published = Published::new(revision, Done::Unchanged);
            return Ok(Decision::Leave(Published {
                warnings,
                cost: cost.map(Box::new),
                plan_warnings,
                is_everywhere,
                ..published
            }));
        }
    };
    let bundle = bundle::build(source, stored, revision, now, options)?;
    let is_new = stored.is_none_or(|stored| stored.source_hash != source.hash);
    if options.hold_unknown && is_new {
        hold_unknown(&bundle.warnings)?;
    }
    if let Some(cost) = &bundle.cost
        && !options.accept_dear
        && is_new
        && CostLevel::of(cost.steps()) == CostLevel::TooDear
    {
        return Err(PublishError::TooDear(Box::new(cost.clone())));
    }
    let ahead = plan::warn_if_ahead(revision, now);
    let plan_warnings = warning.into_iter().chain(ahead).chain(dear(bundle.cost.as_ref())).collect();
    Ok(written(bundle, Published { plan_warnings, ..Published::new(revision, Done::Written) }))
}

fn dear(cost: Option<&Cost>) -> Option<PlanWarning> {
    DearWarning::of(cost?).map(PlanWarning::Dear)
}

fn hold_unknown(warnings: &[Warning]) -> Result<(), PublishError> {
    let mut unknown = warnings.iter().filter(|warning| warning.kind == WarningKind::Unknown);
    match unknown.next() {
        Some(first) => Err(PublishError::Held { first: first.clone(), others: unknown.count() }),
        None => Ok(()),
    }
}

fn decide_removal(calls: &Calls<'_>, key: &EnvironmentKey, stored: Option<&StoredItem>) -> Decided {
    let Some(stored) = stored else { return Err(PublishError::Unknown { key: key.clone() }) };
    let known = KnownBundle::of(stored);
    let now = calls.now();
    let new = |revision: Revision, done: Done| Published {
        plan_warnings: plan::warn_if_ahead(revision, now).into_iter().collect(),
        ..Published::new(revision, done)
    };
    match plan::plan_removal(known.as_ref(), now) {
        Plan::Publish { revision, .. } => {
            let bundle = bundle::tombstone(known.as_ref(), revision)?;
            Ok(written(bundle, new(revision, Done::Written)))
        }
        Plan::Unchanged(revision) => Ok(Decision::Leave(new(revision, Done::Unchanged))),
        Plan::Refuse { stored, given } => Err(PublishError::Older { stored, given }),
        Plan::Removed(revision) => Err(PublishError::Removed { key: key.clone(), revision }),
        Plan::NoRevisionLeft(revision) => Err(PublishError::NoRevisionLeft { key: key.clone(), revision }),
    }
}

fn written(bundle: Bundle, published: Published) -> Decision<Published> {
    let Bundle { header, bytes, warnings, cost } = bundle;
    let published = Published { bytes: Some(bytes.len()), warnings, cost: cost.map(Box::new), ..published };
    Decision::Write(Item { value: bytes, metadata: Some(header.metadata()) }, published)
}

/// Writes what `decide` says; in a dry run only says what would be done.
fn write<E: From<StoreError>>(
    calls: &Calls<'_>,
    key: &EnvironmentKey,
    dry_run: bool,
    first: Option<First<Published>>,
    mut decide: impl FnMut(Option<&StoredItem>) -> Decided<E>,
) -> Result<WrittenDocument, E> {
    if dry_run && let Some(First { about, .. }) = first {
        return Ok((Published { done: Done::Planned, ..about }, None));
    }
    let mut seen = None;
    let mut wanted = first.as_ref().and_then(|first| KnownBundle::of_written(&first.item));
    let decide = |stored: Option<&StoredItem>| -> Decided<E> {
        seen = Some(Basis::of(stored)).filter(|basis| basis.known.as_ref().is_some_and(|known| known.sound));
        Ok(match decide(stored)? {
            Decision::Write(_, published) if dry_run => {
                Decision::Leave(Published { done: Done::Planned, ..published })
            }
            Decision::Write(item, published) => {
                wanted = KnownBundle::of_written(&item);
                Decision::Write(item, published)
            }
            leave => leave,
        })
    };
    let is_later = |stored: &StoredItem, item: &Item, _: Option<&str>| basis::is_later(stored, item);
    let outcome = put_if_unchanged(calls, &key.store_key(), None, first, decide, is_later)?;
    let remembered = match (outcome.about.done, outcome.written) {
        (Done::Written, Some(generation)) => {
            wanted.map(|known| Basis { generation: Some(generation), known: Some(known), is_own: true })
        }
        (Done::Unchanged, _) => seen,
        _ => None,
    };
    Ok((outcome.about, remembered))
}

/// Purges and announces what the store has, also if it had it before: the publisher that wrote it may have been stopped
/// before it came to that. Gives what failed.
fn purge_and_announce(
    client: &Client<'_>,
    key: &EnvironmentKey,
    published: Option<&Published>,
) -> Vec<CallError> {
    let Some(published) = published.filter(|published| published.done != Done::Planned) else {
        return Vec::new();
    };
    let calls = &client.calls(RetryPolicy::ONE_SHOT);
    let results = [purge(calls, &key.store_key()), announce(calls, key, published.revision)];
    results.into_iter().filter_map(Result::err).collect()
}
