//! One environment: what it is owed, and when that may be done.

mod outcome;

use std::mem::take;
use std::sync::Arc;
use std::time::Duration;

use api::progress::{EnvironmentProgress, PlaceTrouble};
use api::{EnvironmentKey, Revision};
use jiff::Timestamp;

use crate::publish::Remembered;
use crate::server_keys::ServerKeySource;
use crate::source::{Place, Source};
use crate::watch::job::Task;
use crate::watch::lane::Lane;
use crate::watch::record::Record;
use crate::watch::spell::Spell;

pub(crate) use outcome::Ended;

/// An environment that is published from a place.
#[derive(Debug)]
pub(crate) struct Environment {
    key: EnvironmentKey,
    place: Place,
    /// Kept until it is stored.
    source: Option<Arc<Source>>,
    server_keys: Vec<ServerKeySource>,
    remembered: Option<Remembered>,
    owed: Owed,
    storing: Lane,
    purging: Lane,
    announcing: Lane,
    spell: Spell,
    record: Record,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Owed {
    document: bool,
    server_keys: bool,
    purge: bool,
    announcement: Option<Revision>,
}

/// Which work may be begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Allowed {
    /// All of it.
    All,
    /// What is not likely to take long: all but announcements, and but what failed last time.
    Swift,
    /// What belongs to a write that was made.
    Telling,
}

/// A kind of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Store,
    Purge,
    Announce,
}

const KINDS: [Kind; 3] = [Kind::Store, Kind::Purge, Kind::Announce];

impl Environment {
    /// One that is to have these server-side keys.
    pub(crate) fn new(
        key: EnvironmentKey,
        place: Place,
        server_keys: Vec<ServerKeySource>,
        now: Duration,
    ) -> Environment {
        let owed =
            Owed { document: false, server_keys: !server_keys.is_empty(), purge: false, announcement: None };
        Environment {
            key,
            place,
            source: None,
            server_keys,
            remembered: None,
            owed,
            storing: Lane::default(),
            purging: Lane::default(),
            announcing: Lane::default(),
            spell: Spell::default(),
            record: Record::owed(now),
        }
    }

    /// It is to be published anew; what was not published yet is superseded.
    pub(crate) fn publish(&mut self, place: Place, source: Arc<Source>, now: Duration) {
        self.place = place;
        self.source = Some(source);
        self.owed.document = true;
        self.record.is_superseded();
        self.is_stored_already();
        self.record.is(self.is_settled(), now);
    }

    /// It is to have these server-side keys.
    pub(crate) fn has_server_keys(&mut self, server_keys: Vec<ServerKeySource>, now: Duration) {
        if self.server_keys != server_keys {
            self.server_keys = server_keys;
            self.owed.server_keys = true;
            self.record.is(false, now);
        }
    }

    /// What is to be looked at, whether it is still stored as it is remembered, if nothing else is to be done.
    pub(crate) fn begin_check(&mut self) -> Option<Task> {
        let generation = self.remembered.as_ref()?.generation.clone();
        if !self.is_settled() {
            return None;
        }
        self.storing.begin();
        Some(Task::Check { generation })
    }

    /// How far it is. `doubt` is what speaks against what is known of its document, and since when.
    pub(crate) fn progress(
        &self,
        doubt: Option<(String, Duration)>,
        time: Timestamp,
        now: Duration,
    ) -> EnvironmentProgress {
        self.record.progress(&self.key, &self.place, doubt, time, now)
    }

    /// What is wrong with what it holds.
    pub(crate) fn troubles(&self) -> impl Iterator<Item = PlaceTrouble> {
        self.record.troubles().map(|why| PlaceTrouble { place: self.place.to_string(), why })
    }

    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    /// The document that waits may be what is stored: then it waits for nothing.
    fn is_stored_already(&mut self) {
        if self.storing.is_busy() || !self.owed.document {
            return;
        }
        let stored = self.remembered.as_ref().map(|remembered| &remembered.known.source_hash);
        if stored.is_some() && stored == self.source.as_ref().map(|source| &source.hash) {
            self.owed.document = false;
            self.source = None;
        }
    }

    /// How much is under way for it, and how much of that may take long.
    pub(crate) fn under_way(&self) -> (usize, usize) {
        let busy = KINDS.into_iter().filter(|kind| self.lane(*kind).is_busy());
        busy.fold((0, 0), |(busy, slow), kind| (busy + 1, slow + usize::from(self.may_be_slow(kind))))
    }

    /// Whether all that it is owed was tried at least.
    pub(crate) fn was_tried(&self) -> bool {
        KINDS.into_iter().all(|kind| {
            let lane = self.lane(kind);
            !lane.is_busy() && (!self.is_owed(kind) || lane.is_failing())
        })
    }

    pub(crate) fn is_settled(&self) -> bool {
        KINDS.into_iter().all(|kind| !self.lane(kind).is_busy() && !self.is_owed(kind))
    }

    /// When there is something to do for it. Nothing is written before `stores_from`.
    pub(crate) fn due(&self, allowed: Allowed, stores_from: Duration) -> Option<Duration> {
        self.first(allowed, stores_from).map(|(due, _)| due)
    }

    /// What is to be done for it first. What comes in from here on is owed again.
    pub(crate) fn begin(&mut self, allowed: Allowed, stores_from: Duration) -> Option<Task> {
        let (_, kind) = self.first(allowed, stores_from)?;
        self.lane_mut(kind).begin();
        Some(match kind {
            Kind::Store => Task::Store {
                document: if take(&mut self.owed.document) { self.source.clone() } else { None },
                remembered: self.remembered.clone(),
                server_keys: take(&mut self.owed.server_keys).then(|| self.server_keys.clone()),
            },
            Kind::Purge => {
                self.owed.purge = false;
                Task::Purge
            }
            Kind::Announce => Task::Announce(self.owed.announcement.take()?),
        })
    }

    /// What is due first, and when.
    fn first(&self, allowed: Allowed, stores_from: Duration) -> Option<(Duration, Kind)> {
        let wanted = KINDS.into_iter().filter(|kind| self.is_owed(*kind) && self.is_allowed(*kind, allowed));
        let due = wanted.filter_map(|kind| {
            let due = self.lane(kind).due()?;
            Some((if kind == Kind::Store { due.max(stores_from) } else { due }, kind))
        });
        due.min_by_key(|(due, _)| *due)
    }

    fn is_allowed(&self, kind: Kind, allowed: Allowed) -> bool {
        // An announcement makes relays look, so POPs are to be purged before; but not for ever.
        let is_purged = (!self.owed.purge && !self.purging.is_busy()) || self.purging.is_failing();
        let is_its_turn = kind != Kind::Announce || is_purged;
        is_its_turn
            && match allowed {
                Allowed::All => true,
                Allowed::Swift => !self.may_be_slow(kind),
                Allowed::Telling => kind != Kind::Store && !self.lane(kind).is_failing(),
            }
    }

    fn may_be_slow(&self, kind: Kind) -> bool {
        kind == Kind::Announce || self.lane(kind).is_failing()
    }

    fn is_owed(&self, kind: Kind) -> bool {
        match kind {
            Kind::Store => self.owed.document || self.owed.server_keys,
            Kind::Purge => self.owed.purge,
            Kind::Announce => self.owed.announcement.is_some(),
        }
    }

    fn lane(&self, kind: Kind) -> &Lane {
        match kind {
            Kind::Store => &self.storing,
            Kind::Purge => &self.purging,
            Kind::Announce => &self.announcing,
        }
    }

    fn lane_mut(&mut self, kind: Kind) -> &mut Lane {
        match kind {
            Kind::Store => &mut self.storing,
            Kind::Purge => &mut self.purging,
            Kind::Announce => &mut self.announcing,
        }
    }
}
