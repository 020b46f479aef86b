//! The arguments of an origin, for those commands that run one.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Context, Result, bail, ensure};
use api::Secret;
use clap::Args;
use origin::{BusAddress, EdgeTokens, Origin, Settings, StreamPart, TrustedProxy};

use crate::log::Log;

/// The environment variable with the URL of the bus, which may hold its password.
const BUS: &str = "JACKSTAFF_BUS";

/// The environment variable with the edge tokens.
const EDGE_TOKEN: &str = "JACKSTAFF_EDGE_TOKEN";

#[derive(Args)]
pub(crate) struct OriginArguments {
    /// A file with the token that each stream needs, as edges send it; or with two, one a line, while the token is changed.
    /// Without one, anybody may open streams, and only this machine reaches it
    #[arg(long, value_name = "FILE")]
    edge_token_file: Option<PathBuf>,
    /// How many streams may be open; more are refused with 503. Each takes a file descriptor and about 12 KB
    #[arg(long, value_name = "N", default_value_t = Settings::default().max_streams)]
    max_streams: usize,
    /// How many environments may be announced; new ones are refused with 503 beyond. As many again may be listened to
    /// without having been announced
    #[arg(long, value_name = "N", default_value_t = Settings::default().max_environments)]
    max_environments: usize,
    /// How many connections one address may have that have shown no token, streams among them; IPv6 counts by /64. Beyond, a
    /// request without a token is refused with 429
    #[arg(long, value_name = "N", default_value_t = Settings::default().max_per_address)]
    max_per_address: usize,
    /// A proxy, or a network of them, whose X-Forwarded-For is believed: its last address that is no such proxy's is whose
    /// request it is. May be given several times
    #[arg(long, value_name = "CIDR")]
    trusted_proxy: Vec<TrustedProxy>,
    /// The Redis server through which replicas share what is announced: redis://HOST:PORT/DB, or rediss:// for TLS. A URL
    /// with a password comes in JACKSTAFF_BUS instead
    #[arg(long, value_name = "URL")]
    bus: Option<String>,
    /// The file that holds the password for the bus
    #[arg(long, value_name = "FILE")]
    bus_password_file: Option<PathBuf>,
    /// Start without a token for announcements or for streams on an address that other machines reach
    #[arg(long)]
    insecure: bool,
    /// End each stream after so many seconds, 5 to 90, for a cache that hands it on to clients (vcl/); not for edges
    ///
    /// Clients read these streams themselves. So a stream says when to connect again, has a comment every 10 seconds and a
    /// greater number in each event, and stays open and silent for a bad key. Caches may join clients to it for three eighths
    /// of that time. With 40, a good number, a client has 25 to 40 seconds.
    #[arg(long, value_name = "SECONDS", value_parser = stream_part)]
    stream_seconds: Option<StreamPart>,
}

fn stream_part(text: &str) -> Result<StreamPart, String> {
    let (least, most) = StreamPart::SECONDS;
    let part = text.parse().ok().and_then(StreamPart::of_seconds);
    part.ok_or_else(|| format!("not a whole number from {least} to {most}"))
}

/// Files for connections that are at work for a token, the bus, the listener, and the publisher of `serve`.
const OTHER_FILES: u64 = 64;

impl OriginArguments {
    /// The origin that listens there, with the token of announcements. What it lacks is warned of. Only a command that
    /// publishes in the same process has a webhook secret.
    ///
    /// # Errors
    /// What is wrong with the arguments, and an origin that lacks a token and that other machines reach.
    pub(crate) fn origin(
        &self,
        log: &Log,
        listen: SocketAddr,
        token: Option<Secret>,
        webhook_secret: Option<Secret>,
    ) -> Result<Origin> {
        let edge_tokens = EdgeTokens::read(self.edge_token_file.as_deref(), EDGE_TOKEN)?;
        for (secret, what) in
            [(&token, "the token of announcements"), (&webhook_secret, "the secret of webhooks")]
        {
            let (Some(secret), Some(edge_tokens)) = (secret, &edge_tokens) else { continue };
            ensure!(
                !edge_tokens.accept(secret.reveal().as_bytes()),
                "an edge token is equal to {what}, so every edge could use it: choose another"
            );
        }
        let is_reached = !listen.ip().to_canonical().is_loopback();
        let lacks_edge_token = edge_tokens.is_none() && is_reached;
        if is_reached && !self.insecure {
            refuse_without(listen, token.is_some(), edge_tokens.is_some())?;
        }
        let room = room(log, self.max_streams);
        let origin = Origin::new(Settings {
            token,
            edge_tokens,
            webhook_secret,
            max_streams: room.streams,
            max_environments: self.max_environments,
            max_connections: room.connections,
            max_per_address: self.max_per_address,
            trusted_proxies: self.trusted_proxy.clone(),
            stream_part: self.stream_seconds,
        });
        if origin.accepts_everyone() {
            log.warning("no token for announcements, so anybody who reaches it may announce changes");
        }
        if lacks_edge_token {
            log.warning("no edge token, so anybody who reaches it may take all streams");
        }
        let Some(bus) = self.bus()? else { return Ok(origin) };
        let log = log.clone();
        Ok(origin.with_bus(bus, move |line| log.warning(line)))
    }

    fn bus(&self) -> Result<Option<BusAddress>> {
        let address = match &self.bus {
            Some(url) => Some(BusAddress::parse(url).context("--bus")?),
            None => Secret::read_variable(BUS)?
                .map(|url| BusAddress::parse(url.reveal()).context(BUS))
                .transpose()?,
        };
        let Some(address) = address else {
            let has_password = self.bus_password_file.is_some();
            ensure!(!has_password, "--bus-password-file: there is no bus; name one by --bus or {BUS}");
            return Ok(None);
        };
        ensure!(
            self.bus.is_none() || !address.has_password(),
            "--bus: other users of this machine can read a password on a command line; set {BUS}, or name a \
             --bus-password-file"
        );
        Ok(Some(match &self.bus_password_file {
            Some(file) => address.with_password(&Secret::read_file(file)?),
            None => address,
        }))
    }
}

/// # Errors
/// Which token an origin lacks that other machines reach.
fn refuse_without(listen: SocketAddr, has_token: bool, has_edge_token: bool) -> Result<()> {
    let lacks = match (has_token, has_edge_token) {
        (true, true) => return Ok(()),
        (false, true) => {
            format!("no token, and other machines reach {listen}, so anybody could announce changes")
        }
        (true, false) => {
            format!("no edge token, and other machines reach {listen}, so anybody could take all streams")
        }
        (false, false) => format!(
            "no token, and other machines reach {listen}, so anybody could announce changes; nor an edge token, so anybody \
             could take all streams"
        ),
    };
    bail!("there is {lacks}: give it both tokens (see --help), or insist with --insecure")
}

/// How many connections there can be.
#[derive(Debug, PartialEq, Eq)]
struct Room {
    streams: usize,
    connections: usize,
}

/// Room for the wanted streams, for which the limit of open files is raised as far as the system allows. If there is less, this
/// is warned of.
fn room(log: &Log, streams: usize) -> Room {
    // A system that does not say has no such limit.
    let mut files = u64::MAX;
    let room = divide(streams, |wanted| {
        files = rlimit::increase_nofile_limit(wanted).unwrap_or(files);
        files
    });
    if room.streams < streams {
        let possible = room.streams;
        log.warning(&format!(
            "only {files} files may be open (ulimit -n), so it takes {possible} streams at most"
        ));
    }
    room
}

/// Divides the files that can be open, as `limit` says to how many are wanted. Connections beside streams get a quarter of those
/// that are scarce.
fn divide(streams: usize, limit: impl FnOnce(u64) -> u64) -> Room {
    let connections = Settings::default().max_connections;
    let wanted = streams.saturating_add(connections);
    let files = limit(u64::try_from(wanted).unwrap_or(u64::MAX).saturating_add(OTHER_FILES));
    let files = usize::try_from(files.saturating_sub(OTHER_FILES)).unwrap_or(usize::MAX);
    if files >= wanted {
        return Room { streams, connections };
    }
    let connections = connections.min(files / 4).max(1);
    Room { streams: streams.min(files.saturating_sub(connections)).max(1), connections }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_divided_between_streams_other_connections_and_the_rest() {
        for (streams, files, expected_streams, expected_connections) in [
            (50_000, u64::MAX, 50_000, 1_536),
            (50_000, 51_600, 50_000, 1_536),
            (50_000, 51_599, 49_999, 1_536),
            (50_000, 20_000, 18_400, 1_536),
            (50_000, 1_024, 720, 240),
            (50_000, 160, 72, 24),
            // There is room for all streams, and not for all other connections.
            (100, 1_024, 100, 240),
            (100, 160, 72, 24),
            (50_000, 64, 1, 1),
            (50_000, 0, 1, 1),
            (usize::MAX, u64::MAX, usize::MAX - 1_600, 1_536),
        ] {
            let room = divide(streams, |_| files);
            assert_eq!(
                room,
                Room { streams: expected_streams, connections: expected_connections },
                "{streams} {files}"
            );
        }
    }
}
