//! A POP's cache, the KV store, the origin and time: what happens, happens when the leader waits or works.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use api::relay::{Heard, Held, Stage, Told, is_due};
use api::{Revision, signal};

/// What happens in the world, at a time of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    /// A publisher's write becomes visible in the KV store.
    Written(u64),
    /// A publisher tells the origin.
    Announced(u64),
    /// The origin forgets everything, and its streams break off.
    OriginDies,
    /// It does not answer at all until it is back.
    OriginIsBack,
    /// Streams stay open, and nothing comes any more.
    OriginStalls,
    OriginEndsStreams,
    /// A refresher has read this revision some time ago, and inserts it now without another look.
    PutBack(u64),
    /// The POP's copy is gone.
    Evicted,
    /// What was told is no longer noted: gone, or written over by a leader that had less to tell.
    NoteIs(Option<u64>),
    /// The environment is removed, with this revision.
    Removed(u64),
    /// A request comes.
    Read,
}

/// Something that was written to the clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Frame {
    Event(u64),
    Ping,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    Up,
    Stalled,
    Down,
}

pub(crate) struct World {
    pub(crate) now: Duration,
    begun: Duration,
    coming: BTreeMap<(Duration, usize), Event>,
    kv: Option<u64>,
    removed: bool,
    copy: Option<u64>,
    told: Option<Told>,
    noted_at: Duration,
    origin: Origin,
    latest: Option<u64>,
    /// The stream that is connected: what it has sent, and what nobody has read yet.
    stream: Option<VecDeque<u8>>,
    pinged: Duration,
    pub(crate) frames: Vec<(Duration, Frame)>,
    /// What requests were answered from, with the greatest revision that clients had heard of by then.
    pub(crate) reads: Vec<(Duration, Option<u64>, Option<u64>)>,
    pub(crate) looks: Vec<Duration>,
    pub(crate) requests: u32,
    /// vCPU time that one look takes.
    pub(crate) look_costs: Duration,
    vcpu: Duration,
    chance: u64,
}

const PING: Duration = Duration::from_secs(2);
/// The limits of the backend.
const FIRST_BYTE: Duration = Duration::from_secs(2);
const BETWEEN_BYTES: Duration = Duration::from_secs(5);
const FRESH: Duration = Duration::from_secs(60);

impl World {
    /// A world in which the store, and the copy, have this revision.
    pub(crate) fn new(revision: Option<u64>) -> World {
        World {
            now: Duration::ZERO,
            begun: Duration::ZERO,
            coming: BTreeMap::new(),
            kv: revision,
            removed: false,
            copy: revision,
            told: None,
            noted_at: Duration::ZERO,
            origin: Origin::Up,
            latest: None,
            stream: None,
            pinged: Duration::ZERO,
            frames: Vec::new(),
            reads: Vec::new(),
            looks: Vec::new(),
            requests: 0,
            look_costs: Duration::ZERO,
            vcpu: Duration::ZERO,
            chance: 1,
        }
    }

    pub(crate) fn at(mut self, time: Duration, event: Event) -> World {
        self.plan(time, event);
        self
    }

    pub(crate) fn plan(&mut self, time: Duration, event: Event) {
        self.coming.insert((time, self.coming.len()), event);
    }

    /// A new segment begins. The execution that wrote the last one is gone.
    pub(crate) fn begin(&mut self) {
        (self.begun, self.vcpu, self.stream, self.requests) = (self.now, Duration::ZERO, None, 0);
    }

    /// The greatest revision that a client heard of.
    pub(crate) fn heard(&self) -> Option<u64> {
        self.events().last().map(|(_, revision)| *revision)
    }

    pub(crate) fn events(&self) -> Vec<(Duration, u64)> {
        let event = |(time, frame): &(Duration, Frame)| match frame {
            Frame::Event(revision) => Some((*time, *revision)),
            Frame::Ping => None,
        };
        self.frames.iter().filter_map(event).collect()
    }

    fn wait_until(&mut self, time: Duration) {
        while let Some((&(at, number), &event)) = self.coming.first_key_value() {
            if at > time {
                break;
            }
            self.coming.remove(&(at, number));
            self.ping_until(at);
            self.now = self.now.max(at);
            self.happen(event);
        }
        self.ping_until(time);
        self.now = self.now.max(time);
    }

    fn ping_until(&mut self, time: Duration) {
        while self.pinged + PING <= time {
            self.pinged += PING;
            self.send(&signal::comment("ping"));
        }
    }

    fn send(&mut self, frame: &str) {
        if let (Origin::Up, Some(stream)) = (self.origin, &mut self.stream) {
            stream.extend(frame.as_bytes());
        }
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Written(revision) => (self.kv, self.removed) = (Some(revision), false),
            Event::Removed(revision) => (self.kv, self.removed) = (Some(revision), true),
            Event::Announced(revision) => {
                if self.origin != Origin::Down {
                    self.latest = self.latest.max(Some(revision));
                    self.send(&signal::event(Revision(self.latest.unwrap())));
                }
            }
            Event::OriginDies => (self.origin, self.stream, self.latest) = (Origin::Down, None, None),
            Event::OriginIsBack => self.origin = Origin::Up,
            Event::OriginStalls => self.origin = Origin::Stalled,
            Event::OriginEndsStreams => self.stream = None,
            Event::PutBack(revision) => self.copy = Some(revision),
            Event::Evicted => self.copy = None,
            Event::NoteIs(told) => self.told = told.map(|revision| Told(Revision(revision))),
            Event::Read => self.read(),
        }
    }

    /// A request, by the rules of a POP: what is missing or behind what was told is brought up to date first.
    fn read(&mut self) {
        if self.copy.is_none() || self.copy < self.noted() {
            self.catch_up();
        }
        self.reads.push((self.now, self.copy, self.heard()));
    }

    fn catch_up(&mut self) {
        self.copy = self.copy.max(self.kv);
    }

    fn noted(&self) -> Option<u64> {
        let alive = self.now < self.noted_at + Told::lifetime(FRESH);
        self.told.filter(|_| alive).map(|Told(revision)| revision.0)
    }
}

impl Stage for World {
    fn elapsed(&mut self) -> Duration {
        self.now - self.begun
    }

    fn vcpu(&mut self) -> Duration {
        self.vcpu
    }

    fn sleep(&mut self, time: Duration) {
        assert!(!time.is_zero(), "a leader that does not sleep at {:?}", self.now);
        self.wait_until(self.now + time);
    }

    fn chance(&mut self) -> u64 {
        self.chance =
            self.chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.chance >> 33
    }

    fn write(&mut self, frame: &str) -> Result<(), String> {
        assert!(frame.ends_with("\n\n"), "half a frame: {frame:?}");
        let told = signal::Reader::default().read(frame.as_bytes());
        let frame = match told.as_slice() {
            [revision] => {
                assert!(self.copy >= Some(revision.0), "told {revision}, and the POP has {:?}", self.copy);
                assert!(self.noted() >= Some(revision.0), "told {revision}, noted {:?}", self.noted());
                assert!(!self.removed || self.kv > Some(revision.0), "told of what was removed");
                Frame::Event(revision.0)
            }
            [] => Frame::Ping,
            more => panic!("{} events in one frame", more.len()),
        };
        self.frames.push((self.now, frame));
        Ok(())
    }

    fn copy(&mut self) -> Option<Held> {
        let removed = self.removed && self.copy == self.kv;
        self.copy.map(|revision| Held { revision: Revision(revision), removed })
    }

    fn look(&mut self, copy: Option<Held>) -> Option<Held> {
        self.looks.push(self.now);
        self.vcpu += self.look_costs;
        self.wait_until(self.now + Duration::from_millis(1));
        if self.kv <= copy.map(|copy| copy.revision.0) {
            return None;
        }
        self.catch_up();
        self.copy()
    }

    fn note(&mut self, revision: Revision) {
        self.keep_noted(revision);
    }

    fn keep_noted(&mut self, revision: Revision) {
        let found = self.told.map(|told| (told, self.now - self.noted_at));
        let found = found.filter(|(_, age)| *age < Told::lifetime(FRESH));
        if let Some(told) = is_due(found, revision, Told::lifetime(FRESH)) {
            (self.told, self.noted_at) = (Some(told), self.now);
        }
    }

    fn connect(&mut self) -> bool {
        self.requests += 1;
        let takes = if self.origin == Origin::Stalled { FIRST_BYTE } else { Duration::from_millis(1) };
        self.wait_until(self.now + takes);
        if self.origin != Origin::Up {
            return false;
        }
        self.stream = Some(VecDeque::new());
        self.send(&signal::comment("origin"));
        if let Some(latest) = self.latest {
            self.send(&signal::event(Revision(latest)));
        }
        true
    }

    fn hear(&mut self) -> Heard {
        let until = self.now + BETWEEN_BYTES;
        loop {
            match &mut self.stream {
                None => return Heard::Lost,
                Some(stream) if !stream.is_empty() => {
                    // It comes in whatever pieces it likes.
                    let length = stream.len().min(1 + usize::try_from(self.chance >> 33).unwrap() % 80);
                    let bytes = stream.drain(..length).collect();
                    self.chance();
                    return Heard::Bytes(bytes);
                }
                Some(_) if self.now >= until => {
                    self.stream = None;
                    return Heard::Lost;
                }
                Some(_) => {
                    let next = self.coming.first_key_value().map_or(until, |((at, _), _)| *at);
                    let ping = self.pinged + PING;
                    self.wait_until(next.max(self.now).min(ping.max(self.now)).min(until));
                }
            }
        }
    }
}
