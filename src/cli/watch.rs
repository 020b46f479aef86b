//! `jackstaff watch`: documents into the edge KV store, continuously.

use std::path::PathBuf;
use std::process::{ExitCode, exit};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use publisher::watch::{AtFlagsmith, Session, WatchSettings};
use publisher::{PublishOptions, SystemClock};

use crate::USAGE;
use crate::dear::Dear;
use crate::evaluate::RegexAnchor;
use crate::log::{Log, complain};
use crate::origin::end;
use crate::source_arguments::{MANIFESTS, NamedFlagsmith, SourceArguments};
use crate::target::TargetArguments;

/// How long a write under way may take to its end.
const LAST_WRITE: Duration = Duration::from_secs(10);
/// Exit code after a write that was not finished: the one of `publish` for a store that could not be written.
const NOT_WRITTEN: i32 = 2;

/// Publish environment documents whenever they change, and announce them
///
/// Publishes each FILE, and each environment of the manifest that --flagsmith has, as `publish` does, and again
/// whenever its content changes: at most once a second for an environment, then with the newest content. What fails is
/// tried again until it succeeds. A document that is broken, has an operator that this version does not know, is older than
/// what is stored, or is of an environment that is published from another place, is logged, and what was published before
/// stays. A file that is removed is logged, and stays published; `unpublish` removes an
/// environment, which stays removed until its file changes or `publish` publishes it again. Ends on Ctrl-C or TERM, with
/// the write that is under way. Exit codes: 0 ended so; 2 a write under way took more than 10 s; 64 wrong usage.
#[derive(Args)]
#[command(after_help = format!("Examples:
  jackstaff watch --store STORE --service SERVICE --origin https://signals.example.com environments/
  jackstaff watch --store STORE --service SERVICE --server-keys keys.json production.json staging.json
  jackstaff watch --store STORE --service SERVICE --flagsmith https://edge.api.flagsmith.com --server-keys keys.json
  jackstaff watch --api http://127.0.0.1:7676 --store local --origin http://127.0.0.1:7678 environment.json

Environment variables:
  FASTLY_API_TOKEN        the API token, unless --token-file names a file with it
  JACKSTAFF_ORIGIN_TOKEN  the origin's token, unless --origin-token-file names a file with it
  JACKSTAFF_SERVER_KEYS   a manifest itself, unless --server-keys names a file with it; a file is watched, too
  SSL_CERT_FILE           certificates (PEM) that a Flagsmith is trusted by, in place of the usual ones

{MANIFESTS}"))]
pub(crate) struct Arguments {
    #[command(flatten)]
    watched: WatchedArguments,
    #[command(flatten)]
    target: TargetArguments,
}

/// What is watched, and how.
#[derive(Args)]
pub(crate) struct WatchedArguments {
    /// Environment documents (JSON), and directories: each `*.json` right in them that is not hidden
    #[arg(value_name = "FILE|DIRECTORY", required_unless_present = "flagsmith")]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    sources: SourceArguments,
    /// Where regular expressions have to match
    #[arg(long, value_enum, default_value_t = RegexAnchor::Start)]
    regex_anchor: RegexAnchor,
    /// Replace newer documents by older files, and let server-side keys open another environment than they do
    #[arg(long)]
    force: bool,
    /// What happens to a document with an operator, or a type of rule, that this version does not know
    #[arg(long, value_enum, default_value_t = UnknownOperators::Hold)]
    unknown_operators: UnknownOperators,
    /// What happens to a document by which a request may cost more than the platform allows
    #[arg(long, value_enum, default_value_t = Dear::Hold)]
    dear: Dear,
    /// How often files are looked at, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 250,
        value_parser = clap::value_parser!(u64).range(20..=60_000))]
    interval: u64,
    /// How often Flagsmith is asked for each environment, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 10,
        value_parser = clap::value_parser!(u64).range(1..=3_600))]
    poll: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum UnknownOperators {
    /// It is held back, and what was published before stays
    Hold,
    /// It is published: what is unknown matches nothing
    Publish,
}

impl WatchedArguments {
    /// # Errors
    /// What is wrong with the arguments, or with a manifest.
    pub(crate) fn session(&self, command: &str) -> Result<Session> {
        let sources = self.sources.sources(command)?;
        let interval = Duration::from_secs(self.poll);
        let at_flagsmith = |NamedFlagsmith { name, api }: NamedFlagsmith| AtFlagsmith { api, name, interval };
        Ok(Session::new(WatchSettings {
            paths: self.paths.clone(),
            flagsmith: sources.flagsmith.map(at_flagsmith),
            server_keys: sources.server_keys.unwrap_or_default(),
            server_keys_file: sources.server_keys_file,
            options: PublishOptions {
                anchoring: self.regex_anchor.into(),
                force: self.force,
                keep_removed: true,
                dry_run: false,
                hold_unknown: self.unknown_operators == UnknownOperators::Hold,
                accept_dear: self.dear == Dear::Publish,
            },
            interval: Duration::from_millis(self.interval),
        }))
    }
}

pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    match watch(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain!("jackstaff watch: {error:#}");
            USAGE.into()
        }
    }
}

fn watch(arguments: &Arguments) -> Result<()> {
    let session = arguments.watched.session("watch")?;
    let target = arguments.target.target("watch")?;
    let clock = Arc::new(SystemClock::start());
    let log = Log::new("watch");
    hurry_at_the_end(Arc::clone(&clock), log.clone())?;
    session.run(target, &clock, |line| log.line(line));
    log.finish();
    Ok(())
}

/// Hurries the clock when the program is to end, and ends it if that takes too long, or after a second signal.
fn hurry_at_the_end(clock: Arc<SystemClock>, log: Log) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.context("no runtime could be started")?;
    thread::spawn(move || {
        runtime.block_on(async {
            end().await;
            clock.hurry();
            // A second signal ends it as the time-out does.
            let _ = tokio::time::timeout(LAST_WRITE, end()).await;
        });
        end_unfinished(&log);
    });
    Ok(())
}

/// Ends the program with a write under way.
pub(crate) fn end_unfinished(log: &Log) -> ! {
    log.warning("ended with a write under way; watching again settles it");
    log.finish();
    exit(NOT_WRITTEN);
}
