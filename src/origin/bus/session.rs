//! One connection to Redis, from its making to its loss.

use std::convert::Infallible;
use std::time::Duration;

use api::{EnvironmentKey, Revision};
use futures_util::StreamExt;
use redis::aio::{MultiplexedConnection, PubSubSink, PubSubStream};
use redis::{AsyncConnectionConfig, Client, ErrorKind, RedisError, Value, cmd};
use tokio::time::{Instant, MissedTickBehavior, interval, interval_at, timeout};
use tokio::{select, try_join};

use crate::bus::Bus;
use crate::bus::message::{self, Kind, REVISIONS};
use crate::hub::Full;
use crate::state::Origin;

/// How long anything may take that is asked of Redis. It answers within a millisecond.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often it is asked whether it is still there. A Redis that hangs closes no connection.
const PULSE: Duration = Duration::from_secs(2);
/// How often both sides are compared while the connection lasts: somebody may have emptied Redis, or it failed over to
/// a copy that lagged behind.
const COMPARISON: Duration = Duration::from_secs(30);
/// Environments told or read at once: a millisecond of Redis' time at most, in which it serves nobody else.
const BATCH: usize = 500;
/// Seconds ahead of this clock beyond which a revision is none: garbage would stand for ever, since the greatest stays.
const DAY: u64 = 24 * 60 * 60;
/// Characters shown of garbage. The rest of it helps nobody.
const SHOWN: usize = 80;

/// Why there is no connection any more, or never was.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Lost {
    #[error("it did not answer within {} seconds", PATIENCE.as_secs())]
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

impl From<RedisError> for Lost {
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
    origin: &'a Origin,
    bus: &'a Bus,
    channel: String,
    redis: MultiplexedConnection,
}

/// Connects, calls `up` once both sides have what the other had, and comes back when the connection is lost.
pub(crate) async fn run(origin: &Origin, bus: &Bus, up: impl FnOnce()) -> Lost {
    let Err(lost) = connected(origin, bus, up).await;
    lost
}

async fn connected(origin: &Origin, bus: &Bus, up: impl FnOnce()) -> Result<Infallible, Lost> {
    let channel = message::channel(&bus.address);
    // From here on announcements are heard, so that whatever was not heard stands in the hash.
    let opened = timeout(PATIENCE, open(bus, &channel)).await.map_err(|_| Lost::Silent)?;
    let (redis, pulse, messages) = opened?;
    let session = Session { origin, bus, channel, redis };
    let (never, ..) = try_join!(session.tell(up), session.hear(messages), session.keep_asking(pulse))?;
    Ok(never)
}

/// A connection that is asked, and one that has subscribed, with what it hears.
async fn open(bus: &Bus, channel: &str) -> Result<(MultiplexedConnection, PubSubSink, PubSubStream), Lost> {
    let client = Client::open(bus.address.info().clone())?;
    let (mut pulse, messages) = client.get_async_pubsub().await?.split();
    pulse.subscribe(channel).await?;
    let limits = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(PATIENCE))
        .set_response_timeout(Some(PATIENCE));
    Ok((client.get_multiplexed_async_connection_with_config(&limits).await?, pulse, messages))
}

impl Session<'_> {
    async fn tell(&self, up: impl FnOnce()) -> Result<Infallible, Lost> {
        self.compare().await?;
        self.tell_what_waits().await?;
        up();
        let mut comparisons = interval_at(Instant::now() + COMPARISON, COMPARISON);
        comparisons.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            select! {
                () = self.bus.waiting.added() => self.tell_what_waits().await?,
                _ = comparisons.tick() => self.compare().await?,
            }
        }
    }

    async fn hear(&self, mut messages: PubSubStream) -> Result<Infallible, Lost> {
        while let Some(message) = messages.next().await {
            self.take(message.get_payload_bytes());
        }
        Err(Lost::Closed)
    }

    async fn keep_asking(&self, mut pulse: PubSubSink) -> Result<Infallible, Lost> {
        let mut ticks = interval(PULSE);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut redis = self.redis.clone();
        loop {
            ticks.tick().await;
            let ping = cmd("PING");
            let both = async { try_join!(ping.query_async::<Value>(&mut redis), pulse.ping::<Value>()) };
            timeout(PATIENCE, both).await.map_err(|_| Lost::Silent)??;
        }
    }

    /// Learns what Redis has, then tells what is known here; after that neither lacks anything.
    async fn compare(&self) -> Result<(), Lost> {
        let mut cursor = 0_u64;
        loop {
            let mut scan = cmd("HSCAN");
            scan.arg(REVISIONS).arg(cursor).arg("COUNT").arg(BATCH);
            let (next, entries): (u64, Fields) = scan.query_async(&mut self.redis.clone()).await?;
            for (field, value) in entries {
                match message::entry(&field, &value) {
                    Some((key, revision)) => self.learn(Kind::Known, &key, revision),
                    None => self.pass_over(&[&field[..], b" ", &value].concat()),
                }
            }
            cursor = next;
            if cursor == 0 {
                break;
            }
        }
        self.write(Kind::Known, &self.origin.hub().revisions()).await
    }

    async fn tell_what_waits(&self) -> Result<(), Lost> {
        self.write(Kind::Announced, &self.bus.waiting.take()).await?;
        self.bus.waiting.arrived();
        Ok(())
    }

    async fn write(&self, kind: Kind, revisions: &[(EnvironmentKey, Revision)]) -> Result<(), Lost> {
        for batch in revisions.chunks(BATCH) {
            let mut script = cmd("EVAL");
            script.arg(include_str!("merge.lua")).arg(1).arg(REVISIONS);
            script.arg(&self.channel).arg(&self.bus.sender).arg(kind.text()).arg(self.last_believed().0);
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
            None => self.pass_over(payload),
        }
    }

    fn learn(&self, kind: Kind, key: &EnvironmentKey, revision: Revision) {
        if revision > self.last_believed() {
            return self.pass_over(format!("{key} {revision}").as_bytes());
        }
        let (hub, latest_possible) = (self.origin.hub(), self.origin.latest_possible());
        let outcome = match kind {
            Kind::Announced => hub.announce(key, revision, latest_possible).map(drop),
            Kind::Known => hub.learn(key, revision, latest_possible),
        };
        if let Err(full @ Full::Environments { .. }) = outcome {
            self.bus.say_once(&self.bus.said_full, || {
                format!("of what the bus brings, some is passed over: {full}")
            });
        }
    }

    fn pass_over(&self, garbage: &[u8]) {
        self.bus.say_once(&self.bus.said_garbage, || {
            let shown: String = String::from_utf8_lossy(garbage).chars().take(SHOWN).collect();
            format!(
                "of what the bus {} brings, some is no revision and is passed over: {shown:?}",
                self.bus.address
            )
        });
    }

    fn last_believed(&self) -> Revision {
        Revision(self.origin.latest_possible().0 + DAY)
    }
}
