//! A report on changes and on the events that clients received.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::change::Change;
use super::history::{Connection, End, History, Refetch};

/// How long a connection may take to come back to what its client knew before. A client that joins a part late reads
/// it from its beginning, which may be older than the last event that it received; all of that comes at once.
const CATCH_UP: Duration = Duration::from_secs(1);

/// The number of findings of each kind that are shown one by one.
const EXAMPLES: usize = 5;

/// Failures of clients, as text.
type Findings = Vec<String>;

#[derive(Debug, Clone, Default)]
pub struct Report {
    pub clients: usize,
    pub changes: usize,
    /// Events of the client that had fewest, and of the one that had most.
    pub events: (usize, usize),
    /// A change of which a client did not hear in time, neither of it nor of a later one.
    pub missed: Findings,
    /// A change of which a client did not hear, but of a later one.
    pub skipped: usize,
    /// A revision twice on one connection.
    pub duplicated: Findings,
    /// A new connection that began with what its client knew.
    pub repeated: usize,
    /// A lower revision than one that was heard before on the same connection.
    pub backwards: Findings,
    /// A lower revision than one heard on an earlier connection, on the way to the present.
    pub replayed: usize,
    /// A connection that stayed lower than what its client had heard on an earlier one.
    pub behind: Findings,
    pub refetches: usize,
    /// A refetch that showed an older revision than the signalled one.
    pub stale: Findings,
    /// A refetch without an answer, or with another than flags.
    pub failed: Findings,
    /// From the beginning of the publication to a client that listened.
    pub from_publication: Delays,
    /// From the sending of the announcement to a client that listened.
    pub from_announcement: Delays,
    /// From the beginning of the publication until a client that asks for flags had those of the change, or later ones.
    pub until_read: Delays,
    /// Changes that a client heard of by connecting again.
    pub heard_on_reconnect: usize,
    pub reconnects: usize,
    /// Of the client that connected again most often.
    pub most_reconnects: usize,
    pub reconnects_per_minute: f64,
    pub ends: BTreeMap<String, usize>,
    pub roles: BTreeMap<String, usize>,
}

/// Milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Delays {
    pub count: usize,
    pub p50: f64,
    pub p95: f64,
    pub p99: f64,
    pub max: f64,
}

impl Report {
    /// What clients heard of changes, of each within so long after it was announced, or stored. What was not heard yet,
    /// and may still be in time at `now`, is no finding.
    pub fn new(histories: &[History], changes: &[Change], within: Duration, now: Instant) -> Report {
        let mut report = Report { clients: histories.len(), changes: changes.len(), ..Report::default() };
        let counts = || histories.iter().map(|history| history.heard().count());
        report.events = (counts().min().unwrap_or_default(), counts().max().unwrap_or_default());
        let (mut from_publication, mut from_announcement) = (Vec::new(), Vec::new());
        let mut until_read = Vec::new();
        let mut seconds = 0.0;
        for (client, history) in histories.iter().enumerate() {
            report.order(client, history, now);
            report.connections(history);
            report.refetches(client, history);
            for change in changes {
                until_read.extend(reading(history, change));
                let Some(heard) = report.hearing(client, history, change, within, now) else { continue };
                from_publication.push(heard.saturating_duration_since(change.begun));
                from_announcement.extend(
                    change.announced.map(|announced| heard.saturating_duration_since(announced.sent)),
                );
            }
            let end = history.left.unwrap_or(now);
            let begun = history.connections.first().map(|connection| connection.tried);
            seconds += begun.map_or(0.0, |begun| end.saturating_duration_since(begun).as_secs_f64());
        }
        #[expect(clippy::cast_precision_loss, reason = "counts of this size are exact")]
        if seconds > 0.0 {
            report.reconnects_per_minute = report.reconnects as f64 * 60.0 / seconds;
        }
        report.from_publication = Delays::of(from_publication);
        report.from_announcement = Delays::of(from_announcement);
        report.until_read = Delays::of(until_read);
        report
    }

    /// When a client heard of a change over a connection that it had when the change was published.
    fn hearing(
        &mut self,
        client: usize,
        history: &History,
        change: &Change,
        within: Duration,
        now: Instant,
    ) -> Option<Instant> {
        let deadline = change.announced.map_or(change.stored, |announced| announced.sent) + within;
        let first_known = |connection: &Connection| {
            let mut heard = connection.heard.iter();
            heard.find(|heard| heard.revision >= change.revision).map(|heard| heard.at)
        };
        let mut connections = history.connections.iter();
        let first = connections.find_map(|connection| Some((connection, first_known(connection)?)));
        let Some((connection, at)) = first.filter(|(_, at)| *at <= deadline) else {
            if history.left.unwrap_or(now) > deadline {
                let late = first.map(|(_, at)| at.saturating_duration_since(change.begun));
                let late = late.map_or("never heard".into(), |late| format!("heard {late:?} after"));
                self.missed.push(format!("client {client}: {} was {late}", change.revision));
            }
            return None;
        };
        if !history.heard().any(|heard| heard.revision == change.revision) {
            self.skipped += 1;
        }
        if connection.opened.is_none_or(|opened| opened > change.begun) {
            self.heard_on_reconnect += 1;
            return None;
        }
        Some(at)
    }

    /// In which order a client heard of revisions.
    fn order(&mut self, client: usize, history: &History, now: Instant) {
        let mut known = None;
        for connection in &history.connections {
            let revisions: Vec<u64> = connection.heard.iter().map(|heard| heard.revision).collect();
            for pair in revisions.windows(2) {
                match pair[1].cmp(&pair[0]) {
                    std::cmp::Ordering::Less => {
                        self.backwards.push(format!("client {client}: {} after {}", pair[1], pair[0]));
                    }
                    std::cmp::Ordering::Equal => {
                        self.duplicated.push(format!("client {client}: {} twice", pair[0]));
                    }
                    std::cmp::Ordering::Greater => {}
                }
            }
            if let (Some(known), Some(first)) = (known, connection.heard.first()) {
                self.repeated += usize::from(first.revision == known);
                self.replayed += revisions.iter().filter(|revision| **revision < known).count();
                let caught_up = first.at + CATCH_UP;
                let ended = connection.ended.as_ref().map(|(at, _)| *at);
                let decided = ended.is_some() || history.left.unwrap_or(now) > caught_up;
                let mut in_time = connection.heard.iter().filter(|heard| heard.at <= caught_up);
                if decided && !in_time.any(|heard| heard.revision >= known) {
                    self.behind.push(format!("client {client}: stayed at {revisions:?}, knowing {known}"));
                }
            }
            known = known.max(revisions.into_iter().max());
        }
    }

    fn connections(&mut self, history: &History) {
        self.reconnects += history.reconnects();
        self.most_reconnects = self.most_reconnects.max(history.reconnects());
        for connection in &history.connections {
            if let Some(part) = &connection.part {
                let role = part.split_whitespace().next().unwrap_or_default();
                *self.roles.entry(role.to_owned()).or_default() += 1;
            }
            let end = match &connection.ended {
                None => continue,
                Some((_, End::Clean)) => "clean".to_owned(),
                Some((_, End::Broken)) => "broken".to_owned(),
                Some((_, End::Refused(status))) => format!("refused {status}"),
                Some((_, End::Unreached)) => "unreached".to_owned(),
            };
            *self.ends.entry(end).or_default() += 1;
        }
    }

    fn refetches(&mut self, client: usize, history: &History) {
        self.refetches += history.refetches.len();
        for refetch in &history.refetches {
            match &refetch.found {
                Err(error) => self.failed.push(format!("client {client}: {error}")),
                Ok(found) if found.revision < refetch.signalled => self.stale.push(format!(
                    "client {client}: found {} ({}) after {} was signalled",
                    found.revision, found.source, refetch.signalled
                )),
                Ok(_) => {}
            }
        }
    }

    /// All that must not be, whatever the timing, as lines; none if all is well.
    pub fn faults(&self) -> Vec<String> {
        self.kinds()
            .into_iter()
            .flat_map(|(kind, findings)| {
                let more = findings.len().saturating_sub(EXAMPLES);
                let more = (more > 0).then(|| format!("{kind}: {more} more"));
                findings.iter().take(EXAMPLES).map(move |finding| format!("{kind}: {finding}")).chain(more)
            })
            .collect()
    }

    fn kinds(&self) -> [(&'static str, &Findings); 6] {
        [
            ("missed", &self.missed),
            ("duplicated", &self.duplicated),
            ("backwards", &self.backwards),
            ("behind", &self.behind),
            ("stale", &self.stale),
            ("failed", &self.failed),
        ]
    }

    pub fn json(&self) -> Value {
        let mut report = json!({
            "clients": self.clients,
            "changes": self.changes,
            "events_per_client": { "min": self.events.0, "max": self.events.1 },
            "skipped": self.skipped,
            "repeated_at_reconnect": self.repeated,
            "replayed_at_reconnect": self.replayed,
            "heard_on_reconnect": self.heard_on_reconnect,
            "refetches": self.refetches,
            "delay_from_publication_ms": self.from_publication.json(),
            "delay_from_announcement_ms": self.from_announcement.json(),
            "reconnects": self.reconnects,
            "most_reconnects": self.most_reconnects,
            "reconnects_per_client_and_minute": round(self.reconnects_per_minute),
            "ends": self.ends,
            "roles": self.roles,
            "faults": self.faults(),
        });
        for (kind, findings) in self.kinds() {
            report[kind] = json!(findings.len());
        }
        report
    }
}

/// How long it took until a client had read a change, or a later one.
fn reading(history: &History, change: &Change) -> Option<Duration> {
    let has_it =
        |refetch: &&Refetch| refetch.found.as_ref().is_ok_and(|found| found.revision >= change.revision);
    let read = history.refetches.iter().filter(has_it).map(|refetch| refetch.answered).min();
    Some(read?.saturating_duration_since(change.begun))
}

impl Delays {
    fn of(mut delays: Vec<Duration>) -> Delays {
        delays.sort_unstable();
        let at = |percent: usize| {
            let rank = (delays.len() * percent).div_ceil(100).saturating_sub(1);
            delays.get(rank).map_or(0.0, |delay| delay.as_secs_f64() * 1_000.0)
        };
        Delays { count: delays.len(), p50: at(50), p95: at(95), p99: at(99), max: at(100) }
    }

    pub fn json(&self) -> Value {
        let Delays { count, p50, p95, p99, max } = *self;
        json!({ "count": count, "p50": round(p50), "p95": round(p95), "p99": round(p99), "max": round(max) })
    }
}

fn round(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

impl fmt::Display for Delays {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Delays { p50, p95, p99, max, .. } = self;
        write!(f, "p50 {p50:.1} ms, p95 {p95:.1} ms, p99 {p99:.1} ms, max {max:.1} ms")
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} clients, {} changes, {} to {} events a client",
            self.clients, self.changes, self.events.0, self.events.1
        )?;
        for (kind, findings) in self.kinds() {
            write!(f, "{kind} {}, ", findings.len())?;
        }
        writeln!(f, "of {} refetches", self.refetches)?;
        writeln!(f, "from publication: {}", self.from_publication)?;
        writeln!(f, "from announcement: {}", self.from_announcement)?;
        writeln!(
            f,
            "{} reconnects, {:.2} a client and minute, {} at most; ends {:?}; roles {:?}",
            self.reconnects, self.reconnects_per_minute, self.most_reconnects, self.ends, self.roles
        )?;
        writeln!(
            f,
            "skipped {}, repeated at reconnect {}, replayed {}, heard on reconnect {}",
            self.skipped, self.repeated, self.replayed, self.heard_on_reconnect
        )?;
        self.faults().iter().try_for_each(|fault| writeln!(f, "{fault}"))
    }
}

#[cfg(test)]
mod tests;
