//! Bringing the POP's copies up to date: carries out what `api::refresh` decides.
//!
//! A refresher may be slow, and the world goes on beside it. What it finds after its look at the KV store decides:
//! - Somebody else inserted something newer. So it looks at the copy once more, and looking and inserting happen under a
//!   lock: nothing ever goes backwards.
//! - The environment was written and purged before the insertion, which would be taken for fresh all the same. So it
//!   looks at the KV store once more afterwards.

use std::io::Write as _;
use std::rc::Rc;
use std::time::Duration;

use api::bundle;
use api::{EnvironmentKey, Header, KvAnswer, Lookup, Note, PopCopy, Refresh, Revision, Section, Source};
use engine::Compiled;
use fastly::Error;
use fastly::cache::core::{self, Found, Transaction};
use jiff::Timestamp;

use crate::kv::{self, Item};
use crate::lock::Lock;
use crate::pop::{Decoded, cache_key, described, insert_note, seconds};
use crate::sandbox::Sandbox;

/// How often something newer is looked for after an insertion. Once is the rule; a key is written once a second.
const LOOKS_AFTERWARDS: usize = 3;

/// A sound bundle, as the KV store gave it.
struct Bundle {
    header: Rc<Header>,
    bytes: Vec<u8>,
}

/// What becomes of a POP object.
enum Change {
    Insert(Bundle),
    Renew { header: Rc<Header>, checked_at: u64, stale: bool, lifetime: Duration },
    Note(Note<Header>, Duration),
}

impl Sandbox {
    /// Brings the POP's copy up to date. For the one request whose turn it is: it has the obligation.
    pub(crate) fn bring_up_to_date(
        &mut self,
        key: &EnvironmentKey,
        name: &str,
        obligation: Transaction,
        found: Option<&Found>,
    ) -> Result<Lookup<PopCopy>, Error> {
        let held = found.and_then(|found| match self.note(found)? {
            Note::Copy { of, checked_at, .. } => Some((of, checked_at)),
            Note::Unknown | Note::Unavailable => None,
        });
        let revision = held.as_ref().map(|(header, _)| header.revision);
        let purged = found.is_some_and(|found| found.age() < found.max_age());
        let (answer, bundle) = self.ask_kv(key, name, revision);
        let change = match (api::refresh(revision, purged, answer, self.settings().fresh), bundle, held) {
            (Refresh::Insert, Some(bundle), _) => Change::Insert(bundle),
            (Refresh::Renew { lifetime, confirmed }, _, Some((header, checked_at))) => {
                let checked_at = if confirmed { seconds(Timestamp::now()) } else { checked_at };
                Change::Renew { header, checked_at, stale: !confirmed, lifetime }
            }
            (Refresh::NoteUnknown(lifetime), ..) => Change::Note(Note::Unknown, lifetime),
            (Refresh::NoteUnavailable(lifetime), ..) => Change::Note(Note::Unavailable, lifetime),
            (Refresh::Insert | Refresh::Renew { .. }, ..) => return Ok(Lookup::Unavailable),
        };
        self.carry_out(name, &change, Some(obligation))?;
        // A key that nobody has costs one look at the KV store, not two.
        if matches!(answer, KvAnswer::Has(_)) {
            self.look_afterwards(key, name)?;
        }
        let found = core::lookup(cache_key(name)).always_use_requested_range().execute()?;
        Ok(found.map_or(Lookup::Unavailable, |found| self.serve(key, found, Source::Kv)))
    }

    /// Looks at the KV store; if it is ahead of what was held when it was last seen, brings the POP's copy up to date, notes
    /// its revision as told, and gives its header. For the relay, which tells of it next, and for requests that find a copy
    /// behind what was told: no obligation is needed.
    pub(crate) fn look(
        &mut self,
        key: &EnvironmentKey,
        held: Option<Revision>,
    ) -> Result<Option<Rc<Header>>, Error> {
        let name = key.store_key();
        let Ok((item, announced)) = self.find_in_kv(&name) else { return Ok(None) };
        if is_known(announced, held) {
            return Ok(None);
        }
        // Somebody else may have brought it by now.
        let held = self.revision_there(&name)?;
        let (_, Some(newer)) = self.take_bundle(key, &name, item, announced, held) else { return Ok(None) };
        let lock = Lock::take(&name);
        self.carry_out_under(&lock, &name, &Change::Insert(newer), None)?;
        let header = self.header_there(&name)?;
        if let Some(header) = header.as_ref().filter(|header| !header.tombstone) {
            self.insert_told(&lock, key, header.revision)?;
        }
        Ok(header)
    }

    /// Puts the copy at hand back into its place if it cannot be read: a refresher that died in the middle of its insertion
    /// leaves such a one, and it would count as fresh. Whether the very revision is there again.
    pub(crate) fn mend(&mut self) -> bool {
        let Some(broken) = self.opened.take() else { return false };
        let name = broken.key.store_key();
        let (_, Some(bundle)) = self.ask_kv(&broken.key, &name, None) else { return false };
        let mended = self.carry_out(&name, &Change::Insert(bundle), None).and_then(|()| {
            let found = core::lookup(cache_key(&name)).always_use_requested_range().execute()?;
            Ok(found.map_or(Lookup::Unavailable, |found| self.serve(&broken.key, found, Source::Kv)))
        });
        // The answer's head speaks of the revision that was found first.
        matches!(mended, Ok(Lookup::Found(copy)) if copy.header.revision == broken.header.revision)
    }

    /// Inserts what came into the KV store while the POP object was brought up to date.
    fn look_afterwards(&mut self, key: &EnvironmentKey, name: &str) -> Result<(), Error> {
        for _ in 0..LOOKS_AFTERWARDS {
            let there = self.revision_there(name)?;
            let (_, Some(newer)) = self.ask_kv(key, name, there) else { break };
            self.carry_out(name, &Change::Insert(newer), None)?;
        }
        Ok(())
    }

    /// Changes the POP object, unless something newer is there by now.
    fn carry_out(
        &mut self,
        name: &str,
        change: &Change,
        obligation: Option<Transaction>,
    ) -> Result<(), Error> {
        let lock = Lock::take(name);
        self.carry_out_under(&lock, name, change, obligation)
    }

    fn carry_out_under(
        &mut self,
        _lock: &Lock,
        name: &str,
        change: &Change,
        obligation: Option<Transaction>,
    ) -> Result<(), Error> {
        let newer_is_there = self.revision_there(name)? > change.revision();
        if newer_is_there {
            return Ok(obligation.map_or(Ok(()), |obligation| obligation.cancel_insert_or_update())?);
        }
        let settings = self.settings();
        #[cfg(feature = "local-api")]
        crate::fault::strike_insertion(&settings.fault);
        match (change, obligation) {
            (Change::Insert(Bundle { header, bytes }), obligation) => {
                #[cfg(feature = "local-api")]
                let dies = obligation.is_some() && settings.fault.dies;
                let checked_at = seconds(Timestamp::now());
                let metadata =
                    self.write_note(Note::Copy { of: Rc::clone(header), checked_at, stale: false });
                let mut body = match obligation {
                    Some(obligation) => described!(obligation.insert(settings.fresh), name, metadata)
                        .known_length(header.total)
                        .execute()?,
                    None => described!(core::insert(cache_key(name), settings.fresh), name, metadata)
                        .known_length(header.total)
                        .execute()?,
                };
                #[cfg(feature = "local-api")]
                if dies {
                    body.write_all(&bytes[..bytes.len() / 2])?;
                    return Ok(());
                }
                body.write_all(bytes)?;
                body.finish()?;
            }
            (Change::Renew { header, checked_at, stale, lifetime }, Some(obligation)) => {
                let (of, checked_at, stale) = (Rc::clone(header), *checked_at, *stale);
                let metadata = self.write_note(Note::Copy { of, checked_at, stale });
                described!(obligation.update(*lifetime), name, metadata).execute()?;
            }
            (Change::Note(note, lifetime), Some(obligation)) => {
                insert_note(Some(obligation), name, note, *lifetime)?;
            }
            // Only who has the obligation renews or notes.
            (Change::Renew { .. } | Change::Note(..), None) => {}
        }
        Ok(())
    }

    /// What the KV store has; the bundle comes with the answer if it is newer than what is held, and sound.
    fn ask_kv(
        &mut self,
        key: &EnvironmentKey,
        name: &str,
        held: Option<Revision>,
    ) -> (KvAnswer, Option<Bundle>) {
        match self.find_in_kv(name) {
            Ok((item, announced)) => self.take_bundle(key, name, item, announced, held),
            Err(answer) => (answer, None),
        }
    }

    /// The item of the KV store, with the revision and the length that its metadata speak of.
    fn find_in_kv(&self, name: &str) -> Result<(Item, Option<(Revision, u64)>), KvAnswer> {
        match kv::read(name, &self.settings().fault) {
            Ok(Some(item)) => {
                let announced = item.metadata().and_then(|metadata| Header::glance(&metadata));
                Ok((item, announced))
            }
            Ok(None) => Err(KvAnswer::Missing),
            Err(error) => {
                eprintln!("jackstaff: {name} could not be read: {error}");
                Err(KvAnswer::Failed)
            }
        }
    }

    /// Reads an item's bundle, if its metadata say that this is worth while.
    fn take_bundle(
        &mut self,
        key: &EnvironmentKey,
        name: &str,
        item: Item,
        announced: Option<(Revision, u64)>,
        held: Option<Revision>,
    ) -> (KvAnswer, Option<Bundle>) {
        if let Some((revision, _)) = announced.filter(|_| is_known(announced, held)) {
            return (KvAnswer::Has(revision), None);
        }
        let bytes = item.into_body(announced.map_or(0, |(_, length)| length));
        match self.check(key, &bytes) {
            Ok(header) if held.is_some_and(|held| header.revision <= held) => {
                (KvAnswer::Has(header.revision), None)
            }
            Ok(header) => {
                let (revision, header) = (header.revision, Rc::new(header));
                (KvAnswer::Has(revision), Some(Bundle { header, bytes }))
            }
            Err(fault) => {
                eprintln!("jackstaff: the bundle {name} in the KV store is refused: {fault}");
                (KvAnswer::Failed, None)
            }
        }
    }

    /// Checks a bundle from end to end, its compiled environment too: what passes can be served. Automata that it shares
    /// with the environment that was decoded last are not checked again.
    fn check(&mut self, key: &EnvironmentKey, bytes: &[u8]) -> Result<Header, String> {
        let header = bundle::check(bytes).map_err(|fault| fault.to_string())?;
        if let Some(span) = header.span(Section::Compiled) {
            let compiled = bundle::section_of(bytes, span).to_vec();
            let checked = self.decoded.as_ref().map(|decoded| &*decoded.compiled);
            let compiled = Compiled::decode_beside(compiled, checked).map_err(|broken| broken.to_string())?;
            let (key, revision) = (key.clone(), header.revision);
            self.decoded = Some(Decoded { key, revision, compiled: Rc::new(compiled) });
        }
        Ok(header)
    }

    /// The revision of the POP's copy at this moment.
    fn revision_there(&mut self, name: &str) -> Result<Option<Revision>, Error> {
        Ok(self.header_there(name)?.map(|header| header.revision))
    }

    /// The header of the POP's copy at this moment.
    pub(crate) fn header_there(&mut self, name: &str) -> Result<Option<Rc<Header>>, Error> {
        let found = core::lookup(cache_key(name)).execute()?;
        Ok(match found.and_then(|found| self.note(&found)) {
            Some(Note::Copy { of, .. }) => Some(of),
            Some(Note::Unknown | Note::Unavailable) | None => None,
        })
    }
}

/// Whether what is announced is no newer than what is held.
fn is_known(announced: Option<(Revision, u64)>, held: Option<Revision>) -> bool {
    announced.zip(held).is_some_and(|((announced, _), held)| announced <= held)
}

impl Change {
    fn revision(&self) -> Option<Revision> {
        match self {
            Change::Insert(bundle) => Some(bundle.header.revision),
            Change::Renew { header, .. } => Some(header.revision),
            Change::Note(..) => None,
        }
    }
}
