//! One environment, from its source to everybody who listens; and its removal.

use std::time::Duration;

use api::{EnvironmentKey, bundle as format};
use engine::{Anchoring, Warning, WarningKind};

use crate::announce::announce;
use crate::basis::{self, Basis, Known};
use crate::bundle::{self, Bundle};
use crate::client::{CallFailed, Calls, Client, Patience};
use crate::flagsmith::Connection;
use crate::kv::{Item, Stored};
use crate::plan::{self, Plan, Wanted};
use crate::purge::purge;
use crate::report::{Done, Published, Report, Trouble};
use crate::server_keys::{self, ServerKeySource, ServerKeysReport};
use crate::source::Source;
use crate::write::{Decision, First, StoreFailed, TRIES, bring};

/// Seconds after which every POP has looked at the store: twice the greatest value of the setting `fresh`, since a write
/// takes a while, too.
const EVERYWHERE_AFTER: u64 = 7_200;

/// An API that may be behind itself is doubted as long as by one who asks once in so long; and the pause between two
/// questions then.
const INTERVAL: Duration = Duration::from_secs(10);
const DOUBT_PAUSE: Duration = Duration::from_millis(500);

/// What the publisher chooses.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    pub anchoring: Anchoring,
    /// An older file may replace a newer document.
    pub force: bool,
    /// What was removed stays so, unless it is a file that changed since.
    pub keep_removed: bool,
    /// Nothing is written, purged or announced.
    pub dry_run: bool,
    /// A document that was never stored, and has an operator or a type of rule that this version does not know, is
    /// refused. Else they match nothing.
    pub hold_unknown: bool,
}

impl Options {
    /// The edge shows no metadata.
    pub(crate) fn engine(&self) -> engine::Options {
        engine::Options { anchoring: self.anchoring, omit_metadata: true }
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
    let environment = write_document(&client.calls(patience), source, options, None).map(|brought| brought.0);
    let after = tell(client, &source.key, environment.as_ref().ok());
    let server_keys = server_keys::write_all(client, patience, &source.key, server_keys, options.dry_run);
    Report { environment, server_keys, after }
}

/// Publishes what an API answers for an environment, and its server-side keys. The store is looked at before the API is
/// asked, and the answer replaces what was there then; if somebody else wrote meanwhile, all of it is done again.
///
/// # Errors
/// Why the API gave no answer; nothing was written then.
pub fn publish_answer<E>(
    client: &Client<'_>,
    key: &EnvironmentKey,
    mut ask: impl FnMut(Connection) -> Result<Source, E>,
    server_keys: &[ServerKeySource],
    options: &Options,
) -> Result<Report, E> {
    let patience = Patience::OF_ONE_CHANCE;
    let name = key.store_key();
    let contended = StoreFailed::Contended { name: name.clone() };
    let mut environment = Err(Trouble::Store(contended));
    for _ in 0..TRIES {
        let basis = match Basis::look(&client.calls(patience), &name) {
            Ok(basis) => basis,
            Err(failed) => {
                environment = Err(Trouble::Store(failed.into()));
                break;
            }
        };
        let source = believed(client, &basis, &mut ask)?;
        match write_answer(&client.calls(patience), &source, options, &basis) {
            Ok(written) => {
                environment = Ok(written.0);
                break;
            }
            Err(AnswerRefused::Trouble(trouble)) => {
                environment = Err(trouble);
                break;
            }
            Err(AnswerRefused::Overtaken(_)) => {}
        }
    }
    let after = tell(client, key, environment.as_ref().ok());
    let server_keys = server_keys::write_all(client, patience, key, server_keys, options.dry_run);
    Ok(Report { environment, server_keys, after })
}

/// What an API answers, asked again for a while if it may be behind itself.
fn believed<E>(
    client: &Client<'_>,
    basis: &Basis,
    ask: &mut impl FnMut(Connection) -> Result<Source, E>,
) -> Result<Source, E> {
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

/// Brings the server-side keys of an environment up to date, and nothing else of it.
pub fn publish_server_keys(
    client: &Client<'_>,
    key: &EnvironmentKey,
    server_keys: &[ServerKeySource],
    dry_run: bool,
) -> ServerKeysReport {
    server_keys::write_all(client, Patience::OF_ONE_CHANCE, key, server_keys, dry_run)
}

/// Removes an environment: publishes a tombstone, after which its keys open nothing.
pub fn unpublish(client: &Client<'_>, key: &EnvironmentKey, dry_run: bool) -> Report {
    let calls = &client.calls(Patience::OF_ONE_CHANCE);
    let environment = write(calls, key, dry_run, None, |stored| decide_removal(calls, key, stored));
    let environment = environment.map(|(published, _)| published);
    let after = tell(client, key, environment.as_ref().ok());
    Report { environment, server_keys: ServerKeysReport::default(), after }
}

/// What was done, and what is known of the store then, if that is sure.
pub(crate) type Written = (Published, Option<Basis>);

/// Brings the bundle of a file's document up to date, and nothing else. `remembered` is what was stored when it was seen
/// last; if somebody else wrote since, it is decided anew.
pub(crate) fn write_document(
    calls: &Calls<'_>,
    source: &Source,
    options: &Options,
    remembered: Option<&Basis>,
) -> Result<Written, Trouble> {
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
        let known = stored.and_then(Known::of);
        if let Some(known) = &known {
            calls.wait_for_turn(known.revision);
        }
        decide(calls, source, options, known.as_ref())
    })
}

/// Why an API's answer was not written.
#[derive(Debug)]
pub(crate) enum AnswerRefused {
    Trouble(Trouble),
    /// Somebody else wrote after it was asked for, and this is what is stored now. Nobody knows which of the two is newer,
    /// so the answer is of no use any more.
    Overtaken(Box<Basis>),
}

impl From<Trouble> for AnswerRefused {
    fn from(trouble: Trouble) -> Self {
        AnswerRefused::Trouble(trouble)
    }
}

impl From<StoreFailed> for AnswerRefused {
    fn from(failed: StoreFailed) -> Self {
        AnswerRefused::Trouble(failed.into())
    }
}

/// Brings the bundle of an API's answer up to date, and nothing else: in place of the generation that was known when it
/// was asked for, and of no other. Answers are ordered by cause so, whatever clocks and times say.
pub(crate) fn write_answer(
    calls: &Calls<'_>,
    source: &Source,
    options: &Options,
    basis: &Basis,
) -> Result<Written, AnswerRefused> {
    // Another publisher may have written it within this second; our own writes are a second apart already.
    if let Some(known) = basis.known.as_ref().filter(|_| !basis.is_own) {
        calls.wait_for_turn(known.revision);
    }
    let first = match decide(calls, source, options, basis.known.as_ref())? {
        Decision::Leave(published) => return Ok((published, Some(basis.clone()))),
        Decision::Write(item, about) => First { replaced: basis.generation.clone(), item, about },
    };
    write(calls, &source.key, options.dry_run, Some(first), |stored| {
        Err(AnswerRefused::Overtaken(Box::new(Basis::of(stored))))
    })
}

type Decided<E = Trouble> = Result<Decision<Published>, E>;

/// What becomes of an environment, given what is stored; with the bundle, if one is to be written.
fn decide(calls: &Calls<'_>, source: &Source, options: &Options, stored: Option<&Known>) -> Decided {
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
    let (revision, odd) = match plan::plan(stored, wanted, now) {
        Plan::Publish { revision, warning } => (revision, warning),
        Plan::Refuse { stored, given } => return Err(Trouble::Older { stored, given }),
        Plan::Removed(revision) => return Err(Trouble::Removed { key: source.key.clone(), revision }),
        Plan::Unchanged(revision) => {
            let warnings = bundle::warnings(source, options);
            let is_everywhere =
                revision.0 + EVERYWHERE_AFTER < u64::try_from(now.as_second()).unwrap_or_default();
            let published = Published::new(revision, Done::Unchanged);
            return Ok(Decision::Leave(Published { warnings, is_everywhere, ..published }));
        }
    };
    let bundle = bundle::build(source, stored, revision, now, options)?;
    let is_new = stored.is_none_or(|stored| stored.source_hash != source.hash);
    if options.hold_unknown && is_new {
        hold_unknown(&bundle.warnings)?;
    }
    Ok(written(bundle, Published { odd, ..Published::new(revision, Done::Written) }))
}

fn hold_unknown(warnings: &[Warning]) -> Result<(), Trouble> {
    let mut unknown = warnings.iter().filter(|warning| warning.kind == WarningKind::Unknown);
    match unknown.next() {
        Some(first) => Err(Trouble::Held { first: first.clone(), others: unknown.count() }),
        None => Ok(()),
    }
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
        Plan::Removed(revision) => Err(Trouble::Removed { key: key.clone(), revision }),
    }
}

fn written(bundle: Bundle, published: Published) -> Decision<Published> {
    let Bundle { header, bytes, warnings } = bundle;
    let published = Published { bytes: Some(bytes.len()), warnings, ..published };
    Decision::Write(Item { value: bytes, metadata: Some(header.metadata()) }, published)
}

/// Brings the bundle up to date; in a dry run only says what would be done.
fn write<E: From<StoreFailed>>(
    calls: &Calls<'_>,
    key: &EnvironmentKey,
    dry_run: bool,
    first: Option<First<Published>>,
    mut decide: impl FnMut(Option<&Stored>) -> Decided<E>,
) -> Result<Written, E> {
    if dry_run && let Some(First { about, .. }) = first {
        return Ok((Published { done: Done::Planned, ..about }, None));
    }
    let mut seen = None;
    let mut wanted = first.as_ref().and_then(|first| Known::of_written(&first.item));
    let decide = |stored: Option<&Stored>| -> Decided<E> {
        seen = Some(Basis::of(stored)).filter(|basis| basis.known.as_ref().is_some_and(|known| known.sound));
        Ok(match decide(stored)? {
            Decision::Write(_, published) if dry_run => {
                Decision::Leave(Published { done: Done::Planned, ..published })
            }
            Decision::Write(item, published) => {
                wanted = Known::of_written(&item);
                Decision::Write(item, published)
            }
            leave => leave,
        })
    };
    let is_later = |stored: &Stored, item: &Item, _: Option<&str>| basis::is_later(stored, item);
    let brought = bring(calls, &key.store_key(), first, decide, is_later)?;
    let remembered = match (brought.about.done, brought.written) {
        (Done::Written, Some(generation)) => {
            wanted.map(|known| Basis { generation: Some(generation), known: Some(known), is_own: true })
        }
        (Done::Unchanged, _) => seen,
        _ => None,
    };
    Ok((brought.about, remembered))
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
