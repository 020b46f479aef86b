//! Forwards segments: a thread for each kind of batch, and one for batches that were refused. Each batch is sent until it is
//! accepted, or set aside.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};

use crate::batch::{Batch, Kind, batches};
use crate::line::Line;
use crate::metrics::Metrics;
use crate::send::{Outcome, Servers};
use crate::spool::{Refused, Spool, SpoolError};

/// When something is tried again.
#[derive(Debug, Clone, Copy)]
pub struct Pauses {
    /// The first pause after a failure. Each is twice as long as the one before.
    pub first: Duration,
    pub longest: Duration,
    /// How long a batch that is answered 500 is tried before it is set aside.
    pub failure: Duration,
    /// Between two tries of batches that were refused.
    pub refused: Duration,
    /// How old a refused batch gets before it is dropped.
    pub refused_age: Duration,
}

impl Default for Pauses {
    /// A second to a minute; five minutes of 500; refused ones every ten minutes for a week.
    fn default() -> Pauses {
        Pauses {
            first: Duration::from_secs(1),
            longest: Duration::from_secs(60),
            failure: Duration::from_secs(5 * 60),
            refused: Duration::from_secs(10 * 60),
            refused_age: Duration::from_secs(7 * 24 * 60 * 60),
        }
    }
}

/// How often a failure is logged while it lasts.
const LOG: Duration = Duration::from_secs(60);

/// What the threads share.
pub(crate) struct Forwarder {
    pub(crate) spool: Arc<Spool>,
    pub(crate) servers: Servers,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) pauses: Pauses,
    /// Bytes of refused batches that are kept, at most.
    pub(crate) refused_limit: u64,
    pub(crate) log: Arc<dyn Fn(&str) + Send + Sync>,
}

/// What was refused in one round. An environment that Flagsmith does not know has a batch more every ten seconds, and they are
/// not all tried in vain.
#[derive(Default)]
struct Refusals {
    of: BTreeMap<(Kind, String), u32>,
    away: BTreeSet<Kind>,
}

impl Refusals {
    /// Of one kind and environment, in a round.
    const MOST: u32 = 3;

    fn are_enough(&self, batch: &Batch) -> bool {
        let of = self.of.get(&(batch.kind, batch.environment.clone()));
        self.away.contains(&batch.kind) || of.is_some_and(|count| *count >= Refusals::MOST)
    }

    fn count(&mut self, batch: &Batch) {
        *self.of.entry((batch.kind, batch.environment.clone())).or_default() += 1;
    }
}

/// How a lane goes on.
struct Lane {
    kind: Kind,
    backoff: ExponentialBackoff,
    /// Since when nothing was accepted, and when that was logged.
    away_since: Option<Instant>,
    logged_at: Option<Instant>,
}

impl Forwarder {
    /// Forwards the batches of a kind until the process ends.
    pub(crate) fn run(&self, kind: Kind) {
        let mut lane = Lane { kind, backoff: self.backoff(), away_since: None, logged_at: None };
        while let Some(number) = self.spool.next_segment(kind) {
            match self.segment(&mut lane, number) {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => {
                    (self.log)(&format!("{}: {error}", kind.name()));
                    self.metrics.spool_errors.inc();
                    if !self.spool.pause(self.pauses.longest) {
                        return;
                    }
                }
            }
        }
    }

    /// Settles all batches of a segment. Returns false once the process ends.
    fn segment(&self, lane: &mut Lane, number: u64) -> Result<bool, SpoolError> {
        let lines = self.spool.lines(number)?;
        let batches = batches(lane.kind, lines.lines().filter_map(Line::parse));
        if self.servers.url(lane.kind).is_none() {
            self.drop_all(&batches);
            self.spool.finish(number, lane.kind)?;
            return Ok(true);
        }
        // One that fails is tried again behind the others, which may not fail.
        let mut open: VecDeque<(Batch, Option<Instant>)> = batches
            .into_iter()
            .filter(|batch| !self.spool.is_done(number, batch))
            .map(|batch| (batch, None))
            .collect();
        while let Some((batch, failing_since)) = open.pop_front() {
            match self.servers.send(&batch) {
                Outcome::Accepted { rejected } => {
                    self.accepted(&batch, rejected);
                    self.spool.record_done(number, &batch)?;
                    self.spool.no_longer_aside(number, &batch)?;
                    self.works(lane);
                }
                Outcome::Refused(why) => {
                    self.set_aside(number, &batch, &why)?;
                    self.works(lane);
                }
                Outcome::Away { why, asked, is_failure } => {
                    let since = failing_since.unwrap_or_else(Instant::now);
                    if is_failure && since.elapsed() >= self.pauses.failure {
                        self.set_aside(number, &batch, &why)?;
                        continue;
                    }
                    self.away(lane, &why);
                    if is_failure {
                        open.push_back((batch, Some(since)));
                    } else {
                        open.push_front((batch, failing_since));
                    }
                    let pause = lane.backoff.next().unwrap_or(self.pauses.longest);
                    if !self.spool.pause(pause.max(asked.unwrap_or_default())) {
                        return Ok(false);
                    }
                }
            }
        }
        self.spool.finish(number, lane.kind)?;
        Ok(true)
    }

    fn accepted(&self, batch: &Batch, rejected: u64) {
        self.metrics.accepted(batch.kind).inc();
        self.metrics.forwarded(batch.kind).inc_by(batch.sum.saturating_sub(rejected));
        if rejected > 0 {
            self.metrics.events_rejected.inc_by(rejected);
            let environment = &batch.environment;
            (self.log)(&format!("events of {environment}: the server rejected {rejected} of {}", batch.sum));
        }
    }

    fn set_aside(&self, number: u64, batch: &Batch, why: &str) -> Result<(), SpoolError> {
        self.spool.set_aside(number, batch)?;
        self.spool.record_done(number, batch)?;
        self.metrics.set_aside.inc();
        (self.log)(&format!("{} of {}: {why}; {}", batch.kind.name(), batch.environment, self.kept()));
        Ok(())
    }

    fn kept(&self) -> String {
        let (minutes, days) =
            (self.pauses.refused.as_secs() / 60, self.pauses.refused_age.as_secs() / 86_400);
        format!("kept, to be tried every {minutes} minutes for {days} days")
    }

    /// Without a server for events, they end here.
    fn drop_all(&self, batches: &[Batch]) {
        let sum: u64 = batches.iter().map(|batch| batch.sum).sum();
        if sum > 0 && self.metrics.events_without_server.inc_by(sum) == 0 {
            (self.log)("events are dropped, since no --events-url says where they go; this is said once");
        }
    }

    fn works(&self, lane: &mut Lane) {
        self.metrics.forwarded_now();
        lane.backoff = self.backoff();
        lane.logged_at = None;
        if let Some(since) = lane.away_since.take() {
            let seconds = since.elapsed().as_secs();
            (self.log)(&format!("{}: forwarded again, after {seconds} s", lane.kind.name()));
        }
    }

    fn away(&self, lane: &mut Lane, why: &str) {
        self.metrics.failures.inc();
        lane.away_since.get_or_insert_with(Instant::now);
        if lane.logged_at.is_none_or(|at| at.elapsed() >= LOG) {
            lane.logged_at = Some(Instant::now());
            let (name, url) = (lane.kind.name(), self.servers.url(lane.kind).unwrap_or_default());
            (self.log)(&format!("{name}: {url}: {why}; kept in the spool, and tried again"));
        }
    }

    fn backoff(&self) -> ExponentialBackoff {
        ExponentialBuilder::default()
            .with_min_delay(self.pauses.first)
            .with_max_delay(self.pauses.longest)
            .without_max_times()
            .with_jitter()
            .build()
    }

    /// Tries batches that were refused, now and then until the process ends.
    pub(crate) fn run_refused(&self) {
        loop {
            if let Err(error) = self.refused() {
                (self.log)(&format!("refused batches: {error}"));
                self.metrics.spool_errors.inc();
            }
            if !self.spool.pause(self.pauses.refused) {
                return;
            }
        }
    }

    fn refused(&self) -> Result<(), SpoolError> {
        let mut all = self.spool.refused()?;
        let mut bytes: u64 = all.iter().map(|(_, bytes)| bytes).sum();
        let mut refusals = Refusals::default();
        // The oldest first, if one has to go; in any order, if they are tried.
        for (name, _) in &all {
            let Some(refused) = self.spool.read_refused(name)? else { continue };
            if refused.age > self.pauses.refused_age || bytes > self.refused_limit {
                bytes = bytes.saturating_sub(refused.bytes);
                let is_accepted = self.try_refused(&refused, &mut refusals)?;
                if !is_accepted {
                    self.drop_refused(&refused)?;
                }
            }
        }
        fastrand::shuffle(&mut all);
        for (name, _) in all {
            if self.spool.has_ended() {
                return Ok(());
            }
            if let Some(refused) = self.spool.read_refused(&name)? {
                self.try_refused(&refused, &mut refusals)?;
            }
        }
        Ok(())
    }

    /// Tries a batch once, unless it would be refused. Returns whether it was accepted.
    fn try_refused(&self, refused: &Refused, refusals: &mut Refusals) -> Result<bool, SpoolError> {
        let batch = &refused.batch;
        if self.servers.url(batch.kind).is_none() || refusals.are_enough(batch) {
            return Ok(false);
        }
        match self.servers.send(batch) {
            Outcome::Accepted { rejected } => {
                self.accepted(batch, rejected);
                self.spool.remove_refused(&refused.name)?;
                return Ok(true);
            }
            Outcome::Refused(_) => refusals.count(batch),
            Outcome::Away { .. } => {
                refusals.away.insert(batch.kind);
            }
        }
        Ok(false)
    }

    fn drop_refused(&self, refused: &Refused) -> Result<(), SpoolError> {
        let (batch, hours) = (&refused.batch, refused.age.as_secs() / 3_600);
        self.spool.remove_refused(&refused.name)?;
        self.metrics.dropped.inc();
        (self.log)(&format!(
            "{} of {}: dropped, {hours} hours after it was refused first: it counted {}",
            batch.kind.name(),
            batch.environment,
            batch.sum
        ));
        Ok(())
    }
}

#[cfg(test)]
mod tests;
