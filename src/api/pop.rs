//! A POP: keeps copies of what the KV store has, refreshes them, and knows which revision its clients heard of. All of it is
//! decided here, over [ports](ports) for what the platform can do.
//!
//! What this module never does: serve an older copy in place of a newer one, let a client that heard of a revision read
//! less without a label that says so, or end a request with an error.

mod change;
mod environment;
mod identities;
mod identity;
mod named;
mod object;
pub mod ports;
mod refresh;
mod server_key;
mod signalled;
mod state;
mod store;

use std::ops::Range;
use std::rc::Rc;
use std::time::Duration;

use jiff::Timestamp;

use crate::bundle::{FORMAT, Header, Section};
use crate::identity::IdentityKey;
use crate::key::EnvironmentKey;
use crate::revision::Revision;
use crate::settings::Settings;
use crate::store::{Lookup, PopCopy, Source, Store as _, Unavailable};
use environment::{Environment, Memory};
use identities::Unstored;
use object::Opened;
use ports::{Found, PortError, Ports};

/// A section up to this size is read by the guest, and answered with its length; a larger one is handed to the host, which
/// streams it.
const READ_LIMIT: u64 = 256 * 1024;

/// A POP, as one sandbox has it. What it keeps between requests is about environments and settings, never about a client.
pub struct Pop<P: Ports> {
    ports: P,
    /// The format of the copies that this build can read.
    format: u32,
    /// How long settings are kept before they are read again.
    keep_settings: Duration,
    settings: Rc<Settings>,
    settings_read_at: Option<Duration>,
    memory: Memory,
    /// The secret that identifiers are hashed with, once it was read.
    identity_key: Option<IdentityKey>,
    /// Changes of traits that are not stored and not logged yet.
    unstored: Unstored,
    /// When a line about an answer was logged last.
    logged_at: Option<Duration>,
}

/// What a [`Pop`] reads the sections of a copy by.
#[derive(Debug, Clone)]
pub struct Handle<F> {
    key: EnvironmentKey,
    found: F,
}

/// What a POP's copy is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CopyRevision {
    pub revision: Revision,
    /// The environment was removed: that is not signalled.
    pub removed: bool,
}

/// The body of an answer.
#[derive(Debug)]
pub enum AnswerBody<S> {
    Bytes(Vec<u8>),
    /// For the host to send; with its length.
    Stream(S, u64),
}

type Copy<P> = PopCopy<Handle<<P as ports::Cache>::Found>>;
type OpenedEnvironment<P> = Opened<Rc<Header>, <P as ports::Cache>::Found>;

impl<P: Ports> Pop<P> {
    /// A POP whose settings are read again after `keep_settings`.
    pub fn new(ports: P, keep_settings: Duration) -> Pop<P> {
        Pop::with_format(ports, keep_settings, FORMAT)
    }

    /// As a build has it whose bundles are of another format.
    pub fn with_format(ports: P, keep_settings: Duration, format: u32) -> Pop<P> {
        Pop {
            ports,
            format,
            keep_settings,
            settings: Rc::default(),
            settings_read_at: None,
            memory: Memory::default(),
            identity_key: None,
            unstored: Unstored::default(),
            logged_at: None,
        }
    }

    pub fn ports(&self) -> &P {
        &self.ports
    }

    pub fn settings(&self) -> Rc<Settings> {
        Rc::clone(&self.settings)
    }

    /// Reads the settings, if those at hand are too old. A store that fails leaves what was there.
    pub fn load_settings(&mut self) {
        let now = self.ports.elapsed();
        if self.settings_read_at.is_some_and(|at| now.saturating_sub(at) < self.keep_settings) {
            return;
        }
        match self.ports.settings() {
            Ok(Some(text)) => {
                let (settings, complaints) = Settings::parse(&text);
                for complaint in complaints {
                    self.ports.log(format_args!("{complaint}"));
                }
                self.settings = Rc::new(settings);
            }
            Ok(None) => self.settings = Rc::default(),
            Err(error) => {
                self.ports.log(format_args!("settings could not be read: {error}"));
                if self.settings_read_at.is_none() {
                    self.settings = Rc::new(Settings::unreadable());
                }
            }
        }
        self.settings_read_at = Some(now);
    }

    /// Logs a line about an answer, once in ten seconds at most: in an outage each answer has one. Whether it was logged.
    pub(crate) fn log_seldom(&mut self, line: &str) -> bool {
        const PAUSE: Duration = Duration::from_secs(10);
        let now = self.ports.elapsed();
        let is_due = self.logged_at.is_none_or(|at| now.saturating_sub(at) >= PAUSE);
        if is_due {
            self.logged_at = Some(now);
            self.ports.log(format_args!("{line}"));
        }
        is_due
    }

    /// Writes a line of analytics to the log that the settings name; without one it is dropped. A log that fails costs lines
    /// and nothing else.
    pub(crate) fn record(&mut self, line: &str) {
        let settings = self.settings();
        let Some(log) = &settings.analytics_log else { return };
        if let Err(error) = self.ports.record(log, line) {
            self.log_seldom(&format!("analytics are lost: the log {log:?} takes none: {error}"));
        }
    }

    /// Forgets what earlier requests left, but for the settings: a measurement of a first request needs that.
    pub fn forget(&mut self) {
        self.memory = Memory::default();
    }

    /// A section of a copy, as the body of an answer.
    ///
    /// # Errors
    /// [`Unavailable`] if it cannot be read.
    pub fn section_body(
        &mut self,
        copy: &mut Copy<P>,
        section: Section,
    ) -> Result<AnswerBody<<P::Found as Found>::Stream>, Unavailable> {
        let range = copy.header.span(section).ok_or(Unavailable)?.range();
        let length = range.end - range.start;
        if length <= READ_LIMIT {
            return self.section(copy, section).map(AnswerBody::Bytes);
        }
        let stream = copy.handle.found.stream(range).map_err(|_| Unavailable)?;
        Ok(AnswerBody::Stream(stream, length))
    }

    /// What the POP's copy is of at this moment.
    pub fn copy_revision(&mut self, key: &EnvironmentKey) -> Option<CopyRevision> {
        let mut environment = Environment::new(key, self.format, &self.settings, &mut self.memory);
        let header = object::copy_there(&self.ports, &mut environment);
        self.logged(key, header).flatten().map(|header| CopyRevision::of(&header))
    }

    /// Looks at the KV store. If that is ahead of `seen`, which is what the copy was of when it was last looked at,
    /// refreshes the copy, records its revision as signalled, and gives what the copy is of then. For a leader, which
    /// signals it next: it needs no obligation.
    pub fn refresh_if_newer(
        &mut self,
        key: &EnvironmentKey,
        seen: Option<CopyRevision>,
    ) -> Option<CopyRevision> {
        let header = self.check_kv(key, seen.map(|seen| seen.revision));
        self.logged(key, header).flatten().map(|header| CopyRevision::of(&header))
    }

    /// The revision that a client can be told of at this moment, recorded as signalled: that of the copy, or one that other
    /// clients of this POP heard of already.
    pub fn revision_to_signal(&mut self, key: &EnvironmentKey) -> Option<Revision> {
        let copy = self.copy_revision(key).filter(|copy| !copy.removed)?.revision;
        let recorded = self.logged(key, signalled::find(&self.ports, key)).flatten();
        let recorded = recorded.map(|record| record.revision);
        if recorded < Some(copy) {
            self.record_signalled(key, copy);
        }
        recorded.max(Some(copy))
    }

    /// Records a revision as signalled.
    pub fn record_signalled(&self, key: &EnvironmentKey, revision: Revision) {
        let _lock = object::lock(&self.ports, &key.store_key());
        let recorded = signalled::record(&self.ports, key, revision, self.settings.fresh);
        self.logged(key, recorded);
    }

    /// Makes sure that a revision that was signalled is still recorded.
    pub fn ensure_signalled(&self, key: &EnvironmentKey, revision: Revision) {
        let due = signalled::is_record_due(&self.ports, key, revision, self.settings.fresh);
        if self.logged(key, due) != Some(false) {
            self.record_signalled(key, revision);
        }
    }

    fn check_kv(
        &mut self,
        key: &EnvironmentKey,
        seen: Option<Revision>,
    ) -> Result<Option<Rc<Header>>, PortError> {
        let store_name = key.store_key();
        let item = self.ports.read(&store_name);
        let item =
            item.inspect_err(|error| self.ports.log(format_args!("{store_name} could not be read: {error}")));
        let Ok(Some(item)) = item else { return Ok(None) };
        if environment::announced(&item).is_some_and(|(revision, _)| Some(revision) <= seen) {
            return Ok(None);
        }
        let mut environment = Environment::new(key, self.format, &self.settings, &mut self.memory);
        // Another request may have refreshed the copy by now.
        let there = object::copy_there(&self.ports, &mut environment)?;
        let taken = object::take(&self.ports, &mut environment, item, there.as_ref());
        let Some(object::Taken::Newer(value)) = taken else { return Ok(None) };
        let lock = object::lock(&self.ports, &store_name);
        object::insert_locked(&self.ports, &mut environment, value, lock.as_ref())?;
        let header = object::copy_there(&self.ports, &mut environment)?;
        if let Some(header) = header.as_ref().filter(|header| !header.tombstone) {
            signalled::record(&self.ports, key, header.revision, self.settings.fresh)?;
        }
        Ok(header)
    }

    fn open(&mut self, key: &EnvironmentKey) -> Result<Lookup<OpenedEnvironment<P>>, PortError> {
        let mut environment = Environment::new(key, self.format, &self.settings, &mut self.memory);
        match object::open(&self.ports, &mut environment)? {
            Lookup::Found(copy) => self.catch_up(key, copy),
            nothing => Ok(nothing),
        }
    }

    /// Refreshes a copy that is behind the signalled revision, as far as the KV store has it. After a while it is served
    /// all the same, and labelled.
    fn catch_up(
        &mut self,
        key: &EnvironmentKey,
        copy: OpenedEnvironment<P>,
    ) -> Result<Lookup<OpenedEnvironment<P>>, PortError> {
        let Some(signalled) = signalled::find(&self.ports, key)? else { return Ok(Lookup::Found(copy)) };
        if copy.of.revision >= signalled.revision {
            return Ok(Lookup::Found(copy));
        }
        let start = self.ports.elapsed();
        // One request at a time looks at the KV store; the others find what it inserted.
        let _lock = object::lock(&self.ports, &format!("catch-up/{key}"));
        loop {
            let mut environment = Environment::new(key, self.format, &self.settings, &mut self.memory);
            let now = object::open_as_it_is(&self.ports, &mut environment, Source::Kv)?;
            match (now, signalled::catch_up_pause(self.ports.elapsed().saturating_sub(start))) {
                (Lookup::Found(copy), _) if copy.of.revision >= signalled.revision => {
                    return Ok(Lookup::Found(copy));
                }
                (Lookup::Found(copy), None) => {
                    return Ok(Lookup::Found(Opened { source: Source::Stale, ..copy }));
                }
                (nothing, None) => return Ok(nothing),
                (now, Some(pause)) => {
                    let seen = match now {
                        Lookup::Found(copy) => Some(copy.of.revision),
                        Lookup::Unknown | Lookup::Unavailable => None,
                    };
                    if self.check_kv(key, seen)?.is_none_or(|header| header.revision < signalled.revision) {
                        self.ports.sleep(pause);
                    }
                }
            }
        }
    }

    /// Replaces a copy that cannot be read. Whether the very revision is there again: the head of the answer speaks of it.
    fn replace_unreadable(&mut self, copy: &mut Copy<P>) -> Result<(), Unavailable> {
        let key = &copy.handle.key;
        let mut environment = Environment::new(key, self.format, &self.settings, &mut self.memory);
        let replaced = object::replace_unreadable(&self.ports, &mut environment);
        match self.logged(key, replaced) {
            Some(Lookup::Found(opened)) if opened.of.revision == copy.header.revision => {
                (copy.header, copy.handle.found) = (opened.of, opened.found);
                Ok(())
            }
            _ => Err(Unavailable),
        }
    }

    fn read(&self, copy: &Copy<P>, section: Section) -> Option<Vec<u8>> {
        let length = copy.header.span(section)?.bytes();
        self.read_part(copy, section, &(0..length))
    }

    fn read_part(&self, copy: &Copy<P>, section: Section, part: &Range<u64>) -> Option<Vec<u8>> {
        let range = copy.header.span(section)?.part(part)?;
        if range.is_empty() {
            return Some(Vec::new());
        }
        let bytes = copy.handle.found.read(range);
        let log = |error: &PortError| {
            self.ports
                .log(format_args!("{}: section {section:?} could not be read: {error}", copy.handle.key));
        };
        bytes.inspect_err(log).ok()
    }

    fn logged<T>(&self, key: &EnvironmentKey, result: Result<T, PortError>) -> Option<T> {
        result.inspect_err(|error| self.ports.log(format_args!("the POP's copy of {key}: {error}"))).ok()
    }
}

impl CopyRevision {
    fn of(header: &Header) -> CopyRevision {
        CopyRevision { revision: header.revision, removed: header.tombstone }
    }
}

/// Whole seconds since the epoch.
fn seconds(time: Timestamp) -> u64 {
    u64::try_from(time.as_second()).unwrap_or_default()
}
