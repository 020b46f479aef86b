//! `jackstaff unpublish`: environments out of the edge KV store.

use std::process::ExitCode;

use api::{EnvironmentKey, ServerKeyHash};
use clap::Args;
use publisher::{Client, Done, Published, SystemClock, unpublish};

use crate::USAGE;
use crate::log::{complain, say};
use crate::target::TargetArguments;
use crate::verdict::{Verdict, judge};

/// Remove environments: after it, their keys open nothing
///
/// Removing is a publication, too: a tombstone is written with the next revision, read back, purged and announced.
/// What was removed can be published again; a file that is older than the one that was removed needs --force.
/// Exit codes: 0 removed, now or before; 1 an environment is not in the store; 2 a store could not be written; 3
/// written, but a purge or an announcement failed; of several the worst counts (2, 1, 3, 0); 64 wrong usage.
#[derive(Args)]
#[command(after_help = "Examples:
  jackstaff unpublish --dry-run --store STORE KEY
  jackstaff unpublish --store STORE --service SERVICE --origin https://signals.example.com KEY

Environment variables:
  FASTLY_API_TOKEN        the API token, unless --token-file names a file with it
  JACKSTAFF_ORIGIN_TOKEN  the origin's token, unless --origin-token-file names a file with it")]
pub(crate) struct Arguments {
    /// Client-side keys of environments
    #[arg(required = true, value_name = "KEY")]
    keys: Vec<String>,
    #[command(flatten)]
    target: TargetArguments,
    /// Print what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
}

pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    let target = match arguments.target.target("unpublish") {
        Ok(target) => target,
        Err(error) => {
            complain!("jackstaff unpublish: {error:#}");
            return USAGE.into();
        }
    };
    let clock = SystemClock::start();
    let client = Client::new(target, &clock);
    let verdicts = arguments.keys.iter().zip(1..).map(|(text, number)| {
        let key = match EnvironmentKey::parse(text) {
            Ok(key) => key,
            // What looks like a server-side key is not shown.
            Err(fault) if text.starts_with(ServerKeyHash::PREFIX) => {
                complain!("key {number}: {fault}");
                return Verdict::Refused;
            }
            Err(fault) => {
                complain!("{text}: {fault}");
                return Verdict::Refused;
            }
        };
        let report = unpublish(&client, &key, arguments.dry_run);
        if let Ok(published) = &report.environment {
            for warning in &published.plan_warnings {
                complain!("{key}: warning: {warning}");
            }
            say!("{}", sentence(&key, published));
        }
        judge(&key, &report)
    });
    verdicts.max().unwrap_or(Verdict::Good).into()
}

fn sentence(key: &EnvironmentKey, published: &Published) -> String {
    let revision = published.revision;
    match published.done {
        Done::Written => format!("removed environment `{key}` with revision {revision}"),
        Done::Unchanged => format!("unchanged: environment `{key}` was removed with revision {revision}"),
        Done::Planned => format!("would remove environment `{key}` with revision {revision}"),
    }
}
