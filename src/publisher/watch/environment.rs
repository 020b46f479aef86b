//! One environment: what is due for it, and when that may be done.

mod outcome;

use std::mem::take;
use std::time::Duration;

use api::progress::{EnvironmentProgress, PlaceTrouble};
use api::{EnvironmentKey, Revision};
use jiff::Timestamp;

use crate::basis::Basis;
use crate::server_keys::ServerKeySource;
use crate::source::Place;
use crate::watch::job::{Document, Task, WorkKind};
use crate::watch::observation::ToPublish;
use crate::watch::outage::Outage;
use crate::watch::record::Record;
use crate::watch::work_schedule::WorkSchedule;

pub(crate) use outcome::JobEffects;

/// An environment that is published from a place.
#[derive(Debug)]
pub(crate) struct Environment {
    key: EnvironmentKey,
    place: Place,
    /// Kept until it is stored.
    wanted: Option<ToPublish>,
    server_keys: Vec<ServerKeySource>,
    /// What the store has; none if that is not known.
    basis: Option<Basis>,
    /// The last document was found there, or written, so nothing else is due for it.
    is_confirmed: bool,
    /// A document is being written.
    is_writing: bool,
    /// How often another publisher wrote first, in a row.
    overtaken: usize,
    owed: Owed,
    storing: WorkSchedule,
    purging: WorkSchedule,
    announcing: WorkSchedule,
    outage: Outage,
    record: Record,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Owed {
    /// To read what the store has.
    look: bool,
    /// A new answer of an API, in place of one that came too late.
    answer: bool,
    document: bool,
    server_keys: bool,
    purge: bool,
    announcement: Option<Revision>,
}

/// Whether a document was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Acceptance {
    Accepted,
    /// It was asked for before the last write, so it may be older than that: it has to be asked for again.
    TooLate,
}

/// Which work may be begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AllowedWork {
    /// All of it.
    All,
    /// What is not likely to take long: neither announcements nor what failed last time.
    Quick,
    /// Purges and announcements of a write that was made.
    AfterWrite,
}

const WORK_KINDS: [WorkKind; 3] = [WorkKind::Store, WorkKind::Purge, WorkKind::Announce];

impl Environment {
    /// One that is to have these server-side keys.
    pub(crate) fn new(
        key: EnvironmentKey,
        place: Place,
        server_keys: Vec<ServerKeySource>,
        now: Duration,
    ) -> Environment {
        let owed = Owed { server_keys: !server_keys.is_empty(), ..Owed::default() };
        Environment {
            key,
            place,
            wanted: None,
            server_keys,
            basis: None,
            is_confirmed: false,
            is_writing: false,
            overtaken: 0,
            owed,
            storing: WorkSchedule::default(),
            purging: WorkSchedule::default(),
            announcing: WorkSchedule::default(),
            outage: Outage::default(),
            record: Record::owed(now),
        }
    }

    /// Takes a new document, in place of one that was not published yet. An answer that was asked for before the last write
    /// comes too late, unless it is what is stored.
    pub(crate) fn publish(&mut self, place: Place, wanted: ToPublish, now: Duration) -> Acceptance {
        self.place = place;
        let is_too_late =
            wanted.basis.as_ref().is_some_and(|basis| !self.is_still(basis) && !self.is_stored(&wanted));
        if is_too_late {
            self.owed.answer = true;
        } else {
            self.owed.answer = false;
            self.owed.document = true;
            self.wanted = Some(wanted);
            self.drop_if_stored();
        }
        self.record.set_settled(self.is_settled(), now);
        if is_too_late { Acceptance::TooLate } else { Acceptance::Accepted }
    }

    /// No document is to be published for now.
    pub(crate) fn wait(&mut self, now: Duration) {
        self.record.set_settled(self.is_settled(), now);
    }

    /// What is stored, for a request to an API that is made now: see [`super::Watch::basis`].
    pub(crate) fn basis(&mut self) -> Option<Basis> {
        if self.is_writing {
            return None;
        }
        // It may be being read already.
        self.owed.look |= self.basis.is_none() && !self.storing.is_busy();
        self.basis.clone()
    }

    /// Whether what is stored is still what it was when the API was asked.
    fn is_still(&self, asked: &Basis) -> bool {
        !self.is_writing && self.basis.as_ref().is_some_and(|basis| basis.generation == asked.generation)
    }

    /// It is to have these server-side keys.
    pub(crate) fn set_server_keys(&mut self, server_keys: Vec<ServerKeySource>, now: Duration) {
        if self.server_keys != server_keys {
            self.server_keys = server_keys;
            self.owed.server_keys = true;
            self.record.set_settled(false, now);
        }
    }

    /// To read whether the store still has what is remembered, if nothing else is to be done.
    pub(crate) fn begin_check(&mut self) -> Option<Task> {
        if self.basis.is_none() || !self.is_settled() {
            return None;
        }
        self.storing.begin();
        Some(Task::Look)
    }

    /// How far it is. `doubt` is what is wrong with its place, and since when.
    pub(crate) fn progress(
        &self,
        doubt: Option<(String, Duration)>,
        time: Timestamp,
        now: Duration,
    ) -> EnvironmentProgress {
        self.record.progress(&self.key, &self.place, doubt, time, now)
    }

    /// What is wrong with its document.
    pub(crate) fn troubles(&self) -> impl Iterator<Item = PlaceTrouble> {
        self.record.troubles().map(|why| PlaceTrouble { place: self.place.to_string(), why })
    }

    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    /// Drops the document that waits if it is what is stored. Then nothing is due for it.
    fn drop_if_stored(&mut self) {
        let is_stored = self.wanted.as_ref().is_some_and(|wanted| self.is_stored(wanted));
        if self.owed.document && is_stored {
            self.owed.document = false;
            self.wanted = None;
            self.record.not_refused();
        }
    }

    /// Whether a document is what is stored, as far as that is sure.
    fn is_stored(&self, wanted: &ToPublish) -> bool {
        let known = self.basis.as_ref().and_then(|basis| basis.known.as_ref());
        let is_stored = known
            .is_some_and(|known| known.sound && !known.tombstone && known.source_hash == wanted.source.hash);
        is_stored && self.is_confirmed && !self.storing.is_busy()
    }

    /// How many jobs are under way for it, and how many of these may be slow.
    pub(crate) fn under_way(&self) -> (usize, usize) {
        let busy = WORK_KINDS.into_iter().filter(|kind| self.schedule(*kind).is_busy());
        busy.fold((0, 0), |(busy, slow), kind| (busy + 1, slow + usize::from(self.may_be_slow(kind))))
    }

    /// Whether everything that is due was tried at least.
    pub(crate) fn was_tried(&self) -> bool {
        WORK_KINDS.into_iter().all(|kind| {
            let schedule = self.schedule(kind);
            !schedule.is_busy() && (!self.is_owed(kind) || schedule.is_failing())
        })
    }

    pub(crate) fn is_settled(&self) -> bool {
        !self.owed.answer
            && WORK_KINDS.into_iter().all(|kind| !self.schedule(kind).is_busy() && !self.is_owed(kind))
    }

    /// When there is something to do for it. Nothing is written before `stores_from`.
    pub(crate) fn due(&self, allowed: AllowedWork, stores_from: Duration) -> Option<Duration> {
        self.first(allowed, stores_from).map(|(due, _)| due)
    }

    /// What is to be done for it first. What comes in from here on is due again.
    pub(crate) fn begin(&mut self, allowed: AllowedWork, stores_from: Duration) -> Option<Task> {
        let (_, kind) = self.first(allowed, stores_from)?;
        self.schedule_mut(kind).begin();
        Some(match kind {
            WorkKind::Store if take(&mut self.owed.look) => Task::Look,
            WorkKind::Store => {
                let document = if take(&mut self.owed.document) { self.document() } else { None };
                self.is_writing = document.is_some();
                let server_keys = take(&mut self.owed.server_keys).then(|| self.server_keys.clone());
                Task::Store { document, server_keys }
            }
            WorkKind::Purge => {
                self.owed.purge = false;
                Task::Purge
            }
            WorkKind::Announce => Task::Announce(self.owed.announcement.take()?),
        })
    }

    fn document(&self) -> Option<Document> {
        let ToPublish { source, basis } = self.wanted.clone()?;
        let remembered = || self.basis.clone().filter(|_| self.is_confirmed);
        Some(match basis {
            Some(basis) => Document::Answer(source, basis),
            None => Document::OfFile(source, remembered()),
        })
    }

    /// What is due first, and when.
    fn first(&self, allowed: AllowedWork, stores_from: Duration) -> Option<(Duration, WorkKind)> {
        let wanted =
            WORK_KINDS.into_iter().filter(|kind| self.is_owed(*kind) && self.is_allowed(*kind, allowed));
        let due = wanted.filter_map(|kind| {
            let due = self.schedule(kind).due()?;
            Some((if kind == WorkKind::Store { due.max(stores_from) } else { due }, kind))
        });
        due.min_by_key(|(due, _)| *due)
    }

    fn is_allowed(&self, kind: WorkKind, allowed: AllowedWork) -> bool {
        // An announcement makes edges look, so POPs are purged before. But a purge that fails does not hold it up.
        let is_purged = (!self.owed.purge && !self.purging.is_busy()) || self.purging.is_failing();
        let is_its_turn = kind != WorkKind::Announce || is_purged;
        is_its_turn
            && match allowed {
                AllowedWork::All => true,
                AllowedWork::Quick => !self.may_be_slow(kind),
                AllowedWork::AfterWrite => kind != WorkKind::Store && !self.schedule(kind).is_failing(),
            }
    }

    fn may_be_slow(&self, kind: WorkKind) -> bool {
        kind == WorkKind::Announce || self.schedule(kind).is_failing()
    }

    fn is_owed(&self, kind: WorkKind) -> bool {
        match kind {
            WorkKind::Store => self.owed.look || self.owed.document || self.owed.server_keys,
            WorkKind::Purge => self.owed.purge,
            WorkKind::Announce => self.owed.announcement.is_some(),
        }
    }

    fn schedule(&self, kind: WorkKind) -> &WorkSchedule {
        match kind {
            WorkKind::Store => &self.storing,
            WorkKind::Purge => &self.purging,
            WorkKind::Announce => &self.announcing,
        }
    }

    fn schedule_mut(&mut self, kind: WorkKind) -> &mut WorkSchedule {
        match kind {
            WorkKind::Store => &mut self.storing,
            WorkKind::Purge => &mut self.purging,
            WorkKind::Announce => &mut self.announcing,
        }
    }
}
