//! One environment, from its source to everybody who listens.

use std::thread;
use std::time::Duration;

use api::{Header, Revision, bundle as format};
use engine::{Anchoring, Warning};
use jiff::Timestamp;
use thiserror::Error;

use crate::announce::announce;
use crate::bundle::{self, Bundle, BundleRefused};
use crate::client::{CallFailed, Target, agent};
use crate::kv::{Condition, KvStore, Stored, Write};
use crate::plan::{Plan, PlanWarning, Wanted, plan};
use crate::purge::purge;
use crate::server_keys::{self, ServerKeySource};
use crate::source::Source;

/// How often a write is decided anew because somebody else wrote first.
const TRIES: usize = 5;
/// How often, and after which pauses, a bundle is read back until the store shows it.
const READ_BACKS: u32 = 6;
const READ_BACK_PAUSE: Duration = Duration::from_millis(100);

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

/// What was done for an environment.
#[derive(Debug)]
pub struct Published {
    pub revision: Revision,
    pub done: Done,
    /// Bytes of the bundle that was made; none was, for what is unchanged.
    pub bytes: Option<usize>,
    /// Parts of the document that will never match.
    pub warnings: Vec<Warning>,
    /// What is odd about the document as a whole.
    pub odd: Option<PlanWarning>,
    /// How many server-side keys were written.
    pub server_keys: usize,
    /// What failed after the store had it: purges and announcements.
    pub after: Vec<CallFailed>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Done {
    Written,
    /// The store had it already.
    Unchanged,
    /// A dry run: it would be written.
    Planned,
}

/// Why an environment was not published.
#[derive(Debug, Error)]
pub enum Trouble {
    #[error(transparent)]
    Refused(#[from] BundleRefused),
    #[error(
        "updated_at: {given} is earlier than {stored}, which is stored; `--force` publishes it all the same"
    )]
    Older { stored: Timestamp, given: Timestamp },
    #[error(transparent)]
    Store(#[from] CallFailed),
    #[error("environment/{key}: other publishers wrote first, {TRIES} times over")]
    Contended { key: String },
    #[error("{name}: the store does not show what was written to it")]
    NotReadBack { name: String },
}

impl Trouble {
    /// Whether the document is at fault, rather than a store.
    pub fn is_refusal(&self) -> bool {
        matches!(self, Trouble::Refused(_) | Trouble::Older { .. })
    }
}

/// Publishes one environment and its server-side keys.
///
/// # Errors
/// A [`Trouble`]: the document was refused, or a store could not be written. Whatever fails after that is told in
/// [`Published::after`].
pub fn publish(
    source: &Source,
    server_keys: &[ServerKeySource],
    target: &Target,
    options: &Options,
    clock: impl Fn() -> Timestamp,
) -> Result<Published, Trouble> {
    let agent = agent();
    let store = KvStore { agent: &agent, target };
    let mut published = write(source, &store, options, clock)?;
    if options.dry_run {
        return Ok(published);
    }
    for key in server_keys {
        if server_keys::write(&store, &source.key, key)? {
            published.server_keys += 1;
        }
    }
    let told = [
        purge(&agent, target, &source.key.store_key()),
        announce(&agent, target, &source.key, published.revision),
    ];
    published.after.extend(told.into_iter().filter_map(Result::err));
    Ok(published)
}

/// Brings the store up to date, and reads back what was written.
fn write(
    source: &Source,
    store: &KvStore<'_>,
    options: &Options,
    clock: impl Fn() -> Timestamp,
) -> Result<Published, Trouble> {
    let name = source.key.store_key();
    let fingerprint = options.fingerprint();
    for _ in 0..TRIES {
        let stored = store.get(&name)?;
        let header = stored.as_ref().and_then(Stored::header);
        let now = clock();
        let wanted = Wanted { hash: &source.hash, settings: &fingerprint, updated_at: source.updated_at };
        let (revision, odd) = match plan(header.as_ref(), wanted, now, options.force) {
            Plan::Publish { revision, warning } => (revision, warning),
            Plan::Refuse { stored, given } => return Err(Trouble::Older { stored, given }),
            Plan::Unchanged(revision) => return Ok(Published::new(revision, Done::Unchanged)),
        };
        let Bundle { header, bytes, warnings } = bundle::build(source, revision, now, options)?;
        let mut published = Published::new(revision, Done::Planned);
        published.bytes = Some(bytes.len());
        published.warnings = warnings;
        published.odd = odd;
        if options.dry_run {
            return Ok(published);
        }
        let condition = match &stored {
            None => Condition::Add,
            Some(stored) => stored.generation.as_deref().map_or(Condition::None, Condition::Generation),
        };
        if store.put(&name, &bytes, Some(&header.metadata()), condition)? == Write::Mismatch {
            continue;
        }
        read_back(store, &name, &header)?;
        published.done = Done::Written;
        return Ok(published);
    }
    Err(Trouble::Contended { key: source.key.to_string() })
}

/// Waits until the store shows a bundle, or a later one, whole.
fn read_back(store: &KvStore<'_>, name: &str, written: &Header) -> Result<(), Trouble> {
    let mut pause = READ_BACK_PAUSE;
    for _ in 0..READ_BACKS {
        if let Some(stored) = store.get(name)?
            && let Ok(header) = format::check(&stored.into_body()?)
            && (header == *written || header.revision > written.revision)
        {
            return Ok(());
        }
        thread::sleep(pause);
        pause *= 2;
    }
    Err(Trouble::NotReadBack { name: name.to_owned() })
}

impl Published {
    fn new(revision: Revision, done: Done) -> Published {
        Published {
            revision,
            done,
            bytes: None,
            warnings: Vec::new(),
            odd: None,
            server_keys: 0,
            after: Vec::new(),
        }
    }
}
