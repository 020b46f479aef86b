//! The two connections to Redis that a session uses at a time, and what goes wrong with them.

use std::time::Duration;

use redis::aio::{MultiplexedConnection, PubSubSink, PubSubStream};
use redis::{AsyncConnectionConfig, Client, ErrorKind, RedisError, cmd};
use tokio::time::timeout;

use crate::bus::address::BusAddress;

/// How long Redis may take for an answer. It answers within a millisecond.
pub(crate) const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);

/// A connection for commands, and one that has subscribed, with its messages.
pub(crate) struct Link {
    pub(crate) redis: MultiplexedConnection,
    pub(crate) pings: PubSubSink,
    pub(crate) messages: PubSubStream,
    /// None if it does not say.
    pub(crate) server: Option<RedisServer>,
}

/// The process that answers.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct RedisServer {
    /// Another one for each process.
    pub(crate) id: String,
    /// It follows another server, and takes no writes.
    pub(crate) is_copy: bool,
}

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
    #[error("it is a copy of another server, and takes no writes")]
    Copy,
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

impl Link {
    /// From here on messages are received, so that all that was missed before is in the hash.
    ///
    /// # Errors
    ///
    /// If there is no Redis, or none that answers in time.
    pub(crate) async fn open(address: &BusAddress, channel: &str) -> Result<Self, BusError> {
        timeout(ANSWER_TIMEOUT, opened(address, channel)).await.map_err(|_| BusError::Silent)?
    }
}

async fn opened(address: &BusAddress, channel: &str) -> Result<Link, BusError> {
    let client = Client::open(address.info().clone())?;
    let (mut pings, messages) = client.get_async_pubsub().await?.split();
    pings.subscribe(channel).await?;
    let limits = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(ANSWER_TIMEOUT))
        .set_response_timeout(Some(ANSWER_TIMEOUT));
    let mut redis = client.get_multiplexed_async_connection_with_config(&limits).await?;
    // A user of Redis may be kept from asking.
    let info: Option<String> = cmd("INFO").query_async(&mut redis).await.ok();
    Ok(Link { redis, pings, messages, server: info.and_then(|info| server(&info)) })
}

fn server(info: &str) -> Option<RedisServer> {
    let value = |name: &str| info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let is_copy = value("role") == Some("slave") && value("slave_read_only") != Some("0");
    Some(RedisServer { id: value("run_id")?.to_owned(), is_copy })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers() {
        let of = |id: &str, is_copy| Some(RedisServer { id: id.to_owned(), is_copy });
        for (info, expected) in [
            ("# Server\r\nrun_id:1f\r\n\r\n# Replication\r\nrole:master\r\n", of("1f", false)),
            ("run_id:1f\r\nrole:slave\r\nslave_read_only:1\r\n", of("1f", true)),
            ("run_id:1f\r\nrole:slave\r\nslave_read_only:0\r\n", of("1f", false)),
            ("run_id:1f", of("1f", false)),
            ("redis_version:7", None),
            ("", None),
        ] {
            assert_eq!(server(info), expected, "{info}");
        }
    }
}
