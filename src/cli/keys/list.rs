//! `jackstaff keys list`.

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use jiff::Timestamp;
use publisher::{
    Client, Clock, KeyRecord, NamedKeys, Signals, SystemClock, Target, on_one_line, stored_keys,
};
use serde_json::{Value, json};

use crate::columns::aligned;
use crate::log::complain;
use crate::source_arguments::ManifestArguments;
use crate::target::ApiArguments;
use crate::verdict::Verdict;

/// List all server-side keys of the KV store
///
/// Shows the id of each, the environment that it opens, whether it is open, expired, revoked or broken, and when it expires.
/// With a manifest, whether it names the key (yes, no, or for which other environment). Nothing is written. Each key is a call
/// to Fastly's API, which takes about 1,000 an hour. Exit codes: 0 listed; 2 the store could not be asked; 64 wrong usage.
#[derive(Args)]
#[command(after_help = "Examples:
  jackstaff keys list --store STORE
  jackstaff keys list --store STORE --server-keys keys.json --json

Environment variables:
  FASTLY_API_TOKEN       the API token, unless --token-file names a file with it
  JACKSTAFF_SERVER_KEYS  a manifest of server-side keys, unless --server-keys names a file with it")]
pub(crate) struct Arguments {
    #[command(flatten)]
    api: ApiArguments,
    #[command(flatten)]
    manifest: ManifestArguments,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> ExitCode {
    let (target, named) = match prepare(arguments) {
        Ok(prepared) => prepared,
        Err(error) => return super::usage("list", &error),
    };
    let clock = SystemClock::start();
    let records = match stored_keys(&Client::new(target, &clock)) {
        Ok(records) => records,
        Err(failed) => {
            complain!("jackstaff keys list: {failed}");
            return Verdict::NotWritten.into();
        }
    };
    let text = if arguments.json {
        format!("{:#}\n", json(&records, named.as_ref(), clock.now()))
    } else {
        table(&records, named.as_ref(), clock.now())
    };
    // A closed output is ignored.
    let _ = io::stdout().write_all(text.as_bytes());
    ExitCode::SUCCESS
}

fn prepare(arguments: &Arguments) -> Result<(Target, Option<NamedKeys>)> {
    let named = arguments.manifest.manifest()?.map(|manifest| NamedKeys::of(&manifest));
    Ok((arguments.api.target("keys list", None, Signals::None)?, named))
}

fn json(records: &[KeyRecord], named: Option<&NamedKeys>, now: Timestamp) -> Value {
    let records = records.iter().map(|record| {
        let mut json = super::json(record, now);
        if let Some(named) = named {
            json["named_for"] = named.environment_of(&record.id).into();
        }
        json
    });
    json!({ "keys": records.collect::<Vec<Value>>() })
}

fn table(records: &[KeyRecord], named: Option<&NamedKeys>, now: Timestamp) -> String {
    if records.is_empty() {
        return "there is no server-side key\n".to_owned();
    }
    let mut rows = vec![["ID", "ENVIRONMENT", "STATE", "EXPIRES", "NAMED"].map(str::to_owned)];
    rows.extend(records.iter().map(|record| {
        let expires = record.record.as_ref().and_then(|record| record.expires_at.as_deref());
        let named = named.map(|named| match named.environment_of(&record.id) {
            None => "no".to_owned(),
            Some(environment) if record.environment() == Some(environment) => "yes".to_owned(),
            Some(environment) => format!("for {environment}"),
        });
        let cells = [
            record.short_id(),
            record.environment().unwrap_or("-"),
            super::state(record, now),
            expires.unwrap_or("-"),
            named.as_deref().unwrap_or("-"),
        ];
        // The text of a record may come from another program, so it is made one line.
        cells.map(on_one_line)
    }));
    aligned(&rows, &[])
}
