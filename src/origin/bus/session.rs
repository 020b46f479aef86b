//! One connection to Redis, from when it is made until it is lost.

use std::convert::Infallible;
use std::time::Duration;

use api::{EnvironmentKey, Revision};
use futures_util::StreamExt;
use redis::aio::{MultiplexedConnection, PubSubSink, PubSubStream};
use redis::{AsyncConnectionConfig, Client, ErrorKind, RedisError, Value, cmd};
use tokio::time::{Instant, MissedTickBehavior, interval, interval_at, timeout};
use tokio::{select, try_join};

use crate::announced::Announcement;
use crate::bus::message::{self, MessageKind, REVISIONS};
use crate::bus::{Bus, Replica};
use crate::hub::HubError;

/// How long Redis may take for an answer. It answers within a millisecond.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);
/// How often Redis is asked whether it is still there. A Redis that hangs closes no connection.
const PING_INTERVAL: Duration = Duration::from_secs(2);
/// How often both sides are compared while the connection lasts: Redis may have been emptied, or failed over to a copy
/// that lagged behind.
const COMPARE_INTERVAL: Duration = Duration::from_secs(30);
/// Environments written or read in one command: a millisecond of Redis' time at most, in which it serves no other client.
const BATCH: usize = 500;
/// Seconds ahead of this clock beyond which a revision is garbage. It would stand for ever, since the greatest stays.
const DAY: u64 = 24 * 60 * 60;
/// Characters of garbage that are logged.
const LOGGED: usize = 80;

/// Why there is no connection any more, or never was.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BusError {
    #[error("it did not answer within {} seconds", ANSWER_TIMEOUT.as_secs())]
    Silent,
    #[error("it closed the connection")]
    Closed,
    #[error("it wants a password")]
    NoPassword,
    #[error("it refuses the user or the password")]
    WrongPassword,
    #[error("{0}")]
    Other(RedisError),
}

impl From<RedisError> for BusError {
    fn from(error: RedisError) -> Self {
        if error.is_timeout() {
            Self::Silent
        } else if error.code() == Some("NOAUTH") {
            Self::NoPassword
        } else if error.kind() == ErrorKind::AuthenticationFailed {
            Self::WrongPassword
        } else {
            Self::Other(error)
        }
    }
}

/// Of a hash, with their values.
type Fields = Vec<(Vec<u8>, Vec<u8>)>;

struct Session<'a> {
    replica: Replica<'a>,
    bus: &'a Bus,
    channel: String,
    redis: MultiplexedConnection,
}

/// Connects, calls `up` once both sides have what the other had, and comes back when the connection is lost.
pub(crate) async fn run(replica: Replica<'_>, bus: &Bus, up: impl FnOnce()) -> BusError {
    let Err(error) = connected(replica, bus, up).await;
    error
}

async fn connected(replica: Replica<'_>, bus: &Bus, up: impl FnOnce()) -> Result<Infallible, BusError> {
    let channel = message::channel(&bus.address);
    // From here on messages are received, so that all that was missed is in the hash.
    let opened = timeout(ANSWER_TIMEOUT, open(bus, &channel)).await.map_err(|_| BusError::Silent)?;
    let (redis, pings, messages) = opened?;
    let session = Session { replica, bus, channel, redis };
    let (never, ..) = try_join!(session.send(up), session.receive(messages), session.ping(pings))?;
    Ok(never)
}

/// A connection for commands, and one that has subscribed, with its messages.
async fn open(
    bus: &Bus,
    channel: &str,
) -> Result<(MultiplexedConnection, PubSubSink, PubSubStream), BusError> {
    let client = Client::open(bus.address.info().clone())?;
    let (mut pings, messages) = client.get_async_pubsub().await?.split();
    pings.subscribe(channel).await?;
    let limits = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(ANSWER_TIMEOUT))
        .set_response_timeout(Some(ANSWER_TIMEOUT));
    Ok((client.get_multiplexed_async_connection_with_config(&limits).await?, pings, messages))
}

impl Session<'_> {
    async fn send(&self, up: impl FnOnce()) -> Result<Infallible, BusError> {
        self.compare().await?;
        self.send_outbox().await?;
        up();
        let mut comparisons = interval_at(Instant::now() + COMPARE_INTERVAL, COMPARE_INTERVAL);
        comparisons.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            select! {
                () = self.bus.outbox.added() => self.send_outbox().await?,
                _ = comparisons.tick() => self.compare().await?,
            }
        }
    }

    async fn receive(&self, mut messages: PubSubStream) -> Result<Infallible, BusError> {
        while let Some(message) = messages.next().await {
            self.take(message.get_payload_bytes());
        }
        Err(BusError::Closed)
    }

    async fn ping(&self, mut pings: PubSubSink) -> Result<Infallible, BusError> {
        let mut ticks = interval(PING_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut redis = self.redis.clone();
        loop {
            ticks.tick().await;
            let ping = cmd("PING");
            let both = async { try_join!(ping.query_async::<Value>(&mut redis), pings.ping::<Value>()) };
            timeout(ANSWER_TIMEOUT, both).await.map_err(|_| BusError::Silent)??;
        }
    }

    /// Learns what Redis has, then sends what is known here; after that neither lacks anything.
    async fn compare(&self) -> Result<(), BusError> {
        let mut cursor = 0_u64;
        loop {
            let mut scan = cmd("HSCAN");
            scan.arg(REVISIONS).arg(cursor).arg("COUNT").arg(BATCH);
            let (next, entries): (u64, Fields) = scan.query_async(&mut self.redis.clone()).await?;
            for (field, value) in entries {
                match message::entry(&field, &value) {
                    Some((key, revision)) => self.learn(MessageKind::Known, &key, revision),
                    None => self.ignore(&[&field[..], b" ", &value].concat()),
                }
            }
            cursor = next;
            if cursor == 0 {
                break;
            }
        }
        self.write(MessageKind::Known, &self.replica.hub.revisions()).await
    }

    async fn send_outbox(&self) -> Result<(), BusError> {
        let to_send = self.bus.outbox.take();
        self.write(MessageKind::Announced, &to_send.announced).await?;
        self.write(MessageKind::Ahead, &to_send.ahead).await?;
        self.bus.outbox.arrived();
        Ok(())
    }

    async fn write(
        &self,
        kind: MessageKind,
        revisions: &[(EnvironmentKey, Revision)],
    ) -> Result<(), BusError> {
        for batch in revisions.chunks(BATCH) {
            let mut script = cmd("EVAL");
            script.arg(include_str!("merge.lua")).arg(1).arg(REVISIONS);
            script.arg(&self.channel).arg(&self.bus.sender).arg(kind.text()).arg(self.latest_plausible().0);
            for (key, revision) in batch {
                script.arg(key.as_str()).arg(revision.0);
            }
            script.query_async::<()>(&mut self.redis.clone()).await?;
        }
        Ok(())
    }

    fn take(&self, payload: &[u8]) {
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

    fn latest_plausible(&self) -> Revision {
        Revision((self.replica.latest_possible)().0 + DAY)
    }
}
