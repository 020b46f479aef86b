//! `jackstaff collect`: the edge's analytics log to Flagsmith.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use api::Secret;
use clap::Args;
use collector::{Collector, FileError, Pauses, Reading, Settings, StartError};
use tokio::net::TcpListener;

use crate::USAGE;
use crate::log::Log;
use crate::origin::end;
use crate::source_arguments::certificates;

/// The environment variable with the token that log streaming sends.
const TOKEN: &str = "JACKSTAFF_COLLECT_TOKEN";

/// Forward what SDKs counted, and events, from the edge's analytics log to Flagsmith
///
/// Reads lines of the log from FILEs, and takes them from Fastly's log streaming with --listen. What an environment counts is
/// added up over an interval, and sent to Flagsmith with the environment's client-side key, which stands in each line: no secret
/// is needed. Lines are acknowledged once they are in the spool, and leave it once Flagsmith accepted them, so neither a restart
/// nor a Flagsmith that is away loses any. Without --listen and --follow it ends once all is forwarded.
///
/// Exit codes: 0 all is forwarded, or it was ended by a signal; 1 a file could not be read, or something is left in the spool,
/// waiting or refused, or it could not start; 64 wrong usage.
#[derive(Args)]
#[command(after_help = "Examples:
  jackstaff collect --spool /var/lib/jackstaff --flagsmith https://flagsmith.example.com usage.log usage.log.1
  jackstaff collect --spool /var/lib/jackstaff --flagsmith https://flagsmith.example.com --follow /var/log/usage.log
  jackstaff collect --spool /var/lib/jackstaff --flagsmith http://flagsmith:8000 --listen 0.0.0.0:8080 \\
    --token-file /run/secrets/collect-token --service SERVICE_ID
  zcat usage-*.gz | jackstaff collect --spool spool --flagsmith http://127.0.0.1:8000 -
  jackstaff collect --spool spool --flagsmith http://flagsmith:8000 --events-url https://events.api.flagsmith.com usage.log

Environment variables:
  JACKSTAFF_COLLECT_TOKEN  the token that requests with lines must carry, unless --token-file names a file with it
  SSL_CERT_FILE            certificates (PEM) that a Flagsmith is trusted by, in place of the usual ones")]
pub(crate) struct Arguments {
    /// Files with lines of the log; `-` for the standard input
    #[arg(required_unless_present = "listen", value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Go on reading FILEs as they grow, and the files that take their names
    #[arg(long)]
    follow: bool,
    /// Take lines over HTTP, as Fastly's log streaming posts them
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
    /// A file with the token that requests with lines must carry, as `Authorization: Token …`
    #[arg(long, value_name = "FILE", requires = "listen")]
    token_file: Option<PathBuf>,
    /// A Fastly service whose logs are welcome; without one, those of all are. May be given several times
    #[arg(long, value_name = "SERVICE_ID", requires = "listen")]
    service: Vec<String>,
    /// Listen without a token on an address that other machines reach
    #[arg(long, requires = "listen")]
    insecure: bool,
    /// The directory for what is not forwarded yet; of this process alone
    #[arg(long, value_name = "DIR")]
    spool: PathBuf,
    /// Bytes that the spool may hold. When it is full, files wait, and requests are answered 503
    #[arg(long, value_name = "BYTES", default_value_t = 1 << 30)]
    spool_bytes: u64,
    /// Flagsmith: https://flagsmith.example.com, or http://host:8000
    #[arg(long, value_name = "URL")]
    flagsmith: String,
    /// Where events go: https://events.api.flagsmith.com. Without it they are dropped
    #[arg(long, value_name = "URL")]
    events_url: Option<String>,
    /// For how many seconds what an environment counts is added up
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = interval)]
    interval: Duration,
}

fn interval(text: &str) -> Result<Duration, String> {
    let seconds: Option<f64> = text.parse().ok().filter(|seconds| (0.1..=3_600.0).contains(seconds));
    seconds.map(Duration::from_secs_f64).ok_or_else(|| "not a number from 0.1 to 3600".to_owned())
}

pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    let log = Log::new("collect");
    let code = match prepare(arguments, &log) {
        Ok(settings) => collect(arguments, settings, &log).unwrap_or_else(|error| {
            log.warning(&format!("{error:#}"));
            ExitCode::FAILURE
        }),
        Err(error) => {
            log.warning(&format!("{error:#}"));
            USAGE.into()
        }
    };
    log.finish();
    code
}

fn prepare(arguments: &Arguments, log: &Log) -> Result<Settings> {
    let token = Secret::read_token(arguments.token_file.as_deref(), TOKEN)?;
    if let Some(listen) = arguments.listen.filter(|listen| !listen.ip().to_canonical().is_loopback()) {
        ensure!(
            token.is_some() || arguments.insecure,
            "there is no token, and other machines reach {listen}, so anybody could make up counts: give it one (see --help), or \
             insist with --insecure"
        );
        if token.is_none() {
            log.warning("no token, so anybody who reaches it may make up counts");
        }
    }
    let log = log.clone();
    Ok(Settings {
        spool: arguments.spool.clone(),
        spool_bytes: arguments.spool_bytes,
        flagsmith: arguments.flagsmith.clone(),
        events: arguments.events_url.clone(),
        certificates: certificates()?.map(|certificates| certificates.pem),
        interval: arguments.interval,
        token,
        services: arguments.service.clone(),
        pauses: Pauses::default(),
        log: Arc::new(move |line| log.warning(line)),
    })
}

fn collect(arguments: &Arguments, settings: Settings, log: &Log) -> Result<ExitCode> {
    let runtime = tokio::runtime::Runtime::new().context("no runtime could be started")?;
    let collector = match Collector::start(settings) {
        Ok(collector) => Arc::new(collector),
        Err(error @ (StartError::Url(_) | StartError::Certificates(_))) => {
            log.warning(&error.to_string());
            return Ok(USAGE.into());
        }
        Err(error) => return Err(error.into()),
    };
    let reading = if arguments.follow { Reading::Follow } else { Reading::Once };
    let goes_on = arguments.follow || arguments.listen.is_some();
    let readers = read(&collector, &arguments.files, reading);
    let listener = match arguments.listen {
        Some(address) => {
            let listener = runtime.block_on(TcpListener::bind(address));
            let listener = listener.with_context(|| format!("cannot listen on {address}"))?;
            log.information(&format!("listening on http://{}", listener.local_addr()?));
            Some(listener)
        }
        None => None,
    };
    let forwarding = Arc::clone(&collector);
    let read_all = move || {
        let failed = readers.into_iter().filter_map(|reader| reader.join().ok()?.err());
        let failed: Vec<FileError> = failed.collect();
        forwarding.wait_until_forwarded();
        failed
    };
    let failed = runtime.block_on(async {
        let reading = tokio::task::spawn_blocking(read_all);
        match listener {
            Some(listener) => collector.serve(listener, end()).await,
            None if arguments.follow => end().await,
            None => {
                return tokio::select! {
                    failed = reading => failed.unwrap_or_default(),
                    () = end() => Vec::new(),
                };
            }
        }
        collector.hurry();
        // The standard input may be silent for ever.
        tokio::time::timeout(Duration::from_secs(1), reading)
            .await
            .unwrap_or(Ok(Vec::new()))
            .unwrap_or_default()
    });
    failed.iter().for_each(|error| log.warning(&error.to_string()));
    let left = collector.end();
    runtime.shutdown_background();
    if left.waits {
        log.warning(&format!("{} bytes are left in the spool, for the next time", left.bytes));
    }
    let is_good = failed.is_empty() && (goes_on || (!left.waits && left.set_aside == 0));
    Ok(if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A thread for each file.
fn read(
    collector: &Arc<Collector>,
    files: &[PathBuf],
    reading: Reading,
) -> Vec<JoinHandle<Result<(), FileError>>> {
    let read = |file: &PathBuf| {
        let (collector, file) = (Arc::clone(collector), file.clone());
        thread::spawn(move || match &*file {
            file if file == Path::new("-") => collector.read_input(io::stdin().lock()),
            file => collector.read_file(file, reading),
        })
    };
    files.iter().map(read).collect()
}
