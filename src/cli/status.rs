//! `jackstaff status`: what is stored, what an edge serves, and whether they agree.

mod json;
mod table;

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::{Context, Result};
use api::EnvironmentKey;
use clap::Args;
use publisher::status::{Status, StatusQuery, problems, status};
use publisher::{Client, Clock, NamedKeys, Signals, SystemClock, Target};

use crate::USAGE;
use crate::log::complain;
use crate::serve_arguments::ServeArguments;
use crate::source_arguments::ManifestArguments;
use crate::target::ApiArguments;

/// Show what is stored of each environment, what an edge serves, and whether they agree
///
/// Lists the environments of the KV store, or looks at the KEYs alone: the revision, how long ago it was published, when
/// its source says that it changed, the bytes of its sections, and the share of what a value may have. With --edge, what
/// the edge at that address answers to each client-side key; with --serve, what `jackstaff serve` says of each, and which
/// documents are broken there. With a manifest of server-side keys, those of the store that it does not name and that open an
/// environment are warned of, as is a revision that is more than ten seconds ahead of the clock. Nothing is written. Each
/// environment, and each key that is not named, is a call to Fastly's API, which takes about 1,000 an hour. Exit codes: 0 all agree, and nothing is broken; 1 something disagrees, is behind or is broken; 2 the store or a
/// server could not be asked; 64 wrong usage.
#[derive(Args)]
#[command(after_help = "Examples:
  jackstaff status --store STORE --edge https://flags.example.com
  jackstaff status --store STORE --edge https://flags.example.com --serve http://jackstaff:7678 KEY
  jackstaff status --store STORE --server-keys keys.json
  jackstaff status --api http://127.0.0.1:7676 --store local --edge http://127.0.0.1:7676 --json

Environment variables:
  FASTLY_API_TOKEN        the API token, unless --token-file names a file with it
  JACKSTAFF_ORIGIN_TOKEN  the token of `serve`, unless --serve-token-file names a file with it
  JACKSTAFF_SERVER_KEYS   a manifest of server-side keys, unless --server-keys names a file with it")]
pub(crate) struct Arguments {
    /// Client-side keys of environments
    #[arg(value_name = "KEY")]
    keys: Vec<String>,
    #[command(flatten)]
    api: ApiArguments,
    /// An edge that is asked for each environment
    #[arg(long, value_name = "URL")]
    edge: Option<String>,
    #[command(flatten)]
    control: ServeArguments,
    #[command(flatten)]
    manifest: ManifestArguments,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Something disagrees, is behind or is broken.
const DISAGREES: u8 = 1;
/// The store or a server could not be asked.
const UNANSWERED: u8 = 2;

pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    let (target, query) = match prepare(arguments) {
        Ok(prepared) => prepared,
        Err(error) => {
            complain!("jackstaff status: {error:#}");
            return USAGE.into();
        }
    };
    let clock = SystemClock::start();
    let status = status(&Client::new(target, &clock), &clock, &query);
    let text = if arguments.json {
        format!("{:#}\n", json::json(&status, clock.now()))
    } else {
        table::table(&status, clock.now())
    };
    // A closed output is ignored.
    let _ = io::stdout().write_all(text.as_bytes());
    for unanswered in &status.unanswered {
        complain!("jackstaff status: {unanswered}");
    }
    if !status.unanswered.is_empty() {
        UNANSWERED.into()
    } else if disagrees(&status) {
        DISAGREES.into()
    } else {
        ExitCode::SUCCESS
    }
}

fn prepare(arguments: &Arguments) -> Result<(Target, StatusQuery)> {
    let keys = arguments
        .keys
        .iter()
        .map(|key| EnvironmentKey::parse(key).with_context(|| format!("{key:?} is not a client-side key")));
    let environments = keys.collect::<Result<Vec<_>>>()?;
    let token = arguments.control.token("status")?;
    let serving = arguments.control.serve.clone().map(|url| (url, token));
    let named_keys = arguments.manifest.manifest()?.map(|manifest| NamedKeys::of(&manifest));
    let target = arguments.api.target("status", None, Signals::None)?;
    Ok((target, StatusQuery { environments, edge: arguments.edge.clone(), serving, named_keys }))
}

fn disagrees(status: &Status) -> bool {
    status.environments.iter().any(|environment| !problems(environment).is_empty())
        || !status.troubles().is_empty()
}
