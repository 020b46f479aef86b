//! `jackstaff identity show`.

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::Result;
use api::identity::IdentityName;
use clap::Args;
use publisher::{Client, Signals, SystemClock, Target, stored_identity};

use super::WhichIdentity;
use crate::log::complain;
use crate::target::ApiArguments;
use crate::verdict::Verdict;

/// Print what is stored of one identity, as one JSON object
///
/// Nothing is written. Exit codes: 0 printed; 1 nothing is stored of it; 2 the store could not be asked; 64 wrong usage.
#[derive(Args)]
#[command(after_help = "Examples:
  jackstaff identity show --store STORE --identity-key-file identity-key ENVIRONMENT ann@example.com
  printf %s ann@example.com | jackstaff identity show --store STORE ENVIRONMENT -

Environment variables:
  FASTLY_API_TOKEN        the API token, unless --token-file names a file with it
  JACKSTAFF_IDENTITY_KEY  the secret identity_key, unless --identity-key-file names a file with it")]
pub(crate) struct Arguments {
    #[command(flatten)]
    identity: WhichIdentity,
    #[command(flatten)]
    api: ApiArguments,
}

pub(super) fn run(arguments: &Arguments) -> ExitCode {
    let (target, name) = match prepare(arguments) {
        Ok(prepared) => prepared,
        Err(error) => return super::usage("show", &error),
    };
    let clock = SystemClock::start();
    match stored_identity(&Client::new(target, &clock), name.as_str()) {
        Ok(Some(identity)) => {
            // A closed output is ignored.
            let _ = io::stdout().write_all(format!("{:#}\n", super::json(&identity)).as_bytes());
            ExitCode::SUCCESS
        }
        Ok(None) => {
            complain!("nothing is stored of this identity");
            Verdict::Refused.into()
        }
        Err(failed) => {
            complain!("jackstaff identity show: {failed}");
            Verdict::NotWritten.into()
        }
    }
}

fn prepare(arguments: &Arguments) -> Result<(Target, IdentityName)> {
    let name = arguments.identity.name()?;
    Ok((arguments.api.target("identity show", None, Signals::None)?, name))
}
