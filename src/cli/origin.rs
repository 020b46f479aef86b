//! `jackstaff origin`: the origin of change signals.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use api::Secret;
use clap::Args;
use tokio::signal;

use crate::log::Log;
use crate::origin_arguments::OriginArguments;
use crate::target::ORIGIN_TOKEN;

/// Run the origin of change signals, which holds no flags
///
/// Takes announcements (`POST /sse/environments/KEY/queue-change`), passes them on to streams (`GET
/// /sse/environments/KEY/stream`), and answers `/health/liveness`, `/health/readiness` and `/metrics`. Streams need the edge
/// token, which edges have in their secret store, if there is one here. On Ctrl-C or TERM it aborts them, finishes other
/// requests, and ends.
#[derive(Args)]
#[command(after_help = "Examples:
  jackstaff origin
  jackstaff origin --listen 0.0.0.0:8080 --token-file /run/secrets/origin-token --edge-token-file /run/secrets/edge-token
  jackstaff origin --max-streams 5000 --max-environments 200
  jackstaff origin --stream-seconds 40
  jackstaff origin --trusted-proxy 10.0.0.0/8 --max-per-address 200
  jackstaff origin --bus redis://redis.example.com:6379 --bus-password-file /run/secrets/redis-password
  curl -N -H 'Authorization: Token EDGE_TOKEN' http://127.0.0.1:7678/sse/environments/KEY/stream

Environment variables:
  JACKSTAFF_ORIGIN_TOKEN  the token that announcements must carry, unless --token-file names a file with it
  JACKSTAFF_EDGE_TOKEN    the token that streams need, unless --edge-token-file names a file with it
  JACKSTAFF_BUS           the URL of the bus with its password, redis://:PASSWORD@HOST:PORT/DB, unless --bus is given")]
pub(crate) struct Arguments {
    /// Where to listen
    #[arg(long, value_name = "ADDR", env = "ORIGIN_ADDR", default_value = "127.0.0.1:7678")]
    listen: SocketAddr,
    /// A file with the token that announcements must carry; without a token,
    /// anybody may announce changes, and only this machine reaches it
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    #[command(flatten)]
    origin: OriginArguments,
}

pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    let log = Log::new("origin");
    let code = match serve(arguments, &log) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log.warning(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    };
    log.finish();
    code
}

fn serve(arguments: &Arguments, log: &Log) -> Result<()> {
    let token = Secret::read_token(arguments.token_file.as_deref(), ORIGIN_TOKEN)?;
    let origin = arguments.origin.origin(log, arguments.listen, token, None)?;
    let runtime = tokio::runtime::Runtime::new().context("no runtime could be started")?;
    runtime.block_on(async {
        let address = arguments.listen;
        let listener = origin::listen(address).with_context(|| format!("cannot listen on {address}"))?;
        log.information(&format!("listening on http://{}", listener.local_addr()?));
        origin::run(listener, origin, end()).await;
        Ok(())
    })
}

/// Ctrl-C, or TERM on systems that have it.
pub(crate) async fn end() {
    let interrupt = async {
        // Without a handler the process ends by the signal itself.
        let _ = signal::ctrl_c().await;
    };
    #[cfg(unix)]
    if let Ok(mut terminate) = signal::unix::signal(signal::unix::SignalKind::terminate()) {
        tokio::select! {
            () = interrupt => {}
            _ = terminate.recv() => {}
        }
        return;
    }
    interrupt.await;
}
