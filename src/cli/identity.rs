//! `jackstaff identity`: the stored traits of identities.

mod delete;
mod list;
mod show;

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, anyhow, ensure};
use api::identity::{IdentityKey, IdentityName, IdentityRecord, StoredTrait};
use api::{EnvironmentKey, Secret};
use clap::{Args, Subcommand};
use jiff::Timestamp;
use publisher::StoredIdentity;
use serde_json::{Map, Value, json};

/// The environment variable with the secret that identifiers are hashed with.
const IDENTITY_KEY: &str = "JACKSTAFF_IDENTITY_KEY";

/// Show, list and delete the stored traits of identities
///
/// The store has no identifiers: an identity is named after a hash of its identifier, made with the secret `identity_key` of the
/// edge's secret store. Who has that secret and an identifier finds its traits; nobody finds an identifier by its traits.
#[derive(Subcommand)]
pub(crate) enum Action {
    Show(show::Arguments),
    List(list::Arguments),
    Delete(delete::Arguments),
}

/// Which identity.
#[derive(Args)]
struct WhichIdentity {
    /// The client-side key of the environment
    #[arg(value_name = "ENVIRONMENT")]
    environment: String,
    /// The identifier, as SDKs send it; `-` reads it from standard input, where no other user of the machine sees it
    #[arg(value_name = "IDENTIFIER")]
    identifier: String,
    /// A file with the secret `identity_key` of the edge's secret store
    #[arg(long, value_name = "FILE")]
    identity_key_file: Option<PathBuf>,
}

pub(crate) fn run(action: &Action) -> ExitCode {
    match action {
        Action::Show(arguments) => show::run(arguments),
        Action::List(arguments) => list::run(arguments),
        Action::Delete(arguments) => delete::run(arguments),
    }
}

impl WhichIdentity {
    /// The name of the identity in the store.
    fn name(&self) -> Result<IdentityName> {
        let environment = environment(&self.environment)?;
        let secret = Secret::read(self.identity_key_file.as_deref(), IDENTITY_KEY)?;
        let secret = secret
            .ok_or_else(|| anyhow!("no identity key: set {IDENTITY_KEY}, or name an --identity-key-file"))?;
        let key = IdentityKey::new(secret).map_err(|error| anyhow!("the identity key {error}"))?;
        let identifier = if self.identifier == "-" {
            let text = io::read_to_string(io::stdin()).context("reading the identifier")?;
            text.strip_suffix('\n')
                .map(|text| text.strip_suffix('\r').unwrap_or(text))
                .unwrap_or(&text)
                .to_owned()
        } else {
            self.identifier.clone()
        };
        ensure!(!identifier.is_empty(), "the identifier is empty");
        Ok(key.name(&environment, &identifier))
    }
}

fn environment(text: &str) -> Result<EnvironmentKey> {
    // What looks like a server-side key is not shown.
    EnvironmentKey::parse(text).map_err(|error| anyhow!("the environment is not a client-side key: {error}"))
}

/// The hash in a name.
fn id(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

/// An identity as JSON.
fn json(identity: &StoredIdentity) -> Value {
    let record = identity.record.as_ref();
    json!({
        "id": id(&identity.name),
        "bytes": identity.bytes,
        "written_at": record.map(|record| time(record.counter)),
        "deleted_at": record.and_then(|record| record.deleted_at).map(time),
        "traits": record.map(|record| traits(&record.traits)),
        "system_traits": record.map(|record| traits(&record.system_traits)),
    })
}

fn traits(stored: &[StoredTrait]) -> Value {
    let one = |stored: &StoredTrait| {
        let value = serde_json::from_str::<Value>(stored.trait_value.get()).unwrap_or_default();
        (stored.trait_key.clone(), value)
    };
    stored.iter().map(one).collect::<Map<String, Value>>().into()
}

/// A time in milliseconds since the epoch, as people and programs read it.
fn time(milliseconds: u64) -> String {
    let time = i64::try_from(milliseconds).ok().and_then(|time| Timestamp::from_millisecond(time).ok());
    time.map_or_else(|| milliseconds.to_string(), |time| time.to_string())
}

/// Whether a record holds traits, and if not, why.
fn state(record: Option<&IdentityRecord>) -> String {
    match record {
        None => "broken".to_owned(),
        Some(IdentityRecord { deleted_at: Some(_), traits, .. }) if traits.is_empty() => "deleted".to_owned(),
        Some(record) => record.traits.len().to_string(),
    }
}

/// What is wrong with the arguments.
fn usage(action: &str, error: &anyhow::Error) -> ExitCode {
    crate::log::complain!("jackstaff identity {action}: {error:#}");
    crate::USAGE.into()
}
