//! From bytes that came to the spool: which lines count.

use std::io::Read;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use flate2::read::MultiGzDecoder;
use serde_json::value::RawValue;

use crate::line::{Line, json};
use crate::metrics::Metrics;
use crate::spool::{Input, Spool, SpoolError, Taken};

/// How often what is wrong with an input is logged while it lasts.
const LOG: Duration = Duration::from_secs(60);

pub(crate) struct Intake {
    pub(crate) spool: Arc<Spool>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) log: Arc<dyn Fn(&str) + Send + Sync>,
    foreign: Seldom,
    full: Seldom,
}

impl Intake {
    pub(crate) fn new(
        spool: Arc<Spool>,
        metrics: Arc<Metrics>,
        log: Arc<dyn Fn(&str) + Send + Sync>,
    ) -> Intake {
        Intake { spool, metrics, log, foreign: Seldom::default(), full: Seldom::default() }
    }

    /// Takes lines: once this returns, they are in the spool. Lines that are none of the edge's are left out, and counted.
    ///
    /// # Errors
    /// If the spool has no room, or could not be written. Then nothing was taken.
    pub(crate) fn take(&self, bytes: &[u8], position: Option<(String, u64)>) -> Result<Taken, SpoolError> {
        let (lines, foreign) = lines(bytes);
        let taken = self.spool.take(Input { lines, position }).inspect_err(|error| self.complain(error))?;
        self.metrics.lines.inc_by(taken.lines);
        self.metrics.lines_duplicate.inc_by(taken.duplicates);
        self.metrics.lines_foreign.inc_by(foreign);
        if foreign > 0 && self.foreign.is_time() {
            let all = self.metrics.lines_foreign.get();
            (self.log)(&format!("{all} lines so far were left out: they are none of the edge's analytics"));
        }
        Ok(taken)
    }

    fn complain(&self, error: &SpoolError) {
        let metric = match error {
            SpoolError::Full { .. } => &self.metrics.spool_full,
            SpoolError::Io { .. } | SpoolError::Locked(_) => &self.metrics.spool_errors,
        };
        metric.inc();
        if self.full.is_time() {
            (self.log)(&format!("nothing is taken at the moment: {error}"));
        }
    }
}

/// The lines that count, and how many do not. Blank ones are no lines.
fn lines(bytes: &[u8]) -> (Vec<(Option<u64>, String)>, u64) {
    let mut found = Vec::new();
    let mut foreign = 0;
    let mut add = |line: &str| match (Line::parse(line), json(line)) {
        (Some(line), Some(json)) => found.push((line.id, json.to_owned())),
        _ => foreign += 1,
    };
    if let Some(items) = list(bytes) {
        items.iter().for_each(|item| add(item.get()));
        return (found, foreign);
    }
    for line in bytes.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii) {
        match std::str::from_utf8(line) {
            Ok("") => {}
            Ok(line) => add(line),
            Err(_) => add(""),
        }
    }
    (found, foreign)
}

/// The items of a JSON list: log streaming can be told to send one in place of lines.
fn list(bytes: &[u8]) -> Option<Vec<&RawValue>> {
    if bytes.trim_ascii_start().first() == Some(&b'[') { serde_json::from_slice(bytes).ok() } else { None }
}

/// Why a compressed body is of no use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GunzipError {
    TooLarge,
    Broken,
}

/// What was compressed, in one part or several, as long as that is no more than the limit.
pub(crate) fn gunzip(bytes: &[u8], limit: usize) -> Result<Vec<u8>, GunzipError> {
    let mut whole = Vec::new();
    let read = MultiGzDecoder::new(bytes).take(limit as u64 + 1).read_to_end(&mut whole);
    if whole.len() > limit {
        return Err(GunzipError::TooLarge);
    }
    read.map(|_| whole).map_err(|_| GunzipError::Broken)
}

/// Says when something is to be logged again.
#[derive(Default)]
struct Seldom(Mutex<Option<Instant>>);

impl Seldom {
    /// Takes the turn if it says yes.
    fn is_time(&self) -> bool {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_time = last.is_none_or(|at| at.elapsed() >= LOG);
        if is_time {
            *last = Some(Instant::now());
        }
        is_time
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_count_are_found_in_lines_and_in_lists() {
        let line = |id: u64| format!(r#"{{"id":"{id:016x}","environment":"demo","counts":{{"a":1}}}}"#);
        let (a, b) = (line(1), line(2));
        let both = vec![(Some(1), a.clone()), (Some(2), b.clone())];
        for (text, foreign) in [
            (format!("{a}\n{b}\n"), 0),
            (format!("\r\n\n{a}\r\n  \n{b}"), 0),
            (format!("usage :: {a}\nGET /\n{b}\n{{}}\n"), 2),
            (format!("[{a},{b}]"), 0),
            (format!(" [{a},\n{b}, 7]\n"), 1),
        ] {
            assert_eq!(lines(text.as_bytes()), (both.clone(), foreign), "{text}");
        }
        assert_eq!(lines(b""), (vec![], 0));
        assert_eq!(lines(b"\xff{}\n[{}"), (vec![], 2));
    }
}
