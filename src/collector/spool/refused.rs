//! Batches that were refused. They wait beside the others, and are tried again now and then.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use super::directory::{Directory, Place, at, entries, remove, sync};
use super::state::Sealed;
use super::{Spool, SpoolError};
use crate::batch::{Batch, Kind};

/// A batch that was refused.
#[derive(Debug)]
pub(crate) struct Refused {
    /// Of its file.
    pub(crate) name: String,
    pub(crate) batch: Batch,
    /// How long ago it was refused first.
    pub(crate) age: Duration,
    pub(crate) bytes: u64,
}

#[derive(Serialize, Deserialize)]
struct Head {
    kind: String,
    environment: String,
    #[serde(default)]
    sdk: Option<String>,
    sum: u64,
}

impl Spool {
    /// Sets a batch aside. One that was set aside before stays as it is.
    ///
    /// # Errors
    /// If it could not be written.
    pub(crate) fn set_aside(&self, segment: u64, batch: &Batch) -> Result<(), SpoolError> {
        let path = self.directory.refused().join(file_name(segment, batch));
        if path.exists() {
            return Ok(());
        }
        let head = Head {
            kind: batch.kind.name().to_owned(),
            environment: batch.environment.clone(),
            sdk: batch.sdk.clone(),
            sum: batch.sum,
        };
        let head = serde_json::to_string(&head).unwrap_or_default();
        let bytes = format!("{head}\n{}", batch.body);
        // One state at a time makes files of this name.
        let mut state = self.state();
        self.directory.replace(&path, bytes.as_bytes())?;
        state.held += bytes.len() as u64;
        Ok(())
    }

    /// A batch of a segment was accepted: it is no longer set aside, if it was before a restart.
    ///
    /// # Errors
    /// If it could not be removed.
    pub(crate) fn no_longer_aside(&self, segment: u64, batch: &Batch) -> Result<(), SpoolError> {
        self.remove_refused(&file_name(segment, batch))
    }

    /// # Errors
    /// If it could not be removed.
    pub(crate) fn remove_refused(&self, name: &str) -> Result<(), SpoolError> {
        let directory = self.directory.refused();
        let path = directory.join(name);
        let Ok(metadata) = fs::metadata(&path) else { return Ok(()) };
        remove(&path)?;
        let mut state = self.state();
        state.held = state.held.saturating_sub(metadata.len());
        self.changed.notify_all();
        drop(state);
        sync(&directory)
    }

    /// The names of all that are set aside, the oldest first, each with its bytes.
    ///
    /// # Errors
    /// If the directory cannot be read.
    pub(crate) fn refused(&self) -> Result<Vec<(String, u64)>, SpoolError> {
        entries(&self.directory.refused())
    }

    /// One that is set aside; none if it is gone, or no such file.
    ///
    /// # Errors
    /// If it cannot be read.
    pub(crate) fn read_refused(&self, name: &str) -> Result<Option<Refused>, SpoolError> {
        let path = self.directory.refused().join(name);
        if !path.exists() {
            return Ok(None);
        }
        let text = fs::read_to_string(&path).map_err(|error| at(&path, error))?;
        Ok(parse(name, &text, age(&path)))
    }
}

/// A batch that was set aside is settled, also if the process ended before it recorded that.
///
/// # Errors
/// If it cannot be recorded.
pub(super) fn settle(directory: &Directory, sealed: &mut BTreeMap<u64, Sealed>) -> Result<(), SpoolError> {
    for (name, _) in entries(&directory.refused())? {
        let Some((number, digest)) = numbers(&name) else { continue };
        if let Some(sealed) = sealed.get_mut(&number)
            && sealed.done.insert(digest)
        {
            directory.append(Place::Done, number, &digest.to_be_bytes())?;
        }
    }
    Ok(())
}

/// The segment and the digest of a file.
fn numbers(name: &str) -> Option<(u64, u128)> {
    let (segment, digest) = name.split_once('-')?;
    Some((segment.parse().ok()?, u128::from_str_radix(digest, 16).ok()?))
}

fn file_name(segment: u64, batch: &Batch) -> String {
    format!("{segment:020}-{:032x}", batch.digest)
}

fn parse(name: &str, text: &str, age: Duration) -> Option<Refused> {
    let (head, body) = text.split_once('\n')?;
    let Head { kind, environment, sdk, sum } = serde_json::from_str(head).ok()?;
    let kind = Kind::of_name(&kind)?;
    let (_, digest) = numbers(name)?;
    let batch = Batch { kind, environment, sdk, body: body.to_owned(), sum, digest };
    Some(Refused { name: name.to_owned(), batch, age, bytes: text.len() as u64 })
}

fn age(path: &Path) -> Duration {
    let made = fs::metadata(path).and_then(|metadata| metadata.modified());
    made.ok().and_then(|made| SystemTime::now().duration_since(made).ok()).unwrap_or_default()
}
