//! The POP's copies of environments: carries out what `api::refresh` decides.
//!
//! Every byte that leaves a copy goes through [`Opened`], which checks that it got exactly the section that it asked
//! for: the platform answers a range that it finds invalid with the whole object.

use std::io::{Read, Write};
use std::rc::Rc;
use std::time::Duration;

use api::{
    EnvironmentKey, Header, KvAnswer, Lookup, Note, PopCopy, Refresh, Section, ServerKey, ServerKeyHash,
    Source, Store, Unavailable, bundle,
};
use bytes::Bytes;
use engine::Compiled;
use fastly::cache::core::{self, CacheKey, Found, Transaction};
use fastly::{Body, Error};
use jiff::Timestamp;

use crate::kv;
use crate::sandbox::Sandbox;
use crate::server_keys;

/// How long a copy is usable once it is no longer fresh.
pub(crate) const USABLE: Duration = Duration::from_secs(86_400);

/// How long a request waits for another one that reads the KV store for the first time.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// A note as it was read from a copy's metadata.
pub(crate) struct Noted {
    metadata: Bytes,
    note: Note<Rc<Header>>,
}

/// The copy that a request opened.
pub(crate) struct Opened {
    key: EnvironmentKey,
    found: Found,
    header: Rc<Header>,
}

/// A compiled environment, kept from one request to the next.
pub(crate) struct Decoded {
    key: EnvironmentKey,
    revision: api::Revision,
    compiled: Rc<Compiled>,
}

impl Store for Sandbox {
    fn environment(&mut self, key: &EnvironmentKey) -> Lookup<PopCopy> {
        self.opened = None;
        self.open(key).unwrap_or_else(|error| {
            eprintln!("jackstaff: the POP's copy of {key} could not be opened: {error}");
            Lookup::Unavailable
        })
    }

    fn server_key(&mut self, key: &ServerKeyHash) -> Lookup<ServerKey> {
        server_keys::look_up(key, &self.settings())
    }

    fn section(&mut self, section: Section) -> Result<Vec<u8>, Unavailable> {
        self.opened.as_ref().and_then(|opened| opened.read(section)).ok_or(Unavailable)
    }

    fn compiled(&mut self) -> Result<Rc<Compiled>, Unavailable> {
        let opened = self.opened.as_ref().ok_or(Unavailable)?;
        let revision = opened.header.revision;
        if let Some(decoded) = &self.decoded
            && decoded.key == opened.key
            && decoded.revision == revision
        {
            return Ok(Rc::clone(&decoded.compiled));
        }
        let bytes = opened.read(Section::Compiled).ok_or(Unavailable)?;
        if !opened.header.span(Section::Compiled).is_some_and(|span| span.matches(&bytes)) {
            eprintln!("jackstaff: {}: the compiled environment in the cache is damaged", opened.key);
            return Err(Unavailable);
        }
        // SAFETY: a copy is inserted after `check` has decoded these bytes; their checksum is still the same.
        #[expect(
            unsafe_code,
            reason = "checking the structure again in each sandbox costs more than evaluating"
        )]
        let compiled = Rc::new(unsafe { Compiled::decode_checked(bytes) });
        self.decoded = Some(Decoded { key: opened.key.clone(), revision, compiled: Rc::clone(&compiled) });
        Ok(compiled)
    }

    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn random(&mut self) -> u128 {
        let mut bytes = [0; 16];
        // The platform's source of randomness does not fail; if it did, the name would merely not be unique.
        let _ = getrandom::fill(&mut bytes);
        u128::from_le_bytes(bytes)
    }
}

impl Sandbox {
    /// Opens the POP's copy. The one request whose turn it is brings it up to date first.
    fn open(&mut self, key: &EnvironmentKey) -> Result<Lookup<PopCopy>, Error> {
        let name = key.store_key();
        let transaction =
            Transaction::lookup(cache_key(&name)).always_use_requested_range().timeout(PATIENCE).execute()?;
        let found = transaction.found();
        if transaction.must_insert_or_update() {
            return self.bring_up_to_date(key, &name, transaction, found.as_ref());
        }
        let Some(found) = found else { return Ok(Lookup::Unavailable) };
        let late = found.is_stale();
        Ok(self.serve(key, found, if late { Source::Stale } else { Source::Pop }))
    }

    /// Answers from a POP object.
    fn serve(&mut self, key: &EnvironmentKey, found: Found, source: Source) -> Lookup<PopCopy> {
        match self.note(&found) {
            Some(Note::Copy { of: header, checked_at, stale }) => {
                let age = seconds(Timestamp::now()).saturating_sub(checked_at);
                self.opened = Some(Opened { key: key.clone(), found, header: Rc::clone(&header) });
                Lookup::Found(PopCopy { header, source: if stale { Source::Stale } else { source }, age })
            }
            Some(Note::Unknown) => Lookup::Unknown,
            Some(Note::Unavailable) | None => Lookup::Unavailable,
        }
    }

    /// The note beside a POP object; reading it again costs nothing while it stays the same.
    fn note(&mut self, found: &Found) -> Option<Note<Rc<Header>>> {
        let metadata = found.user_metadata();
        if let Some(noted) = &self.noted
            && noted.metadata == metadata
        {
            return Some(noted.note.clone());
        }
        let note = read_note(&metadata)?;
        self.noted = Some(Noted { metadata, note: note.clone() });
        Some(note)
    }

    fn bring_up_to_date(
        &mut self,
        key: &EnvironmentKey,
        name: &str,
        transaction: Transaction,
        found: Option<&Found>,
    ) -> Result<Lookup<PopCopy>, Error> {
        let held = found.and_then(|found| match self.note(found)? {
            Note::Copy { of, checked_at, .. } => Some((of, checked_at)),
            Note::Unknown | Note::Unavailable => None,
        });
        let purged = found.is_some_and(|found| found.age() < found.max_age());
        let (answer, bundle) = self.ask_kv(name, held.as_ref().map(|(header, _)| header));
        let settings = self.settings();
        let revision = held.as_ref().map(|(header, _)| header.revision);
        match (api::refresh(revision, purged, answer, settings.fresh), bundle, held) {
            (Refresh::Insert, Some((header, bytes)), _) => {
                if self.is_newer_there(name, &header)? {
                    transaction.cancel_insert_or_update()?;
                } else {
                    let note =
                        Note::Copy { of: &header, checked_at: seconds(Timestamp::now()), stale: false };
                    let mut body = transaction
                        .insert(settings.fresh)
                        .surrogate_keys([name])
                        .known_length(header.total)
                        .user_metadata(note.to_metadata().into())
                        .stale_while_revalidate(USABLE)
                        .deliver_node_max_age(Duration::ZERO)
                        .execute()?;
                    body.write_all(&bytes)?;
                    body.finish()?;
                }
            }
            (Refresh::Renew { lifetime, confirmed }, _, Some((header, checked_at))) => {
                let checked_at = if confirmed { seconds(Timestamp::now()) } else { checked_at };
                let note = Note::Copy { of: header.as_ref(), checked_at, stale: !confirmed };
                transaction
                    .update(lifetime)
                    .surrogate_keys([name])
                    .user_metadata(note.to_metadata().into())
                    .stale_while_revalidate(USABLE)
                    .deliver_node_max_age(Duration::ZERO)
                    .execute()?;
            }
            (Refresh::NoteUnknown(lifetime), ..) => {
                insert_note(transaction, name, &Note::<Header>::Unknown, lifetime)?;
                return Ok(Lookup::Unknown);
            }
            (Refresh::NoteUnavailable(lifetime), ..) => {
                insert_note(transaction, name, &Note::<Header>::Unavailable, lifetime)?;
                return Ok(Lookup::Unavailable);
            }
            (Refresh::Insert | Refresh::Renew { .. }, ..) => return Ok(Lookup::Unavailable),
        }
        let found = core::lookup(cache_key(name)).always_use_requested_range().execute()?;
        Ok(found.map_or(Lookup::Unavailable, |found| self.serve(key, found, Source::Kv)))
    }

    /// What the KV store has; the bundle comes with the answer if it is newer than what is held, and sound.
    fn ask_kv(&self, name: &str, held: Option<&Rc<Header>>) -> (KvAnswer, Option<(Header, Vec<u8>)>) {
        let item = match kv::read(name, &self.settings().fault) {
            Ok(Some(item)) => item,
            Ok(None) => return (KvAnswer::Missing, None),
            Err(error) => {
                eprintln!("jackstaff: {name} could not be read: {error}");
                return (KvAnswer::Failed, None);
            }
        };
        // The metadata tells whether the body is worth reading.
        let announced = item.metadata().and_then(|metadata| Header::parse(&metadata).ok());
        if let (Some(announced), Some(held)) = (announced, held)
            && announced.revision <= held.revision
        {
            return (KvAnswer::Has(announced.revision), None);
        }
        let bytes = item.into_body();
        match check(&bytes) {
            Ok(header) => (KvAnswer::Has(header.revision), Some((header, bytes))),
            Err(fault) => {
                eprintln!("jackstaff: the bundle {name} in the KV store is refused: {fault}");
                (KvAnswer::Failed, None)
            }
        }
    }

    /// Whether the POP got something newer while the KV store was read.
    fn is_newer_there(&mut self, name: &str, header: &Header) -> Result<bool, Error> {
        let found = core::lookup(cache_key(name)).execute()?;
        let note = found.and_then(|found| read_note(&found.user_metadata()));
        Ok(matches!(note, Some(Note::Copy { of, .. }) if of.revision > header.revision))
    }
}

/// Checks a bundle from end to end, its compiled environment too: what passes can be served.
fn check(bytes: &[u8]) -> Result<Header, String> {
    let header = bundle::check(bytes).map_err(|fault| fault.to_string())?;
    if let Some(span) = header.span(Section::Compiled) {
        let compiled = bundle::section_of(bytes, span).to_vec();
        Compiled::decode(compiled).map_err(|broken| broken.to_string())?;
    }
    Ok(header)
}

impl Opened {
    pub(crate) fn length(&self, section: Section) -> Option<u64> {
        let range = self.header.span(section)?.range();
        Some(range.end - range.start)
    }

    /// Reads a section; none if it cannot be read, or if what came is anything but its length.
    pub(crate) fn read(&self, section: Section) -> Option<Vec<u8>> {
        let length = usize::try_from(self.length(section)?).ok()?;
        let mut bytes = vec![0; length];
        if length == 0 {
            return Some(bytes);
        }
        let mut body = self.stream(section)?;
        let whole = body.read_exact(&mut bytes).and_then(|()| body.read(&mut [0]));
        match whole {
            Ok(0) => Some(bytes),
            Ok(_) => {
                eprintln!("jackstaff: {}: the cache gave more than section {section:?}", self.key);
                None
            }
            Err(error) => {
                eprintln!("jackstaff: {}: section {section:?} could not be read: {error}", self.key);
                None
            }
        }
    }

    /// The stream of a section that is not empty.
    pub(crate) fn stream(&self, section: Section) -> Option<Body> {
        let range = self.header.span(section)?.range();
        if range.is_empty() || range.end > self.header.total {
            return None;
        }
        self.found.to_stream_from_range(Some(range.start), Some(range.end - 1)).ok()
    }
}

fn read_note(metadata: &[u8]) -> Option<Note<Rc<Header>>> {
    let note = Note::<Header>::from_metadata(metadata)?;
    Some(match note {
        Note::Copy { of, checked_at, stale } => Note::Copy { of: Rc::new(of), checked_at, stale },
        Note::Unknown => Note::Unknown,
        Note::Unavailable => Note::Unavailable,
    })
}

/// Puts a note without a body into the cache.
pub(crate) fn insert_note<T: serde::Serialize>(
    transaction: Transaction,
    name: &str,
    note: &Note<T>,
    lifetime: Duration,
) -> Result<(), Error> {
    transaction
        .insert(lifetime)
        .surrogate_keys([name])
        .known_length(0)
        .user_metadata(note.to_metadata().into())
        .stale_while_revalidate(if matches!(note, Note::Copy { .. }) { USABLE } else { Duration::ZERO })
        .deliver_node_max_age(Duration::ZERO)
        .execute()?
        .finish()?;
    Ok(())
}

pub(crate) fn cache_key(name: &str) -> CacheKey {
    CacheKey::copy_from_slice(name.as_bytes())
}

pub(crate) fn seconds(time: Timestamp) -> u64 {
    u64::try_from(time.as_second()).unwrap_or_default()
}
