//! Files that are looked at again and again.
//!
//! No notifications of the operating system are used: they differ between systems, miss changes that come over a network,
//! and lose a file that an editor replaces. A look costs a `stat` for each file. A file that was touched a short time ago is
//! read and compared, since a time of modification may be as coarse as two seconds.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, Metadata};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf, absolute};
use std::time::{Duration, SystemTime};

use crate::source::{Place, sha256};
use crate::watch::observation::{Observation, PlaceState};

/// A file is read at each look until it was not touched for this long.
const UNSETTLED: Duration = Duration::from_secs(5);
/// A file is read this often, also if it does not seem to be touched.
const READ_AGAIN: Duration = Duration::from_secs(10);
/// Editors take a file away for a moment.
const GONE_AFTER: Duration = Duration::from_secs(2);
/// Bytes of a file that may be a document: more than may be stored of one.
const LIMIT: u64 = 64 << 20;

/// Files, and directories with files in them.
#[derive(Debug)]
pub struct Files {
    paths: Vec<PathBuf>,
    ignored: Option<PathBuf>,
    /// By absolute path, so that a file that is named twice is one.
    known: BTreeMap<PathBuf, KnownFile>,
}

#[derive(Debug)]
struct KnownFile {
    place: Place,
    mark: Option<Mark>,
    reported: Option<Reported>,
    touched: Duration,
    read: Duration,
    was_there: bool,
    missing_since: Option<Duration>,
}

/// What was reported last.
#[derive(Debug, PartialEq, Eq)]
enum Reported {
    /// A content of this hash.
    Content(String),
    Unreadable(String),
    Missing,
    Gone,
}

/// What shows that a file was touched, most of the time.
#[derive(Debug, PartialEq, Eq)]
struct Mark {
    length: u64,
    modified: Option<SystemTime>,
    /// Inode, and when that changed.
    inode: (u64, i64, i64),
}

impl Files {
    /// Watches files, and the `.json` files right in directories, but not the `ignored` one.
    pub fn new(paths: Vec<PathBuf>, ignored: Option<&Path>) -> Files {
        Files { paths, ignored: ignored.map(whole), known: BTreeMap::new() }
    }

    /// What became of them since the last look.
    pub fn look(&mut self, now: Duration) -> Vec<Observation> {
        let listed = self.list();
        let names: BTreeSet<PathBuf> = listed.iter().map(|(path, _)| path.clone()).collect();
        let unlisted: Vec<PathBuf> =
            self.known.keys().filter(|path| !names.contains(*path)).cloned().collect();
        let mut seen = Vec::new();
        for (path, file) in listed {
            let known =
                self.known.entry(path.clone()).or_insert_with(|| KnownFile::new(Place::from(&*file), now));
            let state = known.look(&path, now);
            seen.extend(state.map(|state| Observation { place: known.place.clone(), state }));
        }
        for path in unlisted {
            // If it is a directory by now, the files in it are listed.
            let Some(known) = self.known.get_mut(&path).filter(|_| !path.is_dir()) else {
                self.known.remove(&path);
                continue;
            };
            let state = known.look(&path, now);
            let Some(state) = state else { continue };
            let is_gone = matches!(state, PlaceState::Gone);
            seen.push(Observation { place: known.place.clone(), state });
            if is_gone {
                self.known.remove(&path);
            }
        }
        seen
    }

    /// Reports a place again, as if it were new. Returns whether it is one of these files.
    pub fn report_again(&mut self, place: &Place) -> bool {
        let mut known = self.known.values_mut().filter(|known| known.place == *place);
        let Some(known) = known.next() else { return false };
        known.reported = None;
        known.mark = None;
        true
    }

    /// All files to look at, by absolute path.
    fn list(&self) -> Vec<(PathBuf, PathBuf)> {
        let mut names = BTreeSet::new();
        let mut listed = Vec::new();
        for path in &self.paths {
            // A directory that cannot be read is reported like such a file.
            let files = documents(path).unwrap_or_else(|_| vec![path.clone()]);
            for file in files {
                let path = whole(&file);
                if self.ignored.as_ref() != Some(&path) && names.insert(path.clone()) {
                    listed.push((path, file));
                }
            }
        }
        listed
    }
}

/// The files that a path stands for: itself, or the `.json` files right in a directory.
///
/// # Errors
/// If the directory cannot be read.
pub fn documents(path: &Path) -> io::Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        let name = entry.file_name();
        // Hidden files, and the backup files of editors, are not documents.
        let is_meant = name.to_str().is_none_or(|name| !name.starts_with(['.', '#']));
        let file = entry.path();
        if is_meant && file.extension().is_some_and(|extension| extension == "json") && !file.is_dir() {
            files.push(file);
        }
    }
    files.sort();
    Ok(files)
}

pub(crate) fn whole(path: impl AsRef<Path>) -> PathBuf {
    let path = path.as_ref();
    absolute(path).unwrap_or_else(|_| path.to_owned())
}

impl KnownFile {
    fn new(place: Place, now: Duration) -> KnownFile {
        KnownFile {
            place,
            mark: None,
            reported: None,
            touched: now,
            read: now,
            was_there: false,
            missing_since: None,
        }
    }

    fn look(&mut self, path: &Path, now: Duration) -> Option<PlaceState> {
        let metadata = match fs::metadata(path) {
            Ok(metadata) => metadata,
            Err(error) => return self.failed(&error, now),
        };
        self.was_there = true;
        self.missing_since = None;
        if !metadata.is_file() {
            let error = fs::read_dir(path).err();
            return self.unreadable(error.map_or("not a file".into(), |e| e.to_string()));
        }
        if metadata.len() > LIMIT {
            return self.unreadable(format!("{} bytes, more than a document may have", metadata.len()));
        }
        let mark = Some(Mark::of(&metadata));
        if self.mark != mark {
            self.mark = mark;
            self.touched = now;
        } else if now >= self.touched + UNSETTLED && now < self.read + READ_AGAIN {
            return None;
        }
        self.read = now;
        match fs::read(path) {
            Ok(bytes) => self.accept(bytes),
            Err(error) => self.failed(&error, now),
        }
    }

    fn accept(&mut self, bytes: Vec<u8>) -> Option<PlaceState> {
        let reported = Some(Reported::Content(sha256(&bytes)));
        if self.reported == reported {
            return None;
        }
        let Ok(text) = String::from_utf8(bytes) else {
            return self.unreadable("not UTF-8".into());
        };
        self.reported = reported;
        Some(PlaceState::Content(text))
    }

    fn failed(&mut self, error: &io::Error, now: Duration) -> Option<PlaceState> {
        if error.kind() != ErrorKind::NotFound {
            return self.unreadable(error.to_string());
        }
        self.mark = None;
        if !self.was_there {
            // A file that was never there is reported once; the removal of one was reported before.
            return if self.reported.is_none() { self.unreadable(error.to_string()) } else { None };
        }
        let since = *self.missing_since.get_or_insert(now);
        if now < since + GONE_AFTER {
            return self.report(Reported::Missing, PlaceState::Missing);
        }
        self.was_there = false;
        self.report(Reported::Gone, PlaceState::Gone)
    }

    fn unreadable(&mut self, why: String) -> Option<PlaceState> {
        self.report(Reported::Unreadable(why.clone()), PlaceState::Unreadable(why))
    }

    /// Reports a state, unless it was the last one reported.
    fn report(&mut self, reported: Reported, state: PlaceState) -> Option<PlaceState> {
        let is_new = self.reported.as_ref() != Some(&reported);
        self.reported = Some(reported);
        is_new.then_some(state)
    }
}

impl Mark {
    fn of(metadata: &Metadata) -> Mark {
        #[cfg(unix)]
        let inode = {
            use std::os::unix::fs::MetadataExt;
            (metadata.ino(), metadata.ctime(), metadata.ctime_nsec())
        };
        #[cfg(not(unix))]
        let inode = (0, 0, 0);
        Mark { length: metadata.len(), modified: metadata.modified().ok(), inode }
    }
}
