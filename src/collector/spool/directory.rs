//! The files of a spool. Each that is written is on disk to stay when the function returns.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::SpoolError;

/// The files that there are for a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    Segment,
    Done,
    Seen,
}

impl Place {
    const ALL: [Place; 3] = [Place::Segment, Place::Done, Place::Seen];

    fn name(self) -> &'static str {
        match self {
            Place::Segment => "segment",
            Place::Done => "done",
            Place::Seen => "seen",
        }
    }
}

pub(super) struct Directory(PathBuf);

impl Directory {
    pub(super) fn open(path: &Path) -> Result<Directory, SpoolError> {
        let directory = Directory(path.to_owned());
        fs::create_dir_all(directory.refused()).map_err(|error| at(&directory.refused(), error))?;
        directory.sync()?;
        Ok(directory)
    }

    pub(super) fn lock(&self) -> Result<File, SpoolError> {
        let path = self.0.join("lock");
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
        let file = file.map_err(|error| at(&path, error))?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(TryLockError::WouldBlock) => Err(SpoolError::Locked(self.0.clone())),
            Err(TryLockError::Error(error)) => Err(at(&path, error)),
        }
    }

    pub(super) fn path(&self, place: Place, number: u64) -> PathBuf {
        self.0.join(format!("{}-{number:020}", place.name()))
    }

    /// Where batches are that were refused.
    pub(super) fn refused(&self) -> PathBuf {
        self.0.join("refused")
    }

    /// The files that are there.
    pub(super) fn numbers(&self) -> Result<BTreeSet<(Place, u64)>, SpoolError> {
        let mut numbers = BTreeSet::new();
        for (name, _) in entries(&self.0)? {
            let found = Place::ALL.into_iter().find_map(|place| {
                let number = name.strip_prefix(place.name())?.strip_prefix('-')?;
                Some((place, number.parse().ok()?))
            });
            numbers.extend(found);
        }
        Ok(numbers)
    }

    /// Bytes of all files but those with identifiers, whose number has a limit of its own: they must not fill the spool.
    pub(super) fn bytes(&self) -> Result<u64, SpoolError> {
        let all = [entries(&self.0)?, entries(&self.refused())?].concat();
        let counts = all.iter().filter(|(name, _)| !name.starts_with(Place::Seen.name()));
        Ok(counts.map(|(_, bytes)| bytes).sum())
    }

    pub(super) fn read(&self, place: Place, number: u64) -> Result<Vec<u8>, SpoolError> {
        let path = self.path(place, number);
        fs::read(&path).map_err(|error| at(&path, error))
    }

    /// Writes to the end of a file, and says how many bytes.
    pub(super) fn append(&self, place: Place, number: u64, bytes: &[u8]) -> Result<u64, SpoolError> {
        let path = self.path(place, number);
        let is_new = !path.exists();
        let write = || {
            let mut file = OpenOptions::new().create(true).append(true).open(&path)?;
            file.write_all(bytes)?;
            file.sync_data()
        };
        write().map_err(|error| at(&path, error))?;
        if is_new {
            self.sync()?;
        }
        Ok(bytes.len() as u64)
    }

    pub(super) fn remove(&self, place: Place, number: u64) -> Result<(), SpoolError> {
        remove(&self.path(place, number))?;
        self.sync()
    }

    /// Cuts off the end of a segment.
    pub(super) fn cut(&self, number: u64, length: u64) -> Result<(), SpoolError> {
        let path = self.path(Place::Segment, number);
        let cut = || {
            let file = OpenOptions::new().write(true).open(&path)?;
            file.set_len(length)?;
            file.sync_all()
        };
        cut().map_err(|error| at(&path, error))
    }

    /// The batches of a segment that are settled. Half of an entry was being written, and does not count.
    pub(super) fn read_done(&self, number: u64) -> Result<HashSet<u128>, SpoolError> {
        let path = self.path(Place::Done, number);
        let bytes = read_if_there(&path)?;
        let whole = bytes.len() - bytes.len() % size_of::<u128>();
        if whole < bytes.len() {
            let cut = OpenOptions::new().write(true).open(&path).and_then(|file| file.set_len(whole as u64));
            cut.map_err(|error| at(&path, error))?;
        }
        Ok(bytes.as_chunks().0.iter().map(|chunk| u128::from_be_bytes(*chunk)).collect())
    }

    pub(super) fn write_ids(&self, number: u64, ids: &[u64]) -> Result<(), SpoolError> {
        let bytes: Vec<u8> = ids.iter().flat_map(|id| id.to_be_bytes()).collect();
        self.replace(&self.path(Place::Seen, number), &bytes)
    }

    pub(super) fn read_ids(&self, number: u64) -> Result<Vec<u64>, SpoolError> {
        let bytes = self.read(Place::Seen, number)?;
        Ok(bytes.as_chunks().0.iter().map(|chunk| u64::from_be_bytes(*chunk)).collect())
    }

    pub(super) fn read_positions(&self) -> Result<BTreeMap<String, u64>, SpoolError> {
        let bytes = read_if_there(&self.0.join("positions"))?;
        // It is replaced whole, so it is sound. One that is not costs that files are read again.
        Ok(serde_json::from_slice(&bytes).unwrap_or_default())
    }

    pub(super) fn write_positions(&self, positions: &BTreeMap<String, u64>) -> Result<(), SpoolError> {
        if positions.is_empty() {
            return Ok(());
        }
        self.replace(&self.0.join("positions"), &serde_json::to_vec(positions).unwrap_or_default())
    }

    /// Replaces a file, or makes it: it is there whole, or as before.
    pub(super) fn replace(&self, path: &Path, bytes: &[u8]) -> Result<(), SpoolError> {
        let new = self.0.join("new");
        let write = || {
            let mut file = File::create(&new)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            fs::rename(&new, path)
        };
        write().map_err(|error| at(path, error))?;
        sync(path.parent().unwrap_or(&self.0))
    }

    /// What was made and removed in the directory stays so.
    pub(super) fn sync(&self) -> Result<(), SpoolError> {
        sync(&self.0)
    }
}

pub(super) fn at(path: &Path, error: io::Error) -> SpoolError {
    SpoolError::Io { path: path.to_owned(), error }
}

pub(super) fn sync(directory: &Path) -> Result<(), SpoolError> {
    File::open(directory).and_then(|file| file.sync_all()).map_err(|error| at(directory, error))
}

pub(super) fn remove(path: &Path) -> Result<(), SpoolError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(at(path, error)),
        _ => Ok(()),
    }
}

/// The files of a directory, with their sizes.
pub(super) fn entries(directory: &Path) -> Result<Vec<(String, u64)>, SpoolError> {
    let read = || {
        let mut found = Vec::new();
        for entry in fs::read_dir(directory)? {
            let entry = entry?;
            let metadata = entry.metadata()?;
            if let (true, Ok(name)) = (metadata.is_file(), entry.file_name().into_string()) {
                found.push((name, metadata.len()));
            }
        }
        found.sort();
        io::Result::Ok(found)
    };
    read().map_err(|error| at(directory, error))
}

fn read_if_there(path: &Path) -> Result<Vec<u8>, SpoolError> {
    match fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        read => read.map_err(|error| at(path, error)),
    }
}
