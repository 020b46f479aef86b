//! `jackstaff identity delete`.

use std::process::ExitCode;

use anyhow::Result;
use api::identity::IdentityName;
use clap::Args;
use publisher::{Client, Signals, SystemClock, Target, delete_identity};

use super::WhichIdentity;
use crate::log::{complain, say};
use crate::target::StoreArguments;
use crate::verdict::Verdict;

/// Delete the stored traits of one identity
///
/// What is left for a day says that it was deleted, and nothing else: a write that is under way then stores nothing of before. The
/// copies of the POPs are purged; without that they live for `identity_fresh` seconds, ten by default, and for a minute while the
/// store fails. An app that sends traits again after the deletion has them stored again. Exit codes: 0 deleted, or there was
/// nothing; 2 the store could not be written; 3 deleted, but the purge failed; 64 wrong usage.
#[derive(Args)]
#[command(after_help = "Examples:
  jackstaff identity delete --store STORE --service SERVICE --identity-key-file identity-key ENVIRONMENT ann@example.com
  printf %s ann@example.com | jackstaff identity delete --dry-run --store STORE ENVIRONMENT -

Environment variables:
  FASTLY_API_TOKEN        the API token, unless --token-file names a file with it
  JACKSTAFF_IDENTITY_KEY  the secret identity_key, unless --identity-key-file names a file with it")]
pub(crate) struct Arguments {
    #[command(flatten)]
    identity: WhichIdentity,
    #[command(flatten)]
    store: StoreArguments,
    /// Print what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
}

pub(super) fn run(arguments: &Arguments) -> ExitCode {
    let (target, name) = match prepare(arguments) {
        Ok(prepared) => prepared,
        Err(error) => return super::usage("delete", &error),
    };
    let clock = SystemClock::start();
    let deletion = match delete_identity(&Client::new(target, &clock), &name, arguments.dry_run) {
        Ok(deletion) => deletion,
        Err(failed) => {
            complain!("jackstaff identity delete: {failed}");
            return Verdict::NotWritten.into();
        }
    };
    let id = super::id(name.as_str());
    match (arguments.dry_run, deletion.was_there) {
        (true, true) => say!("would delete the traits of {id}"),
        (true, false) => say!("{id} has no traits; it would be marked as deleted"),
        (false, true) => say!("deleted the traits of {id}"),
        (false, false) => say!("{id} had no traits; it is marked as deleted"),
    }
    match deletion.purged {
        Ok(()) => Verdict::Good.into(),
        Err(failed) => {
            complain!("jackstaff identity delete: {failed}");
            Verdict::NotAnnounced.into()
        }
    }
}

fn prepare(arguments: &Arguments) -> Result<(Target, IdentityName)> {
    let name = arguments.identity.name()?;
    Ok((arguments.store.target("identity delete", Signals::None)?, name))
}
