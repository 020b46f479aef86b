//! What was acknowledged and not yet forwarded, on disk. An input is acknowledged once it is in the spool to stay; it leaves the
//! spool once its batches were accepted, or set aside.
//!
//! | file of the directory | holds |
//! |---|---|
//! | `lock` | nothing; one process at a time has it locked |
//! | `segment-N` | lines in the order in which they came, each input with a checksum |
//! | `done-N` | which batches of that segment are settled |
//! | `seen-N` | the identifiers of lines of a segment that is gone |
//! | `positions` | up to where files were read |
//! | `refused/N-D` | a batch that was refused |

mod directory;
mod record;
mod refused;
mod seen;
mod state;
mod waits;

use std::collections::{BTreeSet, HashSet};
use std::fs::{File, OpenOptions};
use std::io::{self, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use thiserror::Error;

use crate::batch::{Batch, Kind};
use directory::{Directory, Place};
use record::Record;
pub(crate) use refused::Refused;
use state::{Open, Sealed, State, recover};

/// Bytes of a segment, more or less. It is read whole when it is forwarded.
const SEGMENT: u64 = 8 << 20;

/// Why something is not in the spool.
#[derive(Debug, Error)]
pub enum SpoolError {
    #[error("{}: {error}", .path.display())]
    Io { path: PathBuf, error: io::Error },
    #[error("{}: another process uses this spool", .0.display())]
    Locked(PathBuf),
    #[error("the spool is full: it holds {held} bytes of {limit}")]
    Full { held: u64, limit: u64 },
}

/// What came in at once.
#[derive(Debug, Default)]
pub(crate) struct Input {
    /// Lines that can be read, each with its identifier if it has one.
    pub(crate) lines: Vec<(Option<u64>, String)>,
    /// The file that they are from, and where they end in it.
    pub(crate) position: Option<(String, u64)>,
}

/// How many lines of an input were new, and how many were there before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Taken {
    pub(crate) lines: u64,
    pub(crate) duplicates: u64,
}

/// The spool of a directory. It belongs to one process.
pub(crate) struct Spool {
    directory: Directory,
    limit: u64,
    state: Mutex<State>,
    changed: Condvar,
    /// Holds the lock.
    _lock: File,
}

impl Spool {
    /// Opens a spool, and goes on where the process before it ended. The second part says what was found damaged.
    ///
    /// # Errors
    /// If the directory cannot be made, read or written, or another process uses it.
    pub(crate) fn open(path: &Path, limit: u64) -> Result<(Spool, Vec<String>), SpoolError> {
        let directory = Directory::open(path)?;
        let lock = directory.lock()?;
        let mut state = State::default();
        let mut complaints = Vec::new();
        let numbers = directory.numbers()?;
        state.next = numbers.iter().map(|(_, number)| number + 1).max().unwrap_or(1);
        state.positions = directory.read_positions()?;
        for (place, number) in &numbers {
            let has_segment = numbers.contains(&(Place::Segment, *number));
            match place {
                Place::Segment => {
                    let sealed = recover(&directory, *number, &mut state, &mut complaints)?;
                    state.sealed.insert(*number, sealed);
                }
                Place::Seen => state.seen.keep(*number, directory.read_ids(*number)?),
                Place::Done if !has_segment => directory.remove(Place::Done, *number)?,
                Place::Done => {}
            }
        }
        refused::settle(&directory, &mut state.sealed)?;
        state.held = directory.bytes()?;
        let spool =
            Spool { directory, limit, state: Mutex::new(state), changed: Condvar::new(), _lock: lock };
        Ok((spool, complaints))
    }

    /// Takes an input: once this returns, it is on disk to stay. Lines that are there already are left out.
    ///
    /// # Errors
    /// If there is no room, or it could not be written. Then nothing of it was taken.
    pub(crate) fn take(&self, input: Input) -> Result<Taken, SpoolError> {
        let mut state = self.state();
        let mut taken = Taken::default();
        let mut ids = Vec::new();
        let mut text = String::new();
        let mut own = HashSet::new();
        for (id, line) in input.lines {
            if id.is_some_and(|id| state.seen.has(id) || !own.insert(id)) {
                taken.duplicates += 1;
                continue;
            }
            taken.lines += 1;
            ids.extend(id);
            text.push_str(&line);
            text.push('\n');
        }
        let moves = input.position.as_ref().is_some_and(|(file, end)| state.positions.get(file) != Some(end));
        if text.is_empty() && !moves {
            return Ok(taken);
        }
        let bytes = Record { position: input.position.clone(), lines: &text }.to_bytes();
        let added = bytes.len() as u64;
        if state.held + added > self.limit {
            return Err(SpoolError::Full { held: state.held, limit: self.limit });
        }
        self.append(&mut state, &bytes)?;
        state.held += added;
        state.seen.add(&ids);
        if let Some(open) = &mut state.open {
            open.ids.extend(ids);
            if open.bytes >= SEGMENT {
                self.seal(&mut state);
            }
        }
        if let Some((file, end)) = input.position {
            state.positions.insert(file, end);
        }
        self.changed.notify_all();
        Ok(taken)
    }

    /// Up to where a file was read.
    pub(crate) fn position(&self, file: &str) -> u64 {
        self.state().positions.get(file).copied().unwrap_or_default()
    }

    /// Whether an input of so many bytes would be refused.
    pub(crate) fn is_full(&self) -> bool {
        let state = self.state();
        state.held >= self.limit
    }

    pub(crate) fn held(&self) -> u64 {
        self.state().held
    }

    /// Since when the oldest lines wait.
    pub(crate) fn waits(&self) -> Option<Duration> {
        let state = self.state();
        let oldest = state.sealed.values().map(|sealed| sealed.since).min();
        oldest.or_else(|| state.open.as_ref().map(|open| open.since)).map(|since| since.elapsed())
    }

    /// Seals the segment that is written, if it is older than that. Sealed segments are forwarded.
    pub(crate) fn seal_if_older(&self, age: Duration) {
        let mut state = self.state();
        if state.open.as_ref().is_some_and(|open| open.since.elapsed() >= age) {
            self.seal(&mut state);
        }
    }

    fn seal(&self, state: &mut State) {
        let Some(open) = state.open.take() else { return };
        let sealed =
            Sealed { since: open.since, ids: open.ids, done: HashSet::new(), finished: BTreeSet::new() };
        state.sealed.insert(open.number, sealed);
        self.changed.notify_all();
    }

    /// The lines of a segment.
    ///
    /// # Errors
    /// If it cannot be read.
    pub(crate) fn lines(&self, number: u64) -> Result<String, SpoolError> {
        let bytes = self.directory.read(Place::Segment, number)?;
        Ok(record::read(&bytes).0.iter().map(|record| record.lines).collect())
    }

    pub(crate) fn is_done(&self, number: u64, batch: &Batch) -> bool {
        self.state().sealed.get(&number).is_some_and(|sealed| sealed.done.contains(&batch.digest))
    }

    /// Records that a batch is settled. Whatever happens from now on, it is not sent again.
    ///
    /// # Errors
    /// If it could not be written.
    pub(crate) fn record_done(&self, number: u64, batch: &Batch) -> Result<(), SpoolError> {
        // Not behind an input that is being written: if the process is killed before this is on disk, the batch counts twice.
        let added = self.directory.append(Place::Done, number, &batch.digest.to_be_bytes())?;
        let mut state = self.state();
        state.held += added;
        if let Some(sealed) = state.sealed.get_mut(&number) {
            sealed.done.insert(batch.digest);
        }
        Ok(())
    }

    /// All batches of a kind are settled. A segment that is finished is removed.
    ///
    /// # Errors
    /// If it could not be removed.
    pub(crate) fn finish(&self, number: u64, kind: Kind) -> Result<(), SpoolError> {
        let mut state = self.state();
        let Some(sealed) = state.sealed.get_mut(&number) else { return Ok(()) };
        sealed.finished.insert(kind);
        if sealed.finished.len() < Kind::ALL.len() {
            return Ok(());
        }
        // What a restart needs of it comes first.
        let ids = std::mem::take(&mut sealed.ids);
        self.directory.write_ids(number, &ids)?;
        self.directory.write_positions(&state.positions)?;
        self.directory.remove(Place::Segment, number)?;
        self.directory.remove(Place::Done, number)?;
        state.sealed.remove(&number);
        state.seen.keep(number, ids);
        for gone in state.seen.forget_old() {
            self.directory.remove(Place::Seen, gone)?;
        }
        state.held = self.directory.bytes()?;
        self.changed.notify_all();
        Ok(())
    }

    /// Writes to the segment that is open, or to a new one.
    fn append(&self, state: &mut State, bytes: &[u8]) -> Result<(), SpoolError> {
        if state.open.is_none() {
            let number = state.next;
            state.next += 1;
            let path = self.directory.path(Place::Segment, number);
            let file = OpenOptions::new().create_new(true).append(true).open(&path);
            let file = file.map_err(|error| SpoolError::Io { path, error })?;
            self.directory.sync()?;
            state.open = Some(Open { number, file, bytes: 0, since: Instant::now(), ids: Vec::new() });
        }
        let Some(open) = &mut state.open else { return Ok(()) };
        if let Err(error) = open.file.write_all(bytes).and_then(|()| open.file.sync_data()) {
            let path = self.directory.path(Place::Segment, open.number);
            // Without its end, the next input would stand behind half of this one. If it cannot be cut off, the segment takes
            // no more: what is behind its last sound record does not count.
            let cut = open.file.set_len(open.bytes).and_then(|()| open.file.rewind());
            if cut.and_then(|()| open.file.sync_data()).is_err() {
                self.seal(state);
            }
            return Err(SpoolError::Io { path, error });
        }
        open.bytes += bytes.len() as u64;
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
