//! The leader of a part: from its first frame to its end.

use std::time::Duration;

use super::connect::connect;
use super::gate::Gate;
use super::ports::StreamPorts;
use super::serve::chance;
use super::upstream::{REQUESTS, Upstream};
use super::writers::Writers;
use crate::key::EnvironmentKey;
use crate::pop::ports::PortError;
use crate::pop::{CopyRevision, Pop};
use crate::revision::Revision;
use crate::signal::Reader;

/// Clients are sent something at least this often: less than the time after which proxies close a silent connection.
const PING: Duration = Duration::from_secs(10);

/// The KV store is looked at this often though nothing was announced: an announcement that was lost costs seconds.
const LOOK: Duration = Duration::from_secs(10);
/// And this often while the origin is away, or while the KV store has not shown the environment yet.
const LOOK_WITHOUT_ORIGIN: Duration = Duration::from_secs(2);

/// The POP's copy, and the record of the signalled revision, are looked at this often where nothing was announced. Each
/// look costs a tenth of a millisecond when caches are cold, and there is a ping every two seconds.
const GLANCE: Duration = Duration::from_secs(4);

/// A leader that has used so much vCPU time ends its part: the platform takes 50 ms from it, and not at an event's boundary.
const VCPU: Duration = Duration::from_millis(30);

/// But no part ends sooner than the shortest that can be set: where every leader spends its time at once, all clients would
/// come back as often as they can connect.
const SHORTEST: Duration = Duration::from_secs(5);

/// For whom a leader writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Audience {
    /// For all clients of the POP that joined the part.
    Part,
    /// For a single client, for which there was no part. There may be thousands of these, so they do not connect to the
    /// origin, and look at the KV store no more often than they must.
    Single,
}

/// What a leader did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Report {
    pub events: u32,
    /// Looks at the KV store.
    pub looks: u32,
    /// Requests to the origin.
    pub requests: u32,
}

/// When a part began, by the clock and in the execution's own time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Began {
    at: Duration,
    vcpu: Duration,
}

impl Began {
    pub(super) fn now<P: StreamPorts>(ports: &P) -> Began {
        Began { at: ports.elapsed(), vcpu: ports.vcpu() }
    }

    pub(super) fn elapsed<P: StreamPorts>(self, ports: &P) -> Duration {
        ports.elapsed().saturating_sub(self.at)
    }

    pub(super) fn vcpu<P: StreamPorts>(self, ports: &P) -> Duration {
        ports.vcpu().saturating_sub(self.vcpu)
    }
}

/// Leads a part of an environment's stream for so long, after its first frame was written. At the end it can
/// be finished cleanly: only whole frames were written. `copy` is what the POP's copy was of before the part began.
///
/// # Errors
/// If the part could not be written to its end.
pub(super) fn lead<P: StreamPorts>(
    pop: &mut Pop<P>,
    key: &EnvironmentKey,
    writers: &mut Writers<P::Writer>,
    began: Began,
    length: Duration,
    audience: Audience,
    copy: Option<CopyRevision>,
) -> Result<Report, PortError> {
    let requests = if audience == Audience::Part { REQUESTS } else { 0 };
    let mut leader = Leader {
        pop,
        key,
        writers,
        began,
        audience,
        copy,
        signalled: None,
        recorded: None,
        wrote: Duration::ZERO,
        glanced: Duration::ZERO,
        looked: None,
        gate: None,
        upstream: Upstream::new(requests),
        stream: None,
        reader: Reader::default(),
        said: Vec::new(),
        report: Report::default(),
    };
    leader.begin()?;
    loop {
        let now = leader.elapsed();
        let spent = began.vcpu(leader.pop.ports()) >= VCPU;
        let end = if spent { length.min(SHORTEST) } else { length };
        if now >= end {
            return Ok(leader.report);
        }
        if spent {
            leader.sleep(end - now);
        } else {
            leader.wake(now)?;
            leader.wait(length);
        }
    }
}

/// Holds a part in which nothing is signalled.
///
/// # Errors
/// If the part could not be written to its end.
pub(super) fn hold<P: StreamPorts>(
    ports: &P,
    writers: &mut Writers<P::Writer>,
    began: Began,
    length: Duration,
) -> Result<Report, PortError> {
    loop {
        let left = length.saturating_sub(began.elapsed(ports));
        if left.is_zero() {
            return Ok(Report::default());
        }
        ports.sleep(left.min(PING));
        writers.comment(ports, "ping")?;
    }
}

struct Leader<'a, P: StreamPorts> {
    pop: &'a mut Pop<P>,
    key: &'a EnvironmentKey,
    writers: &'a mut Writers<P::Writer>,
    began: Began,
    audience: Audience,
    /// What the POP's copy was of when it was looked at last.
    copy: Option<CopyRevision>,
    /// The revision of the last event.
    signalled: Option<Revision>,
    /// The revision that was recorded as signalled when the copy was refreshed.
    recorded: Option<Revision>,
    /// When something was written last.
    wrote: Duration,
    /// When the POP's copy was looked at last without any reason.
    glanced: Duration,
    /// When the KV store was looked at last.
    looked: Option<Duration>,
    gate: Option<Gate>,
    upstream: Upstream,
    /// The origin's stream.
    stream: Option<P::Upstream>,
    reader: Reader,
    /// What was said about tries to connect: each thing once, since most of them fail for the same reason.
    said: Vec<String>,
    report: Report,
}

impl<P: StreamPorts> Leader<'_, P> {
    fn wake(&mut self, now: Duration) -> Result<(), PortError> {
        let is_look_due = self.gate.is_some() || self.until_look(now).is_zero();
        // A look at the KV store does not show whether the record is there: it does not take the place of a glance.
        let is_glance_due = now >= self.glanced + GLANCE;
        if is_look_due {
            self.look(now);
        } else if is_glance_due {
            self.copy = self.pop.copy_revision(self.key);
        }
        let has_signalled = (is_look_due || is_glance_due) && self.signal_news()?;
        if is_glance_due {
            self.glanced = now;
            if !has_signalled {
                self.ensure_signalled(now);
            }
        }
        if self.until_ping().is_zero() {
            self.wrote = self.elapsed();
            self.writers.comment(self.pop.ports(), "ping")?;
        }
        Ok(())
    }

    /// Waits for what may bring news: the KV store, if something is awaited from it; the origin; or a time.
    fn wait(&mut self, length: Duration) {
        let now = self.elapsed();
        let left = length.saturating_sub(now);
        if left.is_zero() {
            return;
        }
        if let Some(gate) = &mut self.gate {
            let pause = gate.pause();
            self.sleep(pause.min(left));
        } else if self.upstream.is_connected() {
            self.receive();
        } else {
            // Anybody can make a key up while the KV store fails: only an environment that it has shown is worth a connection.
            let pause = self.copy.and_then(|_| self.upstream.pause(now));
            if pause == Some(Duration::ZERO) {
                self.connect();
            } else {
                let dues = [self.until_look(now), self.until_ping(), left];
                let until = dues.into_iter().chain(pause).min().unwrap_or_default();
                self.sleep(until);
            }
        }
    }

    fn connect(&mut self) {
        self.upstream.requested();
        self.report.requests += 1;
        self.reader = Reader::default();
        let (ports, said) = (self.pop.ports(), &mut self.said);
        self.stream = connect(ports, self.key, |line| {
            if !said.contains(&line) {
                ports.log(format_args!("{line}"));
                said.push(line);
            }
        });
        if self.stream.is_some() {
            let now = self.elapsed();
            self.upstream.connected(now);
        } else {
            self.lose();
        }
    }

    fn receive(&mut self) {
        let ports = self.pop.ports();
        let received = self.stream.as_mut().map_or(Ok(Vec::new()), |stream| ports.receive(stream));
        let received = received.inspect_err(|error| {
            ports.log(format_args!("the origin's stream of {} broke off: {error}", self.key));
        });
        match received {
            Ok(bytes) if !bytes.is_empty() => {
                // Only the greatest matters: revisions are states, not steps.
                if let Some(signal) = self.reader.read(&bytes).into_iter().max() {
                    let now = self.elapsed();
                    let copy = self.copy.map(|copy| copy.revision);
                    self.gate = Some(Gate::shut(self.gate, signal, copy, now));
                }
            }
            Ok(_) | Err(_) => {
                self.stream = None;
                self.lose();
            }
        }
    }

    fn lose(&mut self) {
        let (now, chance) = (self.elapsed(), chance(self.pop.ports()));
        self.upstream.lost(now, chance);
    }

    fn look(&mut self, now: Duration) {
        let refreshed = self.pop.refresh_if_newer(self.key, self.copy);
        if let Some(copy) = refreshed.filter(|copy| !copy.removed) {
            self.recorded = Some(copy.revision);
        }
        // Another request may have refreshed the copy since it was looked at.
        self.copy = refreshed.or_else(|| self.pop.copy_revision(self.key));
        self.looked = Some(now);
        self.report.looks += 1;
        let revision = self.copy.map(|copy| copy.revision);
        self.gate = self.gate.and_then(|gate| gate.after_look(revision, now));
    }

    /// Begins with the revision of the POP's copy, for clients that are not told of it in another way.
    fn begin(&mut self) -> Result<(), PortError> {
        let Some(revision) = self.record_news() else { return Ok(()) };
        self.writers.begin_with(self.pop.ports(), revision)
    }

    /// Signals the revision of the POP's copy, if it is ahead of what was signalled; whether it is.
    fn signal_news(&mut self) -> Result<bool, PortError> {
        let Some(revision) = self.record_news() else { return Ok(false) };
        self.writers.tell(self.pop.ports(), revision)?;
        Ok(true)
    }

    /// The revision of the POP's copy, if it is ahead of what was signalled. It is recorded, and must be signalled next.
    fn record_news(&mut self) -> Option<Revision> {
        let news = self.copy.filter(|copy| !copy.removed && Some(copy.revision) > self.signalled);
        let CopyRevision { revision, .. } = news?;
        if self.recorded != Some(revision) {
            self.pop.record_signalled(self.key, revision);
        }
        self.signalled = Some(revision);
        self.report.events += 1;
        self.wrote = self.elapsed();
        Some(revision)
    }

    /// Makes sure that the revision that was signalled is still recorded, as long as the POP's copy or the KV store shows it.
    /// Where the KV store was set back and the copy is gone, the record is left to end.
    fn ensure_signalled(&mut self, now: Duration) {
        let Some(signalled) = self.signalled else { return };
        if self.copy.is_none_or(|copy| copy.revision < signalled) {
            if self.looked == Some(now) {
                return;
            }
            self.look(now);
        } else {
            self.pop.ensure_signalled(self.key, signalled);
        }
    }

    fn elapsed(&self) -> Duration {
        self.began.elapsed(self.pop.ports())
    }

    fn sleep(&self, time: Duration) {
        self.pop.ports().sleep(time);
    }

    fn until_look(&self, now: Duration) -> Duration {
        let often = match self.audience {
            Audience::Part if !self.upstream.is_connected() => LOOK_WITHOUT_ORIGIN,
            Audience::Part | Audience::Single => LOOK,
        };
        self.looked.map_or(Duration::ZERO, |looked| (looked + often).saturating_sub(now))
    }

    fn until_ping(&self) -> Duration {
        (self.wrote + PING).saturating_sub(self.elapsed())
    }
}
