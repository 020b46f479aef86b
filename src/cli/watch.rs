//! `jackstaff watch`: documents from files into the edge KV store, continuously.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::{ExitCode, exit};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;
use publisher::watch::{News, Settings, run as watch};
use publisher::{Options, SystemClock, Target};

use crate::USAGE;
use crate::evaluate::RegexAnchor;
use crate::origin::end;
use crate::publish::manifest;
use crate::target::TargetArguments;

/// How long a write under way may take to its end.
const LAST_WRITE: Duration = Duration::from_secs(10);
/// Exit code of one that did not come to its end: what `publish` says of a store that could not be written.
const NOT_WRITTEN: i32 = 2;

/// Publish environment documents whenever they change, and announce them
///
/// Publishes each file as `publish` does, and again whenever its content changes: at most once a second for an
/// environment, then with the newest content. What fails is tried again until it succeeds. A document that is broken,
/// older than what is stored, or of an environment that another file holds, is said so, and what was published before
/// stays. Of a file that is removed it says what goes on being served; `unpublish` removes an environment. Ends on
/// Ctrl-C or TERM, with the write that is under way. Exit codes: 0 ended so; 2 a write under way took more than 10 s;
/// 64 wrong usage.
#[derive(Args)]
#[command(after_help = "Examples:
  jackstaff watch --store STORE --service SERVICE --origin https://signals.example.com environments/
  jackstaff watch --store STORE --service SERVICE --server-keys keys.json production.json staging.json
  jackstaff watch --api http://127.0.0.1:7676 --store local --origin http://127.0.0.1:7678 environment.json

Environment variables:
  FASTLY_API_TOKEN        the API token, unless --token-file names a file with it
  JACKSTAFF_ORIGIN_TOKEN  the origin's token, unless --origin-token-file names a file with it

A manifest of server-side keys, which is watched, too:
  {\"<client-side key>\": [\"ser.…\", {\"key\": \"ser.…\", \"active\": true, \"expires_at\": null}]}")]
pub(crate) struct Arguments {
    /// Environment documents (JSON), and directories: each `*.json` right in them that is not hidden
    #[arg(required = true, value_name = "FILE|DIRECTORY")]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    target: TargetArguments,
    /// A manifest of server-side keys by environment
    #[arg(long, value_name = "FILE")]
    server_keys: Option<PathBuf>,
    /// Where regular expressions have to match
    #[arg(long, value_enum, default_value_t = RegexAnchor::Start)]
    regex_anchor: RegexAnchor,
    /// Replace newer documents by older ones
    #[arg(long)]
    force: bool,
    /// How often files are looked at, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 250,
        value_parser = clap::value_parser!(u64).range(20..=60_000))]
    interval: u64,
}

pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    match prepare(arguments) {
        Ok((settings, target, clock)) => {
            watch(&settings, target, &clock, say);
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("jackstaff watch: {error:#}");
            USAGE.into()
        }
    }
}

fn prepare(arguments: &Arguments) -> Result<(Settings, Target, Arc<SystemClock>)> {
    if let Some(file) = &arguments.server_keys {
        manifest(file)?;
    }
    let settings = Settings {
        paths: arguments.paths.clone(),
        server_keys: arguments.server_keys.clone(),
        options: Options { anchoring: arguments.regex_anchor.into(), force: arguments.force, dry_run: false },
        interval: Duration::from_millis(arguments.interval),
    };
    let target = arguments.target.target("watch")?;
    let clock = Arc::new(SystemClock::start());
    hurry_at_the_end(Arc::clone(&clock))?;
    Ok((settings, target, clock))
}

/// Lets the clock be hurried when the program is to end, and ends it if that takes too long, or is asked for twice.
fn hurry_at_the_end(clock: Arc<SystemClock>) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.context("no runtime could be started")?;
    thread::spawn(move || {
        runtime.block_on(async {
            end().await;
            clock.hurry();
            // Whether it was the time or somebody's impatience makes no difference.
            let _ = tokio::time::timeout(LAST_WRITE, end()).await;
        });
        say(&News {
            is_trouble: true,
            line: "ended with a write under way; watching again settles it".into(),
        });
        exit(NOT_WRITTEN);
    });
    Ok(())
}

/// What nobody reads any more is no reason to stop.
fn say(news: &News) {
    let _ = if news.is_trouble {
        writeln!(io::stderr(), "jackstaff watch: {news}")
    } else {
        writeln!(io::stdout(), "jackstaff watch: {news}")
    };
}
