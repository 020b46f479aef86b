//! The POP's copies of server-side keys' records: small, so that they are their own notes.

use std::time::Duration;

use api::{Lookup, Note, ServerKey, ServerKeyHash, Settings};
use fastly::Error;
use fastly::cache::core::Transaction;
use jiff::Timestamp;

use crate::kv;
use crate::pop::{PATIENCE, cache_key, insert_note, seconds};

/// How long a record is served on when the KV store failed.
const AFTER_FAILURE: Duration = Duration::from_secs(5);
/// How long a key is taken to be unknown.
const UNKNOWN: Duration = Duration::from_secs(5);
/// How long a KV store that failed is left alone while there is no record at all.
const UNAVAILABLE: Duration = Duration::from_secs(1);

pub(crate) fn look_up(key: &ServerKeyHash, settings: &Settings) -> Lookup<ServerKey> {
    let name = key.store_key();
    let note = open(&name, settings).unwrap_or_else(|error| {
        eprintln!("jackstaff: {name} could not be opened: {error}");
        Note::Unavailable
    });
    match note {
        Note::Copy { of, .. } => Lookup::Found(of),
        Note::Unknown => Lookup::Unknown,
        Note::Unavailable => Lookup::Unavailable,
    }
}

fn open(name: &str, settings: &Settings) -> Result<Note<ServerKey>, Error> {
    let transaction = Transaction::lookup(cache_key(name)).timeout(PATIENCE).execute()?;
    let held = transaction.found().and_then(|found| Note::from_metadata(&found.user_metadata()));
    if !transaction.must_insert_or_update() {
        return Ok(held.unwrap_or(Note::Unavailable));
    }
    let (note, lifetime) = ask_kv(name, held, settings);
    insert_note(Some(transaction), name, &note, lifetime)?;
    if record(&note).is_none() {
        return Ok(note);
    }
    // A revocation and its purge may have passed between the look at the KV store and the insertion.
    let (afterwards, lifetime) = ask_kv(name, Some(note.clone()), settings);
    if record(&afterwards) == record(&note) {
        return Ok(note);
    }
    insert_note(None, name, &afterwards, lifetime)?;
    Ok(afterwards)
}

fn record(note: &Note<ServerKey>) -> Option<&ServerKey> {
    match note {
        Note::Copy { of, .. } => Some(of),
        Note::Unknown | Note::Unavailable => None,
    }
}

/// What the KV store has, and for how long that is good.
fn ask_kv(name: &str, held: Option<Note<ServerKey>>, settings: &Settings) -> (Note<ServerKey>, Duration) {
    match kv::read(name, &settings.fault) {
        Ok(Some(item)) => match serde_json::from_slice::<ServerKey>(&item.into_body(0)) {
            Ok(of) => {
                let checked_at = seconds(Timestamp::now());
                (Note::Copy { of, checked_at, stale: false }, settings.fresh)
            }
            Err(error) => failed(name, held, &error.to_string()),
        },
        // A record that was taken away is a key that was revoked.
        Ok(None) => (Note::Unknown, UNKNOWN),
        Err(error) => failed(name, held, &error),
    }
}

/// The last good record stays; without one there is nothing to go by.
fn failed(name: &str, held: Option<Note<ServerKey>>, error: &str) -> (Note<ServerKey>, Duration) {
    eprintln!("jackstaff: {name} could not be read: {error}");
    match held {
        Some(Note::Copy { of, checked_at, .. }) => {
            (Note::Copy { of, checked_at, stale: true }, AFTER_FAILURE)
        }
        _ => (Note::Unavailable, UNAVAILABLE),
    }
}
