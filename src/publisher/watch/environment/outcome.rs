//! What follows from the result of a job: what is due for its environment then, and what is logged.

use std::time::Duration;

use super::Environment;
use crate::basis::Basis;
use crate::publish::{AnswerError, WrittenDocument};
use crate::report::{Done, PublishError, Published};
use crate::server_keys::ServerKeysReport;
use crate::watch::attempt_error::AttemptError;
use crate::watch::job::{Outcome, WorkKind};
use crate::watch::log_line::LogLine;
use crate::write::TRIES;

/// A KV key takes one write a second. Counted from the end of a write, so that revisions, which are whole seconds,
/// never run ahead of the clock.
const BETWEEN_WRITES: Duration = Duration::from_secs(1);

/// What is logged after a job, and whether the document has to be read again.
#[derive(Debug)]
pub(crate) struct JobEffects {
    pub(crate) lines: Vec<LogLine>,
    pub(crate) read_again: bool,
}

impl Environment {
    /// Takes in the result of a job. `chance` spreads what is tried again.
    pub(crate) fn end(&mut self, outcome: Outcome, now: Duration, chance: u64) -> JobEffects {
        let mut read_again = false;
        let (mut lines, failures) = match outcome {
            Outcome::Stored { published, server_keys } => {
                let was_written =
                    matches!(&published, Some(Ok((published, _))) if published.done == Done::Written);
                let (lines, failures) = self.stored(published, server_keys, now);
                // An answer that came too late is asked for again at once.
                let rest = if was_written || !self.owed.answer { BETWEEN_WRITES } else { Duration::ZERO };
                self.storing.end(&failures, rest, now, chance);
                read_again = self.owed.answer;
                self.drop_if_stored();
                (lines, failures)
            }
            Outcome::Looked(found) => {
                let failures: Vec<AttemptError> = match found {
                    Ok(found) => {
                        read_again = self.found(found);
                        Vec::new()
                    }
                    // A check that failed is made again soon by itself.
                    Err(_) if self.basis.is_some() => Vec::new(),
                    Err(failed) => {
                        self.owed.look = true;
                        vec![AttemptError::of_call(&failed)]
                    }
                };
                self.storing.end(&failures, Duration::ZERO, now, chance);
                self.drop_if_stored();
                (Vec::new(), failures)
            }
            Outcome::Panicked(task, failure) => {
                read_again = self.owe(task);
                let failures = vec![failure];
                let schedule = self.schedule_mut(task);
                schedule.end(&failures, BETWEEN_WRITES, now, chance);
                (Vec::new(), failures)
            }
            Outcome::Purged(result) => {
                let failures: Vec<AttemptError> = result.err().iter().map(AttemptError::of_call).collect();
                self.owed.purge |= !failures.is_empty();
                self.purging.end(&failures, Duration::ZERO, now, chance);
                (Vec::new(), failures)
            }
            Outcome::Announced(revision, result) => {
                let failures: Vec<AttemptError> = result.err().iter().map(AttemptError::of_call).collect();
                let mut lines = Vec::new();
                if failures.is_empty() {
                    self.record.announced(revision, now);
                }
                if failures.is_empty() && self.announcing.is_failing() {
                    let line = format!("environment `{}`: revision {revision} is announced now", self.key);
                    lines.push(LogLine::info_of(&self.place, line));
                }
                if !failures.is_empty() {
                    // Unless something newer is to be announced by now.
                    self.owed.announcement.get_or_insert(revision);
                }
                self.announcing.end(&failures, Duration::ZERO, now, chance);
                (lines, failures)
            }
        };
        lines.extend(self.lines_of_outage(&failures, now));
        self.record.failed(failures);
        self.record.set_settled(self.is_settled(), now);
        if self.is_settled() {
            self.record.succeeded(now);
        }
        JobEffects { lines, read_again }
    }

    /// Takes in what the store has. Returns whether the document has to be read again, since another publisher wrote.
    fn found(&mut self, found: Basis) -> bool {
        let before = self.basis.replace(found);
        let Some(before) = before else { return false };
        let is_same = self.basis.as_ref().is_some_and(|basis| basis.generation == before.generation);
        if is_same {
            self.basis = Some(before);
        } else {
            self.is_confirmed = false;
        }
        !is_same
    }

    /// The job panicked: all of it is due again. Returns whether the document has to be asked for again.
    fn owe(&mut self, kind: WorkKind) -> bool {
        match kind {
            WorkKind::Store => {
                self.is_writing = false;
                self.owed.server_keys |= !self.server_keys.is_empty();
                self.retry()
            }
            WorkKind::Purge => {
                self.owed.purge = true;
                false
            }
            WorkKind::Announce => {
                self.owed.announcement = self.owed.announcement.max(self.record.revision());
                false
            }
        }
    }

    /// What the store has by now is not known. A file's document is written again; an answer is asked for again, once that
    /// is known. Returns whether there is an answer to ask for.
    fn retry(&mut self) -> bool {
        self.basis = None;
        self.is_confirmed = false;
        let is_answer = self.wanted.as_ref().is_some_and(|wanted| wanted.basis.is_some());
        if is_answer {
            self.wanted = None;
            self.owed.document = false;
            self.owed.answer = true;
        } else {
            self.owed.document |= self.wanted.is_some();
        }
        is_answer
    }

    fn stored(
        &mut self,
        published: Option<Result<WrittenDocument, AnswerError>>,
        server_keys: Option<ServerKeysReport>,
        now: Duration,
    ) -> (Vec<LogLine>, Vec<AttemptError>) {
        let mut lines = Vec::new();
        let mut failures = Vec::new();
        self.is_writing = false;
        match published {
            Some(Ok((published, basis))) => {
                lines.extend(self.lines_of(&published));
                self.record.published(&published, now);
                self.is_confirmed = basis.is_some();
                self.basis = basis;
                self.overtaken = 0;
                if !self.owed.document {
                    self.wanted = None;
                }
                if published.done != Done::Planned {
                    // At a start with a thousand environments this spares a thousand calls.
                    self.owed.purge |= !published.is_everywhere;
                    self.owed.announcement = Some(published.revision);
                    // A server that did not answer may do so now.
                    self.purging.hurry(now);
                    self.announcing.hurry(now);
                }
            }
            Some(Err(AnswerError::PublishError(PublishError::Store(failed)))) => {
                self.retry();
                failures.push(AttemptError::of_store(&failed));
            }
            Some(Err(AnswerError::Overtaken(found))) => {
                self.retry();
                self.basis = Some(*found);
                self.overtaken += 1;
                if self.overtaken.is_multiple_of(TRIES) {
                    failures.push(AttemptError::of(format!(
                        "other publishers wrote first, {TRIES} times in a row"
                    )));
                }
            }
            Some(Err(AnswerError::PublishError(refusal))) => {
                let line = format!("{refusal}. What is stored stays served");
                lines.push(LogLine::warning_of(&self.place, line));
                self.record.refused(refusal.to_string(), now);
                if !self.owed.document {
                    self.wanted = None;
                }
            }
            None => {}
        }
        if let Some(report) = server_keys {
            let failed = AttemptError::of_keys(&report);
            self.owed.server_keys |= !failed.is_empty();
            failures.extend(failed);
            let repointed: Vec<String> = report.repointed.iter().map(ToString::to_string).collect();
            lines.extend(repointed.iter().map(|why| LogLine::warning_of(&self.place, why)));
            self.record.keys_refused(repointed);
            if report.written > 0 {
                let keys = if report.written == 1 { "key" } else { "keys" };
                let line = format!("{} server-side {keys} written", report.written);
                lines.push(LogLine::info_of(&self.place, line));
            }
        }
        (lines, failures)
    }

    fn lines_of(&self, published: &Published) -> Vec<LogLine> {
        let warnings = published.warnings.iter().map(|warning| format!("warning: {warning}"));
        let of_plan = published.plan_warnings.iter().map(|warning| format!("warning: {warning}"));
        let mut lines: Vec<LogLine> =
            warnings.chain(of_plan).map(|line| LogLine::warning_of(&self.place, line)).collect();
        lines.push(LogLine::info_of(&self.place, published.sentence(&self.key)));
        lines
    }

    fn lines_of_outage(&mut self, failures: &[AttemptError], now: Duration) -> Vec<LogLine> {
        if !failures.is_empty() {
            self.outage.tried(now);
            let said = failures.iter().filter_map(|failure| self.outage.failed(failure, now));
            return said.map(|line| LogLine::warning_of(&self.place, line)).collect();
        }
        let recovered = if self.is_settled() { self.outage.end(now) } else { None };
        let line = recovered.map(|outage| format!("recovered {outage}"));
        line.into_iter().map(|line| LogLine::info_of(&self.place, line)).collect()
    }
}
