//! `jackstaff serve`: the origin and a watch in one process.

use std::cell::Cell;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use api::progress::{Changed, Progress};
use api::{EnvironmentKey, Revision, Secret};
use clap::Args;
use origin::{Control, Origin};
use publisher::watch::Remote;
use publisher::{Announce, Signals, SystemClock};
use tokio::task::block_in_place;
use tokio::time::timeout;

use crate::USAGE;
use crate::log::Log;
use crate::origin::end;
use crate::origin_arguments::OriginArguments;
use crate::source_arguments::MANIFESTS;
use crate::target::{ORIGIN_TOKEN, StoreArguments};
use crate::watch::{WatchedArguments, end_unfinished};

/// How long a write under way may take to its end.
const LAST_WRITE: Duration = Duration::from_secs(10);

/// Run the origin of change signals, and publish what changes
///
/// `origin` and `watch` in one process, for set-ups that need no more. It finds changes by itself (files are looked at,
/// Flagsmith is polled), and at once where Flagsmith's SSE_SERVER_BASE_URL or a signed webhook points at it:
/// POST /webhooks/flagsmith. /health/readiness and /status say which environment is how far behind and why, /metrics the
/// same in numbers. It holds nothing that is not elsewhere, and may be killed and started again at any
/// time. Ends on Ctrl-C or TERM. Exit codes: 0 ended so; 1 it could not listen; 2 a write under way took more than 10 s;
/// 64 wrong usage.
#[derive(Args)]
#[command(after_help = format!("Examples:
  jackstaff serve --store STORE --service SERVICE --flagsmith https://edge.api.flagsmith.com --server-keys keys.json
  jackstaff serve --store STORE --service SERVICE --listen 0.0.0.0:8080 --origin-token-file token --edge-token-file edge environments/
  jackstaff serve --api http://127.0.0.1:7676 --store local --service local --interval 100 environment.json

Environment variables:
  FASTLY_API_TOKEN          the API token, unless --token-file names a file with it
  JACKSTAFF_ORIGIN_TOKEN    the token that announcements must carry, unless --origin-token-file names a file with it
  JACKSTAFF_EDGE_TOKEN      the token that streams need, unless --edge-token-file names a file with it
  JACKSTAFF_WEBHOOK_SECRET  what Flagsmith signs webhooks with, unless --webhook-secret-file names a file with it
  JACKSTAFF_BUS             the URL of the bus with its password, unless --bus is given
  JACKSTAFF_SERVER_KEYS     a manifest itself, unless --server-keys names a file with it; a file is watched, too
  SSL_CERT_FILE             certificates (PEM) that a Flagsmith or a bus is trusted by, in place of the usual ones

{MANIFESTS}"))]
pub(crate) struct Arguments {
    #[command(flatten)]
    watched: WatchedArguments,
    #[command(flatten)]
    store: StoreArguments,
    /// Where to listen
    #[arg(long, value_name = "ADDR", env = "ORIGIN_ADDR", default_value = "127.0.0.1:7678")]
    listen: SocketAddr,
    #[command(flatten)]
    origin: OriginArguments,
    /// A file with the token that announcements must carry; without a token,
    /// anybody may announce changes, and only this machine reaches it
    #[arg(long, value_name = "FILE")]
    origin_token_file: Option<PathBuf>,
    /// A file with the secret that Flagsmith signs webhooks with; without a secret, there are no webhooks
    #[arg(long, value_name = "FILE")]
    webhook_secret_file: Option<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    let log = Log::new("serve");
    let code = match prepare(arguments, &log) {
        Ok(serving) => match serving.serve(arguments.listen) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                log.warning(&format!("{error:#}"));
                ExitCode::FAILURE
            }
        },
        Err(error) => {
            log.warning(&format!("{error:#}"));
            USAGE.into()
        }
    };
    log.finish();
    code
}

struct Serving {
    session: publisher::watch::Session,
    target: publisher::Target,
    origin: Origin,
    log: Log,
}

fn prepare(arguments: &Arguments, log: &Log) -> Result<Serving> {
    let session = arguments.watched.session("serve")?;
    let token = Secret::read_token(arguments.origin_token_file.as_deref(), ORIGIN_TOKEN)?;
    let secret = Secret::read(arguments.webhook_secret_file.as_deref(), "JACKSTAFF_WEBHOOK_SECRET")?;
    let origin = arguments.origin.origin(log, arguments.listen, token, secret)?;
    let origin = origin.with_control(Arc::new(OwnWatch(session.remote())));
    let target = arguments.store.target("serve", Signals::InProcess(Arc::new(OwnOrigin(origin.clone()))))?;
    Ok(Serving { session, target, origin, log: log.clone() })
}

impl Serving {
    fn serve(self, address: SocketAddr) -> Result<()> {
        let Serving { session, target, origin, log } = self;
        let of_watch = log.clone();
        let runtime = tokio::runtime::Runtime::new().context("no runtime could be started")?;
        runtime.block_on(async {
            let listener = origin::listen(address).with_context(|| format!("cannot listen on {address}"))?;
            println!("jackstaff serve: listening on http://{}", listener.local_addr()?);
            let clock = Arc::new(SystemClock::start());
            let (ended, mut watch_ended) = tokio::sync::oneshot::channel();
            let hurried = Arc::clone(&clock);
            thread::spawn(move || {
                session.run(target, &clock, |line| of_watch.line(line));
                // The receiver is gone if the program is ending without waiting.
                let _ = ended.send(());
            });
            let has_watch_stopped = Cell::new(false);
            // Streams go on until the last write is announced.
            let last = async {
                tokio::select! {
                    () = end() => {}
                    _ = &mut watch_ended => return has_watch_stopped.set(true),
                }
                hurried.hurry();
                let unfinished = async {
                    let _ = timeout(LAST_WRITE, end()).await;
                };
                tokio::select! {
                    _ = &mut watch_ended => {}
                    () = unfinished => end_unfinished(&log),
                }
            };
            origin::run(listener, origin, last).await;
            ensure!(!has_watch_stopped.get(), "internal error: the watcher stopped");
            Ok(())
        })
    }
}

/// The origin in the same process.
struct OwnOrigin(Origin);

impl Announce for OwnOrigin {
    fn announce(&self, key: &EnvironmentKey, revision: Revision) -> Result<(), String> {
        self.0.announce(key, revision).map_err(|error| error.to_string())
    }
}

/// The watch in the same process.
struct OwnWatch(Remote);

impl Control for OwnWatch {
    fn changed(&self, what: Changed) -> bool {
        self.0.changed(what)
    }

    fn progress(&self) -> Progress {
        // It answers within milliseconds, or is said to be silent after half a second.
        block_in_place(|| self.0.progress())
    }
}
