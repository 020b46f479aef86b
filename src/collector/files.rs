//! Lines of files and of the standard input. A file is known by its first line, which no other file has: it may be renamed, and it
//! goes on where it was read up to.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::Duration;

use thiserror::Error;
use xxhash_rust::xxh3::xxh3_128;

use crate::intake::Intake;
use crate::line::Line;
use crate::spool::SpoolError;

/// Bytes that are taken at once, more or less.
const CHUNK: usize = 1 << 20;
/// Bytes of a line. The edge's have some 16 KB; what is longer is none.
const LINE: usize = 4 << 20;
/// How often a file that is followed is looked at.
const LOOK: Duration = Duration::from_millis(500);
/// How long nothing is read after the spool took nothing.
const FULL: Duration = Duration::from_secs(1);

/// Why a file could not be read.
#[derive(Debug, Error)]
pub enum FileError {
    #[error("{}: {error}", .path.display())]
    Unreadable { path: PathBuf, error: io::Error },
    #[error("the standard input: {0}")]
    Input(io::Error),
}

/// How far a file is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// To its end.
    Once,
    /// To its end, and on as it grows, and as another file takes its name.
    Follow,
}

/// Reads a file into the spool. Ends early if the process does.
pub(crate) fn read_file(intake: &Intake, path: &Path, reading: Reading) -> Result<(), FileError> {
    let unreadable = |error| FileError::Unreadable { path: path.to_owned(), error };
    loop {
        let file = match File::open(path) {
            Err(error) if reading == Reading::Follow && error.kind() == io::ErrorKind::NotFound => {
                if !intake.spool.pause(LOOK) {
                    return Ok(());
                }
                continue;
            }
            file => file.map_err(unreadable)?,
        };
        let goes_on = read_to_end(intake, path, &file, reading).map_err(unreadable)?;
        if reading == Reading::Once || !goes_on {
            return Ok(());
        }
    }
}

/// Reads the standard input to its end. Nothing can be read of it again: what was read, and is not in the spool when the process
/// is killed, is lost.
pub(crate) fn read_input(intake: &Intake, input: impl Read) -> Result<(), FileError> {
    let mut input = BufReader::with_capacity(CHUNK, input);
    loop {
        let mut chunk = Vec::new();
        let bytes = input.fill_buf().map_err(FileError::Input)?;
        if bytes.is_empty() {
            return Ok(());
        }
        chunk.extend_from_slice(bytes);
        let read = bytes.len();
        input.consume(read);
        if chunk.last() != Some(&b'\n') {
            let limit = (LINE - chunk.len().min(LINE)) as u64;
            input.by_ref().take(limit).read_until(b'\n', &mut chunk).map_err(FileError::Input)?;
        }
        if !take(intake, &chunk, None) {
            return Ok(());
        }
    }
}

/// Reads a file that is open. Returns false if the process ends.
fn read_to_end(intake: &Intake, path: &Path, file: &File, reading: Reading) -> io::Result<bool> {
    let mut known = None;
    let mut at = 0;
    loop {
        if known.is_none() {
            known = name(path, file)?;
            if let Some(name) = &known {
                at = intake.spool.position(name);
                if at > file.metadata()?.len() {
                    // It was cut since, and begins with the same line.
                    at = 0;
                }
            }
        }
        let is_last = reading == Reading::Once;
        let (chunk, skipped) = next_chunk(file, at, is_last)?;
        if skipped {
            (intake.log)(&format!("{}: a line of more than {LINE} bytes was left out", path.display()));
            intake.metrics.lines_foreign.inc();
        }
        if chunk.end > at {
            let position = known.clone().map(|name| (name, chunk.end));
            if !take(intake, &chunk.lines, position.as_ref()) {
                return Ok(false);
            }
            at = chunk.end;
            continue;
        }
        if reading == Reading::Once {
            return Ok(true);
        }
        if !intake.spool.pause(LOOK) {
            return Ok(false);
        }
        if file.metadata()?.len() < at || (is_another(path, file) && is_read(file, at)?) {
            return Ok(true);
        }
    }
}

struct Chunk {
    lines: Vec<u8>,
    /// Where they end in the file.
    end: u64,
}

/// Whole lines from a place on, and whether one was too long. The last line of a file may lack its line break, if nothing will
/// follow and it is whole.
fn next_chunk(mut file: &File, at: u64, is_last: bool) -> io::Result<(Chunk, bool)> {
    file.seek(SeekFrom::Start(at))?;
    let mut lines = Vec::new();
    file.take(CHUNK as u64).read_to_end(&mut lines)?;
    let ends = |lines: &[u8]| lines.iter().rposition(|&byte| byte == b'\n');
    if ends(&lines).is_none() && lines.len() == CHUNK {
        file.take((LINE - CHUNK) as u64).read_to_end(&mut lines)?;
    }
    match ends(&lines) {
        Some(end) => lines.truncate(end + 1),
        None if lines.len() >= LINE => {
            let length = lines.len() as u64;
            let mut rest = BufReader::new(file);
            let skipped = rest.skip_until(b'\n')? as u64;
            return Ok((Chunk { lines: Vec::new(), end: at + length + skipped }, true));
        }
        None if is_last && std::str::from_utf8(&lines).is_ok_and(|line| Line::parse(line).is_some()) => {}
        None => lines.clear(),
    }
    let end = at + lines.len() as u64;
    Ok((Chunk { lines, end }, false))
}

/// What a file is known by; none as long as its first line is not whole. A first line without an identifier may be the same in
/// two files, so the path counts then.
fn name(path: &Path, mut file: &File) -> io::Result<Option<String>> {
    file.seek(SeekFrom::Start(0))?;
    let mut first = Vec::new();
    BufReader::new(file.take(LINE as u64)).read_until(b'\n', &mut first)?;
    if first.last() != Some(&b'\n') {
        return Ok(None);
    }
    let line = std::str::from_utf8(&first).ok().and_then(Line::parse);
    if line.is_none_or(|line| line.id.is_none()) {
        first.extend_from_slice(fs::canonicalize(path)?.as_os_str().as_encoded_bytes());
    }
    Ok(Some(format!("{:032x}", xxh3_128(&first))))
}

/// Whether another file has taken the name of one that is open.
fn is_another(path: &Path, file: &File) -> bool {
    let (Ok(there), Ok(here)) = (fs::metadata(path), file.metadata()) else { return false };
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        (there.dev(), there.ino()) != (here.dev(), here.ino())
    }
    #[cfg(not(unix))]
    {
        there.created().ok() != here.created().ok()
    }
}

/// Whether nothing more can be read: the writer of a file that was renamed may write for a moment longer.
fn is_read(file: &File, at: u64) -> io::Result<bool> {
    Ok(next_chunk(file, at, true)?.0.end == at)
}

/// Takes a chunk, however long it takes until there is room. Returns false if the process ends.
fn take(intake: &Intake, chunk: &[u8], position: Option<&(String, u64)>) -> bool {
    loop {
        match intake.take(chunk, position.cloned()) {
            Ok(_) => return true,
            Err(SpoolError::Full { .. } | SpoolError::Io { .. } | SpoolError::Locked(_)) => {
                if !intake.spool.pause(FULL) {
                    return false;
                }
            }
        }
    }
}
