//! `jackstaff keys revoke`.

use std::process::ExitCode;

use anyhow::{Result, ensure};
use api::ServerKeyHash;
use clap::Args;
use publisher::{
    Client, Clock, KeyRecord, KeyState, NamedKeys, Revoked, Signals, SystemClock, Target, revoke_server_key,
    stored_keys,
};

use crate::log::{complain, say};
use crate::source_arguments::ManifestArguments;
use crate::target::StoreArguments;
use crate::verdict::Verdict;

/// Digits of an id, at least. Fewer could be a mistake.
const LEAST: usize = 8;

/// Make server-side keys open nothing
///
/// The record of each key is marked as not active, read back, and purged from the POPs. A key that the manifest names as active
/// is refused without --force, since `watch` or `publish` would make it active again: take it out of the manifest, or write
/// `"active": false` there. Exit codes: 0 revoked, now or before; 1 there is no such key, or it is refused; 2 a store could not
/// be asked or written; 3 written, but a purge failed; of several the worst counts (2, 1, 3, 0); 64 wrong usage.
#[derive(Args)]
#[command(after_help = "Examples:
  jackstaff keys revoke --store STORE --service SERVICE 5f3a9c0b7d12
  jackstaff keys revoke --dry-run --store STORE --server-keys keys.json --unnamed
  jackstaff keys revoke --store STORE --service SERVICE --server-keys keys.json --unnamed

Environment variables:
  FASTLY_API_TOKEN       the API token, unless --token-file names a file with it
  JACKSTAFF_SERVER_KEYS  a manifest of server-side keys, unless --server-keys names a file with it")]
pub(crate) struct Arguments {
    /// Ids of keys, as `keys list` shows them, or more of their digits
    #[arg(required_unless_present = "unnamed", value_name = "ID")]
    ids: Vec<String>,
    /// All keys that the manifest does not name and that are not revoked yet. It has to name every key of every publisher
    /// that writes to this store
    #[arg(long, conflicts_with = "ids")]
    unnamed: bool,
    #[command(flatten)]
    store: StoreArguments,
    #[command(flatten)]
    manifest: ManifestArguments,
    /// Revoke also what the manifest names as active, and with an empty manifest all keys
    #[arg(long)]
    force: bool,
    /// Print what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
}

pub(super) fn run(arguments: &Arguments) -> ExitCode {
    let (target, named) = match prepare(arguments) {
        Ok(prepared) => prepared,
        Err(error) => return super::usage("revoke", &error),
    };
    let clock = SystemClock::start();
    let client = Client::new(target, &clock);
    let records = match stored_keys(&client) {
        Ok(records) => records,
        Err(failed) => {
            complain!("jackstaff keys revoke: {failed}");
            return Verdict::NotWritten.into();
        }
    };
    let mut worst = Verdict::Good;
    let chosen = if arguments.unnamed {
        unnamed(&records, &named.unwrap_or_default(), &clock)
    } else {
        let mut chosen = Vec::new();
        for (id, number) in arguments.ids.iter().zip(1..) {
            match find(&records, id, number)
                .and_then(|record| allowed(record, named.as_ref(), arguments.force))
            {
                Ok(record) => chosen.push(record),
                Err(why) => {
                    complain!("{why}");
                    worst = Verdict::Refused;
                }
            }
        }
        chosen
    };
    for record in chosen {
        worst = worst.max(revoke(&client, record, arguments.dry_run));
    }
    worst.into()
}

fn prepare(arguments: &Arguments) -> Result<(Target, Option<NamedKeys>)> {
    let named = arguments.manifest.manifest()?.map(|manifest| NamedKeys::of(&manifest));
    if arguments.unnamed {
        let names_any = named.as_ref().map(|named| !named.is_empty());
        ensure!(names_any.is_some(), "--unnamed needs a manifest: --server-keys, or JACKSTAFF_SERVER_KEYS");
        ensure!(
            names_any == Some(true) || arguments.force,
            "the manifest names no key, so every key would be revoked; --force revokes them"
        );
    }
    Ok((arguments.store.target("keys revoke", Signals::None)?, named))
}

/// All that the manifest does not name. One whose record cannot be read is left to a person.
fn unnamed<'a>(records: &'a [KeyRecord], named: &NamedKeys, clock: &dyn Clock) -> Vec<&'a KeyRecord> {
    let records = records.iter().filter(|record| named.environment_of(&record.id).is_none());
    let (broken, others): (Vec<_>, Vec<_>) =
        records.partition(|record| record.state(clock.now()) == KeyState::Broken);
    for record in broken {
        complain!(
            "server-side key {}: its record cannot be read, so it is left as it is; its id revokes it",
            record.short_id()
        );
    }
    let is_revoked = |record: &&KeyRecord| record.state(clock.now()) == KeyState::Revoked;
    let chosen: Vec<_> = others.into_iter().filter(|record| !is_revoked(record)).collect();
    if chosen.is_empty() {
        say!("there is no key to revoke that the manifest does not name");
    }
    chosen
}

/// The one record with this id, or with an id that begins so.
fn find<'a>(records: &'a [KeyRecord], id: &str, number: usize) -> Result<&'a KeyRecord, String> {
    // What looks like a key is not shown.
    if id.starts_with(ServerKeyHash::PREFIX) {
        return Err(format!("ID {number} is a server-side key and not the id of one; `keys list` shows ids"));
    }
    let digits = id.to_ascii_lowercase();
    if digits.len() < LEAST || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(format!("ID {number} is not an id: {LEAST} hexadecimal digits or more"));
    }
    let mut found = records.iter().filter(|record| record.id.starts_with(&digits));
    match (found.next(), found.next()) {
        (Some(record), None) => Ok(record),
        (None, _) => Err(format!("server-side key {digits} is not in the store")),
        (Some(_), Some(_)) => Err(format!("server-side key {digits}: several ids begin so")),
    }
}

fn allowed<'a>(
    record: &'a KeyRecord,
    named: Option<&NamedKeys>,
    force: bool,
) -> Result<&'a KeyRecord, String> {
    let Some(named) = named.filter(|named| named.would_publish(&record.id)) else { return Ok(record) };
    let (id, environment) = (record.short_id(), named.environment_of(&record.id).unwrap_or_default());
    let again =
        format!("the manifest names it for environment `{environment}`, so publishing makes it active again");
    if !force {
        return Err(format!("server-side key {id} is not revoked: {again}; --force revokes it until then"));
    }
    complain!("server-side key {id}: warning: {again}");
    Ok(record)
}

fn revoke(client: &Client<'_>, record: &KeyRecord, dry_run: bool) -> Verdict {
    let id = record.short_id();
    let of =
        record.environment().map_or(String::new(), |environment| format!(" of environment `{environment}`"));
    let revocation = match revoke_server_key(client, &record.id, dry_run) {
        Ok(revocation) => revocation,
        Err(failed) => {
            complain!("server-side key {id}: {failed}");
            return Verdict::NotWritten;
        }
    };
    match revocation.done {
        Revoked::Now => say!("revoked server-side key {id}{of}"),
        Revoked::Before => say!("unchanged: server-side key {id}{of} was revoked before"),
        Revoked::Planned => say!("would revoke server-side key {id}{of}"),
        Revoked::Missing => {
            complain!("server-side key {id} is not in the store any more");
            return Verdict::Refused;
        }
    }
    match revocation.purged {
        Ok(()) => Verdict::Good,
        Err(failed) => {
            complain!("server-side key {id}: {failed}");
            Verdict::NotAnnounced
        }
    }
}
