//! The connection to Redis, from when it is made until it is lost. It is renewed now and then.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use api::{EnvironmentKey, Revision};
use futures_util::{FutureExt, StreamExt};
use redis::aio::{MultiplexedConnection, PubSubSink, PubSubStream};
use redis::{Value, cmd};
use tokio::time::{Instant, MissedTickBehavior, interval, interval_at, sleep, timeout};
use tokio::{select, try_join};

use crate::announced::Announcement;
use crate::bus::link::{ANSWER_TIMEOUT, BusError, Link, RedisServer};
use crate::bus::message::{self, MessageKind, REVISIONS};
use crate::bus::overlap::Overlap;
use crate::bus::{Bus, Replica};
use crate::hub::HubError;

/// How often Redis is asked whether it is still there. A Redis that hangs closes no connection.
const PING_INTERVAL: Duration = Duration::from_secs(2);
/// How often both sides are compared while the connection lasts: Redis may have been emptied, or failed over to a copy
/// that lagged behind.
const COMPARE_INTERVAL: Duration = Duration::from_secs(30);
/// How long after its revision was stored a message may take to arrive. What comes as a message within this time is not
/// learnt from the hash as well, which would give a second event.
const ON_THE_WAY: Duration = Duration::from_millis(50);
/// Environments written or read in one command: a millisecond of Redis' time at most, in which it serves no other client.
const BATCH: usize = 500;
/// Seconds ahead of this clock beyond which a revision is garbage. It would stand for ever, since the greatest stays.
const DAY: u64 = 24 * 60 * 60;
/// Characters of garbage that are logged.
const LOGGED: usize = 80;

/// Of a hash, with their values.
type Fields = Vec<(Vec<u8>, Vec<u8>)>;

struct Session<'a> {
    replica: Replica<'a>,
    bus: &'a Bus,
    channel: String,
    overlap: Mutex<Overlap>,
}

/// Connects, calls `up` once both sides have what the other had, and comes back when the connection is lost.
pub(crate) async fn run(replica: Replica<'_>, bus: &Bus, up: impl FnOnce()) -> BusError {
    let Err(error) = connected(replica, bus, up).await;
    error
}

async fn connected(replica: Replica<'_>, bus: &Bus, up: impl FnOnce()) -> Result<Infallible, BusError> {
    let channel = message::channel(&bus.address);
    let mut link = Link::open(&bus.address, &channel).await?;
    let session = Session { replica, bus, channel, overlap: Mutex::default() };
    session.compare(&link.redis).await?;
    session.send_outbox(&link.redis).await?;
    up();
    loop {
        let Link { redis, pings, mut messages, server } = link;
        link = select! {
            next = session.send(&redis, server.as_ref()) => next?,
            error = session.receive(&mut messages) => return Err(error),
            error = session.ping(&redis, pings) => return Err(error),
        };
        // What replicas sent that still use the server of before, if that is another one.
        while let Some(Some(message)) = messages.next().now_or_never() {
            session.take(message.get_payload_bytes());
        }
        session.overlap().end();
        if let (Some(before), Some(now)) = (&server, &link.server)
            && before.id != now.id
        {
            bus.log(&format!(
                "the bus {} is another server than before, which is used from now on",
                bus.address
            ));
        }
    }
}

impl Session<'_> {
    /// Sends what is announced, until there is a new connection that has all that this one has.
    async fn send(
        &self,
        redis: &MultiplexedConnection,
        server: Option<&RedisServer>,
    ) -> Result<Link, BusError> {
        let mut comparisons = interval_at(Instant::now() + COMPARE_INTERVAL, COMPARE_INTERVAL);
        comparisons.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut renewal = pin!(self.renewal());
        loop {
            select! {
                () = self.bus.outbox.added() => self.send_outbox(redis).await?,
                _ = comparisons.tick() => self.compare(redis).await?,
                next = &mut renewal => {
                    // Nothing is sent meanwhile. So what was sent to the server of before is in the hub, and the other gets it.
                    match self.compared(next, server).await {
                        Ok(next) => {
                            self.bus.cannot_renew.store(false, Ordering::Relaxed);
                            return Ok(next);
                        }
                        Err(error) => self.keep(&error),
                    }
                    renewal.set(self.renewal());
                }
            }
        }
    }

    /// A new connection after a while, to wherever the name of the bus leads by then: to another server, perhaps, though
    /// the one of before is still there.
    async fn renewal(&self) -> Result<Link, BusError> {
        // Replicas that were started at the same moment do not renew at the same moment.
        sleep(self.bus.renewal.mul_f64(0.75 + fastrand::f64() / 2.0)).await;
        self.overlap().begin();
        Link::open(&self.bus.address, &self.channel).await
    }

    /// A new connection once both sides have what the other had.
    async fn compared(
        &self,
        next: Result<Link, BusError>,
        before: Option<&RedisServer>,
    ) -> Result<Link, BusError> {
        let next = next?;
        let is_copy = |server: Option<&RedisServer>| server.is_some_and(|server| server.is_copy);
        if is_copy(next.server.as_ref()) && !is_copy(before) {
            return Err(BusError::Copy);
        }
        timeout(ANSWER_TIMEOUT, self.compare(&next.redis)).await.map_err(|_| BusError::Silent)??;
        Ok(next)
    }

    /// The connection of before stays, since there is no new one.
    fn keep(&self, error: &BusError) {
        self.overlap().abandon();
        if !self.bus.cannot_renew.swap(true, Ordering::Relaxed) {
            self.bus.log(&format!(
                "the bus {} takes no new connection, so the one of before stays as long as it lasts: {error}",
                self.bus.address
            ));
        }
    }

    async fn receive(&self, messages: &mut PubSubStream) -> BusError {
        while let Some(message) = messages.next().await {
            self.take(message.get_payload_bytes());
        }
        BusError::Closed
    }

    async fn ping(&self, redis: &MultiplexedConnection, mut pings: PubSubSink) -> BusError {
        let mut ticks = interval(PING_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut redis = redis.clone();
        loop {
            ticks.tick().await;
            let ping = cmd("PING");
            let both = async { try_join!(ping.query_async::<Value>(&mut redis), pings.ping::<Value>()) };
            match timeout(ANSWER_TIMEOUT, both).await {
                Err(_) => return BusError::Silent,
                Ok(Err(error)) => return error.into(),
                Ok(Ok(_)) => {}
            }
        }
    }

    /// Learns what Redis has, then sends what is known here; after that neither lacks anything but what waits in
    /// the outbox.
    async fn compare(&self, redis: &MultiplexedConnection) -> Result<(), BusError> {
        let mut unknown = Vec::new();
        let mut cursor = 0_u64;
        loop {
            let mut scan = cmd("HSCAN");
            scan.arg(REVISIONS).arg(cursor).arg("COUNT").arg(BATCH);
            let (next, entries): (u64, Fields) = scan.query_async(&mut redis.clone()).await?;
            for (field, value) in entries {
                match message::entry(&field, &value) {
                    Some((key, revision)) if self.replica.hub.knows(&key, revision) => {}
                    Some(entry) => unknown.push(entry),
                    None => self.ignore(&[&field[..], b" ", &value].concat()),
                }
            }
            cursor = next;
            if cursor == 0 {
                break;
            }
        }
        if !unknown.is_empty() {
            sleep(ON_THE_WAY).await;
        }
        for (key, revision) in unknown {
            self.learn(MessageKind::Known, &key, revision);
        }
        let mut known = self.replica.hub.revisions();
        // What is about to be sent as an announcement gives an event then, and needs no other.
        known.retain(|(key, revision)| !self.bus.outbox.holds(key, *revision));
        self.write(redis, MessageKind::Known, &known).await
    }

    async fn send_outbox(&self, redis: &MultiplexedConnection) -> Result<(), BusError> {
        let to_send = self.bus.outbox.take();
        self.write(redis, MessageKind::Announced, &to_send.announced).await?;
        self.write(redis, MessageKind::Ahead, &to_send.ahead).await?;
        self.bus.outbox.arrived();
        Ok(())
    }

    async fn write(
        &self,
        redis: &MultiplexedConnection,
        kind: MessageKind,
        revisions: &[(EnvironmentKey, Revision)],
    ) -> Result<(), BusError> {
        for batch in revisions.chunks(BATCH) {
            let sender = self.bus.numbered_sender();
            let mut script = cmd("EVAL");
            script.arg(include_str!("merge.lua")).arg(1).arg(REVISIONS);
            script.arg(&self.channel).arg(sender).arg(kind.text()).arg(self.latest_plausible().0);
            for (key, revision) in batch {
                script.arg(key.as_str()).arg(revision.0);
            }
            script.query_async::<()>(&mut redis.clone()).await?;
        }
        Ok(())
    }

    fn take(&self, payload: &[u8]) {
        if self.overlap().repeats(payload) {
            return;
        }
        match message::message(payload) {
            Some(message) if message.sender == self.bus.sender => {}
            Some(message) => self.learn(message.kind, &message.key, message.revision),
            None => self.ignore(payload),
        }
    }

    fn learn(&self, kind: MessageKind, key: &EnvironmentKey, revision: Revision) {
        if revision > self.latest_plausible() {
            return self.ignore(format!("{key} {revision}").as_bytes());
        }
        let (hub, latest_possible) = (self.replica.hub, (self.replica.latest_possible)());
        let announcement = Announcement::at_most(latest_possible, revision);
        let outcome = match kind {
            MessageKind::Announced => hub.announce(key, announcement).map(drop),
            MessageKind::Ahead => {
                hub.announce(key, Announcement { is_ahead: true, ..announcement }).map(drop)
            }
            MessageKind::Known => hub.learn(key, revision, latest_possible),
        };
        if let Err(error @ HubError::TooManyEnvironments { .. }) = outcome {
            self.bus.log_once(&self.bus.has_logged_limit, || {
                format!("some revisions from the bus are ignored: {error}")
            });
        }
    }

    fn ignore(&self, garbage: &[u8]) {
        self.bus.log_once(&self.bus.has_logged_garbage, || {
            let start: String = String::from_utf8_lossy(garbage).chars().take(LOGGED).collect();
            format!(
                "some of what the bus {} holds is not a revision and is ignored: {start:?}",
                self.bus.address
            )
        });
    }

    fn overlap(&self) -> MutexGuard<'_, Overlap> {
        self.overlap.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn latest_plausible(&self) -> Revision {
        Revision((self.replica.latest_possible)().0 + DAY)
    }
}
