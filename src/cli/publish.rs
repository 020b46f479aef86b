//! `jackstaff publish`: documents from files into the edge KV store.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::Args;
use publisher::{Client, Options, Report, ServerKeySource, Source, SystemClock, parse_server_keys, publish};

use crate::USAGE;
use crate::evaluate::RegexAnchor;
use crate::target::TargetArguments;
use crate::verdict::{Verdict, judge};

/// Publish environment documents to the edge KV store, and announce them
///
/// Each file is published on its own: compiled, stamped with the next revision, written, read back, purged and
/// announced. Exit codes: 0 published or unchanged; 1 a file was refused or could not be read; 2 a store could not be
/// written; 3 written, but a purge or an announcement failed; of several files the worst counts (2, 1, 3, 0); 64 wrong
/// usage.
#[derive(Args)]
#[command(after_help = "Examples:
  jackstaff publish --dry-run --store STORE environment.json
  jackstaff publish --store STORE --service SERVICE --origin https://signals.example.com --server-keys keys.json *.json
  jackstaff publish --api http://127.0.0.1:7676 --store local environment.json

Environment variables:
  FASTLY_API_TOKEN        the API token, unless --token-file names a file with it
  JACKSTAFF_ORIGIN_TOKEN  the origin's token, unless --origin-token-file names a file with it

A manifest of server-side keys:
  {\"<client-side key>\": [\"ser.…\", {\"key\": \"ser.…\", \"active\": true, \"expires_at\": null}]}")]
pub(crate) struct Arguments {
    /// Environment documents (JSON)
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    target: TargetArguments,
    /// A manifest of server-side keys by environment
    #[arg(long, value_name = "FILE")]
    server_keys: Option<PathBuf>,
    /// A server-side key of the one FILE's environment; seen by everybody on this machine, so for trying things out
    #[arg(long, value_name = "KEY")]
    server_key: Vec<String>,
    /// Where regular expressions have to match
    #[arg(long, value_enum, default_value_t = RegexAnchor::Start)]
    regex_anchor: RegexAnchor,
    /// Replace a newer document by an older one
    #[arg(long)]
    force: bool,
    /// Print what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
}

pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    // What is wrong with the arguments is said before anything about the target.
    let prepared = server_keys(arguments).and_then(|keys| Ok((arguments.target.target("publish")?, keys)));
    let (target, server_keys) = match prepared {
        Ok(prepared) => prepared,
        Err(error) => {
            eprintln!("jackstaff publish: {error:#}");
            return USAGE.into();
        }
    };
    let options = Options {
        anchoring: arguments.regex_anchor.into(),
        force: arguments.force,
        dry_run: arguments.dry_run,
    };
    let clock = SystemClock::start();
    let client = Client::new(target, &clock);
    let mut keys_of_one: BTreeMap<String, PathBuf> = BTreeMap::new();
    let verdicts = arguments.files.iter().map(|file| {
        let source = match Source::read(file) {
            Ok(source) => source,
            Err(fault) => {
                eprintln!("{fault}");
                return Verdict::Refused;
            }
        };
        if let Some(other) = keys_of_one.insert(source.key.to_string(), file.clone()) {
            let (file, key) = (file.display(), &source.key);
            eprintln!("{file}: api_key: environment `{key}` is that of {} too", other.display());
            return Verdict::Refused;
        }
        let report = publish(&client, &source, &server_keys.of(&source), &options);
        say(file, &source, &report, options.dry_run);
        judge(&file.display(), &report)
    });
    verdicts.max().unwrap_or(Verdict::Good).into()
}

/// Says what was done for a file, and what is odd about it.
fn say(file: &Path, source: &Source, report: &Report, dry_run: bool) {
    let name = file.display();
    let keys = (report.server_keys.written > 0).then(|| {
        let count = report.server_keys.written;
        let keys = if count == 1 { "key" } else { "keys" };
        format!("{count} server-side {keys} {}", if dry_run { "to be written" } else { "written" })
    });
    let Ok(published) = &report.environment else {
        if let Some(keys) = keys {
            println!("{name}: {keys}");
        }
        return;
    };
    for warning in &published.warnings {
        eprintln!("{name}: warning: {warning}");
    }
    if let Some(odd) = &published.odd {
        eprintln!("{name}: warning: {odd}");
    }
    println!(
        "{name}: {}{}",
        published.sentence(&source.key),
        keys.map_or(String::new(), |keys| format!(", {keys}"))
    );
}

/// The server-side keys that were given.
enum ServerKeys {
    Manifest(BTreeMap<String, Vec<ServerKeySource>>),
    OfTheOneFile(Vec<ServerKeySource>),
}

impl ServerKeys {
    fn of(&self, source: &Source) -> Vec<ServerKeySource> {
        match self {
            ServerKeys::Manifest(manifest) => manifest.get(source.key.as_str()).cloned().unwrap_or_default(),
            ServerKeys::OfTheOneFile(keys) => keys.clone(),
        }
    }
}

/// Reads a manifest of server-side keys.
pub(crate) fn manifest(file: &Path) -> Result<BTreeMap<String, Vec<ServerKeySource>>> {
    let name = file.display().to_string();
    let text = fs::read_to_string(file).with_context(|| format!("{name} could not be read"))?;
    parse_server_keys(&text).with_context(|| name)
}

fn server_keys(arguments: &Arguments) -> Result<ServerKeys> {
    match (&arguments.server_keys, arguments.server_key.as_slice()) {
        (None, []) => Ok(ServerKeys::Manifest(BTreeMap::new())),
        (Some(file), []) => Ok(ServerKeys::Manifest(manifest(file)?)),
        (Some(_), _) => bail!("--server-keys and --server-key do not go together"),
        (None, _) if arguments.files.len() != 1 => {
            bail!("--server-key is for one FILE; for several, use a manifest: --server-keys")
        }
        (None, keys) => {
            // Checked as a manifest is, under a name that stands for the one file.
            let manifest = serde_json::json!({ "of --server-key": keys }).to_string();
            let keys = parse_server_keys(&manifest)?.into_values().flatten().collect();
            Ok(ServerKeys::OfTheOneFile(keys))
        }
    }
}
