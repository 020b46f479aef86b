//! `jackstaff keys`: the server-side keys that the store knows.

mod list;
mod revoke;

use std::process::ExitCode;

use clap::Subcommand;
use jiff::Timestamp;
use publisher::{KeyRecord, KeyState};
use serde_json::{Value, json};

/// List the server-side keys that the edge KV store knows, and revoke them
///
/// The store has records, and no keys: a record is named after the SHA-256 of its key. Its first 12 digits are the id that these
/// commands show, and `printf %s KEY | sha256sum` begins with it.
#[derive(Subcommand)]
pub(crate) enum Action {
    List(list::Arguments),
    Revoke(revoke::Arguments),
}

pub(crate) fn run(action: &Action) -> ExitCode {
    match action {
        Action::List(arguments) => list::run(arguments),
        Action::Revoke(arguments) => revoke::run(arguments),
    }
}

/// A record as JSON, for programs.
pub(crate) fn json(record: &KeyRecord, now: Timestamp) -> Value {
    json!({
        "id": record.id,
        "environment": record.environment(),
        "active": record.record.as_ref().map(|record| record.active),
        "expires_at": record.record.as_ref().and_then(|record| record.expires_at.as_deref()),
        "state": state(record, now),
    })
}

fn state(record: &KeyRecord, now: Timestamp) -> &'static str {
    match record.state(now) {
        KeyState::Open => "open",
        KeyState::Expired => "expired",
        KeyState::Revoked => "revoked",
        KeyState::Broken => "broken",
    }
}

/// What is wrong with the arguments.
fn usage(action: &str, error: &anyhow::Error) -> ExitCode {
    crate::log::complain!("jackstaff keys {action}: {error:#}");
    crate::USAGE.into()
}
