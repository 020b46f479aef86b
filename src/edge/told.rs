//! What was told to the clients of this POP, noted as an object of its own, and requests that find a copy behind it.

use std::thread::sleep;
use std::time::Instant;

use api::relay::{self, Told};
use api::{EnvironmentKey, Lookup, PopCopy, Revision, Source};
use fastly::Error;
use fastly::cache::core;

use crate::lock::Lock;
use crate::pop::cache_key;
use crate::sandbox::Sandbox;

impl Sandbox {
    /// The revision that may be told to clients: that of the POP's copy, unless the environment was removed.
    pub(crate) fn revision_to_tell(&mut self, key: &EnvironmentKey) -> Option<Revision> {
        let header = self.header_there(&key.store_key());
        let header = header.inspect_err(|error| eprintln!("jackstaff: the POP's copy of {key}: {error}"));
        header.ok()?.filter(|header| !header.tombstone).map(|header| header.revision)
    }

    /// Looks at the KV store, and brings the POP's copy up to date if the store is ahead of it.
    pub(crate) fn bring_copy_up_to_date(&mut self, key: &EnvironmentKey) {
        if let Err(error) = self.catch_up(&key.store_key()) {
            eprintln!("jackstaff: the POP's copy of {key} could not be brought up to date: {error}");
        }
    }

    /// Notes that a revision is told, if that is not noted already.
    pub(crate) fn tell(&self, key: &EnvironmentKey, revision: Revision) {
        if let Err(error) = self.note_told(&name(key), revision) {
            eprintln!("jackstaff: what is told of {key} could not be noted: {error}");
        }
    }

    fn note_told(&self, name: &str, revision: Revision) -> Result<(), Error> {
        let lifetime = Told::lifetime(self.settings().fresh);
        let due = || Ok::<_, Error>(relay::is_due(look_up(name)?, revision, lifetime));
        if due()?.is_none() {
            return Ok(());
        }
        // Leaders overlap, and the later one may know more.
        let _lock = Lock::take(name);
        let Some(told) = due()? else { return Ok(()) };
        let insertion = core::insert(cache_key(name), lifetime).surrogate_keys([name]).known_length(0);
        insertion.user_metadata(told.to_metadata().into()).execute()?.finish()?;
        Ok(())
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
                (_, Some(pause)) => {
                    self.catch_up(&store_key)?;
                    if self.header_there(&store_key)?.is_none_or(|header| header.revision < told) {
                        sleep(pause);
                    }
                }
            }
        }
    }
}

fn name(key: &EnvironmentKey) -> String {
    format!("told/{key}")
}

fn look_up(name: &str) -> Result<Option<(Told, std::time::Duration)>, Error> {
    let found = core::lookup(cache_key(name)).execute()?;
    Ok(found.and_then(|found| Some((Told::from_metadata(&found.user_metadata())?, found.age()))))
}
