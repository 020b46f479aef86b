//! What is known of the files of a spool, and how it is found out when a process begins.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs::File;
use std::time::Instant;

use super::SpoolError;
use super::directory::{Directory, Place};
use super::record;
use super::seen::Seen;
use crate::batch::Kind;
use crate::line::Line;

#[derive(Default)]
pub(super) struct State {
    /// The segment that is written.
    pub(super) open: Option<Open>,
    /// Those that wait to be forwarded.
    pub(super) sealed: BTreeMap<u64, Sealed>,
    pub(super) next: u64,
    pub(super) seen: Seen,
    pub(super) positions: BTreeMap<String, u64>,
    /// Bytes that count for the limit.
    pub(super) held: u64,
    pub(super) is_ending: bool,
}

pub(super) struct Open {
    pub(super) number: u64,
    pub(super) file: File,
    pub(super) bytes: u64,
    pub(super) since: Instant,
    pub(super) ids: Vec<u64>,
}

pub(super) struct Sealed {
    pub(super) since: Instant,
    pub(super) ids: Vec<u64>,
    pub(super) done: HashSet<u128>,
    /// The kinds all of whose batches are settled.
    pub(super) finished: BTreeSet<Kind>,
}

/// Reads a segment that an earlier process left, and cuts off what it was writing when it ended.
pub(super) fn recover(
    directory: &Directory,
    number: u64,
    state: &mut State,
    complaints: &mut Vec<String>,
) -> Result<Sealed, SpoolError> {
    let bytes = directory.read(Place::Segment, number)?;
    let (records, sound) = record::read(&bytes);
    let mut ids = Vec::new();
    for record in records {
        let lines = record.lines.lines().filter_map(Line::parse);
        ids.extend(lines.filter_map(|line| line.id));
        if let Some((file, end)) = record.position {
            state.positions.insert(file, end);
        }
    }
    if sound < bytes.len() {
        let lost = bytes.len() - sound;
        directory.cut(number, sound as u64)?;
        complaints.push(format!(
            "segment {number}: its last {lost} bytes were not written whole, so not acknowledged, or are damaged: they were cut off"
        ));
    }
    state.seen.add(&ids);
    let done = directory.read_done(number)?;
    Ok(Sealed { since: Instant::now(), ids, done, finished: BTreeSet::new() })
}
