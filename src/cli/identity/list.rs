//! `jackstaff identity list`.

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::Result;
use api::EnvironmentKey;
use clap::Args;
use publisher::{Client, Signals, StoredIdentities, SystemClock, Target, stored_identities};
use serde_json::{Value, json};

use crate::columns::aligned;
use crate::log::complain;
use crate::target::ApiArguments;
use crate::verdict::Verdict;

/// List the identities of an environment: the hash of each, when it was written, its size, and how many traits it has
///
/// Nothing is written. Each identity is a call to Fastly's API, which takes about 1,000 an hour, so only the first are shown.
/// Exit codes: 0 listed; 2 the store could not be asked; 64 wrong usage.
#[derive(Args)]
#[command(after_help = "Examples:
  jackstaff identity list --store STORE ENVIRONMENT
  jackstaff identity list --store STORE --limit 500 --json ENVIRONMENT

Environment variables:
  FASTLY_API_TOKEN  the API token, unless --token-file names a file with it")]
pub(crate) struct Arguments {
    /// The client-side key of the environment
    #[arg(value_name = "ENVIRONMENT")]
    environment: String,
    #[command(flatten)]
    api: ApiArguments,
    /// How many identities are shown
    #[arg(long, value_name = "NUMBER", default_value_t = 100)]
    limit: usize,
    /// Print one JSON object, with the traits
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> ExitCode {
    let (target, environment) = match prepare(arguments) {
        Ok(prepared) => prepared,
        Err(error) => return super::usage("list", &error),
    };
    let clock = SystemClock::start();
    let listed = match stored_identities(&Client::new(target, &clock), &environment, arguments.limit) {
        Ok(listed) => listed,
        Err(failed) => {
            complain!("jackstaff identity list: {failed}");
            return Verdict::NotWritten.into();
        }
    };
    let text = if arguments.json { format!("{:#}\n", json(&listed)) } else { table(&listed) };
    // A closed output is ignored.
    let _ = io::stdout().write_all(text.as_bytes());
    ExitCode::SUCCESS
}

fn prepare(arguments: &Arguments) -> Result<(Target, EnvironmentKey)> {
    let environment = super::environment(&arguments.environment)?;
    Ok((arguments.api.target("identity list", None, Signals::None)?, environment))
}

fn json(listed: &StoredIdentities) -> Value {
    let identities: Vec<Value> = listed.first.iter().map(super::json).collect();
    json!({ "identities": identities, "all": listed.all })
}

fn table(listed: &StoredIdentities) -> String {
    if listed.all == 0 {
        return "no identity is stored\n".to_owned();
    }
    let mut rows = vec![["ID", "WRITTEN", "BYTES", "TRAITS"].map(str::to_owned)];
    rows.extend(listed.first.iter().map(|identity| {
        let record = identity.record.as_ref();
        let written = record.map_or_else(|| "-".to_owned(), |record| super::time(record.counter));
        [super::id(&identity.name).to_owned(), written, identity.bytes.to_string(), super::state(record)]
    }));
    let mut text = aligned(&rows, &[2, 3]);
    let shown = listed.first.len();
    if shown < listed.all {
        text.push_str(&format!("{shown} of {} are shown; --limit shows more\n", listed.all));
    }
    text
}
