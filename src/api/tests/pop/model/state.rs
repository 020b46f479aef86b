//! All that a POP's platform holds.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use api::bundle::{self, Label};
use api::{Revision, signal};

use super::cache::Cache;
use super::origin::Origin;
use super::parts::{End, Parts};

/// What happens at a planned time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    /// A publisher's write becomes visible in the KV store.
    Written(u64),
    /// A write that is seen by every other read only, until so many milliseconds later: a replica lags.
    WrittenWithLag(u64, u64),
    /// The environment is removed, with this revision.
    Removed(u64),
    /// The KV store fails from now on, or answers again.
    StoreFails(bool),
    /// The environment is purged from the POP.
    Purged,
    /// A publisher tells the origin.
    Announced(u64),
    /// A publisher tells the origin of a revision that is ahead of its clock, which shows this one.
    AnnouncedAhead(u64),
    /// The origin forgets everything, and its streams break off.
    OriginDies,
    /// It does not answer at all until it is back.
    OriginIsBack,
    /// Streams stay open, and nothing comes any more.
    OriginStalls,
    OriginEndsStreams,
    /// From now on, the origin wants one of these tokens for a stream.
    OriginWants(&'static [&'static str]),
    /// From now on, the secret store has this.
    EdgeTokenIs(StoredToken),
    /// A copy of this revision is inserted by a request that looked at nothing.
    Inserted(u64),
    /// The POP's copy is gone.
    Evicted,
    /// The record of the signalled revision is this, or is gone.
    RecordIs(Option<u64>),
    /// A request reads the environment.
    Read,
    /// The object of one protocol breaks off: `true` for Flagsmith's, `false` for OFREP's. The other can be written.
    ObjectBreaks(bool),
    /// A client of OFREP connects, which says that it heard of this revision last.
    Connects(Option<u64>),
}

/// What the secret store has: the edge token, nothing, or a failure.
pub(crate) type StoredToken = Result<Option<&'static [u8]>, ()>;

/// What was written to clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Frame {
    Event(u64),
    Ping,
}

/// What a request was answered from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Read {
    /// When it was answered.
    pub(crate) at: Duration,
    /// The revision; nothing for a failure.
    pub(crate) found: Option<u64>,
    pub(crate) labelled_stale: bool,
    /// What clients of this POP knew when it began.
    pub(crate) began: Known,
}

/// What clients of a POP know at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) at: Duration,
    /// The greatest revision that they heard of.
    pub(crate) heard: Option<u64>,
    /// The greatest revision that they were answered from.
    pub(crate) read: Option<u64>,
}

/// An item of the KV store: metadata and body.
pub(crate) type Item = (String, Vec<u8>);

/// What the KV store holds under a key, and what it held before, while replicas may lag.
#[derive(Debug, Clone)]
struct Stored {
    item: Option<Item>,
    before: Option<Item>,
    lags_until: Duration,
}

pub(crate) struct State {
    pub(crate) now: Duration,
    coming: BTreeMap<(Duration, usize), Event>,
    planned: usize,
    stored: BTreeMap<String, Stored>,
    /// The revision that the KV store holds, and whether it is that of a removal.
    written: Option<u64>,
    removed: bool,
    store_fails: bool,
    pub(crate) cache: Cache,
    pub(crate) parts: Parts,
    pub(crate) origin: Origin,
    pub(crate) edge_token: StoredToken,
    pub(crate) frames: Vec<(Duration, Frame)>,
    /// Whether a revision must be recorded at the moment of its signal: not where records are evicted.
    pub(crate) ensures_record: bool,
    pub(crate) reads: Vec<Read>,
    /// The revisions that clients of OFREP were told of.
    told: Vec<u64>,
    /// The clients that were given a stream, in order.
    pub(crate) joined: Vec<Joined>,
    /// When the KV store was read.
    pub(crate) kv_reads: Vec<Duration>,
    /// How long one read of the KV store takes.
    pub(crate) kv_read_takes: Duration,
    /// vCPU time that one read of the KV store costs.
    pub(crate) kv_read_costs: Duration,
    pub(crate) vcpu: Duration,
    /// The settings; nothing if they cannot be read.
    pub(crate) settings: Option<String>,
    pub(crate) log: Vec<String>,
    /// Lines of logs, each with the log's name.
    pub(crate) records: Vec<(String, String)>,
    /// Sandboxes that have died.
    pub(crate) dead: BTreeSet<u32>,
    /// How often a lock was not to be had in time.
    pub(crate) lock_timeouts: u32,
    /// When the record of the signalled revision was lost last.
    pub(crate) record_lost: Option<Duration>,
    /// Whether the last write was purged.
    is_purged: bool,
    /// Whether the POP's copy was made fresh for long, after the purge of the last write, by a request that saw no purge,
    /// while a replica of the KV store lagged.
    pub(crate) purge_unseen: bool,
    chance: u64,
}

/// A copy that lives no longer than this is due again once no replica of the KV store lags.
const SHORT: Duration = Duration::from_secs(2);

impl State {
    /// The KV store, and the POP, have this revision.
    pub(crate) fn new(revision: Option<u64>) -> State {
        let mut state = State {
            now: Duration::ZERO,
            coming: BTreeMap::new(),
            planned: 0,
            stored: BTreeMap::new(),
            written: None,
            removed: false,
            store_fails: false,
            cache: Cache::default(),
            parts: Parts::default(),
            origin: Origin::default(),
            edge_token: Ok(None),
            frames: Vec::new(),
            ensures_record: true,
            reads: Vec::new(),
            told: Vec::new(),
            joined: Vec::new(),
            kv_reads: Vec::new(),
            kv_read_takes: Duration::from_millis(1),
            kv_read_costs: Duration::ZERO,
            vcpu: Duration::ZERO,
            settings: Some("{}".to_owned()),
            log: Vec::new(),
            records: Vec::new(),
            dead: BTreeSet::new(),
            lock_timeouts: 0,
            record_lost: None,
            is_purged: false,
            purge_unseen: false,
            chance: 1,
        };
        if let Some(revision) = revision {
            state.happen(Event::Written(revision));
            state.happen(Event::Inserted(revision));
        }
        state
    }

    pub(crate) fn plan(&mut self, time: Duration, event: Event) {
        self.coming.insert((time, self.planned), event);
        self.planned += 1;
    }

    /// The time of the next planned event.
    pub(crate) fn next_event(&self) -> Option<Duration> {
        self.coming.first_key_value().map(|((time, _), _)| *time)
    }

    /// Takes the next event that is due by `time`, and sets the clock to it.
    pub(crate) fn take_event(&mut self, time: Duration) -> Option<Event> {
        let (&(at, number), &event) = self.coming.first_key_value()?;
        if at > time {
            return None;
        }
        self.coming.remove(&(at, number));
        self.set_time(at);
        Some(event)
    }

    pub(crate) fn set_time(&mut self, time: Duration) {
        self.now = self.now.max(time);
        self.origin.ping_until(self.now);
    }

    /// Lets an event happen; requests are up to the driver.
    pub(crate) fn happen(&mut self, event: Event) {
        match event {
            Event::Written(revision) => self.write_bundle(revision, false, Duration::ZERO),
            Event::WrittenWithLag(revision, lag) => {
                self.write_bundle(revision, false, Duration::from_millis(lag));
            }
            Event::Removed(revision) => self.write_bundle(revision, true, Duration::ZERO),
            Event::StoreFails(fails) => self.store_fails = fails,
            Event::Purged => {
                self.is_purged = true;
                self.cache.purge(&environment());
            }
            Event::Announced(revision) => self.origin.announce(revision, false),
            Event::AnnouncedAhead(revision) => self.origin.announce(revision, true),
            Event::OriginDies => self.origin.die(),
            Event::OriginIsBack => self.origin.come_back(),
            Event::OriginStalls => self.origin.stall(),
            Event::OriginEndsStreams => self.origin.end_stream(),
            Event::OriginWants(tokens) => self.origin.want(tokens),
            Event::EdgeTokenIs(stored) => self.edge_token = stored,
            Event::Inserted(revision) => self.cache.insert_copy(revision, self.now),
            Event::Evicted => self.cache.evict(&super::environment_copy()),
            Event::RecordIs(revision) => {
                self.record_lost = Some(self.now);
                self.cache.set_signalled(revision, self.now);
            }
            Event::ObjectBreaks(is_first) => self.parts.break_objects(is_first),
            Event::Read | Event::Connects(_) => {}
        }
    }

    fn write_bundle(&mut self, revision: u64, removed: bool, lag: Duration) {
        (self.written, self.removed) = (Some(revision), removed);
        (self.is_purged, self.purge_unseen) = (false, false);
        self.write(&environment(), Some(bundle(revision, removed)), lag);
    }

    /// Writes an item of the KV store, or removes it. For the time of `lag`, every other read gives what was there before.
    pub(crate) fn write(&mut self, key: &str, item: Option<Item>, lag: Duration) {
        let before = self.stored.get(key).and_then(|stored| stored.item.clone());
        self.stored.insert(key.to_owned(), Stored { item, before, lags_until: self.now + lag });
    }

    /// What a read of the KV store gives.
    pub(crate) fn read_kv(&mut self, key: &str) -> Result<Option<Item>, String> {
        self.kv_reads.push(self.now);
        self.vcpu += self.kv_read_costs;
        if self.store_fails {
            return Err("the store fails".to_owned());
        }
        let chance = self.chance();
        let Some(stored) = self.stored.get(key) else { return Ok(None) };
        let lags = self.now < stored.lags_until && chance.is_multiple_of(2);
        Ok(if lags { stored.before.clone() } else { stored.item.clone() })
    }

    /// The greatest revision that a client of this POP heard of.
    pub(crate) fn heard(&self) -> Option<u64> {
        self.events().into_iter().map(|(_, revision)| revision).chain(self.told.iter().copied()).max()
    }

    /// Something is written to clients of Flagsmith's protocol.
    pub(crate) fn signal(&mut self, frame: Frame) {
        self.check(frame);
        self.frames.push((self.now, frame));
    }

    /// Clients of OFREP are told of a revision.
    pub(crate) fn tell(&mut self, revision: u64) {
        self.check(Frame::Event(revision));
        self.told.push(revision);
    }

    /// A client is given a part, behind a text of its own.
    pub(crate) fn join(&mut self, before: &str, part: usize) {
        let before = told_of(before);
        before.iter().for_each(|revision| self.tell(*revision));
        self.joined.push(Joined { before, part });
    }

    /// The last revision that the leader of a client's part signalled to clients of Flagsmith's protocol; none if the client
    /// is one of them, or if the part has no clean end.
    pub(crate) fn signalled_beside(&self, joined: &Joined) -> Option<u64> {
        let first = self.parts.first_of_leader(joined.part).filter(|first| *first != joined.part)?;
        let is_over = self.parts.end_of(joined.part) == End::Clean;
        let signals = signal::Reader::default().read(self.parts.text(first).as_bytes());
        signals.into_iter().map(|signal| signal.revision.0).max().filter(|_| is_over)
    }

    /// The revisions that a client of OFREP was told of up to now: before its part, and in it.
    pub(crate) fn told(&self, joined: &Joined) -> (Vec<u64>, Vec<u64>) {
        (joined.before.clone(), told_of(self.parts.text(joined.part)))
    }

    pub(crate) fn events(&self) -> Vec<(Duration, u64)> {
        let event = |(time, frame): &(Duration, Frame)| match frame {
            Frame::Event(revision) => Some((*time, *revision)),
            Frame::Ping => None,
        };
        self.frames.iter().filter_map(event).collect()
    }

    pub(crate) fn known(&self) -> Known {
        let read = self.reads.iter().filter_map(|read| read.found).max();
        Known { at: self.now, heard: self.heard(), read }
    }

    /// The revision of the POP's copy, and the one that is recorded as signalled.
    pub(crate) fn copy(&self) -> Option<u64> {
        self.cache.copy_revision(self.now)
    }

    pub(crate) fn recorded(&self) -> Option<u64> {
        self.cache.signalled_revision(self.now)
    }

    /// A request changes the cache: the copy does not go back. Where a lock was waited for in vain, it may.
    pub(crate) fn change_cache<R>(&mut self, change: impl FnOnce(&mut Cache, Duration) -> R) -> R {
        let before = self.copy();
        let changed = change(&mut self.cache, self.now);
        let after = self.copy();
        assert!(
            after >= before || self.lock_timeouts > 0,
            "a copy of {before:?} was replaced by one of {after:?}"
        );
        changed
    }

    /// A request makes an object fresh for so long. It saw a purge of that object before, or it did not.
    pub(crate) fn settle_copy(&mut self, name: &str, lifetime: Duration, saw_purge: bool) {
        if name == super::environment_copy() {
            let lags = self.stored.get(&environment()).is_some_and(|stored| self.now < stored.lags_until);
            self.purge_unseen = self.is_purged && !saw_purge && lags && lifetime > SHORT;
        }
    }

    /// What holds whenever something is written to clients.
    pub(crate) fn check(&self, frame: Frame) {
        let Frame::Event(revision) = frame else { return };
        let (copy, recorded) = (self.copy(), self.recorded());
        assert!(!self.removed || self.written > Some(revision), "{revision} was removed, and is signalled");
        if self.ensures_record {
            assert!(recorded >= Some(revision), "{revision} is signalled, and {recorded:?} is recorded");
            assert!(copy >= Some(revision), "{revision} is signalled, and the POP has {copy:?}");
        }
    }

    /// Any number, the same in each run.
    pub(crate) fn chance(&mut self) -> u64 {
        self.chance =
            self.chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.chance >> 33
    }

    /// A sandbox ends: what it had to do passes on.
    pub(crate) fn kill(&mut self, sandbox: u32) {
        self.dead.insert(sandbox);
        self.cache.release_all(sandbox);
        self.parts.break_all(sandbox);
    }
}

/// A client that was given a stream.
#[derive(Debug, Clone)]
pub(crate) struct Joined {
    /// The revisions that it was told of before the part.
    before: Vec<u64>,
    pub(crate) part: usize,
}

/// The revisions of which OFREP's frames tell.
pub(crate) fn told_of(frames: &str) -> Vec<u64> {
    let of_frame = |frame: &str| {
        let id = frame.strip_prefix("id: ")?.split_once('\n')?.0;
        let data =
            format!("\ndata: {{\"type\":\"refetchEvaluation\",\"etag\":\"{id}\",\"lastModified\":{id}}}");
        assert!(frame.ends_with(&data), "{frame:?}");
        id.parse().ok()
    };
    frames.split("\n\n").filter_map(of_frame).collect()
}

/// The key of the environment in the KV store, by which its copies are purged.
fn environment() -> String {
    format!("environment/{}", super::KEY)
}

/// A bundle of a revision without sections, and its metadata.
pub(crate) fn bundle(revision: u64, removed: bool) -> (String, Vec<u8>) {
    let label = Label {
        revision: Revision(revision),
        source_updated_at: None,
        source_hash: String::new(),
        source: None,
        replaced: Vec::new(),
        settings: String::new(),
        switches: engine::Switches::default(),
        tombstone: removed,
        steps: None,
    };
    let (header, bytes) = bundle::write(&label, &[]).unwrap();
    (header.metadata(), bytes)
}
