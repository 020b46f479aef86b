//! The leader of a segment: from its first frame to its end.

use std::time::Duration;

use super::gate::Gate;
use super::line::{Line, REQUESTS};
use crate::revision::Revision;
use crate::signal::{self, Reader};

/// Clients are sent something at least this often: less than what anything on the way closes a silent connection for.
const PING: Duration = Duration::from_secs(10);

/// The KV store is looked at this often though nothing was announced: an announcement that was lost costs seconds.
const LOOK: Duration = Duration::from_secs(10);
/// And this often while the origin is away.
const LOOK_WITHOUT_ORIGIN: Duration = Duration::from_secs(2);

/// The POP's copy, and whether it is noted what was told, are looked at this often where nothing was heard. Each look costs a
/// tenth of a millisecond when caches are cold, and there is a ping every two seconds.
const GLANCE: Duration = Duration::from_secs(4);

/// A leader that has used so much vCPU time ends its segment: the platform takes 50 ms from it, and not at an event's
/// boundary.
const VCPU: Duration = Duration::from_millis(30);

/// But none ends sooner than the shortest that can be set: where every leader spends its time at once, all clients would be
/// back as often as they can connect.
const SHORTEST: Duration = Duration::from_secs(5);

/// All that a leader does, and all that it knows of the world.
pub trait Stage {
    /// The time since the segment began.
    fn elapsed(&mut self) -> Duration;

    /// The vCPU time used since then.
    fn vcpu(&mut self) -> Duration;

    fn sleep(&mut self, time: Duration);

    /// Any number.
    fn chance(&mut self) -> u64;

    /// Writes a frame to all clients of the segment, in one piece.
    ///
    /// # Errors
    /// If the segment cannot be written any more.
    fn write(&mut self, frame: &str) -> Result<(), String>;

    /// The POP's copy, if there is one.
    fn copy(&mut self) -> Option<Held>;

    /// Looks at the KV store. If it is ahead of this copy, brings the POP's copy up to date, and gives what that is then.
    fn look(&mut self, copy: Option<Held>) -> Option<Held>;

    /// Notes that this is about to be told.
    fn note(&mut self, revision: Revision);

    /// Makes sure that what was told is still noted.
    fn keep_noted(&mut self, revision: Revision);

    /// Asks the origin for its stream; whether it gives one.
    fn connect(&mut self) -> bool;

    /// Waits for the next bytes of the origin's stream.
    fn hear(&mut self) -> Heard;
}

/// What the POP's copy is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    pub revision: Revision,
    /// The environment was removed: nothing is told of that.
    pub removed: bool,
}

/// What came from the origin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    Bytes(Vec<u8>),
    /// The stream ended, or broke off, or nothing came for too long.
    Lost,
}

/// For whom a leader writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Company {
    /// For all clients of the POP.
    Shared,
    /// For one client, for which there was no segment. There may be thousands of these, so they do not connect to the
    /// origin, and look at the KV store no more often than they must.
    Alone,
}

/// What a leader did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Report {
    pub events: u32,
    pub looks: u32,
    pub requests: u32,
}

/// Leads a segment of an environment for so long, after its [first](super::FIRST) frame was written. At the end it can be finished
/// cleanly: only whole frames were written.
///
/// # Errors
/// If the segment could not be written to its end.
pub fn lead(stage: &mut dyn Stage, length: Duration, company: Company) -> Result<Report, String> {
    let requests = if company == Company::Shared { REQUESTS } else { 0 };
    let mut leader = Leader {
        stage,
        company,
        copy: None,
        told: None,
        wrote: Duration::ZERO,
        glanced: Duration::ZERO,
        looked: None,
        gate: None,
        line: Line::new(requests),
        reader: Reader::default(),
        report: Report::default(),
    };
    leader.copy = leader.stage.copy();
    leader.spread_news()?;
    loop {
        let now = leader.stage.elapsed();
        let spent = leader.stage.vcpu() >= VCPU;
        let end = if spent { length.min(SHORTEST) } else { length };
        if now >= end {
            return Ok(leader.report);
        }
        if spent {
            leader.stage.sleep(end - now);
        } else {
            leader.wake(now)?;
            leader.wait(length);
        }
    }
}

/// Holds a segment in which nothing is told.
///
/// # Errors
/// If the segment could not be written to its end.
pub fn hold(stage: &mut dyn Stage, length: Duration) -> Result<Report, String> {
    loop {
        let left = length.saturating_sub(stage.elapsed());
        if left.is_zero() {
            return Ok(Report::default());
        }
        stage.sleep(left.min(PING));
        stage.write(&signal::comment("ping"))?;
    }
}

struct Leader<'a> {
    stage: &'a mut dyn Stage,
    company: Company,
    /// The POP's copy, as it was seen last.
    copy: Option<Held>,
    /// What the last event told.
    told: Option<Revision>,
    /// When something was written last.
    wrote: Duration,
    /// When the POP's copy was looked at last without any reason.
    glanced: Duration,
    /// When the KV store was looked at last.
    looked: Option<Duration>,
    gate: Option<Gate>,
    line: Line,
    reader: Reader,
    report: Report,
}

impl Leader<'_> {
    fn wake(&mut self, now: Duration) -> Result<(), String> {
        if self.gate.is_some() || self.until_look(now).is_zero() {
            self.look(now);
            self.spread_news()?;
        } else if now >= self.glanced + GLANCE {
            self.glanced = now;
            self.copy = self.stage.copy();
            if !self.spread_news()?
                && let Some(told) = self.told
            {
                self.stage.keep_noted(told);
            }
        }
        if self.until_ping().is_zero() {
            self.write(&signal::comment("ping"))?;
        }
        Ok(())
    }

    /// Waits for what may bring news: the KV store, if something is awaited from it; the origin; or a time.
    fn wait(&mut self, length: Duration) {
        let now = self.stage.elapsed();
        let left = length.saturating_sub(now);
        if left.is_zero() {
            return;
        }
        if let Some(gate) = &mut self.gate {
            let pause = gate.pause();
            self.stage.sleep(pause.min(left));
        } else if self.line.is_connected() {
            self.hear();
        } else {
            match self.line.pause(now) {
                Some(Duration::ZERO) => self.connect(),
                pause => {
                    let dues = [self.until_look(now), self.until_ping(), left];
                    let until = dues.into_iter().chain(pause).min().unwrap_or_default();
                    self.stage.sleep(until);
                }
            }
        }
    }

    fn connect(&mut self) {
        self.line.asked();
        self.report.requests += 1;
        self.reader = Reader::default();
        if self.stage.connect() {
            let now = self.stage.elapsed();
            self.line.connected(now);
        } else {
            self.lose();
        }
    }

    fn hear(&mut self) {
        match self.stage.hear() {
            Heard::Bytes(bytes) => {
                // Only the greatest matters: revisions are states, not steps.
                if let Some(announced) = self.reader.read(&bytes).into_iter().max() {
                    let now = self.stage.elapsed();
                    self.gate = Some(Gate::shut(self.gate, announced, now));
                }
            }
            Heard::Lost => self.lose(),
        }
    }

    fn lose(&mut self) {
        let (now, chance) = (self.stage.elapsed(), self.stage.chance());
        self.line.lost(now, chance);
    }

    fn look(&mut self, now: Duration) {
        // What was seen last will do to know whether the store is ahead; but others may have changed it since.
        self.copy = self.stage.look(self.copy).or_else(|| self.stage.copy());
        self.looked = Some(now);
        self.report.looks += 1;
        let revision = self.copy.map(|copy| copy.revision);
        self.gate = self.gate.and_then(|gate| gate.after_look(revision, now));
    }

    /// Tells the revision of the POP's copy, if it is ahead of what was told; whether it is. What is told is noted before.
    fn spread_news(&mut self) -> Result<bool, String> {
        let news = self.copy.filter(|copy| !copy.removed && Some(copy.revision) > self.told);
        let Some(Held { revision, .. }) = news else { return Ok(false) };
        self.stage.note(revision);
        self.told = Some(revision);
        self.report.events += 1;
        self.write(&signal::event(revision))?;
        Ok(true)
    }

    fn write(&mut self, frame: &str) -> Result<(), String> {
        self.wrote = self.stage.elapsed();
        self.stage.write(frame)
    }

    fn until_look(&self, now: Duration) -> Duration {
        let often = match self.company {
            Company::Shared if !self.line.is_connected() => LOOK_WITHOUT_ORIGIN,
            Company::Shared | Company::Alone => LOOK,
        };
        self.looked.map_or(Duration::ZERO, |looked| (looked + often).saturating_sub(now))
    }

    fn until_ping(&mut self) -> Duration {
        (self.wrote + PING).saturating_sub(self.stage.elapsed())
    }
}
