//! The POP's copies of environments: opens them, and reads what lies beside them.

use std::rc::Rc;
use std::time::Duration;

use api::{
    EnvironmentKey, Header, Lookup, Note, PopCopy, Section, ServerKey, ServerKeyHash, Source, Store,
    Unavailable,
};
use bytes::Bytes;
use engine::Compiled;
use fastly::Error;
use fastly::cache::core::{self, CacheKey, Found, Transaction};
use jiff::Timestamp;

use crate::opened::Opened;
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

/// A compiled environment, kept from one request to the next.
pub(crate) struct Decoded {
    pub(crate) key: EnvironmentKey,
    pub(crate) revision: api::Revision,
    pub(crate) compiled: Rc<Compiled>,
}

impl Store for Sandbox {
    fn environment(&mut self, key: &EnvironmentKey) -> Lookup<PopCopy> {
        self.opened = None;
        let opened = self.open(key).and_then(|lookup| match lookup {
            Lookup::Found(copy) => self.up_to_what_was_told(key, copy),
            nothing => Ok(nothing),
        });
        opened.unwrap_or_else(|error| {
            eprintln!("jackstaff: the POP's copy of {key} could not be opened: {error}");
            Lookup::Unavailable
        })
    }

    fn server_key(&mut self, key: &ServerKeyHash) -> Lookup<ServerKey> {
        server_keys::look_up(key, &self.settings())
    }

    fn section(&mut self, section: Section) -> Result<Vec<u8>, Unavailable> {
        self.read(section).ok_or(Unavailable)
    }

    fn compiled(&mut self) -> Result<Rc<Compiled>, Unavailable> {
        let opened = self.opened.as_ref().ok_or(Unavailable)?;
        let (header, revision) = (Rc::clone(&opened.header), opened.header.revision);
        if let Some(decoded) = &self.decoded
            && decoded.key == opened.key
            && decoded.revision == revision
        {
            return Ok(Rc::clone(&decoded.compiled));
        }
        let key = opened.key.clone();
        let bytes = self.read(Section::Compiled).ok_or(Unavailable)?;
        if !header.span(Section::Compiled).is_some_and(|span| span.matches(&bytes)) {
            eprintln!("jackstaff: {key}: the compiled environment in the cache is damaged");
            return Err(Unavailable);
        }
        // SAFETY: a copy is inserted after `check` has decoded these bytes; their checksum is still the same.
        #[expect(
            unsafe_code,
            reason = "checking the structure again in each sandbox costs more than evaluating"
        )]
        let compiled = Rc::new(unsafe { Compiled::decode_checked(bytes) });
        self.decoded = Some(Decoded { key, revision, compiled: Rc::clone(&compiled) });
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
    /// Reads a section of the copy at hand.
    pub(crate) fn read(&mut self, section: Section) -> Option<Vec<u8>> {
        if let Some(bytes) = self.opened.as_ref()?.read(section) {
            return Some(bytes);
        }
        self.mend().then(|| self.opened.as_ref()?.read(section))?
    }

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
    pub(crate) fn serve(&mut self, key: &EnvironmentKey, found: Found, source: Source) -> Lookup<PopCopy> {
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
    pub(crate) fn note(&mut self, found: &Found) -> Option<Note<Rc<Header>>> {
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

    /// The metadata of a note that is about to be put beside a POP object.
    pub(crate) fn write_note(&mut self, note: Note<Rc<Header>>) -> Bytes {
        let metadata = match &note {
            Note::Copy { of, checked_at, stale } => {
                Note::Copy { of: of.as_ref(), checked_at: *checked_at, stale: *stale }.to_metadata()
            }
            Note::Unknown => Note::<Header>::Unknown.to_metadata(),
            Note::Unavailable => Note::<Header>::Unavailable.to_metadata(),
        };
        let metadata = Bytes::from(metadata);
        self.noted = Some(Noted { metadata: metadata.clone(), note });
        metadata
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

/// What every POP object of an environment or a server-side key is given. The platform has a builder of its own for
/// insertions, for those of an obligation, and for renewals, which forget what is not repeated.
macro_rules! described {
    ($builder:expr, $name:expr, $metadata:expr) => {
        $builder
            .surrogate_keys([$name])
            .user_metadata($metadata)
            .stale_while_revalidate($crate::pop::USABLE)
            .deliver_node_max_age(std::time::Duration::ZERO)
    };
}
pub(crate) use described;

/// Puts a note without a body into the cache; by the obligation, for who has it.
pub(crate) fn insert_note<T: serde::Serialize>(
    obligation: Option<Transaction>,
    name: &str,
    note: &Note<T>,
    lifetime: Duration,
) -> Result<(), Error> {
    let usable = if matches!(note, Note::Copy { .. }) { USABLE } else { Duration::ZERO };
    let metadata: Bytes = note.to_metadata().into();
    let body = match obligation {
        Some(obligation) => described!(obligation.insert(lifetime), name, metadata)
            .stale_while_revalidate(usable)
            .known_length(0)
            .execute()?,
        None => described!(core::insert(cache_key(name), lifetime), name, metadata)
            .stale_while_revalidate(usable)
            .known_length(0)
            .execute()?,
    };
    body.finish()?;
    Ok(())
}

pub(crate) fn cache_key(name: &str) -> CacheKey {
    CacheKey::copy_from_slice(name.as_bytes())
}

pub(crate) fn seconds(time: Timestamp) -> u64 {
    u64::try_from(time.as_second()).unwrap_or_default()
}
