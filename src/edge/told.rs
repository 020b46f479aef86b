//! What was told to the clients of this POP, noted as an object of its own, and requests that find a copy behind it.

use std::rc::Rc;
use std::thread::sleep;
use std::time::Instant;

use api::relay::{self, Held, Told};
use api::{EnvironmentKey, Header, Lookup, PopCopy, Revision, Source};
use fastly::Error;
use fastly::cache::core;

use crate::lock::Lock;
use crate::pop::cache_key;
use crate::sandbox::Sandbox;

impl Sandbox {
    /// The POP's copy at this moment, as a leader sees it.
    pub(crate) fn held(&mut self, key: &EnvironmentKey) -> Option<Held> {
        let header = self.header_there(&key.store_key());
        header.unwrap_or_else(|error| say(key, &error)).map(|header| held(&header))
    }

    /// Looks at the KV store; if it is ahead of what was held when it was last seen, brings the POP's copy up to date, notes
    /// that its revision is told, and gives what it is then.
    pub(crate) fn bring(&mut self, key: &EnvironmentKey, seen: Option<Held>) -> Option<Held> {
        let header = self.look(key, seen.map(|seen| seen.revision));
        header.unwrap_or_else(|error| say(key, &error)).map(|header| held(&header))
    }

    /// Notes that a revision is told.
    pub(crate) fn note_told(&self, key: &EnvironmentKey, revision: Revision) {
        let lock = Lock::take(&key.store_key());
        if let Err(error) = self.insert_told(&lock, key, revision) {
            eprintln!("jackstaff: what is told of {key} could not be noted: {error}");
        }
    }

    /// Makes sure that what was told is still noted.
    pub(crate) fn keep_told_noted(&self, key: &EnvironmentKey, revision: Revision) {
        let is_noted = self.told_to_note(&name(key), revision).is_ok_and(|told| told.is_none());
        if !is_noted {
            self.note_told(key, revision);
        }
    }

    /// Under the environment's lock, since leaders overlap, and another one may know more.
    pub(crate) fn insert_told(
        &self,
        _lock: &Lock,
        key: &EnvironmentKey,
        revision: Revision,
    ) -> Result<(), Error> {
        let name = &name(key);
        let Some(told) = self.told_to_note(name, revision)? else { return Ok(()) };
        let lifetime = Told::lifetime(self.settings().fresh);
        let insertion =
            core::insert(cache_key(name), lifetime).surrogate_keys([name.as_str()]).known_length(0);
        insertion.user_metadata(told.to_metadata().into()).execute()?.finish()?;
        Ok(())
    }

    fn told_to_note(&self, name: &str, revision: Revision) -> Result<Option<Told>, Error> {
        Ok(relay::is_due(look_up(name)?, revision, Told::lifetime(self.settings().fresh)))
    }

    /// Brings a copy that is behind what was told up to date, as far as the KV store has it. After a while it is served all
    /// the same, and labelled.
    pub(crate) fn up_to_what_was_told(
        &mut self,
        key: &EnvironmentKey,
        copy: PopCopy,
    ) -> Result<Lookup<PopCopy>, Error> {
        let Some((Told(told), _)) = look_up(&name(key))? else { return Ok(Lookup::Found(copy)) };
        if copy.header.revision >= told {
            return Ok(Lookup::Found(copy));
        }
        let start = Instant::now();
        let store_key = key.store_key();
        // One of all those who find it so looks at the KV store; the others find what it brought.
        let _lock = Lock::take(&format!("told/{store_key}"));
        loop {
            let found = core::lookup(cache_key(&store_key)).always_use_requested_range().execute()?;
            let now = found.map_or(Lookup::Unavailable, |found| self.serve(key, found, Source::Kv));
            match (now, relay::catch_up_pause(start.elapsed())) {
                (Lookup::Found(copy), _) if copy.header.revision >= told => return Ok(Lookup::Found(copy)),
                (Lookup::Found(copy), None) => {
                    return Ok(Lookup::Found(PopCopy { source: Source::Stale, ..copy }));
                }
                (nothing, None) => return Ok(nothing),
                (now, Some(pause)) => {
                    let held = match now {
                        Lookup::Found(copy) => Some(copy.header.revision),
                        Lookup::Unknown | Lookup::Unavailable => None,
                    };
                    if self.look(key, held)?.is_none_or(|header| header.revision < told) {
                        sleep(pause);
                    }
                }
            }
        }
    }
}

fn held(header: &Header) -> Held {
    Held { revision: header.revision, removed: header.tombstone }
}

fn say(key: &EnvironmentKey, error: &Error) -> Option<Rc<Header>> {
    eprintln!("jackstaff: the POP's copy of {key}: {error}");
    None
}

fn name(key: &EnvironmentKey) -> String {
    format!("told/{key}")
}

fn look_up(name: &str) -> Result<Option<(Told, std::time::Duration)>, Error> {
    let found = core::lookup(cache_key(name)).execute()?;
    Ok(found.and_then(|found| Some((Told::from_metadata(&found.user_metadata())?, found.age()))))
}
