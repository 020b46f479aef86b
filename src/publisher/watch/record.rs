//! What `/status` and the metrics say of an environment.

use std::time::Duration;

use api::progress::{ChangeSteps, EnvironmentProgress};
use api::{EnvironmentKey, Revision};
use engine::WarningKind;
use jiff::Timestamp;

use crate::plan::PlanWarning;
use crate::report::{Done, Published};
use crate::source::Place;
use crate::watch::attempt_error::AttemptError;

/// How many warnings of a document are listed in `/status`; all of them are logged when it is published.
const WARNINGS: usize = 10;

/// How it went with an environment so far.
#[derive(Debug, Default)]
pub(crate) struct Record {
    revision: Option<Revision>,
    owed_since: Option<Duration>,
    /// Why it cannot be published at all, and since when.
    refused: Option<(String, Duration)>,
    failure: Option<String>,
    /// Parts of the document that is stored that never match, and what it costs if it is dear.
    warnings: Vec<String>,
    /// Server-side keys that are left as they are.
    keys_refused: Vec<String>,
    succeeded: Option<Duration>,
    failures: u64,
    published: u64,
    /// The last change that was written.
    change: Option<Change>,
}

/// When the steps of a change were done.
#[derive(Debug)]
struct Change {
    revision: Revision,
    seen: Duration,
    stored: Duration,
    announced: Option<Duration>,
}

impl Record {
    /// For an environment for which something is due.
    pub(crate) fn owed(now: Duration) -> Record {
        Record { owed_since: Some(now), ..Record::default() }
    }

    /// What was stored last, as far as it is known.
    pub(crate) fn revision(&self) -> Option<Revision> {
        self.revision
    }

    /// Says whether nothing is due now.
    pub(crate) fn set_settled(&mut self, settled: bool, now: Duration) {
        if settled {
            self.owed_since = None;
            self.failure = None;
        } else {
            self.owed_since.get_or_insert(now);
        }
    }

    /// All was done that there was to do.
    pub(crate) fn succeeded(&mut self, now: Duration) {
        if self.refused.is_none() {
            self.succeeded = Some(now);
        }
    }

    /// The origin has heard of a revision.
    pub(crate) fn announced(&mut self, revision: Revision, now: Duration) {
        if let Some(change) = self.change.as_mut().filter(|change| change.revision == revision) {
            change.announced.get_or_insert(now);
        }
    }

    /// The store has what it should.
    pub(crate) fn published(&mut self, published: &Published, now: Duration) {
        if published.done == Done::Written {
            let (revision, seen) = (published.revision, self.owed_since.unwrap_or(now));
            self.change = Some(Change { revision, seen, stored: now, announced: None });
        }
        self.revision = Some(published.revision);
        self.refused = None;
        // A warning about a switch does not pass, so it is not listed.
        let warnings = published.warnings.iter().filter(|warning| warning.kind != WarningKind::Switch);
        let warnings = warnings.take(WARNINGS).map(ToString::to_string);
        let dear = published.plan_warnings.iter().filter(|warning| matches!(warning, PlanWarning::Dear(_)));
        let warnings = warnings.chain(dear.map(ToString::to_string));
        self.warnings = warnings.map(|warning| format!("warning: {warning}")).collect();
        self.published += u64::from(published.done == Done::Written);
    }

    /// Its document cannot be published at all. If it is not the first one in a row, the time of the first stays: since then
    /// changes are held back.
    pub(crate) fn refused(&mut self, why: String, now: Duration) {
        let since = self.refused.take().map_or(now, |(_, since)| since);
        self.refused = Some((why, since));
    }

    /// The document is what is stored.
    pub(crate) fn not_refused(&mut self) {
        self.refused = None;
    }

    /// These server-side keys are left as they are.
    pub(crate) fn keys_refused(&mut self, why: Vec<String>) {
        self.keys_refused = why;
    }

    pub(crate) fn failed(&mut self, failures: Vec<AttemptError>) {
        self.failures += u64::try_from(failures.len()).unwrap_or_default();
        if let Some(failure) = failures.into_iter().next_back() {
            self.failure = Some(failure.text);
        }
    }

    /// How far it is. `doubt` is what is wrong with its place, and since when.
    pub(crate) fn progress(
        &self,
        key: &EnvironmentKey,
        place: &Place,
        doubt: Option<(String, Duration)>,
        time: Timestamp,
        now: Duration,
    ) -> EnvironmentProgress {
        let time_of = |moment: Duration| time.checked_sub(now.saturating_sub(moment)).ok();
        let owed = self.owed_since.map(|since| {
            let why = self.failure.clone();
            (why.unwrap_or_else(|| "a change is being published".into()), since)
        });
        let behind = [owed, self.refused.clone(), doubt].into_iter().flatten();
        let behind = behind.min_by_key(|(_, since)| *since);
        EnvironmentProgress {
            key: key.clone(),
            place: place.to_string(),
            revision: self.revision,
            behind: behind.as_ref().map(|(_, since)| now.saturating_sub(*since)),
            why: behind.map(|(why, _)| why),
            last_success: self.succeeded.and_then(time_of),
            failures: self.failures,
            published: self.published,
            last_change: self.change.as_ref().map(|change| ChangeSteps {
                revision: change.revision,
                seen: time_of(change.seen),
                stored: time_of(change.stored),
                announced: change.announced.and_then(time_of),
            }),
        }
    }

    /// Why it or a server-side key is refused, and what never matches in what is stored.
    pub(crate) fn troubles(&self) -> impl Iterator<Item = String> {
        let refused = self.refused.iter().map(|(why, _)| why.clone());
        refused.chain(self.keys_refused.iter().cloned()).chain(self.warnings.iter().cloned())
    }
}
