//! The arguments of an origin, for those commands that run one.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Context, Result, bail, ensure};
use api::Secret;
use clap::Args;
use origin::{BusAddress, EdgeTokens, Origin, Settings, StreamPart};

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
    /// Clients read these streams themselves. So a stream says when to connect again, has a comment every 10 seconds, repeats
    /// no revision, and stays open and silent for a bad key. Caches may join clients to it for three eighths of that time.
    /// With 40, a good number, a client has 25 to 40 seconds.
    #[arg(long, value_name = "SECONDS", value_parser = stream_part)]
    stream_seconds: Option<StreamPart>,
}

fn stream_part(text: &str) -> Result<StreamPart, String> {
    let (least, most) = StreamPart::SECONDS;
    let part = text.parse().ok().and_then(StreamPart::of_seconds);
    part.ok_or_else(|| format!("not a whole number from {least} to {most}"))
}

/// Files beside those of streams: listener, announcements, requests for health and metrics.
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
        let origin = Origin::new(Settings {
            token,
            edge_tokens,
            webhook_secret,
            max_streams: possible(log, self.max_streams),
            max_environments: self.max_environments,
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

/// As many of the wanted streams as there can be open files, for which the limit of the process is raised as far as the
/// system allows. If it is fewer, this is warned of. More streams would leave no files for health and announcements.
fn possible(log: &Log, streams: usize) -> usize {
    let wanted = u64::try_from(streams).unwrap_or(u64::MAX).saturating_add(OTHER_FILES);
    // A system that does not say has no such limit.
    let files = rlimit::increase_nofile_limit(wanted).unwrap_or(u64::MAX);
    if files >= wanted {
        return streams;
    }
    let possible = files.saturating_sub(OTHER_FILES).max(1);
    log.warning(&format!(
        "only {files} files may be open (ulimit -n), so it takes {possible} streams at most"
    ));
    usize::try_from(possible).unwrap_or(streams)
}
